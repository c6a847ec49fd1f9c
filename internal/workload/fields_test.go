package workload_test

import (
	"testing"

	"github.com/bridgestack/operator/internal/workload"
)

func TestField(t *testing.T) {
	const memory, env = "containers[main].resources.limits.memory", "containers[main].env[PGHOST]"
	for _, c := range []struct{ apiVersion, kind, path, want string }{
		{"postgresql.cnpg.io/v1", "Cluster", memory, "spec.resources.limits.memory"},
		{"postgresql.cnpg.io/v1", "Cluster", env, "spec.env[PGHOST]"},
		{"postgresql.cnpg.io/v1", "Cluster", "containers[main].startupProbe.failureThreshold", "spec.probes.startup.failureThreshold"},
		{"postgresql.cnpg.io/v1", "Cluster", "initContainers[wait]", ""},
		{"kafka.strimzi.io/v1beta2", "Kafka", memory, "spec.kafka.resources.limits.memory"},
		{"core.strimzi.io/v1beta2", "StrimziPodSet", memory, "its KafkaNodePool: spec.resources.limits.memory"},
		{"rabbitmq.com/v1beta1", "RabbitmqCluster", memory, "spec.resources.limits.memory"},
		{"rabbitmq.com/v1beta1", "RabbitmqCluster", env, "spec.override.statefulSet.spec.template.spec.containers[main].env[PGHOST]"},
		{"argoproj.io/v1alpha1", "Rollout", env, "spec.template.spec.containers[main].env[PGHOST]"},
		{"cluster.redpanda.com/v1alpha2", "Redpanda", memory, "spec.clusterSpec.resources.memory.container.max"},
		{"cluster.redpanda.com/v1alpha2", "Redpanda", env, ""},
		{"example.com/v1", "Broker", memory, ""},
	} {
		if got := (workload.Owner{APIVersion: c.apiVersion, Kind: c.kind, Name: "x"}).Field(c.path); got != c.want {
			t.Errorf("%s %s: got %q, want %q", c.kind, c.path, got, c.want)
		}
	}
}
