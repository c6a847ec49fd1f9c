package server

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// FuzzEnv: no two variables, whatever their names, make a server that nobody
// can dial.
func FuzzEnv(f *testing.F) {
	for _, pair := range [][4]string{
		{"POSTGRES_HOST", "db", "POSTGRES_PORT", "99999"}, {"PGHOST", "/run/postgresql", "PGPORT", "-1"},
		{"SPRING_DATASOURCE_URL", "jdbc:postgresql://a:1,b/d", "SPRING_KAFKA_BOOTSTRAP_SERVERS", "[::1]:9092, b:x"},
		{"ORDERS_DB_HOST", "a b", "ORDERS_DB_PORT", "5432"}, {"KAFKA_HOST", "k:9092", "KAFKA_PORT", "9093"},
		{"REDIS_URL", "rediss://:p@a:1,b/0", "RABBITMQ_HOST", "a:x"}, {"CACHE", "amqp://[::1]/%2F", "MEMCACHED_SERVERS", "a b"},
		{"", "", "=", "a:1"}, {"_URL", "postgres://", "\x00", "\xff"},
	} {
		f.Add(pair[0], pair[1], pair[2], pair[3])
	}
	f.Fuzz(func(t *testing.T, name, value, other, text string) {
		e := env(name+"="+value, other+"="+text)
		all := Implied(e)
		p, _ := postgresClient(e, Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{Host: name, Port: other}})
		k, _ := kafkaClient(e, Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{Host: other, Port: name}})
		r, _ := redisClients.client(e, Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{Host: name, Port: other}})
		m, _ := rabbitClients.client(e, Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{URL: name}})
		for _, c := range append(all, p, k, r, m) {
			for _, server := range c.Servers {
				if server.Host == "" || server.Port < 1 || server.Port > 65535 || strings.ContainsAny(server.Host, " \n\t,") {
					t.Fatalf("%q=%q and %q=%q gave the server %q", name, value, other, text, server)
				}
			}
		}
	})
}
