#!/bin/sh
# Starts PostgreSQL as people know it from its usual container image: makes the
# database on the first start, from POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB
# and PGDATA.
set -eu

if [ "$1" != postgres ]; then
	exec "$@"
fi

# A volume belongs to root at first: take it over, then go on without root.
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chown postgres:postgres "$PGDATA" /var/run/postgresql
	chmod 0700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -z "${POSTGRES_PASSWORD:-}" ]; then
		echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
		echo '       You must specify POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
		exit 1
	fi
	user="${POSTGRES_USER:-postgres}"
	database="${POSTGRES_DB:-$user}"

	password_file="$(mktemp)"
	trap 'rm -f "$password_file"' EXIT
	printf '%s\n' "$POSTGRES_PASSWORD" > "$password_file"
	initdb --pgdata="$PGDATA" --username="$user" --pwfile="$password_file" \
		--auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-sync
	rm -f "$password_file"

	echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
	if [ "$database" != postgres ]; then
		quoted="$(printf '%s' "$database" | sed 's/"/""/g')"
		printf 'CREATE DATABASE "%s"\n' "$quoted" | postgres --single -D "$PGDATA" postgres > /dev/null
	fi
fi

# Without root there may be no /var/run/postgresql: /tmp is always there.
exec "$@" -c listen_addresses='*' -c unix_socket_directories=/tmp
