package images

import _ "embed"

//go:embed mariadb/entrypoint.sh
var mariadbEntrypoint string

// mariadbSetup makes the user before Debian would take any free id.
const mariadbSetup = `
echo 'mysql:x:999:' >> "$1/etc/group"
echo 'mysql:x:999:999:MariaDB:/var/lib/mysql:/bin/sh' >> "$1/etc/passwd"
`

const mariadbFinish = `
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
mkdir -p "$1/var/lib/mysql" "$1/run/mysqld"
chown 999:999 "$1/var/lib/mysql" "$1/run/mysqld"
`
