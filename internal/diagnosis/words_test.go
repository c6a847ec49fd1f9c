package diagnosis

import (
	"os"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// TestWords: how drivers and runtimes say a thing, from their sources: one last
// line of a log each, for those that the logs in testdata do not have.
func TestWords(t *testing.T) {
	tests := []struct {
		line  string
		cause v1alpha1.Cause
	}{
		// .NET: Npgsql, Confluent.Kafka, the runtime
		{`Unhandled exception. Npgsql.PostgresException (0x80004005): 28P01: password authentication failed for user "orders"`, v1alpha1.CausePostgresAuthFailed},
		{`Npgsql.NpgsqlException (0x80004005): Failed to connect to 10.96.41.99:5432 ---> System.Net.Sockets.SocketException (111): Connection refused`, v1alpha1.CausePostgresUnreachable},
		{`Npgsql.NpgsqlException (0x80004005): The connection pool has been exhausted, either raise 'Max Pool Size' (currently 2) or 'Timeout' (currently 2 seconds) in your connection string.`, v1alpha1.CausePostgresPoolExhausted},
		{`Npgsql.NpgsqlException: No password has been provided but the backend requires one (in SASL/SCRAM-SHA-256)`, v1alpha1.CausePostgresAuthFailed},
		{`Npgsql.NpgsqlException (0x80004005): SSL connection requested. No SSL enabled connection from this host is configured.`, v1alpha1.CausePostgresTLSMismatch},
		{`Unhandled exception. Npgsql.PostgresException (0x80004005): 42P01: relation "orders" does not exist`, v1alpha1.CausePostgresSchemaMissing},
		{`Confluent.Kafka.ProduceException: Broker: Topic authorization failed`, v1alpha1.CauseKafkaAuthorizationDenied},
		{`Unhandled exception. System.NullReferenceException: Object reference not set to an instance of an object.`, v1alpha1.CauseApplicationError},
		{`Unhandled exception. System.IO.IOException: Failed to bind to address http://[::]:8080: address already in use.`, v1alpha1.CausePortInUse},
		{`Unhandled exception. System.UnauthorizedAccessException: Access to the path '/data/keys' is denied.`, v1alpha1.CausePermissionDenied},
		{`Unhandled exception. System.IO.IOException: No space left on device : '/data/x'`, v1alpha1.CauseDiskFull},
		{`Out of memory. System.OutOfMemoryException: Array dimensions exceeded supported range`, v1alpha1.CauseHeapExhausted},
		// Ruby
		{`/usr/local/bundle/gems/pg-1.5.4/lib/pg/connection.rb:709:in 'async_connect_or_reset': connection to server at "10.96.41.99", port 5432 failed: Connection refused (PG::ConnectionBad)`, v1alpha1.CausePostgresUnreachable},
		{`ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds (waited 5.002 seconds); all pooled connections were in use`, v1alpha1.CausePostgresPoolExhausted},
		{`PG::UndefinedTable: ERROR:  relation "widgets" does not exist (ActiveRecord::StatementInvalid)`, v1alpha1.CausePostgresSchemaMissing},
		{`config/app.rb:3:in 'fetch': key not found: "SECRET_KEY_BASE" (KeyError)`, v1alpha1.CauseEnvVarMissing},
		{`app.rb:12:in 'total': undefined method 'price' for nil (NoMethodError)`, v1alpha1.CauseApplicationError},
		{`app.rb:3:in 'initialize': Address already in use - bind(2) for "0.0.0.0" port 3000 (Errno::EADDRINUSE)`, v1alpha1.CausePortInUse},
		{`worker.rb:9:in 'initialize': can't create Thread: Resource temporarily unavailable (ThreadError)`, v1alpha1.CauseThreadsExhausted},
		// PHP
		{`PHP Fatal error:  Uncaught PDOException: SQLSTATE[08006] [7] connection to server at "db" (10.0.0.5), port 5432 failed: FATAL:  password authentication failed for user "app"`, v1alpha1.CausePostgresAuthFailed},
		{`PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /app/db.php:4`, v1alpha1.CauseUpstreamUnreachable},
		{`PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes) in /app/x.php on line 7`, v1alpha1.CauseHeapExhausted},
		{`PHP Fatal error:  Uncaught TypeError: total(): Argument #1 must be of type array, null given`, v1alpha1.CauseApplicationError},
		// Rust: tokio-postgres, sqlx, rdkafka
		{`Error: Error { kind: Connect, cause: Some(Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }) } error connecting to server: tokio_postgres`, v1alpha1.CausePostgresUnreachable},
		{`thread 'main' panicked at src/main.rs:12:10: called Result::unwrap() on an Err value: PoolTimedOut`, v1alpha1.CausePostgresPoolExhausted},
		{`Error: error returned from database: password authentication failed for user "orders"`, v1alpha1.CausePostgresAuthFailed},
		{`thread 'main' panicked at src/main.rs:5:5: index out of bounds: the len is 1 but the index is 3`, v1alpha1.CauseApplicationError},
		{`Error: environment variable not found: DATABASE_URL`, v1alpha1.CauseEnvVarMissing},
		// Go: lib/pq, gorm
		{`panic: pq: SSL is not enabled on the server`, v1alpha1.CausePostgresTLSMismatch},
		{`2026/11/23 10:00:00 failed to initialize database, got error failed to connect to host=db user=x database=y: server error (FATAL: database "y" does not exist (SQLSTATE 3D000))`, v1alpha1.CausePostgresDatabaseMissing},
		{`panic: runtime error: slice bounds out of range [:5] with capacity 3`, v1alpha1.CauseApplicationError},
		// JVM and Spring
		{`java.lang.OutOfMemoryError: Java heap space`, v1alpha1.CauseHeapExhausted},
		{`java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached`, v1alpha1.CauseThreadsExhausted},
		{`Caused by: java.lang.IllegalArgumentException: Could not resolve placeholder 'payments.api-key' in value "${payments.api-key}"`, v1alpha1.CauseEnvVarMissing},
		{`Web server failed to start. Port 8080 was already in use.`, v1alpha1.CausePortInUse},
		{`Caused by: org.hibernate.tool.schema.spi.SchemaManagementException: Schema-validation: missing table [orders]`, v1alpha1.CausePostgresSchemaMissing},
		{`org.springframework.kafka.KafkaException: Topic(s) [orders.created] is/are not present and missingTopicsFatal is true`, v1alpha1.CauseKafkaTopicMissing},
		{`Error: Unable to access jarfile /app/app.jar`, v1alpha1.CauseArgumentsInvalid},
		// Upstreams
		{`redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.`, v1alpha1.CauseUpstreamAuthFailed},
		{`ReplyError: NOAUTH Authentication required.`, v1alpha1.CauseUpstreamAuthFailed},
		{`redis.exceptions.ConnectionError: max number of clients reached`, v1alpha1.CauseUpstreamOverloaded},
		{`pymysql.err.OperationalError: (1045, "Access denied for user 'app'@'10.0.0.3' (using password: YES)")`, v1alpha1.CauseUpstreamAuthFailed},
		{`Error: ER_CON_COUNT_ERROR: Too many connections`, v1alpha1.CauseUpstreamOverloaded},
		{`pymysql.err.OperationalError: (2003, "Can't connect to MySQL server on 'mysql' ([Errno 111] Connection refused)")`, v1alpha1.CauseUpstreamUnreachable},
		{`Error 1040: Too many connections`, v1alpha1.CauseUpstreamOverloaded},
		{`pymongo.errors.OperationFailure: Authentication failed., full error: {'ok': 0.0, 'code': 18}`, v1alpha1.CauseUpstreamAuthFailed},
		{`MongoServerSelectionError: connect ECONNREFUSED 10.96.41.99:27017`, v1alpha1.CauseUpstreamUnreachable},
		{`Exception (403) Reason: "username or password not allowed"`, v1alpha1.CauseUpstreamAuthFailed},
		{`pika.exceptions.ProbableAuthenticationError: ConnectionClosedByBroker: (403) 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.'`, v1alpha1.CauseUpstreamAuthFailed},
		{`pika.exceptions.StreamLostError: Stream connection lost: ConnectionResetError(104, 'Connection reset by peer')`, v1alpha1.CauseUpstreamConnectionLost},
		{`requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: http://auth-api/v1/token`, v1alpha1.CauseUpstreamAuthFailed},
		{`requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: http://pricing-api/v1`, v1alpha1.CauseUpstreamOverloaded},
		{`hvac.exceptions.Forbidden: permission denied, on get http://vault:8200/v1/secret/data/app`, v1alpha1.CauseUpstreamAuthFailed},
		{`Error: read ECONNRESET at http://pricing-api:8080/v1`, v1alpha1.CauseUpstreamConnectionLost},
		{`rpc error: code = Unauthenticated desc = invalid token`, v1alpha1.CauseUpstreamAuthFailed},
		{`rpc error: code = ResourceExhausted desc = quota exceeded`, v1alpha1.CauseUpstreamOverloaded},
		// bash, nginx, the kernel
		{`/entrypoint.sh: line 12: API_KEY: unbound variable`, v1alpha1.CauseEnvVarMissing},
		{`/entrypoint.sh: 3: DATABASE_URL: parameter not set`, v1alpha1.CauseEnvVarMissing},
		{`./run.sh: line 4: API_TOKEN: parameter null or not set`, v1alpha1.CauseEnvVarMissing},
		{`sh: 1: SIGNING_KEY: is not set`, v1alpha1.CauseEnvVarMissing},
		{`/start.sh: line 9: BUCKET: name of the bucket must be set`, v1alpha1.CauseEnvVarMissing},
		{`sh: 1: Cannot fork`, v1alpha1.CauseThreadsExhausted},
		{`PORT environment variable must be a number, not "eighty"`, v1alpha1.CauseEnvVarInvalid},
		{`Illegal division by zero at -e line 1.`, v1alpha1.CauseApplicationError},
		{`Can't locate object method "charge" via package "Till" at /app/lib/Shop.pm line 12, <STDIN> line 3.`, v1alpha1.CauseApplicationError},
		{`cannot open /data/spool: Permission denied at /app/run.pl line 3.`, v1alpha1.CausePermissionDenied},
		{`Out of memory in perl:repeat:repeat`, v1alpha1.CauseHeapExhausted},
		{`Out of memory!`, v1alpha1.CauseHeapExhausted},
		{`nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)`, v1alpha1.CausePermissionDenied},
		{`nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)`, v1alpha1.CausePortInUse},
		{`nginx: [emerg] mkdir() "/var/cache/nginx/client_temp" failed (30: Read-only file system)`, v1alpha1.CauseReadOnlyFilesystem},
		{`nginx: [emerg] cannot load certificate "/etc/nginx/tls.crt": BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory)`, v1alpha1.CauseTLSConfigInvalid},
		{`nginx: [emerg] host not found in upstream "pricing-api" in /etc/nginx/nginx.conf:12`, v1alpha1.CauseUpstreamUnreachable},
		{`/entrypoint.sh: fork: retry: Resource temporarily unavailable`, v1alpha1.CauseThreadsExhausted},
		{`Error: Database is uninitialized and superuser password is not specified.`, v1alpha1.CauseEnvVarMissing},
		// The runbook
		{`ERROR - API_KEY environment variable is required for authentication`, v1alpha1.CauseEnvVarMissing},
		{`ERROR - Database password must be provided`, v1alpha1.CauseEnvVarMissing},
		{`ERROR - SSL configuration error`, v1alpha1.CauseTLSConfigInvalid},
		{`ERROR - Database connection pool exhausted during initialization`, v1alpha1.CausePostgresPoolExhausted},
	}
	for _, test := range tests {
		c := ended(1, "Error", "")
		c.Log = evidence.Log{Previous: []byte("service starting\n" + test.line + "\n")}
		if f := Diagnose(c); f.Cause != test.cause {
			t.Errorf("%s\n got %s (%s), want %s", test.line, f.Cause, f.Confidence, test.cause)
		}
	}
}

// TestWordsOfCauses: a line of the words of each cause that no document has.
func TestWordsOfCauses(t *testing.T) {
	tests := []struct {
		log   string
		cause v1alpha1.Cause
	}{
		{"FATAL license expired on 2026-01-31, exiting", v1alpha1.CauseLicenseInvalid},
		{"requests.exceptions.SSLError: HTTPSConnectionPool(host='pricing', port=8443): Max retries exceeded " +
			"(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed')))", v1alpha1.CauseUpstreamTLSMismatch},
		{`E1124 10:00:00.000000       1 main.go:71] "unable to start" err="secrets is forbidden: User ` +
			`\"system:serviceaccount:shop:app\" cannot list resource \"secrets\" in API group \"\""`, v1alpha1.CauseAPIForbidden},
		{`E1124 10:00:00.000000       1 main.go:91] "problem running manager" err="leader election lost"`, v1alpha1.CauseLeaderElectionLost},
		{`panic: no matches for kind "Certificate" in version "cert-manager.io/v1"`, v1alpha1.CauseUpstreamIncompatible},
		{"ReplyError: READONLY You can't write against a read only replica.", v1alpha1.CauseUpstreamRejectsWrites},
		{"[1]: max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]", v1alpha1.CauseNodeSettingTooLow},
		{"RuntimeError: No CUDA GPUs are available", v1alpha1.CauseDeviceUnavailable},
		{"error: Dirty database version 7. Fix and force version.", v1alpha1.CauseMigrationFailed},
		{"/app/server: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory", v1alpha1.CauseBinaryIncompatible},
	}
	for _, test := range tests {
		t.Run(string(test.cause), func(t *testing.T) {
			c := ended(1, "Error", "")
			c.Log.Previous = []byte(test.log)
			if f := Diagnose(c); f.Cause != test.cause {
				t.Errorf("%s %s: %s, want %s", f.Cause, f.Confidence, f.Message, test.cause)
			}
		})
	}
}

// TestRegistries: what servers, libraries, runtimes and the kernel say by the
// codes and names of their registries, one a line of testdata/registries.tsv.
func TestRegistries(t *testing.T) {
	file, err := os.ReadFile("testdata/registries.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		cause, said, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if !ok {
			t.Fatalf("no cause and no text in %q", line)
		}
		c := ended(1, "Error", "")
		c.Log.Previous = []byte("service starting\n" + said + "\n")
		if f := Diagnose(c); string(f.Cause) != cause {
			t.Errorf("%s\n got %s (%s), want %s", said, f.Cause, f.Confidence, cause)
		}
	}
}
