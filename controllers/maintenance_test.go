package controllers_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// always is a maintenance window that lasts for as long as it is in the policy.
var always = []v1alpha1.MaintenanceWindow{{Schedule: "* * * * *", Duration: metav1.Duration{Duration: time.Hour}}}

// maintain gives the stack these maintenance windows.
func maintain(t *testing.T, s *v1alpha1.BridgeStack, windows []v1alpha1.MaintenanceWindow) {
	t.Helper()
	until(t, func() bool {
		live := stackNow(t, s)
		live.Spec.Remediation.MaintenanceWindows = windows
		err := k8s.Update(t.Context(), live)
		if err != nil && !isConflict(err) {
			t.Fatal(err)
		}
		return err == nil
	}, func() string { return "the policy is changed" })
}

// In a maintenance window nothing is touched, and the diagnosis says until when.
func TestMaintenanceWindow(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	s.Spec.Remediation.MaintenanceWindows = always
	create(t, s)
	o := start(t, ns, settings{})
	api := deploy(t, ns, "api", needs("150Mi"))
	d := await(t, ns, "api", v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow)
	if !strings.Contains(d.Status.Message, "in the maintenance window, until 20") || limit(t, api) != "128Mi" || count(o.wire.made(), "PATCH", "/deployments/") > 0 {
		t.Errorf("limit %s: %s", limit(t, api), d.Status.Message)
	}
	maintain(t, s, nil)
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
}

// What did not help is taken back once the window is over, and not in it.
func TestTakingBackWaitsForTheWindow(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	create(t, s)
	start(t, ns, settings{})
	api := deploy(t, ns, "api", needs("150Mi"))
	before := template(t, api)
	becomes(t, ns, "api", slowly(needs("150Mi")))
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	maintain(t, s, always)
	becomes(t, ns, "api", outOfMemory)
	d := await(t, ns, "api", v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow)
	attempted(t, d, v1alpha1.AttemptRollingBack)
	if template(t, api) == before {
		t.Error("it was taken back in the window")
	}
	maintain(t, s, nil)
	until(t, func() bool {
		all := diagnoses(t, ns, "api")
		return len(all) == 1 && outcomes(&all[0])[0] == v1alpha1.AttemptRolledBack
	}, func() string { return "it is taken back" })
}

// A window that cannot be read is named by field.
func TestMaintenanceWindowThatCannotBeRead(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	deploy(t, ns, "api", runs)
	s := stack(ns, service("api"))
	s.Spec.Remediation.MaintenanceWindows = []v1alpha1.MaintenanceWindow{{Schedule: "0 22 * * SAT", TimeZone: "Europe/Atlantis", Duration: metav1.Duration{Duration: time.Hour}}}
	create(t, s)
	start(t, ns, settings{})
	until(t, func() bool { return readyOf(t, s) == "False "+v1alpha1.ReasonInvalidMaintenanceWindow }, func() string { return "Ready: " + readyOf(t, s) })
}
