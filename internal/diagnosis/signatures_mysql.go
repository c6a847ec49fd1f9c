package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// mysql is what MySQL and MariaDB answer, and what their clients say.
var mysql = knowledge{
	server: "MySQL",
	source: "MySQL 8.4: messages_to_clients.txt, errmsg.h; MariaDB errmsg-utf8.txt; Connector/J, mysql2, PyMySQL, " +
		"go-sql-driver/mysql, mysqli",
	signatures: []signature{
		{
			id:    "mysql-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`Access denied for user`, // 1044, 1045, 1698
				`Access denied; you need`,
				`ER_(?:ACCESS_DENIED|DBACCESS_DENIED|TABLEACCESS_DENIED|HOST_NOT_PRIVILEGED|HOST_IS_BLOCKED)\w*`,
				`ER_(?:NOT_SUPPORTED_AUTH_MODE|MUST_CHANGE_PASSWORD|ACCOUNT_HAS_BEEN_LOCKED)\w*`,
				`[(\[](?:1044|1045|1698)[)\],]`,
				`Error (?:1044|1045|1130|1142|1251|1698)\b`,
				`(?i)Host '[^']*' is not allowed to connect to this (?:MySQL|MariaDB)`,
				`(?i)Host '[^']*' is blocked because of many connection errors`,
				`(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|INDEX|REFERENCES|TRIGGER) command denied to user`,
				`(?i)Client does not support authentication protocol requested by server`,
				`(?i)Authentication plugin '\w+' (?:cannot be loaded|reported error|is not loaded)`,
				`(?i)authentication method unknown to the client`,
				`(?i)Public Key Retrieval is not allowed`,
				`(?i)requested authentication method .{0,40}(?:unknown|not (?:supported|allowed))`,
				`(?i)this user requires (?:clear text|mysql native password|old) `,
				`Account is locked`,
				`(?i)ER_MUST_CHANGE_PASSWORD|You must reset your password using ALTER USER`,
			},
			unless: ignoreCase(`postgres`),
			match:  "Error: ER_ACCESS_DENIED_ERROR: Access denied for user 'app'@'10.244.0.9' (using password: YES)",
			not:    "Access denied to the path",
		},
		{
			id:    "mysql-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`(?i)ER_CON_COUNT`,
				`(?i)Too many connections`,
				`[(\[](?:1040|1203|1226)[)\],]|Error (?:1040|1203|1226)\b`,
				`(?i)ER_TOO_MANY_USER_CONNECTIONS|ER_USER_LIMIT_REACHED`,
				`(?i)has exceeded the 'max_\w+' resource`,
				`(?i)already has more than 'max_user_connections'`,
				`(?i)max_user_connections`,
			},
			unless: ignoreCase(`for role|for database|sorry|postgres|already in use`),
			match:  "pymysql.err.OperationalError: (1040, 'Too many connections')",
			not:    "FATAL: too many connections for role \"app\"",
		},
		{
			id:    "mysql-starting",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`(?i)WSREP has not yet prepared node for application use`,
				`(?i)ER_(?:SERVER_OFFLINE_MODE|SERVER_SHUTDOWN|SERVER_ISNT_AVAILABLE)`,
				`(?i)The server is currently in offline mode`,
				`Server shutdown in progress`,
			},
			match: "(1047, 'WSREP has not yet prepared node for application use')",
			not:   "INFO server shutdown was asked for",
		},
		{
			id:    "mysql-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`(?i)server is running with the (?:--)?(?:super[-_])?read[-_]only`,
				`(?i)running in read[- ]only mode`,
				`(?i)ER_(?:OPTION_PREVENTS_STATEMENT|READ_ONLY_MODE)`,
				`(?i)ER_(?:CANT_EXECUTE_IN_READ_ONLY_TRANSACTION|RECORD_FILE_FULL)`,
				`(?i)Cannot execute statement in a READ ONLY transaction`,
				`The table '[^']+' is full`,
			},
			match: "Error 1290: The MySQL server is running with the --read-only option so it cannot " +
				"execute this statement",
			not: "INFO opening the file read only",
		},
		{
			id:    "mysql-tls",
			cause: v1alpha1.CauseUpstreamTLSMismatch,
			words: []string{
				`(?i)Connections using insecure transport are prohibited`,
				`(?i)ER_SECURE_TRANSPORT_REQUIRED`,
				`(?i)Authentication requires secure connection`,
				`(?i)server does not support secure connection`,
				`(?i)SSL is required, but the server does not support it`,
				`SSL connection error: `,
			},
			unless: ignoreCase(`postgres|libpq|psycopg|kafka`),
			match: "ERROR 3159 (HY000): Connections using insecure transport are prohibited while " +
				"--require_secure_transport=ON.",
			not: "INFO transport is secure",
		},
		{
			id:    "mysql-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`(?i)Unknown database '[^']+'`,
				`(?i)ER_(?:BAD_DB|UNKNOWN_COLLATION)_?\w*`,
				`(?i)ER_(?:UNKNOWN_CHARACTER_SET|UNKNOWN_STORAGE_ENGINE|NO_SUCH_TABLE|BAD_FIELD)_?\w*`,
				`(?i)Unknown (?:collation|character set|storage engine|authentication plugin):? '`,
				`Table '[\w.-]+' doesn't exist`,
				`(?i)Unknown column '[^']+' in '`,
				`(?i)\[1(?:049|146|054)\]`,
				`(?i)this (?:version of )?(?:MySQL|MariaDB).{0,20}(?:doesn't|does not) (?:yet )?support`,
			},
			match: "django.db.utils.OperationalError: (1049, \"Unknown database 'orders'\")",
			not:   "ERROR: database \"orders\" does not exist",
		},
		{
			id:     "mysql-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words: ignoreCase(
				`MySQL server has gone away`,
				`Lost connection to (?:MySQL|server)`,
				`PROTOCOL_CONNECTION_LOST`,
				`last packet successfully received`,
				`Connection lost: The server closed`,
				`\[mysql\].{0,60}unexpected EOF`,
				`busy buffer`,
			),
			within: ignoreCase(`mysql|mariadb`),
			unless: ignoreCase(`refused`),
			match:  "pymysql.err.OperationalError: (2013, 'Lost connection to MySQL server during query')",
			not:    "Lost connection to server of the game",
		},
		{
			id:     "mysql-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`Unable to connect to any of the specified MySQL`,
				`Communications link failure`,
				`Can't connect to (?:local )?MySQL server`,
				`Can't connect to (?:local )?server`,
			),
			match: "ERROR 2002 (HY000): Can't connect to MySQL server on 'mysql' (115)",
			not:   "INFO connected to mysql",
		},
	},
}
