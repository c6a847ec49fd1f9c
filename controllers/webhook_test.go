package controllers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// A webhook of the cluster whose certificate expired lets no pod in, whichever service's: a
// person is called for it once, and what else it keeps down waits for that.
func TestExpiredWebhookIsToldOnce(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	said := expiredWebhook(t, ns)
	create(t, soon(stack(ns, service("api"), service("web"))))
	for _, name := range []string{"api", "web"} {
		deploy(t, ns, name, runs)
	}
	var sets appsv1.ReplicaSetList
	until(t, func() bool {
		return k8s.List(t.Context(), &sets, client.InNamespace(ns)) == nil && len(sets.Items) == 2
	}, func() string { return "the ReplicaSets are there" })
	for _, set := range sets.Items { // what their controller says of the same answer
		create(t, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: ns, GenerateName: "refused-"},
			InvolvedObject: corev1.ObjectReference{Kind: "ReplicaSet", APIVersion: "apps/v1", Namespace: ns, Name: set.Name, UID: set.UID},
			Type:           corev1.EventTypeWarning, Reason: "FailedCreate", LastTimestamp: metav1.Now(), Message: "Error creating: " + said,
		})
	}
	start(t, ns, settings{})
	var all []v1alpha1.BridgeDiagnosis
	var told, waits *v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all, told, waits = append(diagnoses(t, ns, "api"), diagnoses(t, ns, "web")...), nil, nil
		for i := range all {
			switch all[i].Status.State {
			case v1alpha1.StateEscalated:
				told = &all[i]
			case v1alpha1.StateWaiting:
				waits = &all[i]
			default:
			}
		}
		return told != nil && waits != nil && waits.Status.Root != nil && waits.Status.Root.Diagnosis == told.Name
	}, func() string { return "one is told, the other waits for it\n" + tell(all) })
	for _, d := range all {
		if d.Status.Cause != v1alpha1.CausePodsNotCreated || d.Status.Beside != "Webhook/pods.example.com" || !strings.Contains(d.Status.Message, "expired") {
			t.Errorf("%s: %s beside %q: %s", d.Name, d.Status.Cause, d.Status.Beside, d.Status.Message)
		}
	}
}

// expiredWebhook has the API server ask a webhook of a namespace's pods whose certificate
// has expired, and is what the API server says then.
func expiredWebhook(t *testing.T, ns string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // each of its handshakes fails
	server.StartTLS()
	t.Cleanup(server.Close)
	create(t, &admissionv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: ns + "-expired"},
		Webhooks: []admissionv1.ValidatingWebhook{{
			Name:         "pods.example.com",
			ClientConfig: admissionv1.WebhookClientConfig{URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			FailurePolicy:           new(admissionv1.Fail),
			SideEffects:             new(admissionv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	})
	var said string
	until(t, func() bool {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "any"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example.com/any:1"}}}}
		if err := k8s.Create(t.Context(), pod, client.DryRunAll); err != nil {
			said = err.Error()
		}
		return strings.Contains(said, "pods.example.com")
	}, func() string { return "the webhook is asked; the API server says " + said })
	return said
}
