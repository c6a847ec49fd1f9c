package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// mongodb is what MongoDB answers, by its error codes' names, and what its
// drivers say.
var mongodb = knowledge{
	server: "MongoDB",
	source: "MongoDB: error_codes.yml; the drivers' server discovery and monitoring specification",
	signatures: []signature{
		{
			id:    "mongodb-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`MongoServerError: (?:Authentication failed|bad auth|not authorized)`,
				`bad auth\s?:? ?[Aa]uthentication failed`,
				`Authentication failed\., full error`,
				`SCRAM-SHA-\d+ authentication failed`,
				`AuthenticationFailed: `,
				`(?i)authentication failed- AuthenticationFailed`,
				`sasl conversation error`,
				`error (?:18|8000) \((?:AuthenticationFailed|AtlasError)\)`,
				`code=18\b|\(AuthenticationFailed\)`,
				`not authorized on \w+ to execute command`,
				`(?i)command \w+ requires authentication`,
				`MongoSecurityException`,
			},
			unless: ignoreCase(`kafka|postgres|\bbroker:`),
			match:  "pymongo.errors.OperationFailure: Authentication failed., full error: {'ok': 0.0, 'code': 18}",
			not:    "INFO authentication succeeded",
		},
		{
			id:    "mongodb-no-primary",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`(?i)not ?(?:master|primary|writable ?primary)\b.{0,30}(?:error|code|:|$)`,
				`\b(?:NotWritablePrimary|NotMaster|NotPrimaryNoSecondaryOk|NotPrimaryOrSecondary|PrimarySteppedDown)\b`,
				`(?i)no replset config has been received`,
				`\bNotYetInitialized\b`,
				`InterruptedDueToReplStateChange`,
				`(?i)replica set .{0,40}has no primary`,
				`(?i)No replica set members? (?:found yet|match selector)`,
				`\bNot(?:WritablePrimary|Primary|Master)Error\b`,
				`\bInterruptedAtShutdown\b`,
			},
			within: ignoreCase(
				`mongo|replset|replica set|10107|13435|13436|(?:secondary|primary)ok`,
				`NotPrimaryError`,
				`NotMasterError`,
				`InterruptedAtShutdown`,
			),
			unless: ignoreCase(`elastic|opensearch|kafka|connection refused|ENOTFOUND`),
			match:  "MongoServerError: not primary, code: 10107, codeName: NotWritablePrimary",
			not:    "INFO not primary any more: orders-1",
		},
		{
			id:    "mongodb-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`\bOutOfDiskSpace\b`,
				`(?i)you are over your space quota`,
				`\bUnsatisfiableWriteConcern\b`,
			},
			match: "MongoServerError: OutOfDiskSpace: Available disk space is below the threshold",
			not:   "INFO disk space is fine",
		},
		{
			id:    "mongodb-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`(?i)Transaction numbers are only allowed on a replica set member`,
				`(?i)reports (?:maximum |minimum )?wire version`,
				`\bIndex(?:Options|KeySpecs)Conflict\b`,
				`(?i)this deployment does not support retryable writes`,
				`(?i)The \$changeStream stage is only supported on replica sets`,
				`CommandNotFound: no such (?:command|cmd)`,
			},
			match: "MongoServerError: Transaction numbers are only allowed on a replica set member or mongos",
			not:   "INFO transactions are enabled",
		},
		{
			id:     "mongodb-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words: ignoreCase(
				`MongoNetworkError: connection`,
				`connection \d+ to \S+ closed`,
				`connection pool .*cleared`,
			),
			within: ignoreCase(`mongo`),
			unless: ignoreCase(`refused`),
			match:  "MongoNetworkError: connection 3 to 10.96.0.12:27017 closed",
			not:    "connection 3 to orders closed",
		},
		{
			id:     "mongodb-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`No servers? (?:is |are )?available`,
				`ServerSelectionTimeout`,
				`MongoServerSelectionError`,
				`server selection (?:error|timeout)`,
				`No (?:primary|suitable) servers? (?:found|available)`,
			),
			unless: ignoreCase(`kafka|postgres`),
			match:  "pymongo.errors.ServerSelectionTimeoutError: mongo:27017: timed out",
			not:    "INFO server selected",
		},
	},
}
