package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// thrown is how the name of an exception goes on: to the end of the name and what
// follows it, so that a class in a stack frame, a path or a list of imports is none.
const thrown = `\w*(?:Error|Exception|Failure)\b(?:[:)]|\(["']|$| in | thrown| - )`

// exceptions is what the name of an exception's class tells, whatever the library: their
// authors name them by what happened. It is a guess, and gives way to whatever the
// message, or another line, says.
var exceptions = knowledge{
	source: "the naming of exceptions in the standard libraries of Python, Java, .NET, Ruby, PHP and JavaScript, " +
		"and in what is written for them",
	signatures: []signature{
		{
			id:      "class-of-configuration",
			cause:   v1alpha1.CauseConfigFileInvalid,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`\b(?:[A-Z]\w*)?Config(?:uration|Files?)?(?:Invalid|Pars(?:e|ing)|Syntax|Load(?:ing)?|Validation` +
					`|Format|Read|Key|Value|NotFound|Missing|File|Schema)?` + thrown,
			},
			unless: ignoreCase(`environment variable|\benv(?:ironment)? var|os\.environ|bean|\bssl\b|\btls\b`),
			match:  `dagster._core.errors.DagsterInvalidConfigError: Errors whilst loading instance config`,
			not:    `  File "/app/config/errors.py", line 3, in ConfigErrorHandler`,
		},
		{
			id:      "class-of-parsing-a-file",
			cause:   v1alpha1.CauseConfigFileInvalid,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`\b\w*(?:Pars|Syntax|Format|Scan|Lex|Token|Decod|Path|Mapping|Y(?:aml|AML)|J(?:son|SON)|T(?:oml|OML))` +
					thrown + `.{0,160}(?i:` + configPath + `|[./]env\b)`,
			},
			unless: ignoreCase(`package\.json|node_modules|tsconfig|permission denied|\.lock\b`),
			match: `Uncaught Symfony\Component\Yaml\Exception\ParseException: Indentation problem in ` +
				`"/srv/services.yaml" at line 3`,
			not: `INFO JSONFormatter of /etc/app/log.yaml is in use`,
		},
		{
			id:      "class-of-migrations",
			cause:   v1alpha1.CauseMigrationFailed,
			weight:  weightConsequence,
			guessed: true,
			words:   []string{`\b\w*Migrat(?:ion|e|or)s?` + thrown},
			unless:  ignoreCase(`connection refused|no such host|timed? ?out|password authentication`),
			match:   "orders.MigrationChecksumException: migration 7 was changed",
			not:     "INFO MigrationErrors are reported to the log",
		},
		{
			id:      "class-of-locks",
			cause:   v1alpha1.CauseDataLocked,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`\b\w*(?:File|Dir|Directory|Store|Index|Data|Database|Pid|)Lock(?:ed|File|Held)?` + thrown +
					` .{0,80}/[\w.-]+/`,
			},
			unless: ignoreCase(`deadlock|optimistic|pessimistic|version|block|clock`),
			match:  "zc.lockfile.LockError: Couldn't lock '/data/d.fs.lock'",
			not:    "psycopg2.errors.DeadlockDetected: deadlock detected",
		},
		{
			id:      "class-of-missing-settings",
			cause:   v1alpha1.CauseEnvVarMissing,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`\b\w*(?:Missing|Undefined|Unset|Required|Unknown)(?:Env|Environment|Setting|Config|Configuration` +
					`|Secret|Key|Variable|Credential|Option|Parameter)s?` + thrown,
				`\b\w*(?:Env|Environment|Setting|Secret|Variable|Credential)s?(?:Var|Variable)?s?` +
					`(?:NotFound|Missing|NotSet|Undefined|Required)` + thrown,
			},
			unless: []string{`Missing(?:Key|Parameter)\w*: .{0,40}(?i:request|header|body)`},
			match:  `EnvNotFoundException: Environment variable not found: "MAILER_DSN".`,
			not:    "INFO MissingSettingHandler is registered",
		},
		{
			id:      "class-of-logins",
			fault:   faultAuth,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`\b\w*(?:Auth(?:entication)?(?:Failed|Failure)?|(?:Bad|Invalid)Credentials?|AccessRefused` +
					`|Login(?:Failed)?|Unauthori[sz]ed|NotAuthori[sz]ed)` + thrown,
			},
			unless: ignoreCase(`UnauthorizedAccess|no attribute|cannot be cast|not configured|author|ran out of`),
			match:  "broker.errors.AuthenticationFailedError: the broker said no",
			not:    "INFO AuthenticationErrors are logged",
		},
		{
			id:      "class-of-connections",
			fault:   faultGaveUp,
			guessed: true,
			words: []string{
				`\b\w*(?:Connect(?:ion|ions|or)?(?:Failed|Refused)?|ServiceUnavailable|NoServers?(?:Available)?` +
					`|No(?:Host|Node)Available|AllNodesFailed|Unreachable|BrokerNotAvailable|NetworkDown)` + thrown,
			},
			unless: []string{`Connection(?:Reset|Aborted)`, `(?i)pool|disconnect`, `\bconnect\.errors\.`, `Error$`},
			match: "paramiko.ssh_exception.NoValidConnectionsError: [Errno None] Unable to connect to port 22 " +
				"on 10.96.2.99",
			not: "INFO ConnectionErrors are retried",
		},
		{
			id:    "class-of-names",
			fault: faultHostNotFound,
			words: []string{
				// WebExceptionStatus of .NET and Mono.
				`\bNameResolution(?:Failure|Error)\b`,
				`\b(?:Host|HostName|Hostname|DomainName)(?:NotFound|NotResolved|Resolution|Lookup)` + thrown,
			},
			unless: ignoreCase(`temporary failure|try again`),
			match:  "System.Net.WebException: Error: NameResolutionFailure",
			not:    "INFO NameResolver is ready",
		},
	},
}
