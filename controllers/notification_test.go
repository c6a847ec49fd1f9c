package controllers_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/permission"
)

// inbox is a receiver that keeps what it is sent, unless it is down.
type inbox struct {
	mu       sync.Mutex
	down     bool
	refused  int
	messages []notify.Message
	signed   []string
	server   *httptest.Server
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{}
	in.server = httptest.NewServer(in)
	t.Cleanup(in.server.Close)
	return in
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m notify.Message
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil || json.Unmarshal(body, &m) != nil || in.down {
		in.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	in.messages, in.signed = append(in.messages, m), append(in.signed, r.Header.Get(notify.SignatureHeader))
}

func (in *inbox) set(down bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.down = down
}

func (in *inbox) refusals() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.refused
}

// events that it was told of, in their order.
func (in *inbox) events() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	var out []string
	for _, m := range in.messages {
		out = append(out, string(m.Event))
	}
	return strings.Join(out, " ")
}

// told is a stack that calls a person at once, and has two receivers: one is told,
// the other hangs.
func told(t *testing.T, ns string, in *inbox) *v1alpha1.BridgeStack {
	t.Helper()
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(over) })
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "hook"},
		StringData: map[string]string{"url": in.server.URL + "/token\n", "key": "canary"}})
	s := stack(ns, service("api"))
	s.Spec.Notifications = []v1alpha1.Receiver{
		{Name: "hangs", Webhook: &v1alpha1.WebhookReceiver{URL: hanging.URL}},
		{Name: "hook", Webhook: &v1alpha1.WebhookReceiver{
			URLFrom:        &v1alpha1.KeyReference{Name: "hook", Key: "url"},
			SigningKeyFrom: &v1alpha1.KeyReference{Name: "hook", Key: "key"},
		}},
	}
	create(t, s)
	return s
}

// One message when a person is called and one when it is over, beside a receiver
// that hangs, and across a restart of the operator.
func TestReceiversAreToldOnce(t *testing.T) {
	t.Parallel()
	ns, in := namespace(t), newInbox(t)
	told(t, ns, in)
	first := start(t, ns, settings{})
	deploy(t, ns, "api", missingSetting)
	d := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	until(t, func() bool { return in.events() == "Escalated" }, func() string { return "told of it: " + in.events() })
	first.stop()
	start(t, ns, settings{})
	becomes(t, ns, "api", runs)
	until(t, func() bool { return strings.HasSuffix(in.events(), "Resolved") }, func() string { return "told that it is over: " + in.events() })
	if got := in.events(); got != "Escalated Resolved" {
		t.Errorf("told: %s", got)
	}
	m := in.messages[0]
	if m.Diagnosis != d.Name || m.Stack != "shop" || m.Service != "api" || len(m.Evidence) == 0 || m.ID == in.messages[1].ID {
		t.Errorf("message: %+v", m)
	}
	if !strings.HasPrefix(in.signed[0], "t=") {
		t.Errorf("signature %q", in.signed[0])
	}
	delivery := func() v1alpha1.Delivery {
		all := diagnoses(t, ns, "api")[0].Status.Notifications
		return all[slices.IndexFunc(all, func(d v1alpha1.Delivery) bool { return d.Receiver == "hook" })]
	}
	until(t, func() bool { return delivery().Delivered == v1alpha1.NotificationResolved }, func() string { return "the status says so" })
}

// Nothing is lost by a receiver that is down while a person is called and while
// the incident ends.
func TestReceiverThatWasDown(t *testing.T) {
	t.Parallel()
	ns, in := namespace(t), newInbox(t)
	in.set(true)
	told(t, ns, in)
	start(t, ns, settings{})
	deploy(t, ns, "api", missingSetting)
	await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	until(t, func() bool { return in.refusals() > 0 }, func() string { return "it is tried" })
	becomes(t, ns, "api", runs)
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
	failed := diagnoses(t, ns, "api")[0].Status.Notifications
	if i := slices.IndexFunc(failed, func(d v1alpha1.Delivery) bool {
		return d.Receiver == "hook" && d.Failures > 0 && strings.Contains(d.Message, "HTTP 503")
	}); i < 0 {
		t.Errorf("the status does not say that it is down: %+v", failed)
	}
	for _, f := range failed {
		if strings.Contains(f.Message, "token") {
			t.Errorf("the status tells the secret URL: %s", f.Message)
		}
	}
	in.set(false)
	until(t, func() bool { return in.events() == "Escalated Resolved" }, func() string { return "told both: " + in.events() })
}

