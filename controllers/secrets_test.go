package controllers_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

func secretEnv(name, secret, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key}}}
}

// Who may write a BridgeStack and nothing else gets no Secret by it: his listener
// is asked whether it is there, and no client logs in at it.
func TestAnAuthorHarvestsNoSecret(t *testing.T) {
	const secret = "sk_live_51-THE-SECRET"
	k := servers.Kafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "x", "y"))
	var mu sync.Mutex
	logins, asked := 0, 0
	k.ControlKey(int16(kmsg.SASLAuthenticate), func(kmsg.Request) (kmsg.Response, error, bool) {
		k.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		logins++
		return nil, nil, false
	})
	for _, key := range []int16{int16(kmsg.SASLHandshake), int16(kmsg.ApiVersions), int16(kmsg.Metadata)} {
		k.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
			k.KeepControl()
			mu.Lock()
			defer mu.Unlock()
			asked++
			return nil, nil, false
		})
	}
	ns := namespace(t)
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "stripe"}, StringData: map[string]string{"key": secret}})
	victim := service("victim")
	victim.Endpoint = &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Host: "127.0.0.1", Port: 1}} // nobody listens
	victim.DependsOn = []v1alpha1.Dependency{{Service: "evil", Connection: &v1alpha1.ConnectionEnv{User: "LOG_LEVEL", Password: "STRIPE_API_KEY"}}}
	evil := v1alpha1.Service{Name: "evil", External: true, Endpoint: &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{k.Servers[0].String()}}}}
	s := mode(stack(ns, victim, evil), v1alpha1.ModeObserve)
	s.Spec.Detection.HealthWindow = &metav1.Duration{Duration: 4 * time.Second}
	create(t, s)
	deploy(t, ns, "victim", runs, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "LOG_LEVEL", Value: "info"}, secretEnv("STRIPE_API_KEY", "stripe", "key")}
	})
	start(t, ns, really())
	until(t, func() bool { mu.Lock(); defer mu.Unlock(); return asked > 1 }, func() string { return "the listener is asked" + tell(diagnoses(t, ns, "victim")) })
	until(t, func() bool {
		all := diagnoses(t, ns, "victim")
		return len(all) == 1 && len(all[0].Status.Probes) > 0
	}, func() string { return tell(diagnoses(t, ns, "victim")) })
	mu.Lock()
	defer mu.Unlock()
	t.Logf("security: an author's listener was asked %d times, and got %d logins", asked, logins)
	if logins != 0 {
		t.Errorf("%d logins came", logins)
	}
}

// What stands in a place where nobody expects a secret is written nowhere.
func TestSecretsInOddPlacesAreWrittenNowhere(t *testing.T) {
	for name, c := range map[string]struct {
		env     []corev1.EnvVar
		secret  map[string]string
		log     string
		needles []string
	}{
		"host and password swapped": {[]corev1.EnvVar{secretEnv("POSTGRES_HOST", "db", "password"), secretEnv("POSTGRES_PASSWORD", "db", "hostname")},
			map[string]string{"password": "Kf7Qw9zLm2", "hostname": "orders-postgres"},
			"psycopg2.OperationalError: could not translate host name \"Kf7Qw9zLm2\" to address: Name or service not known\n", []string{"Kf7Qw9zLm2"}},
		"a connection string whose password has @ and /": {[]corev1.EnvVar{secretEnv("DATABASE_URL", "db", "url")},
			map[string]string{"url": "postgres://app:p@ssw0rdX/2024!@db:5432/shop"},
			"psycopg2.OperationalError: could not translate host name \"ssw0rdX\" to address: Name or service not known\n", []string{"ssw0rdX"}},
		"a program that prints user and password": {[]corev1.EnvVar{secretEnv("DATABASE_URL", "db", "url")},
			map[string]string{"url": "postgres://app:Tr0ub4dor3x@db:5432/shop"},
			"FATAL: password authentication failed for user \"app\" (tried app/Tr0ub4dor3x)\n", []string{"Tr0ub4dor3x"}},
		"a record in JSON that escapes": {[]corev1.EnvVar{secretEnv("API_KEY", "db", "key"), {Name: "POSTGRES_HOST", Value: "127.0.0.1"}},
			map[string]string{"key": "q3J+9fK/2mWc7Zt1Lr0xVbYh8N+pQd4="},
			`{"level":"error","msg":"call with q3J\u002B9fK/2mWc7Zt1Lr0xVbYh8N\u002BpQd4= failed: Connection refused"}` + "\n", []string{"2mWc7Zt1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "db"}, StringData: c.secret})
			create(t, mode(stack(ns, service("app")), v1alpha1.ModeSuggest))
			deploy(t, ns, "app", ends(1, "Error", c.log), func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Env = c.env })
			set := settings{registry: prometheus.NewRegistry()}
			start(t, ns, set)
			var all []v1alpha1.BridgeDiagnosis
			until(t, func() bool {
				all = diagnoses(t, ns, "app")
				return len(all) == 1 && all[0].Status.Cause != ""
			}, func() string { return tell(all) })
			written := []string{}
			text, err := json.Marshal(all[0])
			if err != nil {
				t.Fatal(err)
			}
			written = append(written, string(text))
			var events eventsv1.EventList
			until(t, func() bool {
				return k8s.List(t.Context(), &events, client.InNamespace(ns)) == nil && len(events.Items) > 0
			}, func() string { return "no event" })
			for _, e := range events.Items {
				written = append(written, e.Note)
			}
			families, err := set.registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				written = append(written, f.String())
			}
			for _, needle := range c.needles {
				for _, w := range written {
					if i := strings.Index(strings.ToLower(w), strings.ToLower(needle)); i >= 0 {
						t.Errorf("security: %q is written: ...%s...", needle, w[max(0, i-80):min(len(w), i+80)])
					}
				}
			}
			t.Logf("security: canary: %d texts searched", len(written))
		})
	}
}
