package apply

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/stack"
)

// raised is a Deployment and an attempt that was recorded for it.
func raised(t *testing.T) (*appsv1.Deployment, v1alpha1.Attempt) {
	t.Helper()
	before, after := withHost("localhost"), withHost("postgres")
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "first"}, Spec: appsv1.DeploymentSpec{Template: *before}}
	return d, recordedFor(t, before, after)
}

// order has an attempt written by a stack that declares the variable.
func order(at v1alpha1.Attempt) Order {
	value := "postgres"
	d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "d"}}
	d.Spec.Workload, d.Status.Attempts = at.Action.PatchTemplate.Workload, []v1alpha1.Attempt{at}
	return Order{Diagnosis: d, Attempt: at, Still: isStill, Scope: &remedy.Scope{
		Service: stack.Service{Service: v1alpha1.Service{Name: "api", Env: []v1alpha1.DeclaredEnv{{Name: "POSTGRES_HOST", Value: &value}}}},
	}}
}

// standing is how the live template stands to an attempt.
func standing(t *testing.T, a *Applier, at v1alpha1.Attempt) (attempt.Standing, error) {
	t.Helper()
	s, _, err := a.Standing(t.Context(), "shop", *at.Action.PatchTemplate)
	return s, err
}

// answering is an Applier whose writes are answered by the test.
func answering(answer interceptor.Funcs, objects ...client.Object) *Applier {
	c := fake.NewClientBuilder().WithObjects(objects...).WithInterceptorFuncs(answer).Build()
	return &Applier{Live: c, Writer: c}
}

// A patch is for the very object that was looked at, in the very state.
func TestPatchCarriesPreconditions(t *testing.T) {
	d, at := raised(t)
	var sent []map[string]any
	a := answering(interceptor.Funcs{Patch: func(_ context.Context, _ client.WithWatch, o client.Object, p client.Patch, _ ...client.PatchOption) error {
		data, err := p.Data(o)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, &sent)
	}}, d)
	if err := a.Template(t.Context(), order(at)); err != nil {
		t.Fatal(err)
	}
	var live appsv1.Deployment
	if err := a.Live.Get(t.Context(), client.ObjectKeyFromObject(d), &live); err != nil {
		t.Fatal(err)
	}
	wants := map[string]any{"/metadata/uid": "first", "/metadata/resourceVersion": live.ResourceVersion}
	for _, operation := range sent {
		path, _ := operation["path"].(string)
		if want, is := wants[path]; is && operation["value"] == want {
			delete(wants, path)
		}
	}
	if len(wants) > 0 {
		t.Errorf("the patch is not tied to %v: %v", wants, sent)
	}
}

// The template may be what it was before the attempt because a successor took it
// back: then the attempt is another one's, and is not written again.
func TestOnlyThePresentAttemptIsWritten(t *testing.T) {
	d, at := raised(t)
	writes := 0
	a := answering(interceptor.Funcs{Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		writes++
		return nil
	}}, d)
	stale := errors.New("another one by now")
	held := order(at)
	held.Still = func(context.Context) error { return stale }
	err := a.Template(t.Context(), held)
	if !errors.Is(err, stale) || writes != 0 {
		t.Errorf("%d writes, %v", writes, err)
	}
}

// What another program makes of an object of its own is never written, there or
// back, whatever was decided before.
func TestOwnedByAnotherOperatorIsRefused(t *testing.T) {
	d, at := raised(t)
	controller := true
	d.OwnerReferences = []metav1.OwnerReference{{APIVersion: "cluster.redpanda.com/v1alpha2", Kind: "Redpanda", Name: "rp", UID: "rp", Controller: &controller}}
	writes := 0
	a := answering(interceptor.Funcs{Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
		writes++
		return nil
	}}, d)
	err := a.Template(t.Context(), order(at))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "Redpanda/rp owns Deployment/api, change it there") || writes != 0 {
		t.Errorf("there: %d writes, %v", writes, err)
	}
	d.Spec.Template = *withHost("postgres") // patched before it was adopted
	a.Live = fake.NewClientBuilder().WithObjects(d).Build()
	if err := a.Rollback(t.Context(), order(at)); !errors.Is(err, ErrRefused) || writes != 0 {
		t.Errorf("back: %d writes, %v", writes, err)
	}
}