// The operator dies between the receiver's answer and the write of the status:
// the message comes again, and can be known by its id.
func TestMessageAfterACrashHasTheSameID(t *testing.T) {
	t.Parallel()
	ns, in := namespace(t), newInbox(t)
	told(t, ns, in)
	w := &wire{cut: unsent}
	w.before = func(write) {
		if w.mu.Lock(); in.events() != "" { // it was told: no write is sent any more
			w.killAt = len(w.writes) + 1
		}
		w.mu.Unlock()
	}
	first := start(t, ns, settings{wire: w})
	deploy(t, ns, "api", missingSetting)
	until(t, func() bool { return in.events() == "Escalated" }, func() string { return "told of it: " + in.events() })
	first.stop()
	start(t, ns, settings{})
	until(t, func() bool { return in.events() != "Escalated" }, func() string { return "told again: " + in.events() })
	if in.events() != "Escalated Escalated" || in.messages[0].ID != in.messages[1].ID {
		t.Errorf("told %s, %s and %s", in.events(), in.messages[0].ID, in.messages[1].ID)
	}
}

// Receivers that cannot be told are named by field.
func TestReceiverProblems(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "chat"}, StringData: map[string]string{"url": "canary: no URL"}})
	deploy(t, ns, "api", runs)
	s := stack(ns, service("api"))
	s.Spec.Notifications = []v1alpha1.Receiver{
		{Name: "a", Slack: &v1alpha1.SlackReceiver{URLFrom: v1alpha1.KeyReference{Name: "chat", Key: "url"}}},
		{Name: "b", Webhook: &v1alpha1.WebhookReceiver{URLFrom: &v1alpha1.KeyReference{Name: "chat", Key: "urls"}}},
		{Name: "c", Alertmanager: &v1alpha1.AlertmanagerReceiver{URL: "http://alerts:9093", AuthorizationFrom: &v1alpha1.KeyReference{Name: "none", Key: "a"}}},
	}
	create(t, s)
	start(t, ns, settings{})
	until(t, func() bool { return readyOf(t, s) == "False "+v1alpha1.ReasonInvalidReceiver }, func() string { return "Ready: " + readyOf(t, s) })
	says := meta.FindStatusCondition(stackNow(t, s).Status.Conditions, v1alpha1.ConditionStalled).Message
	for _, wanted := range []string{"spec.notifications[0].slack.urlFrom: the URL ", `spec.notifications[1].webhook.urlFrom: Secret "chat" has no value under the key "urls"`, `spec.notifications[2].alertmanager.authorizationFrom: Secret "none" does not exist`} {
		if !strings.Contains(says, wanted) {
			t.Errorf("%q is not in: %s", wanted, says)
		}
	}
	if strings.Contains(says, "canary") {
		t.Errorf("the condition tells a secret: %s", says)
	}
}

// A Secret is sent only where the stack's account may get it, whatever admission let
// through, and where an account is required, for none without.
func TestNoSecretIsSentForWhoMayNotGetIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account string
		settings
		says string
	}{
		"an account without the right": {"fixer", settings{}, "spec.notifications[1].webhook.urlFrom: ServiceAccount fixer may not get secrets hook"},
		"a required account":           {"", settings{accounts: permission.Accounts{Required: true}}, "wants the stack to name a ServiceAccount"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns, in := namespace(t), newInbox(t)
			role := fixer(t, ns)
			s := told(t, ns, in)
			edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.ServiceAccountName = c.account })
			start(t, ns, c.settings)
			deploy(t, ns, "api", missingSetting)
			await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
			until(t, func() bool {
				stalled := meta.FindStatusCondition(stackNow(t, s).Status.Conditions, v1alpha1.ConditionStalled)
				return stalled != nil && strings.Contains(stalled.Message, c.says)
			}, func() string { return "the stack says that the Secret may not be sent" })
			failure := func() string {
				for _, d := range diagnoses(t, ns, "api")[0].Status.Notifications {
					if d.Receiver == "hook" {
						return d.Message
					}
				}
				return ""
			}
			until(t, func() bool { return strings.Contains(failure(), "ServiceAccount") }, func() string { return "the delivery says so: " + failure() })
			if got := in.events(); got != "" || in.refusals() > 0 {
				t.Fatalf("security: it was told %q", got)
			}
			if c.account == "" {
				return
			}
			// So that the check above can fail.
			role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"hook"}, Verbs: []string{"get"}}}
			if err := k8s.Update(t.Context(), role); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return in.events() == "Escalated" }, func() string { return "told of it: " + in.events() })
		})
	}
}
