package remedy

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// tooEarly makes the pod one that was started a minute before its database was
// ready, for the second time today.
func tooEarly(in *Input) {
	if in.Now.IsZero() {
		in.Now = time.Unix(1e6, 0)
	}
	in.Case.Dependencies[0].Workload.ReadySince = in.Now.Add(-2 * time.Minute)
	in.Case.Pod.Created = in.Now.Add(-3 * time.Minute)
	in.Recurrences = []time.Time{in.Now.Add(-20 * time.Hour)}
}

func TestPodsWaitOnlyWhereTheyWereStartedTooEarly(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	for name, c := range map[string]struct {
		change func(*Input)
		says   string // empty is proposed
		place  int    // of the waiter
	}{
		"started too early, twice today":             {change: func(*Input) {}},
		"the other time was a year ago":              {change: func(in *Input) { in.Recurrences = []time.Time{in.Now.Add(-365 * 24 * time.Hour)} }, says: "first time in a day"},
		"the pod was up when its database went down": {change: func(in *Input) { in.Case.Pod.Created = in.Now.Add(-24 * time.Hour) }, says: "not shown that the pod was started before"},
		"the database was ready first":               {change: func(in *Input) { in.Case.Dependencies[0].Workload.ReadySince = in.Now.Add(-time.Hour) }, says: "not shown"},
		"that was weeks ago": {change: func(in *Input) {
			in.Case.Pod.Created = in.Now.Add(-1000 * time.Hour)
			in.Case.Dependencies[0].Workload.ReadySince = in.Case.Pod.Created.Add(time.Minute)
		}, says: "not shown"},
		"since when it is ready is not known": {change: func(in *Input) { in.Case.Dependencies[0].Workload.ReadySince = time.Time{} }, says: "not shown"},
		"a native sidecar first": {change: func(in *Input) {
			in.Template.Spec.InitContainers = append([]corev1.Container{{Name: "istio-proxy", RestartPolicy: &always}}, in.Template.Spec.InitContainers...)
		}, place: 1},
		"a mesh's proxy that starts too late": {change: func(in *Input) {
			in.Case.Siblings = []evidence.Container{{Name: "linkerd-proxy", Role: evidence.RoleMain}}
		}, says: "linkerd-proxy starts only after"},
	} {
		in := input(v1alpha1.CauseDependencyUnhealthy, diagnosis.Subject{Dependency: "postgres"})
		in.Case.Probes = []evidence.Probe{probed("postgres", v1alpha1.AsConfigured, v1alpha1.ProbePassed, evidence.StageQuery)}
		in.Image = "operator:1"
		tooEarly(&in)
		c.change(&in)
		action, refused := Propose(in)
		if c.says == "" {
			if action.Remedy != v1alpha1.RemedyWaitForDependency {
				t.Errorf("%s: %s, refused %v", name, action.Remedy, refused)
				continue
			}
			if got := slices.IndexFunc(action.Template.Spec.InitContainers, func(c corev1.Container) bool { return strings.HasPrefix(c.Name, waiterPrefix) }); got != c.place {
				t.Errorf("%s: at place %d", name, got)
			}
			continue
		}
		said := slices.ContainsFunc(refused, func(r Refusal) bool {
			return r.Remedy == v1alpha1.RemedyWaitForDependency && strings.Contains(r.Because, c.says)
		})
		if action.Remedy == v1alpha1.RemedyWaitForDependency || !said {
			t.Errorf("%s: %s, refused %v", name, action.Remedy, refused)
		}
	}
}

// A wedged dependency is restarted once, for whomever.
func TestADependencyIsRestartedOnceForAllItsDependents(t *testing.T) {
	own := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "postgres"}
	attempt := func(outcome v1alpha1.AttemptOutcome, ago time.Duration, w v1alpha1.DiagnosedWorkload) []v1alpha1.Attempt {
		return []v1alpha1.Attempt{{Outcome: outcome, Action: v1alpha1.AttemptAction{PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: w}}, RecordedAt: metav1.NewTime(time.Unix(1e6, 0).Add(-ago))}}
	}
	for name, c := range map[string]struct {
		restarts []v1alpha1.Attempt
		remedy   v1alpha1.RemedyName
		held     bool
	}{
		"nobody did":                     {nil, v1alpha1.RemedyRestartDependency, false},
		"it is being restarted":          {attempt(v1alpha1.AttemptApplied, time.Minute, own), v1alpha1.RemedyRestartDependency, true},
		"it was, and that did not help":  {attempt(v1alpha1.AttemptFailed, time.Minute, own), v1alpha1.RemedyEscalate, false},
		"it was, and it is wedged again": {attempt(v1alpha1.AttemptHelped, time.Minute, own), v1alpha1.RemedyEscalate, false},
		"it was, long ago":               {attempt(v1alpha1.AttemptHelped, 2*time.Hour, own), v1alpha1.RemedyRestartDependency, false},
		"nothing was written":            {attempt(v1alpha1.AttemptWithdrawn, time.Minute, own), v1alpha1.RemedyRestartDependency, false},
		"another one was":                {attempt(v1alpha1.AttemptFailed, time.Minute, v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "kafka"}), v1alpha1.RemedyRestartDependency, false},
	} {
		in := input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"})
		in.Now = time.Unix(1e6, 0)
		wedged(&in, v1alpha1.Deployment, false)
		in.Restarts = c.restarts
		action, refused := Propose(in)
		if action.Remedy != c.remedy || (action.Hold != "") != c.held || c.held && action.Template != nil {
			t.Errorf("%s: %s, hold %q, refused %v", name, action.Remedy, action.Hold, refused)
		}
	}
}
