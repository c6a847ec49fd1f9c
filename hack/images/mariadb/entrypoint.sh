#!/bin/sh
# Starts MariaDB as people know it from its usual container image: makes the
# database on the first start, from MARIADB_DATABASE, MARIADB_USER and
# MARIADB_PASSWORD, in DATADIR. Its administrator logs in by the socket alone.
set -eu

if [ "$1" != mariadbd ]; then
	exec "$@"
fi
shift

if [ ! -d "$DATADIR/mysql" ]; then
	mkdir -p "$DATADIR"
	mariadb-install-db --no-defaults --force --datadir="$DATADIR" --skip-test-db --auth-root-authentication-method=normal > /dev/null
	cat > "$DATADIR/first-start.sql" <<-SQL
		CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;
		CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
		GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
	SQL
	set -- --init-file="$DATADIR/first-start.sql" "$@"
fi

exec mariadbd --no-defaults --datadir="$DATADIR" --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --bind-address='*' \
	--innodb-buffer-pool-size=16M --skip-name-resolve "$@"
