INSERT INTO guests VALUES ('Zoë'), ('O''Hara');
