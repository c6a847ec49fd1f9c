package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// postgresSignatures are the server's messages, which every client passes on
// word for word, and then what each family of drivers says in its own words.
// Sources: src/backend/utils/errcodes.txt and the messages in auth.c,
// postinit.c, postmaster.c, miscinit.c, aclchk.c, parse_relation.c, md.c,
// utility.c; libpq's fe-connect.c, fe-auth.c; the drivers named below.
var postgresSignatures = []signature{
	// 57P03 cannot_connect_now
	says(v1alpha1.CausePostgresStarting, `(?i)the database system is (?:starting up|shutting down|in recovery mode|not yet accepting connections|not accepting connections)`,
		"database system is"),
	says(v1alpha1.CausePostgresStarting, `\b57P03\b|CannotConnectNow(?:Error)?\b`, "57P03", "CannotConnectNow"),

	// 28P01 invalid_password, 28000 where the role is missing
	says(v1alpha1.CausePostgresAuthFailed, `(?:password|Ident|Peer|SASL|SCRAM|GSSAPI|SSPI|LDAP|PAM|RADIUS|certificate|BSD|trust|MD5) authentication failed for user "?(?P<user>[^"\s]*)`, "authentication failed for user"),
	says(v1alpha1.CausePostgresAuthFailed, `(?:FATAL|error|ERROR|28000|failed|AuthenticationFailure|role)\b.{0,120}?role "[^"]+" (?:does not exist|is not permitted to log in)|^role "[^"]+" (?:does not exist|is not permitted to log in)|role "[^"]+" (?:does not exist|is not permitted to log in) \(28000\)`, "does not exist", "is not permitted to log in"),
	says(v1alpha1.CausePostgresAuthFailed, `\b28P01\b|Invalid(?:Password|AuthorizationSpecification)(?:Error)?\b`, "28P01", "InvalidPassword", "InvalidAuthorizationSpecification").but(`pg_hba`),
	says(v1alpha1.CausePostgresAuthFailed, `no password supplied|client password must be a (?:non-empty )?string|SASL: SCRAM|no password was provided|No password has been provided but the backend|password missing|password is required for|requires? a password|password must be provided for`,
		"no password supplied", "client password must be", "SASL: SCRAM", "no password was provided", "No password has been provided", "password missing").within(postgresContext),
	says(v1alpha1.CausePostgresAuthFailed, `(?:invalid configuration|^\s*\d): password missing$`, "password missing"), // tokio-postgres
	says(v1alpha1.CausePostgresAuthFailed, `(?i)failed SASL auth|SASL authentication failed|unsupported SASL|authentication (?:type|method) "?\w+"? (?:is )?not supported|unsupported authentication method|unknown authentication (?:response|method|type)|SCRAM authentication requires libpq|error performing authentication`,
		"SASL", "uthentication type", "uthentication method", "nknown authentication", "performing authentication", "SCRAM authentication").within(postgresContext).but(brokenOff),
	// pgx names the step of the login in which the connection broke off.
	network(faultTimeout, familyPostgres, `failed (?:SASL auth|to write startup message|to receive message|to write SASL\w* \w+).*(?:timeout|deadline exceeded)`, "failed SASL auth", "failed to write startup", "failed to receive message", "failed to write SASL").guess(),
	network(faultClosed, familyPostgres, `failed (?:SASL auth|to write startup message|to receive message).*(?:unexpected EOF|connection reset|closed)`, "failed SASL auth", "failed to write startup", "failed to receive message"),
	says(v1alpha1.CausePostgresAuthFailed, `Authentication failed against database server|\bP1000\b`, "Authentication failed against database", "P1000").but(`mysql`), // Prisma

	// pg_hba.conf
	says(v1alpha1.CausePostgresAccessRejected, `(?:no pg_hba\.conf entry for|pg_hba\.conf rejects)`, "pg_hba.conf"),
	says(v1alpha1.CausePostgresAccessRejected, `database "[^"]+" is not currently accepting connections`, "is not currently accepting connections"),

	// TLS wanted by one side only, or a certificate that does not verify
	says(v1alpha1.CausePostgresTLSMismatch, `server does not support SSL, but SSL was required|The server does not support SSL|SSL is not enabled on the server|rejected SSL upgrade|server does not support TLS|SSL connection requested\. No SSL enabled connection|requires a valid client certificate|SSL connection is required|server requires SSL`,
		"does not support SSL", "SSL is not enabled on the server", "rejected SSL upgrade", "does not support TLS", "No SSL enabled connection", "valid client certificate", "SSL connection is required", "requires SSL"),
	// pgx prints this for its first attempt under sslmode=prefer, before the real error.
	says(v1alpha1.CausePostgresTLSMismatch, `server refused TLS connection`, "server refused TLS connection").weighing(weightConsequence),
	network(faultCertificate, familyPostgres, `server certificate for "[^"]*".* does not match host name|The hostname \S+ could not be verified`, "does not match host name", "could not be verified"),
	network(faultTLS, familyPostgres, `SSL error: (?:wrong version|unsupported protocol|no protocols|tlsv1 alert)`, "SSL error: "),

	// 3D000 invalid_catalog_name
	says(v1alpha1.CausePostgresDatabaseMissing, `(?i)database ["\x60'][^"\x60']+["\x60'] does not exist|\b3D000\b|InvalidCatalogName(?:Error)?\b|\bP1003\b`, "does not exist", "3D000", "InvalidCatalogName", "P1003").but(`(?i)mysql|mongo`),

	// 42P01, 42703, 3F000, 42883
	says(v1alpha1.CausePostgresSchemaMissing, `(?i)(?:relation|column|schema|function|type|table|sequence|materialized view|view) ["\x60]?[\w.]+["\x60]?(?:\([^)]*\))?(?: of relation "[^"]+")? does not exist`, "does not exist").but(`(?i)root certificate|\bfile\b|mysql|no such table`),
	says(v1alpha1.CausePostgresSchemaMissing, notPort+`(?:42P01|42703|3F000|42883)\b|Undefined(?:Table|Column|Function|Object)(?:Error)?\b|InvalidSchemaName(?:Error)?\b|no schema has been selected to create in|Schema-validation: missing|PendingMigrationError|Migrations are pending|does not exist in the current database|\bP20(?:21|22)\b`,
		"42P01", "42703", "3F000", "42883", "UndefinedTable", "UndefinedColumn", "UndefinedFunction", "UndefinedObject", "InvalidSchemaName", "no schema has been selected", "Schema-validation: missing", "PendingMigration", "Migrations are pending", "in the current database", "P2021", "P2022"),

	// 42501 insufficient_privilege
	says(v1alpha1.CausePostgresPermissionDenied, `(?i)permission denied (?:for|to) (?:table|relation|schema|sequence|database|function|procedure|routine|view|materialized view|column|type|domain|language|foreign|tablespace|large object|event|create|set|copy|alter|drop|extension|publication|subscription|statistics|operator|terminate|reindex|user)|must be owner of (?:table|relation|schema|sequence|database|function|view|type|extension|index)|must be superuser to|`+notPort+`42501\b|InsufficientPrivilege(?:Error)?\b`,
		"ermission denied for", "ermission denied to", "must be owner of", "must be superuser", "42501", "InsufficientPrivilege"),

	// 53300 too_many_connections, and the poolers in front
	says(v1alpha1.CausePostgresConnectionsExhausted, `(?i)sorry, too many clients already|remaining connection slots are reserved|too many connections for (?:role|database)|`+notPort+`53300\b|TooManyConnections(?:Error)?\b|no more connections allowed|max_client_conn|too many database connections opened|server conn crashed\?|query_wait_timeout`,
		"too many clients", "onnection slots are reserved", "too many connections for", "53300", "TooManyConnections", "ore connections allowed", "max_client_conn", "oo many database connections", "query_wait_timeout"),

	// The client's own pool
	hints(v1alpha1.CausePostgresPoolExhausted, `(?i)connection pool exhausted|QueuePool limit of size|couldn't get a connection after|timeout exceeded when trying to connect|Timeout acquiring a connection|ConnectionAcquireTimeoutError|Connection is not available, request timed out|pool error Timeout waiting for idle|Unable to fetch a connection in|An attempt by a client to checkout a connection has timed out|connection pool has been exhausted|prior to obtaining a connection from the pool|could not obtain a connection from the pool|Operation timeout$|timed out waiting for connection|waiting for a slot to become available|Timed out fetching a new connection from the connection pool|\bP2024\b|Acquisition timeout while waiting for new connection|connection not available and request was dropped from queue|pool is probably full|too many (?:connections|clients) in pool|PoolTimeout|all pooled connections were in use|Pool ?(?:is )?(?:exhausted|empty)|PoolExhausted|acquir\w+ (?:a )?connection (?:from )?`,
		"onnection pool exhausted", "QueuePool limit", "get a connection after", "when trying to connect", "imeout acquiring a connection", "AcquireTimeout", "onnection is not available", "waiting for idle", "fetch a connection in", "client to checkout", "pool has been exhausted", "a connection from the pool", "out waiting for connection", "slot to become available", "from the connection pool", "P2024", "cquisition timeout", "dropped from queue", "pool is probably full", "PoolTimeout", "pooled connections were", "ool exhausted", "ool empty", "PoolExhausted", "ool is exhausted", "Operation timeout", "acquire connection", "acquiring connection", "acquire a connection", "acquiring a connection").
		but(`(?i)redis|jedis|mongo|mysql`),

	// sqlx dials until this time-out, and does not say what the server answered.
	hints(v1alpha1.CausePostgresPoolExhausted, `pool timed out while waiting for an open connection|PoolTimedOut`, "pool timed out", "PoolTimedOut").guess().but(`(?i)redis|jedis|mongo|mysql`),

	// 53100 disk_full
	says(v1alpha1.CausePostgresDiskFull, `(?i)could not (?:extend|write(?: to)?|create|resize) (?:file|temporary file|block|shared memory segment) .*no space left on device|could not write block|`+notPort+`53100\b|errors\.DiskFull|DiskFullError|could not write (?:to )?.*pg_wal.*no space`,
		"o space left on device", "ould not write block", "53100", "DiskFull"),

	// 25006 read_only_sql_transaction
	says(v1alpha1.CausePostgresReadOnly, `(?i)cannot execute .{1,60} in a read-only transaction|cannot execute .{1,60} during recovery|`+notPort+`25006\b|ReadOnlySQLTransaction(?:Error)?\b|session is (?:not )?read-only|server is in hot standby mode|targetServerType: (?:primary|master)|read only connection`,
		"read-only transaction", "during recovery", "25006", "ReadOnlySqlTransaction", "ReadOnlySQLTransaction", "session is read-only", "hot standby mode", "targetServerType", "read only connection"),

	// 57P01, 57P02, and sockets that went away in the middle
	says(v1alpha1.CausePostgresConnectionLost, `(?i)terminating connection (?:due to|because of)|\b57P0[12]\b|AdminShutdown(?:Error)?\b|CrashShutdown(?:Error)?\b|Client has encountered a connection error and is not queryable|Client was closed and is not queryable`,
		"erminating connection", "57P01", "57P02", "AdminShutdown", "CrashShutdown", "is not queryable"),
	hints(v1alpha1.CausePostgresConnectionLost, `server closed the connection unexpectedly|Connection terminated unexpectedly`, "closed the connection unexpectedly", "onnection terminated unexpectedly"),
	network(faultTimeout, familyPostgres, `Connection terminated due to connection timeout|CONNECT_TIMEOUT [\w.-]+:`, "due to connection timeout", "CONNECT_TIMEOUT").weighing(weightNetwork),
	hints(v1alpha1.CausePostgresConnectionLost, `CONNECTION_(?:CLOSED|ENDED|DESTROYED) (?P<host>[\w.-]+):(?P<port>\d+)`, "CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED"), // postgres.js
	hints(v1alpha1.CausePostgresConnectionLost, `pg8000\.exceptions\.InterfaceError: (?:network error|connection is closed)|InterfaceError: network error`, "network error", "InterfaceError"),
	hints(v1alpha1.CausePostgresPoolExhausted, `^(?:asyncio\.exceptions\.|asyncio\.)?TimeoutError`, "TimeoutError").within(`asyncpg/pool\.py", line \d+, in (?:_?acquire|_acquire_impl)`),
	hints(v1alpha1.CausePostgresConnectionLost, `(?i)An I/O error occurred while sending to the backend|This connection has been closed|closed in the middle of operation|ConnectionDoesNotExistError|ConnectionFailureError|\bconn closed\b|driver: bad connection|Exception while reading from stream|SSL SYSCALL error|SSL connection has been closed unexpectedly|the connection is (?:lost|closed)|consuming input failed|PQsocket\(\)|no connection to the server|expected to read \d+ bytes, got 0|connection is not open|\b08006\b|\b08003\b`,
		"sending to the backend", "connection has been closed", "middle of operation", "ConnectionDoesNotExist", "ConnectionFailureError", "conn closed", "bad connection", "reading from stream", "SSL SYSCALL error", "closed unexpectedly", "the connection is lost", "the connection is closed", "onsuming input failed", "PQsocket()", "no connection to the server", "xpected to read", "onnection is not open", "08006", "08003").
		within(postgresContext),

	// psycopg and node-pg give up by themselves with libpq's words.
	network(faultTimeout, familyPostgres, `(?:^|[:\]] )(?:connection )?timeout expired$`, "timeout expired"),
	// pg_isready, which entrypoints wait with, tells no more than this.
	network(faultGaveUp, familyPostgres, `(?P<host>[\w.-]+):(?P<port>\d+) - no response$`, "- no response").guess(),
	says(v1alpha1.CausePostgresStarting, `[\w./-]+:\d+ - rejecting connections$`, "- rejecting connections"),

	hints(v1alpha1.CausePostgresConnectionLost, `(?:^|: )conn closed$`, "conn closed"), // pgconn

	// libpq: connection to server at "h" (ip), port n failed: ...
	network(faultHostNotFound, familyPostgres, `could not translate host name "(?P<host>[^"]*)" to address: (?:Name|No|nodename|Unknown)|failed to resolve host '(?P<host2>[^']*)': .*(?:Name|No address)`, "could not translate host name", "failed to resolve host").but(`(?i)temporary failure`),
	network(faultResolver, familyPostgres, `could not translate host name "(?P<host>[^"]*)" to address: (?:Temporary|Try again|Non-recoverable|System)`, "could not translate host name"),
	network(faultRefused, familyPostgres, `connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: (?:Connection refused|could not connect)`, "connection to server at"),
	network(faultNoRoute, familyPostgres, `connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: (?:No route|Network is|Host is)`, "connection to server at"),
	network(faultTimeout, familyPostgres, `connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: (?:timeout expired|Connection timed out|Operation timed out)`, "connection to server at").weighing(weightNetwork),
	network(faultRefused, familyPostgres, `(?:connection to server on socket "[^"]*" failed|could not connect to server): (?:No such file|Connection refused|Permission denied)`, "connection to server on socket", "could not connect to server"),
	// pgjdbc, Prisma, pgx, Npgsql, asyncpg
	network(faultRefused, familyPostgres, `Connection to (?P<host>[^\s:]+):(?P<port>\d+) refused\. Check that the hostname`, "Check that the hostname"),
	network(faultRefused, familyPostgres, `Can't reach database server at \x60(?P<host>[^\x60:]+)\x60?:\x60?(?P<port>\d+)|\bP1001\b`, "reach database server", "P1001"),
	network(faultGaveUp, familyPostgres, `The connection attempt failed\.|Unable to (?:open JDBC|obtain (?:JDBC|isolated JDBC)) [Cc]onnection|Could not open JPA|Failed to initialize pool|Unable to determine Dialect|Failed to connect to (?P<host>[\d.]+|[\w.-]+):(?P<port>\d+)`,
		"connection attempt failed", "JDBC Connection", "JDBC connection", "Failed to initialize pool", "determine Dialect", "Failed to connect to").within(postgresContext),
}

// brokenOff are the words of a login that ended without the server's answer.
const brokenOff = `(?i)timeout|timed out|deadline exceeded|\bEOF\b|connection (?:reset|closed|lost)|closed connection|broken pipe|canceled`

// notPort before a SQLSTATE of digits tells it from the port of an address, such
// as 10.244.0.7:42703.
const notPort = `(?:^|[^\d\]]:|[^:\w])`

// postgresContext is a record that speaks of Postgres: for words that other
// clients use as well.
const postgresContext = `(?i)postgre|psycopg|asyncpg|pgx|pg_|\bpg\b|\bpq:|PG::|npgsql|psql|hikari|libpq|tokio.postgres|sqlx|connection to server|scram-server|node_modules/pg|sqlalchemy|\bdatabase\b|\bdb\b|\bsql\b|jdbc|ecto|dbconnection|fe_sendauth|orm`
