package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// shapes are how clients print the codes of each registry: {code}, {name} and {text} are
// those of the row, {Name} is the name as types are written, {name words} as words, {hex} the
// code as OpenSSL writes it. The text that the server sends beside the code is left out, so
// that it is the code that tells.
var shapes = map[string][]string{
	"sqlstate": {
		"ERROR: the statement was refused (SQLSTATE {code})", // pgx
		"PHP Fatal error:  Uncaught PDOException: SQLSTATE[{code}]: <<Unknown error>>: 7 ERROR:  the statement was refused in /app/x.php:3",
		"Unhandled exception. Npgsql.PostgresException (0x80004005): {code}: the statement was refused",
		"error: the statement was refused\n    at Parser.parseErrorMessage (/app/node_modules/pg-protocol/dist/parser.js:287:98) {\n  severity: 'ERROR',\n  code: '{code}',",
		"ERROR:  {code}: the statement was refused",                                                       // psql, verbose
		"org.springframework.jdbc.UncategorizedSQLException: SQL state [{code}]; error code [0]; refused", // Spring
		"ERROR o.h.engine.jdbc.spi.SqlExceptionHelper - SQL Error: 0, SQLState: {code}",                   // Hibernate
		"** (Postgrex.Error) ERROR {code} ({name}) the statement was refused",                             // Elixir
		"psycopg2.errors.{Name}: the statement was refused",                                               // also psycopg 3
		"asyncpg.exceptions.{Name}Error: the statement was refused",
		"PG::{Name}: ERROR:  the statement was refused",
		`Error: Database(PgDatabaseError { severity: Error, code: "{code}", message: "refused", detail: None })`, // SQLx
		`Error: Error { kind: Db, cause: Some(DbError { severity: "ERROR", code: SqlState(E{code}), message: "refused" }) }`,
	},
	"mysql": {
		"ERROR {code} (HY000): the statement was refused",
		"pymysql.err.OperationalError: ({code}, 'refused')",
		"panic: Error {code} (HY000): refused", // go-sql-driver
		"Error {code}: refused",                // the same, older
		"Error: refused\n    at Packet.asError (/app/node_modules/mysql2/lib/packets/packet.js:740:17) {\n  code: '{name}',\n  errno: {code},\n  sqlState: 'HY000',",
		"PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [{code}] refused in /app/x.php:3",
		"PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000]: General error: {code} refused in /app/x.php:3",
		"ERROR o.h.engine.jdbc.spi.SqlExceptionHelper - SQL Error: {code}, SQLState: HY000",
		"Error: MySqlError { ERROR {code} (HY000): refused }",                                             // mysql for Rust
		`Error: Database(MySqlDatabaseError { code: Some("HY000"), number: {code}, message: "refused" })`, // SQLx
		"mysql.connector.errors.DatabaseError: {code} (HY000): refused",
	},
	"kafka": {
		"org.apache.kafka.common.errors.{exception}: refused",
		"KafkaJSProtocolError: refused\n  type: '{name}',\n  code: {code},",
		"kafka.errors.{exception name}Error: [Error {code}] {exception name}Error",
		"panic: {name}: refused", // franz-go
		"failed to write messages to kafka: [{code}] {Name words}: refused", // kafka-go
		`cimpl.KafkaException: KafkaError{code={name},val={code},str="Broker: refused"}`,
		"Error: kafka: ProtocolError({Name})",
	},
	"grpc": {
		"panic: rpc error: code = {Name} desc = refused",
		`grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with: status = StatusCode.{name}`,
		"io.grpc.StatusRuntimeException: {name}: refused",
		"Error: {code} {name}: refused\n    at callErrorFromStatus (/app/node_modules/@grpc/grpc-js/build/src/call.js:31:19)",
		`Unhandled exception. Grpc.Core.RpcException: Status(StatusCode="{Name}", Detail="refused")`,
		`Error: Status { code: {Name}, message: "refused", metadata: MetadataMap { headers: {} }, source: None }`, // tonic
		"GRPC::{Name}: {code}:refused",
	},
	"errno": {
		"OSError: [Errno {code}] {text}: '/srv/shop/x'",
		"Error: {name}: refused, open '/srv/shop/x'\n  errno: -{code},\n  code: '{name}',",
		"panic: open /srv/shop/x: {lower text}",
		`Error: Os { code: {code}, kind: Uncategorized, message: "{text}" }`,
		"Error: {text} (os error {code})",
		"/app/x.rb:3:in 'initialize': {text} @ rb_sysopen - /srv/shop/x (Errno::{name})",
		"java.io.FileNotFoundException: /srv/shop/x ({text})",
		"shop: /srv/shop/x: {text}",
		"shop: /srv/shop/x: {text of musl}",
		"** (File.Error) could not open \"/srv/shop/x\": {lower text}",
	},
	"openssl": {
		"error:0A000{hex}:SSL routines::{text}",
		"ssl.SSLError: [SSL: {name}] {text} (_ssl.c:1006)",
		"Error: {hex}:error:0A000{hex}:SSL routines:ssl3_read_bytes:{text}:../deps/openssl/ssl/record.c:1605:\n  code: 'ERR_SSL_{name}'",
		"SSL_connect returned=1 errno=0 peeraddr=10.96.3.4:443 state=error: {text} (OpenSSL::SSL::SSLError)",
	},
	"mongodb": {
		"MongoServerError: refused\n  ok: 0,\n  code: {code},\n  codeName: '{name}',",
		"pymongo.errors.OperationFailure: refused, full error: {'ok': 0.0, 'errmsg': 'refused', 'code': {code}, 'codeName': '{name}'}",
		"com.mongodb.MongoCommandException: Command failed with error {code} ({name}): 'refused' on server mongo:27017.",
		"panic: ({name}) refused", // the Go driver
		`Error: Error { kind: Command(CommandError { code: {code}, code_name: "{name}", message: "refused" }) }`,
	},
	"amqp": {
		"Exception ({code}) Reason: \"{name} - refused\"", // amqp091-go
		"pika.exceptions.ConnectionClosedByBroker: ({code}, '{name} - refused')",
		"Error: Channel closed by server: {code} ({name}) with message \"{name} - refused\"", // amqplib
		"com.rabbitmq.client.ShutdownSignalException: connection error; protocol method: #method<connection.close>(reply-code={code}, reply-text={name} - refused, class-id=0, method-id=0)",
		"RabbitMQ.Client.Exceptions.OperationInterruptedException: The AMQP operation was interrupted: AMQP close-reason, initiated by Peer, code={code}, text='{name} - refused'",
	},
}

