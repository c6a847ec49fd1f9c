package observe

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/evidence"
)

// podFrom reads a pod as a person writes it.
func podFrom(t testing.TB, text string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(text), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

var someObjects = objects{
	{kindConfigMap, "settings"}: {found: true, data: map[string]string{
		"ENVIRONMENT": "production", "POSTGRES_HOST": "localhost", "DATABASE_URL": "postgres://shop:hunter2@db/shop"}},
	{kindSecret, "credentials"}: {found: true, data: map[string]string{"password": "pa$$(A)word", "EMPTY": ""}},
	{kindSecret, "gone"}:        {missing: true},
	{kindConfigMap, "hidden"}:   {}, // could not be read
}

// show is the environment as name=value, with what is secret, missing and
// unresolved marked.
func show(env evidence.Env) map[string]string {
	out := map[string]string{}
	for name, v := range env.Variables {
		switch {
		case v.Missing:
			out[name] = "<missing>"
		case v.Unresolved:
			out[name] = "<unresolved>"
		case v.Secret.IsSet():
			out[name] = "secret:" + v.Secret.Reveal()
		default:
			out[name] = v.Value
		}
	}
	return out
}

func TestEffectiveEnv(t *testing.T) {
	for _, test := range []struct {
		name       string
		container  string
		want       map[string]string
		incomplete bool
	}{
		{"literals", `
env: [{name: A, value: a}, {name: EMPTY}, {name: B, value: "$(A)-$$(A)-$(C)"}, {name: C, value: c}]`,
			map[string]string{"A": "a", "EMPTY": "", "B": "a-$(A)-$(C)", "C": "c"}, false},
		{"the last of a name wins, and sees the one before", `
env: [{name: A, value: a}, {name: A, value: "$(A)b"}]`,
			map[string]string{"A": "ab"}, false},
		{"envFrom with a prefix, overridden by env", `
envFrom: [{prefix: X_, configMapRef: {name: settings}}, {configMapRef: {name: settings}}]
env: [{name: POSTGRES_HOST, value: db}, {name: ENVIRONMENT, value: "not-$(ENVIRONMENT)"}]`,
			map[string]string{"X_ENVIRONMENT": "production", "X_POSTGRES_HOST": "localhost", "X_DATABASE_URL": "secret:postgres://shop:hunter2@db/shop",
				"ENVIRONMENT": "not-production", "POSTGRES_HOST": "db", "DATABASE_URL": "secret:postgres://shop:hunter2@db/shop"}, false},
		{"keys of Secrets and ConfigMaps; their values are not expanded", `
env:
- {name: A, value: a}
- {name: POSTGRES_PASSWORD, valueFrom: {secretKeyRef: {name: credentials, key: password}}}
- {name: POSTGRES_HOST, valueFrom: {configMapKeyRef: {name: settings, key: POSTGRES_HOST}}}
- {name: EMPTY, valueFrom: {secretKeyRef: {name: credentials, key: EMPTY}}}`,
			map[string]string{"A": "a", "POSTGRES_PASSWORD": "secret:pa$$(A)word", "POSTGRES_HOST": "localhost", "EMPTY": ""}, false},
		{"what is made of a secret is one", `
env:
- {name: P, valueFrom: {secretKeyRef: {name: credentials, key: password}}}
- {name: DSN, value: "host=db pw=$(P)"}
- {name: AGAIN, value: "$(DSN)"}`,
			map[string]string{"P": "secret:pa$$(A)word", "DSN": "secret:host=db pw=pa$$(A)word", "AGAIN": "secret:host=db pw=pa$$(A)word"}, false},
		{"a literal that is a secret by its name or form", `
env: [{name: API_KEY, value: k-123456}, {name: BACKEND, value: "amqp://u:hunter2@mq/"}]`,
			map[string]string{"API_KEY": "secret:k-123456", "BACKEND": "secret:amqp://u:hunter2@mq/"}, false},
		{"missing objects and keys", `
env:
- {name: A, valueFrom: {secretKeyRef: {name: gone, key: a}}}
- {name: B, valueFrom: {configMapKeyRef: {name: settings, key: nope}}}
- {name: C, valueFrom: {configMapKeyRef: {name: settings, key: nope, optional: true}}}
- {name: D, value: "$(A)"}`,
			map[string]string{"A": "<missing>", "B": "<missing>", "C": "<missing>", "D": "$(A)"}, false},
		{"an optional key that is missing leaves what envFrom gave", `
envFrom: [{configMapRef: {name: settings}}, {secretRef: {name: gone, optional: true}}]
env: [{name: ENVIRONMENT, valueFrom: {secretKeyRef: {name: gone, key: a, optional: true}}}]`,
			map[string]string{"ENVIRONMENT": "production", "POSTGRES_HOST": "localhost", "DATABASE_URL": "secret:postgres://shop:hunter2@db/shop"}, false},
		{"what cannot be read is not known, nor what is made of it", `
env:
- {name: A, valueFrom: {configMapKeyRef: {name: hidden, key: a}}}
- {name: B, value: "x$(A)"}
- {name: C, value: "c"}`,
			map[string]string{"A": "<unresolved>", "B": "<unresolved>", "C": "c"}, true},
		{"envFrom that cannot be read", `
envFrom: [{configMapRef: {name: hidden}}]
env: [{name: A, value: "$(FROM_HIDDEN)"}, {name: B, value: b}]`,
			map[string]string{"A": "<unresolved>", "B": "b"}, true},
		{"fields of the pod", `
resources: {limits: {memory: 100Mi, cpu: 250m}, requests: {cpu: 1500m}}
env:
- {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['tier']"}}}
- {name: NOTE, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['example.org/note']"}}}
- {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
- {name: CPU, valueFrom: {resourceFieldRef: {resource: requests.cpu}}}
- {name: MILLIS, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
- {name: ASKED, valueFrom: {resourceFieldRef: {resource: requests.memory}}}
- {name: DISK, valueFrom: {resourceFieldRef: {resource: limits.ephemeral-storage}}}`,
			map[string]string{"NAME": "app-1", "NS": "shop", "TIER": "back", "NOTE": "noted", "IP": "10.0.0.7", "NODE": "<unresolved>",
				"MEM": "100", "CPU": "2", "MILLIS": "250", "ASKED": "0", "DISK": "<unresolved>"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			pod := podFrom(t, `
metadata: {name: app-1, namespace: shop, labels: {tier: back}, annotations: {example.org/note: noted}}
status: {podIP: 10.0.0.7}`)
			var c corev1.Container
			if err := yaml.UnmarshalStrict([]byte(test.container), &c); err != nil {
				t.Fatal(err)
			}
			env := effectiveEnv(pod, &c, someObjects, nil)
			if diff := cmp.Diff(test.want, show(env)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if env.Complete == test.incomplete {
				t.Errorf("Complete = %t", env.Complete)
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	var c corev1.Container
	err := yaml.UnmarshalStrict([]byte(`
envFrom: [{prefix: X_, secretRef: {name: credentials}}]
env: [{name: A, valueFrom: {configMapKeyRef: {name: settings, key: ENVIRONMENT}}}, {name: B, value: b}]`), &c)
	if err != nil {
		t.Fatal(err)
	}
	env := effectiveEnv(&corev1.Pod{}, &c, someObjects, nil)
	for name, want := range map[string]evidence.Origin{
		"X_password": {Kind: evidence.OriginSecret, Object: "credentials", Key: "password", FromAll: true},
		"A":          {Kind: evidence.OriginConfigMap, Object: "settings", Key: "ENVIRONMENT"},
		"B":          {Kind: evidence.OriginLiteral},
	} {
		if got := env.Variables[name].Origin; got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestConfigObjects(t *testing.T) {
	changed := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	found := objects{
		{kindSecret, "a"}: {found: true, data: map[string]string{"k": "v"}, changed: changed},
		{kindSecret, "b"}: {missing: true},
		{kindSecret, "d"}: {missing: true},
		{kindSecret, "c"}: {},
	}
	pod := podFrom(t, `
spec:
  volumes:
  - {name: v, secret: {secretName: a, items: [{key: tls.crt, path: x}]}}
  - {name: unused, secret: {secretName: never}}
  - {name: p, projected: {sources: [{secret: {name: d, optional: true}}, {configMap: {name: kube-root-ca.crt}}]}}
  containers:
  - name: app
    envFrom: [{secretRef: {name: b, optional: true}}, {secretRef: {name: c}}]
    env:
    - {name: A, valueFrom: {secretKeyRef: {name: a, key: k}}}
    - {name: B, valueFrom: {secretKeyRef: {name: a, key: nope}}}
    - {name: C, valueFrom: {secretKeyRef: {name: a, key: maybe, optional: true}}}
    - {name: D, valueFrom: {secretKeyRef: {name: b, key: k}}}
    volumeMounts: [{name: v, mountPath: /v}, {name: p, mountPath: /p}]`)
	got := configObjects(references(pod, &pod.Spec.Containers[0]), found)
	want := []evidence.ConfigObject{
		{Kind: "Secret", Name: "b", Missing: true},
		{Kind: "Secret", Name: "a", MissingKeys: []string{"nope", "tls.crt"}, Changed: changed},
		{Kind: "Secret", Name: "d", Missing: true, Optional: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestChanged(t *testing.T) {
	at := func(minute int) *metav1.Time {
		return &metav1.Time{Time: time.Date(2026, 11, 24, 12, minute, 0, 0, time.UTC)}
	}
	meta := metav1.ObjectMeta{CreationTimestamp: *at(1), ManagedFields: []metav1.ManagedFieldsEntry{{Time: at(5)}, {Time: at(3)}, {}}}
	if got := changed(&meta); !got.Equal(at(5).Time) {
		t.Errorf("got %v, want the newest manager's time", got)
	}
	meta.ManagedFields = nil
	if got := changed(&meta); !got.Equal(at(1).Time) {
		t.Errorf("got %v, want the creation time", got)
	}
}

func TestServiceLinks(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
	services := []corev1.Service{
		{ObjectMeta: metav1.ObjectMeta{Name: "redis-primary", CreationTimestamp: created}, Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.11",
			Ports: []corev1.ServicePort{{Port: 6379, Protocol: corev1.ProtocolTCP}, {Name: "gossip-x", Port: 7000, Protocol: corev1.ProtocolUDP}}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "headless"}, Spec: corev1.ServiceSpec{ClusterIP: "None", Ports: []corev1.ServicePort{{Port: 1}}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "external"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}},
	}
	values := func(pod *corev1.Pod, started time.Time) map[string]string {
		out := map[string]string{}
		for _, v := range serviceLinks(pod, services, started) {
			out[v.Name] = v.Value
		}
		return out
	}
	want := map[string]string{
		"REDIS_PRIMARY_SERVICE_HOST":          "10.0.0.11",
		"REDIS_PRIMARY_SERVICE_PORT":          "6379",
		"REDIS_PRIMARY_SERVICE_PORT_GOSSIP_X": "7000",
		"REDIS_PRIMARY_PORT":                  "tcp://10.0.0.11:6379",
		"REDIS_PRIMARY_PORT_6379_TCP":         "tcp://10.0.0.11:6379",
		"REDIS_PRIMARY_PORT_6379_TCP_PROTO":   "tcp",
		"REDIS_PRIMARY_PORT_6379_TCP_PORT":    "6379",
		"REDIS_PRIMARY_PORT_6379_TCP_ADDR":    "10.0.0.11",
		"REDIS_PRIMARY_PORT_7000_UDP":         "udp://10.0.0.11:7000",
		"REDIS_PRIMARY_PORT_7000_UDP_PROTO":   "udp",
		"REDIS_PRIMARY_PORT_7000_UDP_PORT":    "7000",
		"REDIS_PRIMARY_PORT_7000_UDP_ADDR":    "10.0.0.11",
	}
	if diff := cmp.Diff(want, values(&corev1.Pod{}, time.Time{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := values(&corev1.Pod{}, created.Add(-time.Second)); len(got) != 0 {
		t.Errorf("a Service that came after the container was started: got %v", got)
	}
	off := false
	if got := values(&corev1.Pod{Spec: corev1.PodSpec{EnableServiceLinks: &off}}, time.Time{}); len(got) != 0 {
		t.Errorf("enableServiceLinks: false: got %v", got)
	}
	pod := podFrom(t, `spec: {containers: [{name: app, env: [{name: REDIS_PRIMARY_PORT, value: "6379"}]}]}`)
	env := effectiveEnv(pod, &pod.Spec.Containers[0], nil, serviceLinks(pod, services, time.Time{}))
	if got := env.Get("REDIS_PRIMARY_PORT"); got != "6379" {
		t.Errorf("env does not override a link: got %q", got)
	}
	if got := env.Variables["REDIS_PRIMARY_SERVICE_HOST"].Origin; got.Kind != evidence.OriginService || got.Object != "redis-primary" {
		t.Errorf("origin of a link: got %+v", got)
	}
}
