INSERT INTO books (title) VALUES ('The first one');
