package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// redis is what Redis and Valkey answer, by the prefixes of their errors, and
// what their clients say by themselves.
var redis = knowledge{
	server: "Redis",
	source: "Redis and Valkey: server.c (shared objects), networking.c, acl.c, cluster.c, " +
		"sentinel.c; redis-py, go-redis, " +
		"ioredis, Lettuce, Jedis, StackExchange.Redis, phpredis",
	signatures: []signature{
		{
			id:    "redis-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`\bWRONGPASS\b`,
				`\bNOAUTH\b`,
				`\bNOPERM\b`,
				`(?i)invalid username-password pair`,
				`ERR (?:Client sent AUTH, but no password is set|AUTH <password> called without any password)`,
				`(?i)AUTH (?:<password> )?called without any password configured`,
				`ERR invalid password`,
				`ERR AUTH`,
				`DENIED Redis is running in protected mode`,
				`HELLO must be called with the client already authenticated`,
				`\bredis\.exceptions\.AuthenticationError\b`,
			},
			match: "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair " +
				"or user is disabled.",
			not: "INFO sent AUTH to redis-master:6379",
		},
		{
			id:    "redis-not-ready",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`(?i)redis is loading the dataset in memory`,
				`\bLOADING (?:Redis|Valkey)`,
				`\bMASTERDOWN\b`,
				`\bCLUSTERDOWN\b`,
				`BusyLoadingError`,
				`(?i)cluster state is fail`,
				`No master found for ['"]?[\w-]+`,
				`(?:MasterNotFoundError|SentinelManagedConnection)`,
				`All sentinels (?:are unreachable|specified in configuration are)`,
			},
			match: "redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory",
			not:   "INFO loading the dataset of orders took 13s",
		},
		{
			id:    "redis-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`\bMISCONF\b (?:Redis|Valkey|Errors writing)`,
				`\bREADONLY\b You can't write against a read[- ]only`,
				`(?i)you can't write against a read[- ]only (?:replica|slave)`,
				`(?i)OOM command not allowed when used memory`,
				`\bNOREPLICAS\b`,
				`(?i)configured to save RDB snapshots, but`,
			},
			match: "ReplyError: READONLY You can't write against a read only replica.",
			not:   "INFO opened the replica with READONLY",
		},
		{
			id:    "redis-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`(?i)max number of clients (?:\+ cluster connections )?reached`,
				`\bBUSY (?:Redis|Valkey)`,
				`\bTRYAGAIN\b`,
			},
			match: "ERR max number of clients reached",
			not:   "INFO number of clients: 12",
		},
		{
			id:    "redis-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`ERR unknown (?:sub)?command`,
				`ERR Unknown subcommand or wrong number`,
				`ERR This instance has cluster support disabled`,
				`\bMOVED \d+ \S+:\d+`,
				`\bCROSSSLOT\b`,
				`\bNOPROTO\b`,
				`ERR (?:SELECT is not allowed in cluster mode|DB index is out of range)`,
				`\bWRONGTYPE Operation against a key`,
				`\bBUSYGROUP Consumer Group name already exists`,
				`\bNOSCRIPT No matching script`,
				`\bNOGROUP No such key`,
			},
			match: "ReplyError: ERR unknown command 'JSON.SET', with args beginning with: 'orders'",
			not:   "ERROR unknown command line option",
		},
		{
			id:     "redis-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words: ignoreCase(
				`socket error on read socket`,
				`read error on connection to`,
				`Redis server \S+ went away`,
				`Multiplexed connection driver unexpectedly terminated`,
				`\bUNBLOCKED\b`,
				`RedisConnectionException: SocketClosed`,
				`SocketClosedUnexpectedly`,
			),
			within: ignoreCase(`redis|valkey|multiplexed|jedis|lettuce`),
			unless: ignoreCase(`refused`),
			match:  "PHP Fatal error:  Uncaught RedisException: read error on connection to redis:6379",
			not:    "read error on connection to orders",
		},
		{
			id:     "redis-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`MaxRetriesPerRequestError`,
				`No connection is available to service this operation`,
				`It was not possible to connect to the redis server`,
				`RedisConnectionFailureException`,
				`Unable to connect to Redis`,
				`Redis Cluster cannot be connected`,
				`redis: connection pool timeout`,
				`Failed to refresh slots cache`,
			),
			match: "MaxRetriesPerRequestError: Reached the max retries per request limit (which is 20).",
			not:   "INFO max retries per request is 20",
		},
	},
}
