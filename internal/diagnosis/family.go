package diagnosis

import (
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/logscan"
)

// causeOf is the cause that a fault is in a family.
var causeOf = map[family]map[fault]v1alpha1.Cause{
	familyPostgres: {
		faultHostNotFound: v1alpha1.CausePostgresHostNotFound,
		faultResolver:     v1alpha1.CauseDNSUnavailable,
		faultRefused:      v1alpha1.CausePostgresUnreachable,
		faultTimeout:      v1alpha1.CausePostgresUnreachable,
		faultNoRoute:      v1alpha1.CausePostgresUnreachable,
		faultClosed:       v1alpha1.CausePostgresConnectionLost,
		faultTLS:          v1alpha1.CausePostgresTLSMismatch,
		faultCertificate:  v1alpha1.CausePostgresTLSMismatch,
		faultAuth:         v1alpha1.CausePostgresAuthFailed,
		faultBusy:         v1alpha1.CausePostgresConnectionsExhausted,
		faultGaveUp:       v1alpha1.CausePostgresUnreachable,
	},
	familyKafka: {
		faultHostNotFound: v1alpha1.CauseKafkaHostNotFound,
		faultResolver:     v1alpha1.CauseDNSUnavailable,
		faultRefused:      v1alpha1.CauseKafkaUnreachable,
		faultTimeout:      v1alpha1.CauseKafkaUnreachable,
		faultNoRoute:      v1alpha1.CauseKafkaUnreachable,
		faultClosed:       v1alpha1.CauseKafkaUnreachable,
		faultTLS:          v1alpha1.CauseKafkaTLSMismatch,
		faultCertificate:  v1alpha1.CauseKafkaTLSMismatch,
		faultAuth:         v1alpha1.CauseKafkaAuthFailed,
		faultBusy:         v1alpha1.CauseKafkaCoordinatorUnavailable,
		faultGaveUp:       v1alpha1.CauseKafkaUnreachable,
	},
	familyUpstream: {
		faultHostNotFound: v1alpha1.CauseUpstreamUnreachable,
		faultResolver:     v1alpha1.CauseDNSUnavailable,
		faultRefused:      v1alpha1.CauseUpstreamUnreachable,
		faultTimeout:      v1alpha1.CauseUpstreamUnreachable,
		faultNoRoute:      v1alpha1.CauseUpstreamUnreachable,
		faultClosed:       v1alpha1.CauseUpstreamConnectionLost,
		faultTLS:          v1alpha1.CauseUpstreamTLSMismatch,
		faultCertificate:  v1alpha1.CauseUpstreamTLSMismatch,
		faultAuth:         v1alpha1.CauseUpstreamAuthFailed,
		faultBusy:         v1alpha1.CauseUpstreamOverloaded,
		faultGaveUp:       v1alpha1.CauseUpstreamUnreachable,
	},
}

// The words by which a line shows whose connection it speaks of, in lower case.
var (
	postgresWords = []string{
		"postgre", "psycopg", "asyncpg", "pgx", "pgxpool", "pgpool", "pg_hba", "pg:", "pq:", "pgbouncer", "npgsql", "psqlexception", "psql", "jdbc:postgresql",
		"node_modules/pg", "tokio_postgres", "tokio-postgres", "libpq", "/pg/", "pg-pool", "lib/pq", "pg8000", "hikari", "connection to server at",
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

// wellKnown are the ports that servers of a family listen on by default.
var wellKnown = map[int32]family{
	5432: familyPostgres, 6432: familyPostgres, 5433: familyPostgres,
	9092: familyKafka, 9093: familyKafka, 9094: familyKafka, 29092: familyKafka, 19092: familyKafka,
	6379: familyUpstream, 3306: familyUpstream, 5672: familyUpstream, 27017: familyUpstream, 9200: familyUpstream,
	8500: familyUpstream, 8200: familyUpstream, 80: familyUpstream, 443: familyUpstream, 8080: familyUpstream, 8443: familyUpstream,
	2379: familyUpstream, 11211: familyUpstream, 4222: familyUpstream, 9042: familyUpstream, 389: familyUpstream, 25: familyUpstream, 587: familyUpstream,
}
