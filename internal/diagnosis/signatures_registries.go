package diagnosis

import (
	"slices"
	"strings"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Codes of the registries in the shapes in which clients print them. What is found is
// looked up in the registry's table; a code that tells no cause is no clue. They come
// before all others: where the server's own words stand in the same line, these tell more.

// registry is a table of codes, by code and by each name that clients give one.
type registry struct {
	name string
	// server is the kind of server whose codes they are.
	server string
	shapes func(registry) []signature
}

// registriesRead are those that lines are read by. The others are told by their words.
var registriesRead = []registry{
	{name: "sqlstate", shapes: sqlstateShapes},
	{name: "mysql", server: "MySQL", shapes: mysqlShapes},
	{name: "kafka", shapes: kafkaShapes},
	{name: "grpc", server: "gRPC", shapes: grpcShapes},
	{name: "mongodb", server: "MongoDB", shapes: mongodbShapes},
	{name: "amqp", server: "RabbitMQ", shapes: amqpShapes},
	{name: tlsReasons, shapes: opensslShapes},
}

// tlsReasons are those of a connection of anybody's: whose it was, the line says.
const tlsReasons = "openssl"

// registered is what is known by code.
var registered = func() []knowledge {
	var all []knowledge
	for _, r := range registriesRead {
		k := knowledge{server: r.server, source: "registries/" + r.name + ".tsv", signatures: r.shapes(r)}
		for i := range k.signatures {
			k.signatures[i].codes = r.name
		}
		all = append(all, k)
	}
	return all
}()

// meanings are the causes of a registry's codes, by code and by name.
var meanings = sync.OnceValue(func() map[string]map[string]v1alpha1.Cause {
	all := map[string]map[string]v1alpha1.Cause{}
	for _, r := range registriesRead {
		all[r.name] = map[string]v1alpha1.Cause{}
		for _, row := range registryRows(r.name) {
			for _, name := range row.names() {
				if row.cause != "" {
					all[r.name][name] = row.cause
				}
			}
		}
	}
	return all
})

// names are those by which a row is looked up.
func (r registryRow) names() []string {
	out := []string{r.code, folded(r.name)}
	if exception := r.more(0); exception != "" {
		out = append(out, folded(exception), folded(strings.TrimSuffix(exception, "Exception")))
	}
	return out
}

// folded is a name without what clients write differently: UNKNOWN_TOPIC_OR_PARTITION,
// UnknownTopicOrPartition and Unknown Topic Or Partition are one.
func folded(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", " ", "").Replace(name))
}

// meant gives the clue the meaning of the code that was found; false where it has none.
func (k *clue) meant(registry, code string) bool {
	code = strings.TrimLeft(strings.TrimPrefix(code, "Error "), "(") // see told
	cause, ok := meanings()[registry][folded(code)]
	if !ok {
		cause, ok = meanings()[registry][code]
	}
	if !ok {
		return false
	}
	k.cause, k.family, k.named = cause, familyOf(cause), true
	switch {
	case registry == tlsReasons && cause == v1alpha1.CauseUpstreamTLSMismatch:
		k.cause, k.family, k.fault, k.weight, k.named = "", familyAny, faultTLS, weightNetwork, false
		return true
	case registry == tlsReasons && cause == v1alpha1.CauseUpstreamConnectionLost:
		k.cause, k.family, k.fault, k.weight, k.named = "", familyAny, faultClosed, weightConsequence, false
		return true
	}
	switch cause {
	case v1alpha1.CausePostgresUnreachable, v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseUpstreamUnreachable:
		k.cause, k.fault, k.weight = "", faultGaveUp, weightGeneric
	case v1alpha1.CausePostgresConnectionLost, v1alpha1.CauseUpstreamConnectionLost:
		k.weight = weightConsequence
	default:
		k.weight = weightDirect
	}
	return true
}

// told are the codes or names of a registry that tell a cause, as one pattern for each
// forty: more are not looked for as words. front is part of the word that is looked for: a
// code alone may be a year.
func (r registry) told(of func(registryRow) string, before, front, behind string) []string {
	const most = 40
	var words, out []string
	for _, row := range registryRows(r.name) {
		if word := of(row); row.cause != "" && word != "" && !slices.Contains(words, front+word) {
			words = append(words, front+word)
		}
	}
	for some := range slices.Chunk(words, most) {
		out = append(out, before+`(?P<code>`+strings.Join(some, "|")+`)`+behind)
	}
	return out
}

func byCode(r registryRow) string { return r.code }
func byName(r registryRow) string { return r.name }

// inWords is a name as words, each with a capital: Unknown Topic Or Partition.
func inWords(r registryRow) string {
	var words []string
	for word := range strings.SplitSeq(strings.ToLower(r.name), "_") {
		if word != "" {
			words = append(words, strings.ToUpper(word[:1])+word[1:])
		}
	}
	return strings.Join(words, " ")
}

func sqlstateShapes(r registry) []signature {
	return []signature{{
		id: "sqlstate-code",
		words: append([]string{
			`(?i)sqlstate['"]?[ :=\[(]{1,3}['"]?E?(?P<code>[0-9A-Z]{5})\b`,
			`SQL state \[(?P<code>[0-9A-Z]{5})\]`,
			`PostgresException(?: \(0x[0-9A-Fa-f]{8}\))?: (?P<code>[0-9A-Z]{5}): `,
			`^\s*code: ['"](?P<code>[0-9A-Z]{5})['"]`,
			`\(Postgrex\.Error\) [A-Z]+ (?P<code>[0-9A-Z]{5}) \(`,
			`PgDatabaseError \{.{0,60}code: "(?P<code>[0-9A-Z]{5})"`,
		}, r.told(byCode, `^`, ``, `: `)...), // psql, whose level is taken off the line
		unless: ignoreCase(`mysql|mariadb`),
		match:  "ERROR: the statement was refused (SQLSTATE 57P05)",
		not:    "ERROR: there is a row of that key (SQLSTATE 23505)",
	}, {
		id: "sqlstate-name",
		words: []string{
			`psycopg2?\.errors\.(?P<code>[A-Z]\w+)`,
			`asyncpg\.exceptions\.(?:_base\.)?(?P<code>[A-Z]\w+?)(?:Error)?\b`,
			`\bPG::(?P<code>[A-Z]\w+)`,
		},
		match: "psycopg.errors.IdleSessionTimeout: the statement was refused",
		not:   "psycopg.errors.UniqueViolation: there is a row of that key",
	}}
}

func mysqlShapes(r registry) []signature {
	const states = `(?:HY000|42000|40001|42S02|42S22|28000|08004|08S01|70100|0A000|XA100|3D000)`
	return []signature{{
		id: "mysql-code",
		words: slices.Concat([]string{
			`\b(?P<code>[1-4]\d{3}) \(` + states + `\)`,
			`^\s*errno: (?P<code>[1-4]\d{3}),?$`,
			`SQLSTATE\[\w{5}\](?: \[|: [A-Z][\w ]{1,60}: )(?P<code>[1-4]\d{3})\b`,
			`SQL Error: (?P<code>[1-4]\d{3}), SQLState: ` + states,
			`MySqlDatabaseError \{.{0,80}number: (?P<code>\d{4}),`,
		}, r.told(byCode, `\b`, `Error `, `: `), r.told(byCode, ``, `\(`, `, ['"]`)),
		match: "mysql.connector.errors.DatabaseError: 1129 (HY000): refused",
		not:   "mysql.connector.errors.IntegrityError: 1062 (23000): there is a row of that key",
	}}
}

func kafkaShapes(r registry) []signature {
	return []signature{{
		id: "kafka-code",
		words: slices.Concat([]string{
			`apache\.kafka\.common\.errors\.(?P<code>\w+)`,
			`kafka\.errors\.(?P<code>\w+?)(?:Failed)?Error\b`,
			`\bProtocolError\((?P<code>\w+)\)`,
		}, r.told(byName, `\b`, ``, `\b`)),
		unless: ignoreCase(`elastic|opensearch`),
		match:  "org.apache.kafka.common.errors.GroupMaxSizeReachedException: refused",
		not:    "org.apache.kafka.common.errors.TopicExistsException: refused",
	}, {
		id:     "kafka-title", // kafka-go
		words:  r.told(inWords, `(?:^|\] |: )`, ``, `: `),
		within: kafkaContext,
		match:  "failed to write to kafka: [81] Group Max Size Reached: refused",
		not:    "failed to write to kafka: [36] Topic Already Exists: refused",
	}}
}

func grpcShapes(registry) []signature {
	return []signature{{
		id: "grpc-code",
		words: []string{
			`rpc error: code = (?P<code>\w+) desc`,
			`StatusCode="(?P<code>\w+)"`,
			`Status \{ code: (?P<code>\w+),`,
			`GRPC::(?P<code>\w+): \d{1,2}:`,
		},
		match: `Error: Status { code: Unavailable, message: "refused", source: None }`,
		not:   `Error: Status { code: NotFound, message: "no such order", source: None }`,
	}}
}

func mongodbShapes(r registry) []signature {
	return []signature{{
		id: "mongodb-code",
		words: slices.Concat([]string{
			`code_?[Nn]ame['"]?: ['"](?P<code>\w+)['"]`,
			`failed with error \d{1,5} \((?P<code>\w+)\)`,
		}, r.told(byName, ``, `\(`, `\) [A-Za-z]`)),
		match: "  codeName: 'UserWritesBlocked',",
		not:   "  codeName: 'DuplicateKey',",
	}}
}

func amqpShapes(r registry) []signature {
	return []signature{{
		id: "amqp-code",
		words: slices.Concat([]string{
			`Exception \((?P<code>\d{3})\) Reason: "`,
			`reply-code=(?P<code>\d{3}),`,
			`code=(?P<code>\d{3}), text=['"]`,
			`closed by server: (?P<code>\d{3}) `,
		}, r.told(byName, `, ['"]`, ``, ` - `)),
		match: "Error: Connection closed by server: 320 (CONNECTION_FORCED) with message \"x\"",
		not:   "Error: Connection closed by server: 541 (INTERNAL_ERROR) with message \"x\"",
	}}
}

func opensslShapes(registry) []signature {
	return []signature{{
		id: "openssl-reason",
		words: []string{
			`:SSL routines:[\w ]*:(?P<code>[\w/.() -]+)`,
			`\[SSL: (?P<code>[A-Z0-9_]+)\]`,
			`\bERR_SSL_(?P<code>[A-Z0-9_]+)`,
			`\bstate=[\w ]{3,60}: (?P<code>[\w/. -]+?)(?: \(|$)`,
		},
		match: "ssl.SSLError: [SSL: NO_SHARED_GROUPS] no shared groups (_ssl.c:1006)",
		not:   "ssl.SSLError: [SSL: BAD_WRITE_RETRY] bad write retry (_ssl.c:1006)",
	}}
}
