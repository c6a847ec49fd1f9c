package diagnosis

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// withServers is the env of a program that uses Postgres, Kafka and Redis.
func withServers() evidence.Env {
	env := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}
	for name, value := range map[string]string{
		"DATABASE_URL": "postgres://app:x@orders-db:5432/orders", "KAFKA_BROKERS": "kafka:9092", "REDIS_URL": "redis://redis-master:6379/0",
	} {
		env.Variables[name] = evidence.Variable{Name: name, Value: value}
	}
	return env
}

// TestClientWords: what clients say of servers, beside what it must not be
// taken for.
func TestClientWords(t *testing.T) {
	tests := []struct {
		name, log string
		cause     v1alpha1.Cause
	}{
		{"pgx, login timed out", "2026/11/24 10:00:00 failed to connect to `user=app database=orders`: 10.96.41.99:5432 (orders-db): failed SASL auth: timeout: context deadline exceeded", v1alpha1.CausePostgresUnreachable},
		{"pgx, login cut off", "2026/11/24 10:00:00 failed to connect to `user=app database=orders`: 10.96.41.99:5432 (orders-db): failed SASL auth: unexpected EOF", v1alpha1.CausePostgresConnectionLost},
		{"pgx, login refused", "2026/11/24 10:00:00 failed to connect to `user=app database=orders`: 10.96.41.99:5432 (orders-db): failed SASL auth: FATAL: password authentication failed for user \"app\" (SQLSTATE 28P01)", v1alpha1.CausePostgresAuthFailed},
		{"psycopg, time-out", "CRITICAL cannot start: connection timeout expired", v1alpha1.CausePostgresUnreachable},
		{"psycopg, resolver", "psycopg.OperationalError: failed to resolve host 'orders-db': [Errno -3] Temporary failure in name resolution", v1alpha1.CauseDNSUnavailable},
		{"r2dbc, role", `io.r2dbc.postgresql.ExceptionFactory$PostgresqlAuthenticationFailure: role "ghost" does not exist`, v1alpha1.CausePostgresAuthFailed},
		{"lib/pq, role", `ping database: pq: role "ghost" does not exist (28000)`, v1alpha1.CausePostgresAuthFailed},
		{"pg_isready", "orders-db:5432 - no response\nwaiting for postgres\norders-db:5432 - no response\ngave up waiting for database", v1alpha1.CausePostgresUnreachable},
		{"pg_isready, starting", "orders-db:5432 - rejecting connections\ngave up waiting for database", v1alpha1.CausePostgresStarting},
		{"wait-for-it", "wait-for-it.sh: waiting 15 seconds for orders-db:5432\nwait-for-it.sh: timeout occurred after waiting 15 seconds for orders-db:5432", v1alpha1.CausePostgresUnreachable},
		{"librdkafka, handshake", "%3|1795517393.968|FAIL|rdkafka#producer-1| [thrd:sasl_plaintext://kafka:9092/bootstrap]: sasl_plaintext://kafka:9092/bootstrap: Failed to initialize SASL authentication: SASL Handshake not supported by broker\n% ERROR: Local: All broker connections are down: 1/1 brokers are down: terminating", v1alpha1.CauseKafkaAuthFailed},
		{"an error's fields that are false", "ProtocolError: GROUP_AUTHORIZATION_FAILED\n  apiId: 'GROUP_AUTHORIZATION_FAILED',\n  producerFenced: false,\n  rebalanceInProgress: false,\n  unknownMemberId: false,\n}", v1alpha1.CauseKafkaAuthorizationDenied},
		{"celery", "kombu.exceptions.OperationalError: [Errno 111] Connection refused", v1alpha1.CauseUpstreamUnreachable},
		{"nats, refused", "NatsError: CONNECTION_REFUSED", v1alpha1.CauseUpstreamUnreachable},
		{"nats, login", "nats: Authorization Violation", v1alpha1.CauseUpstreamAuthFailed},
		{"vault", "fatal: permission denied, on get http://vault:8200/v1/secret/data/app", v1alpha1.CauseUpstreamAuthFailed},
		{"aiohttp", "aiohttp.client_exceptions.ClientResponseError: 401, message='Unauthorized', url='http://pricing:8080/v1'", v1alpha1.CauseUpstreamAuthFailed},
		{"requests, retries", "requests.exceptions.RetryError: HTTPConnectionPool(host='pricing', port=8080): Max retries exceeded with url: /v1 (Caused by ResponseError('too many 503 error responses'))", v1alpha1.CauseUpstreamOverloaded},
		{"net/http", `/app/pricing.rb:4:in 'value': 503 "Service Unavailable" (Net::HTTPFatalError)`, v1alpha1.CauseUpstreamOverloaded},
		{"redis, loading", "redis.exceptions.BusyLoadingError: Redis is loading the dataset in memory", v1alpha1.CauseUpstreamStarting},
		{"phpredis", "PHP Fatal error:  Uncaught RedisException: socket error on read socket in /app/cache.php:9", v1alpha1.CauseUpstreamConnectionLost},
		{"c-ares", "status = StatusCode.UNAVAILABLE\ndetails = \"errors resolving pricing:8080: address lookup failed for pricing:8080: DNS server returned general failure\"", v1alpha1.CauseDNSUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := ended(1, "Error", "")
			c.Env = withServers()
			c.Log.Previous = []byte(test.log)
			if f := Diagnose(c); f.Cause != test.cause {
				t.Errorf("%s %s: %s, want %s", f.Cause, f.Confidence, f.Message, test.cause)
			}
		})
	}
}

// TestWordsThatMeanNothing: logs that name servers and errors without a
// connection having failed. What ended the process is the line that follows.
func TestWordsThatMeanNothing(t *testing.T) {
	last := "\nTraceback (most recent call last):\n  File \"/app/main.py\", line 9, in <module>\n    total = order['customer_id']\nKeyError: 'customer_id'"
	tests := []struct{ name, log string }{
		{"metrics' names", "INFO registered metric postgres_connection_errors_total\nINFO registered metric kafka_connection_refused_total\nINFO registered metric redis_timeouts_total"},
		{"options", "INFO pool options: connect_timeout=5 pool_timeout=30 idle_timeout=600 ssl=false\nINFO request.timeout.ms = 30000, connections.max.idle.ms = 540000"},
		{"a statement", `DEBUG executing INSERT INTO audit(message) VALUES ('connection to server at "db" failed: Connection refused')`},
		{"survived", "WARNING redis-master:6379: Connection refused, cache disabled, continuing without it"},
		{"came back", "ERROR cannot connect to postgres: connection to server at \"orders-db\" (10.96.41.99), port 5432 failed: Connection refused\nINFO retrying in 2s\nINFO connected to postgres"},
		{"documents", "INFO loaded handlers for 401, 403, 429, 503\nINFO error catalogue has 57P01, 28P01 and 53300"},
		{"requests that were answered", `INFO 10.244.0.9 "GET /v1/orders HTTP/1.1" 503 91` + "\n" + `INFO 10.244.0.9 "GET /v1/orders HTTP/1.1" 401 12`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := ended(1, "Error", "")
			c.Env = withServers()
			c.Log.Previous = []byte(test.log + last)
			if f := Diagnose(c); f.Cause != v1alpha1.CauseApplicationError {
				t.Errorf("%s %s: %s", f.Cause, f.Confidence, f.Message)
			}
		})
	}
}
