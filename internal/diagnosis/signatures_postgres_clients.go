package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// postgresClients is what clients of PostgreSQL say by themselves.
var postgresClients = knowledge{
	source: "libpq (fe-connect.c, fe-auth.c), pgx, lib/pq, pgjdbc, node-postgres, asyncpg, psycopg, " +
		"Npgsql, HikariCP, SQLx, Prisma",
	signatures: []signature{
		{
			id:    "postgres-auth-failed-no-password-supplied",
			cause: v1alpha1.CausePostgresAuthFailed,
			words: []string{
				`no password supplied`,
				`client password must be a (?:non-empty )?string`,
				`SASL: SCRAM`,
				`no password was provided`,
				`No password has been provided but the backend`,
				`password missing`,
				`password is required for`,
				`requires? a password`,
				`password must be provided for`,
			},
			within: postgresContext,
			match:  "psycopg2.OperationalError: fe_sendauth: no password supplied",
			not:    "ValueError: Database password must be provided",
		},
		{
			id:    "postgres-auth-failed-invalid-configuration-password-missing",
			cause: v1alpha1.CausePostgresAuthFailed,
			words: []string{
				`(?:invalid configuration|^\s*\d): password missing$`,
			},
			match: "gen: fatal: invalid configuration: password missing",
			not:   "form rejected: password missing in the request",
		},
		{
			id:    "postgres-auth-failed-failed-sasl-auth",
			cause: v1alpha1.CausePostgresAuthFailed,
			words: ignoreCase(
				`failed SASL auth`,
				`SASL authentication failed`,
				`unsupported SASL`,
				`authentication (?:type|method) "?\w+"? (?:is )?not supported`,
				`unsupported authentication method`,
				`unknown authentication (?:response|method|type)`,
				`SCRAM authentication requires libpq`,
				`error performing authentication`,
			),
			within: postgresContext,
			unless: brokenOff,
			match: "\t\t10.96.41.17:5432 (pg-main): failed SASL auth: FATAL: password authentication failed for " +
				`user "orders_app" (SQLSTATE 28P01)`,
			not: "Fatal: NOAUTH Authentication required.",
		},
		{
			id:      "postgres-timeout-failed-sasl-auth-to",
			fault:   faultTimeout,
			family:  familyPostgres,
			guessed: true,
			words: []string{
				`failed (?:SASL auth|to write startup message).*(?:timeout|deadline exceeded)`,
				`failed (?:to receive message|to write SASL\w* \w+).*(?:timeout|deadline exceeded)`,
			},
			match: "failed to connect to `user=app database=app`: failed to receive message: timeout: context " +
				"deadline exceeded",
			not: "failed to receive message: unexpected EOF",
		},
		{
			id:     "postgres-closed-failed-sasl-auth-to",
			fault:  faultClosed,
			family: familyPostgres,
			words: []string{
				`failed SASL auth.*(?:unexpected EOF|connection reset|closed)`,
				`failed to write startup message.*(?:unexpected EOF|connection reset|closed)`,
				`failed to receive message.*(?:unexpected EOF|connection reset|closed)`,
			},
			match: "failed to connect to `user=app database=app`: failed to receive message: unexpected EOF",
			not:   "failed to receive message from queue orders",
		},
		{
			id:    "postgres-auth-failed-authentication-failed-against-database",
			cause: v1alpha1.CausePostgresAuthFailed,
			words: []string{
				`Authentication failed against database server`,
				`\bP1000\b`,
			},
			unless: []string{
				`mysql`,
			},
			match: "Error: P1000: Authentication failed against database server at `orders-db`",
			not:   "INFO authenticated against database server orders-db",
		},
		{
			id:    "postgres-tls-mismatch-server-does-not-support",
			cause: v1alpha1.CausePostgresTLSMismatch,
			words: []string{
				`server does not support SSL, but SSL was required`,
				`The server does not support SSL`,
				`SSL is not enabled on the server`,
				`rejected SSL upgrade`,
				`server does not support TLS`,
				`SSL connection requested\. No SSL enabled connection`,
				`requires a valid client certificate`,
				`SSL connection is required`,
				`server requires SSL`,
			},
			match: "    server does not support TLS",
			not:   "the server does not support the feature orders",
		},
		{
			id:     "postgres-tls-mismatch-server-refused-tls-connection",
			cause:  v1alpha1.CausePostgresTLSMismatch,
			weight: weightConsequence,
			words: []string{
				`server refused TLS connection`,
			},
			match: "\t10.96.41.17:5432 (pg-main): tls error: server refused TLS connection",
			not:   "the server refused the order",
		},
		{
			id:     "postgres-certificate-server-certificate-for-does",
			fault:  faultCertificate,
			family: familyPostgres,
			words: []string{
				`server certificate for "[^"]*".* does not match host name`,
				`The hostname \S+ could not be verified`,
			},
			match: `psycopg2.OperationalError: connection to server at "10.96.41.11", port 5432 failed: server ` +
				`certificate for "pg-tls" (and 4 other names) does not match host name "10.96.41.11"`,
			not: `INFO server certificate for "orders-db" loaded`,
		},
		{
			id:     "postgres-tls-ssl-error-wrong-version",
			fault:  faultTLS,
			family: familyPostgres,
			words: []string{
				`SSL error: (?:wrong version|unsupported protocol|no protocols|tlsv1 alert)`,
			},
			match: "psycopg.OperationalError: connection failed: SSL error: wrong version number",
			not:   "SSL errors: 0",
		},
		{
			id:     "postgres-pool-exhausted-connection-pool-exhausted",
			cause:  v1alpha1.CausePostgresPoolExhausted,
			weight: weightConsequence,
			words: ignoreCase(
				`connection pool exhausted`,
				`QueuePool limit of size`,
				`couldn't get a connection after`,
				`timeout exceeded when trying to connect`,
				`Timeout acquiring a connection`,
				`ConnectionAcquireTimeoutError`,
				`Connection is not available, request timed out`,
				`pool error Timeout waiting for idle`,
				`Unable to fetch a connection in`,
				`An attempt by a client to checkout a connection has timed out`,
				`connection pool has been exhausted`,
				`prior to obtaining a connection from the pool`,
				`could not obtain a connection from the pool`,
				`Operation timeout$`,
				`timed out waiting for connection`,
				`waiting for a slot to become available`,
				`Timed out fetching a new connection from the connection pool`,
				`\bP2024\b`,
				`Acquisition timeout while waiting for new connection`,
				`connection not available and request was dropped from queue`,
				`pool is probably full`,
				`too many (?:connections|clients) in pool`,
				`PoolTimeout`,
				`all pooled connections were in use`,
				`Pool ?(?:is )?(?:exhausted|empty)`,
				`PoolExhausted`,
				`acquir\w+ (?:a )?connection (?:from )?`,
			),
			unless: ignoreCase(
				`redis`,
				`jedis`,
				`mongo`,
				`mysql`,
			),
			match: "  parent: TimeoutError: Operation timeout",
			not:   "    await p.acquire(); await p.acquire(timeout=1)",
		},
		{
			id:      "postgres-pool-exhausted-pool-timed-out-while",
			cause:   v1alpha1.CausePostgresPoolExhausted,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`pool timed out while waiting for an open connection`,
				`PoolTimedOut`,
			},
			unless: ignoreCase(
				`redis`,
				`jedis`,
				`mongo`,
				`mysql`,
			),
			match: "pool timed out while waiting for an open connection",
			not:   "INFO pool of workers timed out waiting for jobs",
		},
		{
			id:     "postgres-connection-lost-server-closed-the-connection",
			cause:  v1alpha1.CausePostgresConnectionLost,
			weight: weightConsequence,
			words: []string{
				`server closed the connection unexpectedly`,
				`Connection terminated unexpectedly`,
			},
			match: "server closed the connection unexpectedly",
			not:   "the peer closed the connection as asked",
		},
		{
			id:     "postgres-timeout-connection-terminated-due-to",
			fault:  faultTimeout,
			family: familyPostgres,
			weight: weightNetwork,
			words: []string{
				`Connection terminated due to connection timeout`,
				`CONNECT_TIMEOUT [\w.-]+:`,
			},
			match: "Error: write CONNECT_TIMEOUT orders-db-dmz:5432",
			not:   "the session ended due to connection loss",
		},
		{
			id:     "postgres-js-connection-lost",
			cause:  v1alpha1.CausePostgresConnectionLost,
			weight: weightConsequence,
			words: []string{
				`CONNECTION_(?:CLOSED|ENDED|DESTROYED) (?P<host>[\w.-]+):(?P<port>\d+)`,
			},
			match: "Error: write CONNECTION_CLOSED orders-db:5432",
			not:   "INFO CONNECTION_CLOSED events: 0",
		},
		{
			id:     "postgres-connection-lost-pg8000-exceptions-interface-error-network",
			cause:  v1alpha1.CausePostgresConnectionLost,
			weight: weightConsequence,
			words: []string{
				`pg8000\.exceptions\.InterfaceError: (?:network error|connection is closed)`,
				`InterfaceError: network error`,
			},
			match: "pg8000.exceptions.InterfaceError: network error",
			not:   "network error in the browser of the user",
		},
		{
			id:     "postgres-pool-exhausted-asyncio-exceptions-asyncio-timeout-error",
			cause:  v1alpha1.CausePostgresPoolExhausted,
			weight: weightConsequence,
			words: []string{
				`^(?:asyncio\.exceptions\.|asyncio\.)?TimeoutError`,
			},
			within: []string{
				`asyncpg/pool\.py", line \d+, in (?:_?acquire|_acquire_impl)`,
			},
			match: "Traceback (most recent call last):\n" +
				"  File \"/usr/lib/python3/asyncpg/pool.py\", line 882, in _acquire\n" +
				"    return await asyncio.wait_for(\n" +
				"asyncio.exceptions.TimeoutError",
			not: "asyncio.exceptions.TimeoutError",
		},
		{
			id:     "postgres-connection-lost-an-error-occurred-while",
			cause:  v1alpha1.CausePostgresConnectionLost,
			weight: weightConsequence,
			words: ignoreCase(
				`An I/O error occurred while sending to the backend`,
				`This connection has been closed`,
				`closed in the middle of operation`,
				`ConnectionDoesNotExistError`,
				`ConnectionFailureError`,
				`\bconn closed\b`,
				`driver: bad connection`,
				`Exception while reading from stream`,
				`SSL SYSCALL error`,
				`SSL connection has been closed unexpectedly`,
				`the connection is (?:lost|closed)`,
				`consuming input failed`,
				`PQsocket\(\)`,
				`no connection to the server`,
				`expected to read \d+ bytes, got 0`,
				`connection is not open`,
				`\b08006\b`,
				`\b08003\b`,
			),
			within: postgresContext,
			match:  "psycopg.OperationalError: the connection is closed",
			not:    "INFO sending to the backend took 12 ms",
		},
		{
			id:     "postgres-timeout-connection-timeout-expired",
			fault:  faultTimeout,
			family: familyPostgres,
			words: []string{
				`(?:^|[:\]] )(?:connection )?timeout expired$`,
			},
			match: "  parent: Error: timeout expired",
			not:   "INFO the cache timeout expired 12 entries",
		},
		{
			id:      "postgres-gave-up-no-response",
			fault:   faultGaveUp,
			family:  familyPostgres,
			guessed: true,
			words: []string{
				`(?P<host>[\w.-]+):(?P<port>\d+) - no response$`,
			},
			match: "orders-db-old:5432 - no response",
			not:   "INFO survey sent - no response yet",
		},
		{
			id:    "postgres-starting-rejecting-connections",
			cause: v1alpha1.CausePostgresStarting,
			words: []string{
				`[\w./-]+:\d+ - rejecting connections$`,
			},
			match: "orders-db-replica:5432 - rejecting connections",
			not:   "INFO rejecting connections from 10.0.0.0/8",
		},
		{
			id:     "postgres-connection-lost-conn-closed",
			cause:  v1alpha1.CausePostgresConnectionLost,
			weight: weightConsequence,
			words: []string{
				`(?:^|: )conn closed$`,
			},
			match: "conn closed",
			not:   "INFO conn closed by client after 12 requests",
		},
		{
			id:     "postgres-host-not-found-could-not-translate-host",
			fault:  faultHostNotFound,
			family: familyPostgres,
			words: []string{
				`could not translate host name "(?P<host>[^"]*)" to address: (?:Name|No|nodename|Unknown)`,
				`failed to resolve host '(?P<host>[^']*)': .*(?:Name|No address)`,
			},
			unless: ignoreCase(
				`temporary failure`,
			),
			match: `psql: error: could not translate host name "orders-db.staging.svc.cluster.local" to ` +
				"address: Name or service not known",
			not: "could not translate the text to German",
		},
		{
			id:     "postgres-resolver-could-not-translate-host",
			fault:  faultResolver,
			family: familyPostgres,
			words: []string{
				`could not translate host name "(?P<host>[^"]*)" to address: (?:Temporary|Try again)`,
				`could not translate host name "(?P<host>[^"]*)" to address: (?:Non-recoverable|System)`,
			},
			match: `psycopg2.OperationalError: could not translate host name "orders-db" to address: Temporary ` +
				"failure in name resolution",
			not: `could not translate host name "orders-db" to address: Name or service not known`,
		},
		{
			id:     "postgres-refused-connection-to-server-at",
			fault:  faultRefused,
			family: familyPostgres,
			words: []string{
				seq(
					`connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: `,
					`(?:Connection refused|could not connect)`,
				),
			},
			match: `psql: error: connection to server at "orders-db-old" (10.96.0.20), port 5432 failed: ` +
				"Connection refused",
			not: `psql: error: connection to server at "orders-db-far" (10.97.0.5), port 5432 failed: No ` +
				"route to host",
		},
		{
			id:     "postgres-no-route-connection-to-server-at",
			fault:  faultNoRoute,
			family: familyPostgres,
			words: []string{
				`connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: No route`,
				`connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: Network is`,
				`connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: Host is`,
			},
			match: `psql: error: connection to server at "orders-db-far" (10.97.0.5), port 5432 failed: No ` +
				"route to host",
			not: `psql: error: connection to server at "orders-db-dmz" (10.96.77.77), port 5432 failed: ` +
				"timeout expired",
		},
		{
			id:     "postgres-timeout-connection-to-server-at",
			fault:  faultTimeout,
			family: familyPostgres,
			weight: weightNetwork,
			words: []string{
				seq(
					`connection to server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+) failed: `,
					`(?:timeout expired|Connection timed out|Operation timed out)`,
				),
			},
			match: `psql: error: connection to server at "orders-db-dmz" (10.96.77.77), port 5432 failed: ` +
				"timeout expired",
			not: `psql: error: connection to server at "orders-db-far" (10.97.0.5), port 5432 failed: No ` +
				"route to host",
		},
		{
			id:     "postgres-refused-connection-to-server-on",
			fault:  faultRefused,
			family: familyPostgres,
			words: []string{
				`connection to server on socket "[^"]*" failed: No such file`,
				`connection to server on socket "[^"]*" failed: (?:Connection refused|Permission denied)`,
				`could not connect to server: (?:No such file|Connection refused|Permission denied)`,
			},
			match: `psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No ` +
				"such file or directory",
			not: "INFO connection to server on socket 3 made",
		},
		{
			id:     "postgres-refused-connection-to-refused-check",
			fault:  faultRefused,
			family: familyPostgres,
			words: []string{
				`Connection to (?P<host>[^\s:]+):(?P<port>\d+) refused\. Check that the hostname`,
			},
			match: "Caused by: org.postgresql.util.PSQLException: Connection to orders-db-old:5432 refused. " +
				"Check that the hostname and port are correct and that the postmaster is accepting TCP/IP " +
				"connections.",
			not: "Check that the hostname and port are open",
		},
		{
			id:     "postgres-refused-can-reach-database-server",
			fault:  faultRefused,
			family: familyPostgres,
			words: []string{
				`Can't reach database server at \x60(?P<host>[^\x60:]+)\x60?:\x60?(?P<port>\d+)`,
				`\bP1001\b`,
			},
			match: "PrismaClientInitializationError: Can't reach database server at `orders-db`:`5432`",
			not:   "INFO the database server was reached",
		},
		{
			id:     "postgres-gave-up-the-connection-attempt-failed",
			fault:  faultGaveUp,
			family: familyPostgres,
			words: []string{
				`The connection attempt failed\.`,
				`Unable to (?:open JDBC|obtain (?:JDBC|isolated JDBC)) [Cc]onnection`,
				`Could not open JPA`,
				`Failed to initialize pool`,
				`Unable to determine Dialect`,
				`Failed to connect to (?P<host>[\d.]+|[\w.-]+):(?P<port>\d+)`,
			},
			within: postgresContext,
			match:  "org.postgresql.util.PSQLException: The connection attempt failed.",
			not:    "Error: failed to connect to Postgres",
		},
	},
}
