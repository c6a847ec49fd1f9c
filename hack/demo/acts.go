package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// act is one part of the demo: a fault, and what must become of it.
type act struct {
	// title says what is to be seen, and moral what was.
	title, moral string
	// scenario of config/testdata that is started, in a namespace of its own;
	// empty where the act goes on with that of the one before.
	scenario string
	// faults are the scenario's in config/testdata/components, where the stack is
	// not the sample's but made of a compose file, as its users would.
	faults []string
	// project is that compose file, which no folder of config/testdata stands for;
	// empty for the options' own.
	project string
	// notInOrder starts everything at once.
	notInOrder bool
	// play is what a person does at the beginning, nil for nothing.
	play     func(ctx context.Context, t target, namespace string) error
	expected []expectation
}

// expectation is what must become of a service.
type expectation struct {
	service string
	state   v1alpha1.DiagnosisState
	// takenBack says that a remedy is tried and taken back: else nothing may be
	// tried on what is left to a person.
	takenBack bool
}

// acts in their order.
var acts = []act{
	{
		title: "a compose file, and five faults at once", scenario: "demo",
		faults: []string{"quick", "postgres-host-localhost", "kafka-bootstrap-localhost", "memory-limit-too-small", "api-key-missing", "wrong-password"},
		moral:  "Four services were repaired and the fifth was left to a person",
		expected: []expectation{
			{service: "hook-receiver", state: v1alpha1.StateRecovered},
			{service: "workflow-coordinator", state: v1alpha1.StateRecovered},
			{service: "model-metrics", state: v1alpha1.StateRecovered},
			{service: "metadata-stamping", state: v1alpha1.StateRecovered},
			{service: "event-publisher", state: v1alpha1.StateEscalated}, // a wrong password is for a person
		},
	},
	{
		// Pods of a compose file would wait for it before they start, and none would loop.
		title: "a database that cannot start, and the five services that need it", scenario: "postgres-down-then-up", notInOrder: true,
		moral: "A person was called for the root alone; the five that only suffer from it wait, and nothing of them was touched",
		expected: []expectation{
			{service: "postgres", state: v1alpha1.StateEscalated},
			{service: "hook-receiver", state: v1alpha1.StateWaiting},
			{service: "workflow-coordinator", state: v1alpha1.StateWaiting},
			{service: "model-metrics", state: v1alpha1.StateWaiting},
			{service: "metadata-stamping", state: v1alpha1.StateWaiting},
			{service: "event-publisher", state: v1alpha1.StateWaiting},
		},
	},
	{
		title: "a person makes the ConfigMap that the database lacks", play: createTuning,
		moral: "With the root the five came up, without sitting out their back-off",
		expected: []expectation{
			{service: "postgres", state: v1alpha1.StateRecovered},
			{service: "hook-receiver", state: v1alpha1.StateRecovered},
			{service: "workflow-coordinator", state: v1alpha1.StateRecovered},
			{service: "model-metrics", state: v1alpha1.StateRecovered},
			{service: "metadata-stamping", state: v1alpha1.StateRecovered},
			{service: "event-publisher", state: v1alpha1.StateRecovered},
		},
	},
	{
		title: "a service that needs more memory than the policy allows", scenario: "memory-not-enough-and-rolled-back",
		moral:    "What did not help was taken back, to the byte, and a person was called",
		expected: []expectation{{service: "model-metrics", state: v1alpha1.StateEscalated, takenBack: true}},
	},
	{
		title: "FastAPI, asyncpg and aiokafka as they fail: one service warns of Kafka and ends for PostgreSQL, another's consumer group is fenced", scenario: "services",
		project: "../test/services/compose.yaml",
		faults:  []string{"quick", "postgres-and-kafka-published", "coordinators-fenced"},
		moral:   "Each was told by what ended it, and repaired: the port of one, and the other's consumer group, which was empty",
		expected: []expectation{
			{service: "hook-receiver", state: v1alpha1.StateRecovered},
			{service: "workflow-coordinator", state: v1alpha1.StateRecovered},
		},
	},
}

// namespaceOf an act, that of its scenario.
func (o options) namespaceOf(i int) string {
	for ; i > 0; i-- {
		if acts[i].scenario != "" {
			return fmt.Sprintf("%s-%d", o.namespace, i+1)
		}
	}
	return o.namespace
}

// createTuning makes what postgres-down-then-up leaves out.
func createTuning(ctx context.Context, t target, namespace string) error {
	missing := &corev1.ConfigMap{}
	missing.Namespace, missing.Name = namespace, "postgres-tuning"
	if err := t.Create(ctx, missing, client.FieldOwner(fieldManager)); err != nil {
		return fmt.Errorf("create ConfigMap %s: %w", missing.Name, err)
	}
	return nil
}
