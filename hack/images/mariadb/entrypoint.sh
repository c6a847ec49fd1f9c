#!/bin/sh
# Starts MariaDB as people know it from its usual container image: makes the
# database on the first start, from MARIADB_DATABASE, MARIADB_USER and
# MARIADB_PASSWORD, in DATADIR, and runs /docker-entrypoint-initdb.d/*.sql in it (each
# statement on a line of its own). Its administrator logs in by the socket alone.
set -eu

case "$1" in
-*) set -- mariadbd "$@" ;;
esac
if [ "$1" != mariadbd ]; then
	exec "$@"
fi

# A volume belongs to root at first: take it over, then go on without root.
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$DATADIR"
	chown mysql:mysql "$DATADIR"
	exec setpriv --reuid=mysql --regid=mysql --clear-groups "$0" "$@"
fi
shift

if [ ! -d "$DATADIR/mysql" ]; then
	mkdir -p "$DATADIR"
	mariadb-install-db --no-defaults --force --datadir="$DATADIR" --skip-test-db --auth-root-authentication-method=normal > /dev/null
	cat > "$DATADIR/first-start.sql" <<-SQL
		CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;
		CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$MARIADB_PASSWORD';
		GRANT ALL ON \`$MARIADB_DATABASE\`.* TO '$MARIADB_USER'@'%';
		USE \`$MARIADB_DATABASE\`;
	SQL
	for file in /docker-entrypoint-initdb.d/*.sql; do
		if [ -f "$file" ]; then cat "$file" >> "$DATADIR/first-start.sql"; fi
	done
	set -- --init-file="$DATADIR/first-start.sql" "$@"
fi

exec mariadbd --no-defaults --datadir="$DATADIR" --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --bind-address='*' \
	--innodb-buffer-pool-size=16M --skip-name-resolve "$@"
