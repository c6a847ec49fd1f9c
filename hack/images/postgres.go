package images

import _ "embed"

//go:embed postgres/entrypoint.sh
var postgresEntrypoint string

// postgresSetup makes the user before Debian's package would take any free id,
// and keeps that package from making a database.
const postgresSetup = `
echo 'postgres:x:999:' >> "$1/etc/group"
echo 'postgres:x:999:999:PostgreSQL:/var/lib/postgresql:/bin/sh' >> "$1/etc/passwd"
mkdir -p "$1/etc/postgresql-common"
echo 'create_main_cluster = false' > "$1/etc/postgresql-common/createcluster.conf"
`

// postgresFinish leaves out the compiler for long queries, a third of the image.
const postgresFinish = `
rm -rf "$1"/usr/lib/*/libLLVM* "$1"/usr/lib/postgresql/15/lib/llvmjit* "$1"/usr/lib/postgresql/15/lib/bitcode
rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*
mkdir -p "$1/var/lib/postgresql/data" "$1/run/postgresql"
chown 999:999 "$1/var/lib/postgresql" "$1/var/lib/postgresql/data" "$1/run/postgresql"
`
