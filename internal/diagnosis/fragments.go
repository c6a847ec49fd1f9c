package diagnosis

// Fragments that many entries are put together from.

const (
	// envName is how variables are named.
	envName = `[A-Za-z_][A-Za-z0-9_]{2,}`
	// upperName is a variable's name that cannot be another word.
	upperName = `[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+`
	// notPort before a SQLSTATE of digits tells it from the port of an address, such
	// as 10.244.0.7:42703.
	notPort = `(?:^|[^\d\]]:|[^:\w])`
	// holds after an error's name tells it from a field of that name that is false,
	// as clients print with any error of theirs.
	holds = `(?:[^\w'":]|Err|Exc|['"]?:\s*true|:\s+[a-eg-z]|$)`
)

var (
	// postgresContext is a record that speaks of Postgres: for words that other
	// clients use as well.
	postgresContext = ignoreCase(
		`postgre`,
		`psycopg`,
		`asyncpg`,
		`pgx`,
		`pg_`,
		`\bpg\b`,
		`\bpq:`,
		`PG::`,
		`npgsql`,
		`psql`,
		`hikari`,
		`libpq`,
		`tokio.postgres`,
		`sqlx`,
		`connection to server`,
		`scram-server`,
		`node_modules/pg`,
		`sqlalchemy`,
		`\bdatabase\b`,
		`\bdb\b`,
		`\bsql\b`,
		`jdbc`,
		`ecto`,
		`dbconnection`,
		`fe_sendauth`,
		`orm`,
	)
	// kafkaContext is a record that speaks of Kafka: for words that other clients
	// use as well.
	kafkaContext = ignoreCase(
		`kafka`,
		`broker`,
		`sarama`,
		`rdkafka`,
		`franz`,
		`bootstrap`,
		`redpanda`,
		`\[thrd:`,
		`SASL[_ ]`,
		`SaslAuth`,
		`consumer`,
		`producer`,
	)
	// brokenOff are the words of a login that ended without the server's answer.
	brokenOff = ignoreCase(
		`timeout`,
		`timed out`,
		`deadline exceeded`,
		`\bEOF\b`,
		`connection (?:reset|closed|lost)`,
		`closed connection`,
		`broken pipe`,
		`canceled`,
	)
	// goesWithout excludes what a program can do without, in lines without a level.
	goesWithout = ignoreCase(
		`\bdisabl`,
		`\busing\b`,
		`default`,
		`skip`,
		`ignor`,
		`optional`,
		`fall(?:ing)? ?back`,
		`instead`,
		`no-?op`,
		`degraded`,
		`continu`,
		`\b(?:warn(?:ing)?|info|debug)\b[:\] ]`,
		`will (?:not )?be`,
		`deprecat`,
	)
	// jvmRejects is how the JVM's launcher rejects options (java.md, arguments.cpp).
	jvmRejects = []string{
		`Unrecognized VM option`,
		`Invalid (?:maximum|initial) heap size`,
		`Initial heap size set to a larger value`,
		`Could not create the Java Virtual Machine`,
		`agent library failed to init`,
		`Could not find agent library`,
		`Error opening zip file or JAR manifest missing`,
	}
)
