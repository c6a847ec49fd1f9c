package v1alpha1_test

import (
	"strconv"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A stack with every kind of field, as its owner would write it.
const wholeStack = `
selector:
  matchLabels: {app.kubernetes.io/part-of: shop}
services:
- name: postgres
  workload: {kind: StatefulSet, name: postgres}
  endpoint:
    postgres: {database: shop}
- name: kafka
  external: true
  endpoint:
    kafka:
      bootstrapServers: ["kafka:9092"]
      topics: [{name: orders, partitions: 3}]
- name: migrate
  workload: {kind: Job, name: migrate}
- name: api
  dependsOn:
  - {service: postgres, condition: service_healthy, connection: {host: POSTGRES_HOST, password: POSTGRES_PASSWORD}}
  - {service: kafka, required: false}
  - {service: migrate, condition: service_completed_successfully}
  endpoint:
    http: {port: 8001, path: /health}
  env:
  - {name: ENVIRONMENT, value: production}
  - {name: EMPTY, value: ""}
  - {name: API_KEY, valueFrom: {secretKeyRef: {name: api, key: key}}}
  - {name: LEVEL, valueFrom: {configMapKeyRef: {name: api, key: level}}}
  memoryCeiling: 1Gi
- name: ledger
  workload: {kind: Cluster.postgresql.cnpg.io, name: ledger}
detection: {restarts: 2, window: 5m, healthFailures: 2, healthWindow: 1m30s}
remediation:
  mode: Auto
  minimumConfidence: High
  remedies: [{name: RollbackRollout, enabled: true}]
  memory: {factorPercent: 150, ceiling: 512Mi}
  budget: {remediesPerHour: 10, concurrent: 1, stormPercent: 40}
  maxAttempts: 3
  cooldown: 500ms
  soak: 1m0.5s
  timeout: 1h0m0s
  escalateAfter: 30m
`

func TestStacksThatAreAccepted(t *testing.T) {
	for name, spec := range map[string]string{
		"every field":          wholeStack,
		"a selector alone":     `{selector: {matchLabels: {app: shop}}}`,
		"an empty selector":    `{selector: {}}`,
		"services alone":       `{services: [{name: api}]}`,
		"compose alone":        `{compose: {inline: "services: {}"}}`,
		"compose by ConfigMap": `{compose: {configMaps: [{name: shop, key: compose.yaml}, {name: shop, key: override.yaml}], projectName: shop, profiles: [prod], env: {TAG: v1}}}`,
		"a compose dependency": `{compose: {inline: "services: {}"}, services: [{name: api, dependsOn: [{service: postgres}]}]}`,
		"a compose name":       `{services: [{name: Hook_receiver.v2}]}`,
		"as many as there may": `{services: [` + repeat(64, func(i string) string { return `{name: s` + i + `}` }) + `]}`,
		"a dense graph": `{services: [{name: root, dependsOn: [` + repeat(32, func(i string) string { return `{service: s` + i + `}` }) + `]},` +
			repeat(32, func(i string) string { return `{name: s` + i + `}` }) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := k8s.Create(t.Context(), object(t, "BridgeStack", "valid", spec), client.DryRunAll); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestStacksThatAreRefused(t *testing.T) {
	tests := []struct{ name, spec, message string }{
		{"nothing to watch", `{paused: true}`,
			"set selector, services or compose: otherwise the stack has no workload"},
		{"compose of nothing", `{compose: {}}`, "set exactly one of inline and configMaps"},
		{"compose twice", `{compose: {inline: "services: {}", configMaps: [{name: a, key: compose.yaml}]}}`, "set exactly one of inline and configMaps"},
		{"compose without a key", `{compose: {configMaps: [{name: a}]}}`, "spec.compose.configMaps[0].key: Required value"},
		{"a compose project's name", `{compose: {inline: a, projectName: My Shop}}`, "spec.compose.projectName"},
		{"a compose file too large", `{compose: {inline: ` + strings.Repeat("a", 131073) + `}}`, "spec.compose.inline: Too long: may not be more than 131072"},
		{"no services in services", `{services: []}`, "spec.services in body should have at least 1 items"},
		{"too many services", `{services: [` + repeat(65, func(i string) string { return `{name: s` + i + `}` }) + `]}`,
			"spec.services: Too many: 65: must have at most 64 items"},
		{"a service twice", `{services: [{name: a}, {name: a}]}`, `spec.services[1]: Duplicate value: {"name":"a"}`},
		{"a service without a name", `{services: [{memoryCeiling: 1Gi}]}`, "spec.services[0].name: Required value"},
		{"a name that is no label", `{services: [{name: "-a"}]}`, "spec.services[0].name"},
		{"unknown dependency", `{services: [{name: a, dependsOn: [{service: b}]}]}`,
			"every services[].dependsOn[].service must be the name of a service in spec.services"},
		{"depends on itself", `{services: [{name: a, dependsOn: [{service: a}]}]}`, "a service cannot depend on itself"},
		{"a dependency twice", `{services: [{name: a, dependsOn: [{service: b}, {service: b}]}, {name: b}]}`,
			`spec.services[0].dependsOn[1]: Duplicate value: {"service":"b"}`},
		{"unknown compose condition", `{services: [{name: a, dependsOn: [{service: b, condition: service_ready}]}, {name: b}]}`,
			`Unsupported value: "service_ready": supported values: "service_started", "service_healthy", "service_completed_successfully"`},
		{"external without endpoint", `{services: [{name: a, external: true}]}`,
			"an external service needs an endpoint: there is no workload to look at"},
		{"external with workload", `{services: [{name: a, external: true, endpoint: {tcp: {port: 1}}, workload: {name: a}}]}`,
			"an external service has no workload: remove workload or external"},
		{"unknown workload kind", `{services: [{name: a, workload: {kind: Secret, name: a}}]}`,
			"must be Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, or another operator's kind with its group, such as Cluster.postgresql.cnpg.io"},
		{"another operator's kind without its group", `{services: [{name: a, workload: {kind: Cluster, name: a}}]}`, "with its group"},
		{"endpoint with two members", `{services: [{name: a, endpoint: {tcp: {port: 1}, http: {port: 1}}}]}`,
			"set exactly one member, such as postgres"},
		{"endpoint with no member", `{services: [{name: a, endpoint: {}}]}`,
			"set exactly one member, such as postgres"},
		{"port out of range", `{services: [{name: a, endpoint: {tcp: {port: 65536}}}]}`,
			"spec.services[0].endpoint.tcp.port in body should be less than or equal to 65535"},
		{"path without slash", `{services: [{name: a, endpoint: {http: {port: 1, path: health}}}]}`,
			"spec.services[0].endpoint.http.path"},
		{"topic that no broker takes", `{services: [{name: a, endpoint: {kafka: {topics: [{name: "a b"}]}}}]}`,
			"spec.services[0].endpoint.kafka.topics[0].name"},
		{"value and valueFrom", `{services: [{name: a, env: [{name: A, value: b, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]}`,
			"set exactly one of value and valueFrom"},
		{"neither value nor valueFrom", `{services: [{name: a, env: [{name: A}]}]}`,
			"set exactly one of value and valueFrom"},
		{"two sources", `{services: [{name: a, env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}, configMapKeyRef: {name: s, key: k}}}]}]}`,
			"set exactly one of secretKeyRef and configMapKeyRef"},
		{"no source", `{services: [{name: a, env: [{name: A, valueFrom: {}}]}]}`,
			"set exactly one of secretKeyRef and configMapKeyRef"},
		{"a variable that no shell takes", `{services: [{name: a, env: [{name: "A=B", value: c}]}]}`,
			"spec.services[0].env[0].name"},
		{"unknown mode", `{selector: {}, remediation: {mode: Yolo}}`,
			`Unsupported value: "Yolo": supported values: "Observe", "Suggest", "Approve", "Auto"`},
		{"unknown confidence", `{selector: {}, remediation: {minimumConfidence: Sure}}`,
			`Unsupported value: "Sure": supported values: "High", "Medium", "Low"`},
		{"unknown remedy", `{selector: {}, remediation: {remedies: [{name: DeleteDatabase, enabled: true}]}}`,
			`Unsupported value: "DeleteDatabase"`},
		{"a factor that lowers", `{selector: {}, remediation: {memory: {factorPercent: 90}}}`,
			"spec.remediation.memory.factorPercent in body should be greater than or equal to 110"},
		{"a ceiling that is no quantity", `{selector: {}, remediation: {memory: {ceiling: lots}}}`,
			"spec.remediation.memory.ceiling"},
		{"no attempts", `{selector: {}, remediation: {maxAttempts: 0}}`,
			"spec.remediation.maxAttempts in body should be greater than or equal to 1"},
	}
	for _, value := range []string{"soon", "5", "-5m", "0s", "5 minutes", "1d", "''", "99999999h"} {
		tests = append(tests, struct{ name, spec, message string }{
			"duration " + value, `{selector: {}, detection: {window: ` + value + `}}`,
			"spec.detection.window",
		})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			refused(t, k8s.Create(t.Context(), object(t, "BridgeStack", "invalid", tt.spec), client.DryRunAll), tt.message)
		})
	}
}

// An object that the operator cannot decode would stop its watch for all.
func TestDurationMessageSaysWhatToWrite(t *testing.T) {
	for _, field := range []string{
		"detection: {window: soon}", "detection: {healthWindow: soon}",
		"remediation: {cooldown: soon}", "remediation: {soak: soon}", "remediation: {timeout: soon}", "remediation: {escalateAfter: soon}",
	} {
		refused(t, k8s.Create(t.Context(), object(t, "BridgeStack", "invalid", "{selector: {}, "+field+"}"), client.DryRunAll),
			"must be a duration greater than zero, such as 30s, 5m or 1h30m")
	}
}

func TestStackNameThatIsNoLabelIsRefused(t *testing.T) {
	refused(t, k8s.Create(t.Context(), object(t, "BridgeStack", strings.Repeat("a", 64), `{selector: {}}`), client.DryRunAll),
		"metadata.name must have at most 63 characters: it becomes a label of the stack's diagnoses")
}

const someDiagnosis = `
stack: shop
service: api
workload: {kind: Deployment, name: api, uid: 7d9b1d0e-5d3e-4f0a-9c5a-0d8f6f6f2a11}
container: app
`

func TestDiagnosisTakesAnApprovalAndNothingElse(t *testing.T) {
	diagnosis := created(t, object(t, "BridgeDiagnosis", "approval", someDiagnosis))

	const message = "a diagnosis is of one container for good: only what a person decides (spec.approved, spec.rejected, spec.takeBack, and by whom) may be changed"
	for _, change := range []string{
		`{"spec":{"stack":"other"}}`, `{"spec":{"service":"other"}}`, `{"spec":{"container":"other"}}`,
		`{"spec":{"workload":{"name":"other"}}}`, `{"spec":{"workload":{"uid":"other"}}}`, `{"spec":{"workload":{"kind":"StatefulSet"}}}`,
	} {
		refused(t, k8s.Patch(t.Context(), diagnosis.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(change))), message)
	}
	for _, change := range []string{`{"spec":{"approved":"set-env-1f3a"}}`, `{"spec":{"approved":null}}`, `{"spec":{"rejected":"set-env-1f3a"}}`, `{"spec":{"takeBack":"set-env-1f3a-1"}}`} {
		if err := k8s.Patch(t.Context(), diagnosis.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(change))); err != nil {
			t.Errorf("%s refused: %v", change, err)
		}
	}
}

func TestDiagnosesThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct{ spec, message string }{
		"no container": {`{stack: s, service: a, workload: {kind: Deployment, name: a, uid: u}}`, "spec.container: Required value"},
		"no uid":       {`{stack: s, service: a, workload: {kind: Deployment, name: a}, container: c}`, "spec.workload.uid: Required value"},
		"unknown kind": {`{stack: s, service: a, workload: {kind: Node, name: a, uid: u}, container: c}`, "with its group"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, k8s.Create(t.Context(), object(t, "BridgeDiagnosis", "invalid", tt.spec), client.DryRunAll), tt.message)
		})
	}
}

// refused checks that the API server said no for this very reason.
func refused(t *testing.T, err error, message string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("accepted, want refused with %q", message)
	case !apierrors.IsInvalid(err):
		t.Errorf("want 422 Invalid, got: %v", err)
	case !strings.Contains(err.Error(), message):
		t.Errorf("refused with\n\t%v\nwant\n\t%s", err, message)
	}
}

// repeat is a list of n entries in YAML.
func repeat(n int, entry func(i string) string) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = entry(strconv.Itoa(i))
	}
	return strings.Join(entries, ", ")
}
