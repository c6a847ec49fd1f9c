package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// databases is what SQL Server, Oracle, Cassandra, ClickHouse, LDAP and SMTP
// servers answer.
var databases = knowledge{
	source: "SQL Server sys.messages; Oracle Database error messages; Cassandra native protocol v5; " +
		"ClickHouse ErrorCodes.cpp; " +
		"RFC 4511, appendix A; RFC 5321, section 4.2",
	signatures: []signature{
		{
			id:    "databases-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`Login failed for user '`,                             // SQL Server 18456
				`Cannot open database "[^"]*" requested by the login`, // 4060
				`ORA-(?:01017|28000|28001|01031|01045)\b`,
				`(?i)Provided username .{0,40}and/or password are incorrect`,
				`(?i)Code: (?:516|192|193|194|497)\b.{0,40}(?:DB::)?Exception`,
				`\b(?:AUTHENTICATION_FAILED|UNKNOWN_USER|WRONG_PASSWORD|REQUIRED_PASSWORD)\)`,
				`(?i)ldap.{0,40}(?:invalid credentials|Result Code 49)`,
				`\[LDAP: error code (?:49|50|53)\b`,
				`LDAP Result Code (?:49|50|53)\b`,
				`\b535[ -]5\.7\.8\b|\b535 .{0,30}[Aa]uthentication`,
				`SMTPAuthenticationError`,
			},
			unless: ignoreCase(`postgres`),
			match:  "mssql: Login failed for user 'app'.",
			not:    "FATAL: role \"app\" is not permitted to log in",
		},
		{
			id:    "databases-starting",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`ORA-(?:01033|01034|12514|12528)\b`,
				`(?i)Server is in script upgrade mode`,
				`(?i)is being recovered\. Waiting until recovery is finished`,
				`\bIsBootstrapping(?:Exception)?\b`,
			},
			match: "ORA-01033: ORACLE initialization or shutdown in progress",
			not:   "ORA-00942: table or view does not exist",
		},
		{
			id:    "databases-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`ORA-(?:00018|00020|12516|12519|12520)\b`,
				`\bTOO_MANY_SIMULTANEOUS_QUERIES\b`,
				`\bOverloadedException\b`,
			},
			match: "ORA-00020: maximum number of processes (150) exceeded",
			not:   "ORA-00942: table or view does not exist",
		},
		{
			id:    "databases-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`ORA-(?:16000|01653|01654|01536|19809)\b`,
				`(?i)Could not allocate space for object .{0,80}filegroup is full`,
				`(?i)The transaction log for database '[^']+' is full`,
				`(?i)Failed to update database .{0,60}because the database is read-only`,
			},
			match: "The transaction log for database 'orders' is full due to 'LOG_BACKUP'.",
			not:   "the transaction log for database orders was read",
		},
		{
			id:    "databases-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`ORA-(?:00942|12505)\b`,
				`(?i)database has (?:an )?(?:incorrect|wrong|unsupported|invalid|incompatible) ` +
					`(?:collation|encoding|locale|c(?:haracter )?(?:set|type)|version|charset)`,
				`(?i)database (?:collation|encoding|locale|charset|character set) (?:is|must be|should be|has to be) `,
				`\b(?:UNKNOWN_DATABASE|UNKNOWN_TABLE)\)`,
				`(?i)Keyspace '?\w+'? (?:does not exist|not found)`,
				`(?i)\brequires (?:at least )?(?:Redis|Valkey|PostgreSQL|Postgres|MySQL|MariaDB|MongoDB|Kafka)` +
					`(?: server)?(?: version)? v?(?:[<>=]+ ?)?\d`,
				`(?i)\brequires (?:at least )?(?:Elasticsearch|OpenSearch|RabbitMQ|Vault|etcd|Kubernetes|ClickHouse)` +
					`(?: server)?(?: version)? v?(?:[<>=]+ ?)?\d`,
			},
			match: "ORA-00942: table or view does not exist",
			not:   "ORA-01033: ORACLE initialization or shutdown in progress",
		},
		{
			id:     "databases-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words:  []string{`ORA-(?:03113|03114|03135|12537|12547)\b`},
			match:  "ORA-03113: end-of-file on communication channel",
			not:    "ORA-00942: table or view does not exist",
		},
		{
			id:     "databases-unreachable",
			fault:  faultRefused,
			family: familyUpstream,
			words: []string{
				`ORA-1254[135]\b|ORA-12170\b|\bDPY-600[05]\b`, `(?i)Can't contact LDAP server`,
				`(?i)(?:unable|failed|could not|cannot|can't) (?:to )?connect to port (?P<port>\d+) ` +
					`(?:on|at|of) (?P<host>[\w.-]+)`,
			},
			match: "ORA-12541: TNS:no listener",
			not:   "ORA-00942: table or view does not exist",
		},
		{
			id:     "databases-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`A network-related or instance-specific error occurred while establishing a connection`,
			),
			match: "Microsoft.Data.SqlClient.SqlException (0x80131904): A network-related or " +
				"instance-specific error occurred " +
				"while establishing a connection to SQL Server.",
			not: "INFO connected to SQL Server",
		},
	},
}
