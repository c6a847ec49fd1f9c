package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
)

// TestTimelineOfAStack: what the cluster and the diagnoses tell, in each format,
// by whoever may read.
func TestTimelineOfAStack(t *testing.T) {
	s := newScene(t)
	var web appsv1.Deployment
	s.get("web", &web)
	of := *metav1.NewControllerRef(&web, appsv1.SchemeGroupVersion.WithKind("Deployment"))
	set := &appsv1.ReplicaSet{ObjectMeta: s.named("web-7d9f8"), Spec: appsv1.ReplicaSetSpec{Selector: selects("web"), Template: template("web")}}
	set.OwnerReferences, set.Annotations = []metav1.OwnerReference{of}, map[string]string{"deployment.kubernetes.io/revision": "3"}
	s.create(set)
	s.create(&corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web-1.1"}, Type: corev1.EventTypeWarning, Reason: "BackOff", Message: "Back-off restarting",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: "web-1"}, Count: 4, FirstTimestamp: metav1.Now(), LastTimestamp: metav1.Now()})
	d := s.diagnosis(v1alpha1.StateVerifying, func(d *v1alpha1.BridgeDiagnosis) {
		attempted(v1alpha1.AttemptApplied)(d)
		d.Status.Attempts[0].AppliedAt = new(metav1.Now())
	})

	reader := s.readOnly()
	out, _, err := s.as(reader, "timeline")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "Deploy", "revision 3: image x", "web in web-1 ended with exit code 127 (ContainerCannotRun), 7 restarts", "BackOff: Back-off restarting (4 times since",
		"a restart loop is seen", "RaiseMemoryLimit on Deployment/web; containers[web].resources.limits.memory: 64Mi -> 96Mi")
	out, _, err = s.as(reader, "timeline", "bridge", "-o", "json")
	var got page.Timeline
	if err == nil {
		err = json.Unmarshal([]byte(out), &got)
	}
	if err != nil || len(got.Services) != 2 || len(got.Incidents) != 1 || got.Incidents[0].Diagnosis != d.Name || len(got.Moments) < 5 {
		t.Errorf("%v: %+v", err, got)
	}
	for _, format := range []string{"svg", "html"} {
		out, _, err := s.as(reader, "timeline", "-o", format)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, out, "<svg", "RaiseMemoryLimit", "</svg>")
		decoder := xml.NewDecoder(strings.NewReader(out[strings.Index(out, "<svg") : strings.Index(out, "</svg>")+6]))
		for {
			if _, err := decoder.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
		}
	}
	some := s.user("some", rbacv1.PolicyRule{APIGroups: []string{"bridgestack.dev"}, Resources: []string{"bridgestacks", "bridgediagnoses"}, Verbs: []string{"get", "list"}})
	out, _, err = s.as(some, "timeline")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "! not shown", "events is forbidden", "a restart loop is seen")
}