// Another object under the same name is left alone, there and back.
func TestRecreatedWorkloadIsGone(t *testing.T) {
	d, at := raised(t)
	at.Action.PatchTemplate.Workload.UID = "the one before"
	a := answering(interceptor.Funcs{}, d)
	if err := a.Template(t.Context(), order(at)); !errors.Is(err, ErrGone) {
		t.Errorf("patched: %v", err)
	}
	if err := a.Rollback(t.Context(), order(at)); !errors.Is(err, ErrGone) {
		t.Errorf("rolled back: %v", err)
	}
	if s, err := standing(t, a, at); !errors.Is(err, ErrGone) {
		t.Errorf("it stands: %s, %v", s, err)
	}
}

// Someone else's template is not what the attempt was recorded for.
func TestEditedTemplateIsAConflict(t *testing.T) {
	d, at := raised(t)
	d.Spec.Template.Spec.Containers[0].Image = "app:2"
	a := answering(interceptor.Funcs{}, d)
	if err := a.Template(t.Context(), order(at)); !errors.Is(err, ErrConflict) {
		t.Errorf("patched: %v", err)
	}
}

// Whether a write whose answer was lost took place is to be seen on the object.
func TestStanding(t *testing.T) {
	d, at := raised(t)
	a := answering(interceptor.Funcs{}, d)
	if s, err := standing(t, a, at); s != attempt.Original || err != nil {
		t.Errorf("before: %s, %v", s, err)
	}
	if err := a.Template(t.Context(), order(at)); err != nil {
		t.Fatal(err)
	}
	if s, err := standing(t, a, at); s != attempt.InPlace || err != nil {
		t.Errorf("after: %s, %v", s, err)
	}
	broken := errors.New("no route to the API server")
	a = answering(interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return broken
	}}, d)
	if _, err := standing(t, a, at); !errors.Is(err, broken) {
		t.Errorf("what could not be read is known: %v", err)
	}
}

// A pod under the same name may be a healthy one by now.
func TestEvictionNamesTheVeryPod(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-0", UID: "second"}}
	var asked *metav1.Preconditions
	a := answering(interceptor.Funcs{SubResourceCreate: func(_ context.Context, _ client.Client, _ string, _, body client.Object, _ ...client.SubResourceCreateOption) error {
		if e, ok := body.(*policyv1.Eviction); ok && e.DeleteOptions != nil {
			asked = e.DeleteOptions.Preconditions
		}
		return nil
	}}, pod)
	pods := []v1alpha1.PodIdentity{{Name: "api-0", UID: "first"}}
	if err := a.Evict(t.Context(), "shop", pods); err != nil {
		t.Fatal(err)
	}
	if asked == nil || asked.UID == nil || *asked.UID != "first" {
		t.Errorf("the eviction is of any pod of this name: %v", asked)
	}
	if gone, err := a.Evicted(t.Context(), "shop", pods); !gone || err != nil {
		t.Errorf("the pod before counts as there: %t, %v", gone, err)
	}
	pods[0].UID = "second"
	if gone, err := a.Evicted(t.Context(), "shop", pods); gone || err != nil {
		t.Errorf("the pod that is there counts as gone: %t, %v", gone, err)
	}
}

// isStill is a diagnosis that has not changed since.
func isStill(context.Context) error { return nil }

// Whoever can write a status writes nothing by it but what a remedy may: each of
// these attempts is refused, there or back, before anything is sent.
func TestForgedAttempts(t *testing.T) {
	image := withHost("postgres")
	image.Spec.Containers[0].Image = "evil:1"
	account := withHost("postgres")
	account.Spec.ServiceAccountName = "admin"
	volume := withHost("postgres")
	volume.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
	for name, c := range map[string]struct {
		after  *corev1.PodTemplateSpec
		change func(*Order)
		back   bool
	}{
		"another image":                     {after: image},
		"another service account":           {after: account},
		"a volume of the node":              {after: volume},
		"back to another image":             {after: image, back: true},
		"a value that nobody declared":      {after: withHost("evil.example.com")},
		"under the name of another remedy":  {after: withHost("postgres"), change: func(o *Order) { o.Attempt.Proposal.Remedy = v1alpha1.RemedyRaiseMemoryLimit }},
		"under the name of no remedy":       {after: withHost("postgres"), change: func(o *Order) { o.Attempt.Proposal.Remedy = "Anything" }},
		"on another workload":               {after: withHost("postgres"), change: func(o *Order) { o.Diagnosis.Spec.Workload.Name = "web" }},
		"of a stack that is gone":           {after: withHost("postgres"), change: func(o *Order) { o.Scope = nil }},
		"a patch that is none":              {after: withHost("postgres"), change: func(o *Order) { o.Attempt.Action.PatchTemplate.Patch = "{" }},
		"an eviction that patches":          {after: withHost("postgres"), change: func(o *Order) { o.Attempt.Action.Type = v1alpha1.ActionEvictPods }},
		"a patch and a Job at once":         {after: withHost("postgres"), change: func(o *Order) { o.Attempt.Action.RunJob = &v1alpha1.RunJobAction{CronJob: "migrate"} }},
		"a rollback to what is not on file": {after: image, change: func(o *Order) { o.Attempt.Proposal.Remedy = v1alpha1.RemedyRollbackRollout }},
	} {
		t.Run(name, func(t *testing.T) {
			before := withHost("localhost")
			o := order(recordedFor(t, before, c.after))
			if c.change != nil {
				c.change(&o)
			}
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api", UID: "first"}, Spec: appsv1.DeploymentSpec{Template: *before}}
			write := (*Applier).Template
			if c.back {
				d.Spec.Template, write = *c.after, (*Applier).Rollback
			}
			writes := 0
			a := answering(interceptor.Funcs{Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
				writes++
				return nil
			}}, d)
			if err := write(a, t.Context(), o); err == nil || writes > 0 {
				t.Errorf("%d writes, %v", writes, err)
			}
		})
	}
}

