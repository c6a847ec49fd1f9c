package workload

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fields of another operator's object by what of a pod template they are about. A prefix
// stands for all that begins with it, and what follows it is appended; the first that
// matches counts.
type fields []struct{ of, field string }

// The parts of a container by which fields are told apart.
const (
	ofResources = "resources"
	ofEnv       = "env"
	ofLiveness  = "livenessProbe"
	ofStartup   = "startupProbe"
)

// podTemplate is of those that hold a whole pod template.
var podTemplate = fields{{"template", "spec.template.spec."}}

// fieldsOf the objects of other operators whose fields are known, as their
// documentation has them. A further one is an entry.
var fieldsOf = map[schema.GroupKind]fields{
	{Group: "argoproj.io", Kind: "Rollout"}:               podTemplate,
	{Group: "apps.kruise.io", Kind: "CloneSet"}:           podTemplate,
	{Group: "apps.kruise.io", Kind: "StatefulSet"}:        podTemplate,
	{Group: "apps.kruise.io", Kind: "DaemonSet"}:          podTemplate,
	{Group: "serving.knative.dev", Kind: "Service"}:       podTemplate,
	{Group: "serving.knative.dev", Kind: "Configuration"}: podTemplate,
	{Group: "serving.knative.dev", Kind: "Revision"}:      {{"template", "its Service: spec.template.spec."}}, // a Revision cannot be changed
	{Group: "jobset.x-k8s.io", Kind: "JobSet"}:            {{"template", "spec.replicatedJobs[*].template.spec.template.spec."}},
	{Group: "postgresql.cnpg.io", Kind: "Cluster"}:        {{ofResources, "spec.resources"}, {ofEnv, "spec.env"}, {ofLiveness, "spec.probes.liveness"}, {ofStartup, "spec.probes.startup"}},
	{Group: "rabbitmq.com", Kind: "RabbitmqCluster"}:      {{ofResources, "spec.resources"}, {"template", "spec.override.statefulSet.spec.template.spec."}},
	{Group: "kafka.strimzi.io", Kind: "Kafka"}:            {{ofResources, "spec.kafka.resources"}, {ofEnv, "spec.kafka.template.kafkaContainer.env"}, {ofLiveness, "spec.kafka.livenessProbe"}},
	{Group: "kafka.strimzi.io", Kind: "KafkaNodePool"}:    {{ofResources, "spec.resources"}, {ofEnv, "spec.template.kafkaContainer.env"}},
	{Group: "kafka.strimzi.io", Kind: "KafkaConnect"}:     {{ofResources, "spec.resources"}, {ofEnv, "spec.template.connectContainer.env"}, {ofLiveness, "spec.livenessProbe"}},
	{Group: "core.strimzi.io", Kind: "StrimziPodSet"}:     {{ofResources, "its KafkaNodePool: spec.resources"}, {ofEnv, "its KafkaNodePool: spec.template.kafkaContainer.env"}}, // made of that anew
	{Group: "cluster.redpanda.com", Kind: "Redpanda"}:     {{"resources.limits.memory", "spec.clusterSpec.resources.memory.container.max"}, {ofLiveness, "spec.clusterSpec.statefulset.livenessProbe"}, {ofStartup, "spec.clusterSpec.statefulset.startupProbe"}},
	{Group: "operators.coreos.com", Kind: olmKind}:        {{ofResources, "its Subscription: spec.config.resources"}, {ofEnv, "its Subscription: spec.config.env"}},
}

// Field of the object that a change of its pods' template is about, such as
// spec.resources.limits.memory for containers[postgres].resources.limits.memory; empty
// where it is not known.
func (o Owner) Field(path string) string {
	_, part, ofContainer := strings.Cut(path, "].")
	for _, f := range fieldsOf[o.GroupVersionKind().GroupKind()] {
		switch rest, has := strings.CutPrefix(part, f.of); {
		case f.of == "template":
			return f.field + path
		case ofContainer && has:
			return f.field + rest
		}
	}
	return ""
}
