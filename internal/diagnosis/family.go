package diagnosis

import (
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/logscan"
	"github.com/bridgestack/operator/internal/server"
)

// causeOf is the cause that a fault is in a family.
var causeOf = func() map[family]map[fault]v1alpha1.Cause {
	out := map[family]map[fault]v1alpha1.Cause{familyUpstream: causesOf(server.UpstreamCauses)}
	for _, k := range server.Kinds() {
		if k.Causes != nil {
			out[familyOfKind(k)] = causesOf(*k.Causes)
		}
	}
	return out
}()

func causesOf(c server.Causes) map[fault]v1alpha1.Cause {
	return map[fault]v1alpha1.Cause{
		faultHostNotFound: c.HostNotFound,
		faultResolver:     v1alpha1.CauseDNSUnavailable,
		faultRefused:      c.Unreachable,
		faultTimeout:      c.Unreachable,
		faultNoRoute:      c.Unreachable,
		faultClosed:       c.ConnectionLost,
		faultTLS:          c.TLSMismatch,
		faultCertificate:  c.TLSMismatch,
		faultAuth:         c.AuthFailed,
		faultBusy:         c.Busy,
		faultGaveUp:       c.Unreachable,
	}
}

// The words by which a line shows whose connection it speaks of, in lower case.
var (
	postgresWords = []string{
		"postgre", "psycopg", "asyncpg", "pgx", "pgxpool", "pgpool", "pg_hba", "pg:", "pq:", "pgbouncer", "npgsql", "psqlexception", "psql", "jdbc:postgresql",
		"node_modules/pg", "pgsql", "tokio_postgres", "tokio-postgres", "libpq", "/pg/", "pg-pool", "lib/pq", "pg8000", "hikari", "connection to server at",
		"connection to server on", "error connecting to server", "could not connect to server", "pgconn", "pgjdbc", "pg::", "_pg.", "scram-server",
	}
	kafkaWords = []string{
		"kafka", "rdkafka", "sarama", "franz", "connection to broker", "brokers", "bootstrap server", "bootstrap.server", "bootstrap_server", "redpanda", "seed broker", "consumer group", "[thrd:",
	}
	upstreamWords = []string{
		"http://", "https://", "redis", "amqp", "rabbit", "mysql", "mariadb", "mongo", "elastic", "opensearch", "consul", "vault", "httpconnectionpool",
		"httpsconnectionpool", "grpc", "rpc error", "memcache", "etcd", "cassandra", "minio", "smtp", "ldap", "nats", "clickhouse", "undici", "axios",
		"fetch failed", "httpx", "reqwest", "hyper", "urllib3", "urlopen", "okhttp", "resttemplate", "httpclient", "faraday", "net::http", "keycloak", "zookeeper",
		"kombu", "celery", "pika", "aiormq", "lapin", "bunny::", "temporal", "statsd", "otel", "s3", "resourceaccessexception", "webclient", "lettuce", "jedis",
	}
)

var familyWords = sync.OnceValue(func() *logscan.Words[family] {
	lists := map[string]family{}
	for f, words := range map[family][]string{familyPostgres: postgresWords, familyKafka: kafkaWords, familyUpstream: upstreamWords} {
		for _, word := range words {
			lists[word] = f
		}
	}
	words, err := logscan.NewWords(lists)
	if err != nil {
		panic("diagnosis: " + err.Error()) // A mistake in the lists: no test passes with it.
	}
	return words
})

// wordsOf is the family that a text's words are of: the one named last, as
// wrappers come before what they wrap. False where there are none.
func wordsOf(text string) (family, bool) { return familyWords().Last(text) }