// held is how many of a registry's lines may be told wrong.
var held = map[string]int{
	// Words of timeouts and authentication in the names of codes that tell no cause.
	"kafka": 2,
	// Memory that the kernel refuses and a quota, where only words say so that many programs use.
	"errno": 4,
	// "disabled" is what programs say of what they go on without; an unknown command is
	// one of the command line's, too.
	"openssl": 4,
}

// TestRegistriesWhole: each code of each registry. What tells a cause is found in each
// shape, and what tells none is not taken for one.
func TestRegistriesWhole(t *testing.T) {
	for _, name := range []string{"sqlstate", "mysql", "kafka", "grpc", "errno", "openssl", "mongodb", "amqp"} {
		t.Run(name, func(t *testing.T) {
			var told, silent, right, quiet int
			var wrong []string
			for i, row := range registryRows(name) {
				as := shapes[name]
				if row.cause == "" { // most of them: each in one shape
					as = as[i%len(as):][:1]
				}
				for _, shape := range as {
					line, ok := row.in(shape)
					if !ok {
						continue
					}
					c := ended(1, "Error", "")
					c.Log.Previous = []byte("service starting\n" + line + "\n")
					f := Diagnose(c)
					is := row.tells(f.Cause)
					switch {
					case row.cause != "":
						told++
					default:
						silent++
					}
					switch {
					case is && row.cause != "":
						right++
					case is:
						quiet++
					default:
						wrong = append(wrong, fmt.Sprintf("%s %s: got %s (%s), want %s: %s", row.code, row.name, f.Cause, f.Confidence, row.cause, line))
					}
				}
			}
			t.Logf("%d of %d lines that tell a cause are right; of %d that tell none %d are taken for one", right, told, silent, silent-quiet)
			if len(wrong) > held[name] {
				t.Errorf("%d wrong, want at most %d:\n%s", len(wrong), held[name], strings.Join(wrong, "\n"))
			}
		})
	}
}

// tells says whether a diagnosis says what a row does. A row that tells no cause leaves it
// to the program's own words, of which there are none.
func (r registryRow) tells(cause v1alpha1.Cause) bool {
	if r.cause != "" {
		return cause == r.cause
	}
	return slices.Contains([]v1alpha1.Cause{v1alpha1.CauseApplicationError, v1alpha1.CauseUnknown}, cause)
}

// in is the line that a client prints of the row; false where it prints none in that shape.
func (r registryRow) in(shape string) (string, bool) {
	fields := map[string]string{
		"{code}": r.code, "{name}": r.name, "{Name}": r.typeName(""), "{Name words}": r.typeName(" "), "{lower text}": strings.ToLower(r.more(0)),
		"{text}": r.more(0), "{text of musl}": r.more(1), "{exception}": r.more(0), "{exception name}": strings.TrimSuffix(r.more(0), "Exception"),
	}
	var code int
	if _, err := fmt.Sscan(r.code, &code); err == nil {
		fields["{hex}"] = fmt.Sprintf("%03X", code)
	}
	for field, value := range fields {
		if strings.Contains(shape, field) && value == "" {
			return "", false
		}
		shape = strings.ReplaceAll(shape, field, value)
	}
	return shape, true
}

// typeName is the name as types are named: INSUFFICIENT_PRIVILEGE as InsufficientPrivilege.
func (r registryRow) typeName(between string) string {
	var words []string
	for word := range strings.SplitSeq(strings.ToLower(r.name), "_") {
		if word != "" {
			words = append(words, strings.ToUpper(word[:1])+word[1:])
		}
	}
	return strings.Join(words, between)
}
