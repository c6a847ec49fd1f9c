package observe

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/redact"
)

// ordinaryStacks are Secrets as samples, charts and people in a hurry make them: the
// password is a word that everything else is called by, too.
var ordinaryStacks = []map[string]string{
	{"username": "postgres", "password": "postgres", "database": "postgres", "host": "postgres", "port": "5432"},
	{"POSTGRES_USER": "orders", "POSTGRES_PASSWORD": "orders", "POSTGRES_DB": "orders"},
	{"user": "shop-app", "password": "shop-app", "dbname": "shop-app", "host": "db.shop.svc.cluster.local"},
	{"username": "admin", "password": "admin", "RABBITMQ_DEFAULT_VHOST": "/"},
	{"password": "true", "token": "5432", "secret": "8080", "pin": "1234", "debug": "info"},
	{"password": "redis", "REDIS_HOST": "redis", "REDIS_PORT": "6379"},
	{"bootstrap_servers": "kafka-0.kafka:9092,kafka-1.kafka:9092", "group": "orders-worker", "topic": "orders.events.v1", "password": "kafka"},
	{"DATABASE_URL": "postgres://orders:orders@postgres:5432/orders"},
	{"DATABASE_URL": "postgres://app:secret@db:5432/shop?sslmode=disable&application_name=app@shop"},
	{"application.properties": "server.port=8080\nspring.datasource.username=orders\nspring.datasource.url=jdbc:postgresql://postgres:5432/orders\nspring.datasource.password=changeme\n"},
	{"config.json": `{"host":"postgres","port":5432,"user":"orders","database":"orders","password":"password","ssl":false,"mode":"production"}`},
}

// ordinaryMessages are what is cited to a person who has to understand them.
var ordinaryMessages = []string{
	`FATAL:  password authentication failed for user "postgres"`,
	`FATAL:  database "orders" does not exist`,
	`FATAL:  role "shop-app" does not exist`,
	`psycopg2.OperationalError: connection to server at "postgres" (10.96.0.12), port 5432 failed: Connection refused`,
	`could not translate host name "db.shop.svc.cluster.local" to address: Name or service not known`,
	`dial tcp: lookup redis on 10.96.0.10:53: no such host`,
	`Error 1045 (28000): Access denied for user 'orders'@'10.244.0.7' (using password: YES)`,
	`[Consumer clientId=orders-worker-1, groupId=orders-worker] Connection to node -1 (kafka-0.kafka/10.96.0.9:9092) could not be established`,
	`UNKNOWN_TOPIC_OR_PARTITION: topic orders.events.v1`,
	`bind: address already in use: 0.0.0.0:8080`,
	`pydantic: DEBUG: value could not be parsed to a boolean (got "info"), expected true or false`,
	`connect ECONNREFUSED 127.0.0.1:6379`,
	`ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN for user "admin"`,
	`exited with code 137 (OOMKilled) after 5432 ms in production`,
}

// Nothing that a person needs is redacted away because a bad password is called like it.
func TestOrdinaryStacksStayLegible(t *testing.T) {
	changed := 0
	for i, data := range ordinaryStacks {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "orders", EnvFrom: []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "app"}}}}}}}}
		found := objects{objectKey{kindSecret, "app"}: {found: true, data: data}}
		values := namedValues{}
		values.addObjects(found)
		values.addEnv(effectiveEnv(pod, &pod.Spec.Containers[0], found, nil))
		redactor := redact.New(values.secrets()...)
		for _, message := range ordinaryMessages {
			if got := redactor.Text(message); got != message {
				changed++
				t.Errorf("stack %d: %q became %q", i, message, got)
			}
		}
		for _, told := range []struct{ text, want string }{
			{"connect to postgres://web:orders@postgres:5432/web failed", "connect to postgres://web:[redacted]@postgres:5432/web failed"},
			{"password=orders user=orders", "password=[redacted] user=orders"},
		} {
			if got := redactor.Text(told.text); got != told.want {
				t.Errorf("stack %d: %q became %q, want %q", i, told.text, got, told.want)
			}
		}
	}
	t.Logf("security: legible: %d messages with %d ordinary stacks, %d changed", len(ordinaryMessages), len(ordinaryStacks), changed)
}
