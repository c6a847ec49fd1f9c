package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func TestUndeclared(t *testing.T) {
	postgres := v1alpha1.Service{Name: "postgres", Endpoint: &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{}}}
	kafka := v1alpha1.Service{Name: "redpanda", Endpoint: &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{}}}
	api := v1alpha1.Service{Name: "api"}
	declaring := v1alpha1.Service{Name: "api", DependsOn: []v1alpha1.Dependency{{Service: "postgres"}}}
	for name, c := range map[string]struct {
		service   v1alpha1.Service
		env       []string
		of, other []string
	}{
		"nothing":                   {service: api},
		"a service of the stack":    {service: api, env: []string{"POSTGRES_HOST=postgres", "KAFKA_BROKERS=redpanda:9092"}, of: []string{"postgres", "redpanda"}},
		"somewhere else":            {service: api, env: []string{"DATABASE_URL=postgres://u:p@localhost/d"}, other: []string{"localhost"}},
		"another port":              {service: api, env: []string{"KAFKA_BROKERS=redpanda:29092"}, other: []string{"redpanda"}},
		"what it declares":          {service: declaring, env: []string{"POSTGRES_HOST=localhost", "KAFKA_BROKERS=redpanda:9092"}, of: []string{"redpanda"}},
		"the database's own":        {service: postgres, env: []string{"POSTGRES_DB=d", "POSTGRES_PASSWORD=p", "PGHOST=/var/run", "POSTGRES_HOST=standby"}},
		"twice the same in the env": {service: api, env: []string{"POSTGRES_HOST=postgres", "DATABASE_URL=postgres://u:p@postgres/d"}, of: []string{"postgres"}},
	} {
		t.Run(name, func(t *testing.T) {
			of, other := Undeclared(c.service, []v1alpha1.Service{postgres, kafka, api}, env(c.env...))
			var gotOf, gotOther []string
			for _, d := range of {
				gotOf = append(gotOf, d.Service)
			}
			for _, o := range other {
				gotOther = append(gotOther, o.Service)
			}
			if diff := cmp.Diff([][]string{c.of, c.other}, [][]string{gotOf, gotOther}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