// A Job is one that the policy names, and of this attempt at this incident.
func TestForgedJobs(t *testing.T) {
	cronJob := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "migrate"}}
	other := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "drop-everything"}}
	january := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: attempt.JobName("migrate", "d", 1), Annotations: map[string]string{v1alpha1.AnnotationDiagnosis: "january"}}}
	for name, c := range map[string]struct {
		run   v1alpha1.RunJobAction
		there []client.Object
		err   error
	}{
		"its own":                  {v1alpha1.RunJobAction{CronJob: "migrate", JobName: attempt.JobName("migrate", "d", 1)}, nil, nil},
		"that nobody named":        {v1alpha1.RunJobAction{CronJob: "drop-everything", JobName: attempt.JobName("drop-everything", "d", 1)}, nil, ErrRefused},
		"of another name":          {v1alpha1.RunJobAction{CronJob: "migrate", JobName: "migrate-again"}, nil, ErrRefused},
		"of an earlier incident":   {v1alpha1.RunJobAction{CronJob: "migrate", JobName: attempt.JobName("migrate", "d", 1)}, []client.Object{january}, ErrConflict},
		"of the incident's second": {v1alpha1.RunJobAction{CronJob: "migrate", JobName: attempt.JobName("migrate", "d", 2)}, nil, ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := clientgoscheme.Scheme
			kube := fake.NewClientBuilder().WithScheme(scheme).WithObjects(append([]client.Object{cronJob, other}, c.there...)...).Build()
			a := &Applier{Live: kube, Writer: kube}
			at := v1alpha1.Attempt{ID: "abc-1", Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRunJob}, Action: v1alpha1.AttemptAction{Type: v1alpha1.ActionRunJob, RunJob: &c.run}}
			d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "d"}}
			d.Status.Attempts = []v1alpha1.Attempt{at}
			o := Order{Diagnosis: d, Attempt: at, Still: isStill, Scope: &remedy.Scope{Policy: stack.Policy{Jobs: []v1alpha1.JobHook{{CronJob: "migrate"}}}}}
			if err := a.RunJob(t.Context(), o); !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if c.err != nil {
				return
			}
			if err := a.RunJob(t.Context(), o); err != nil { // the answer was lost
				t.Errorf("again: %v", err)
			}
			if ours, err := a.HasJob(t.Context(), d, c.run); !ours || err != nil {
				t.Errorf("it is not known as its own: %v", err)
			}
		})
	}
}

// Of a database that an attempt in a status names, nothing is restarted unless it is a
// dependency that the policy lets be restarted.
func TestOnlyDependenciesAreRestarted(t *testing.T) {
	database := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "postgres", UID: "p"}
	recreated := database
	recreated.UID = "q"
	for name, c := range map[string]struct {
		scope   *remedy.Scope
		refused bool
	}{
		"a dependency":                  {&remedy.Scope{Restartable: []v1alpha1.DiagnosedWorkload{database}}, false},
		"no dependency":                 {&remedy.Scope{}, true},
		"another one that has its name": {&remedy.Scope{Restartable: []v1alpha1.DiagnosedWorkload{recreated}}, true},
		"of a stack that is gone":       {nil, true},
	} {
		at := v1alpha1.Attempt{ID: "abc-1", Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRestartDependency}, Action: v1alpha1.AttemptAction{
			Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: database},
		}}
		o := order(at)
		o.Diagnosis.Spec.Workload, o.Scope = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "a"}, c.scope
		if err := o.Check(); errors.Is(err, ErrRefused) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
