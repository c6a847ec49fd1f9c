package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// controllers stands in for those of Kubernetes: pods are gone once a workload is
// scaled to 0, and ready once it is scaled up, unless it is broken.
type controllersOf struct {
	scene  *scene
	mu     sync.Mutex
	broken map[string]bool
	// seen is how the workloads came and went, such as "web down".
	seen []string
	// unpaused is true once a workload was scaled while the stack was not paused.
	unpaused bool
}

func (s *scene) controllers(broken ...string) *controllersOf {
	c := &controllersOf{scene: s, broken: map[string]bool{}}
	for _, name := range broken {
		c.broken[name] = true
	}
	ctx, stop := context.WithCancel(s.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := map[string]int32{"web": 2, "db": 1}
		for ctx.Err() == nil {
			c.act(ctx, last)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	s.Cleanup(func() { stop(); <-done })
	return c
}

func (c *controllersOf) repair(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken[name] = false
}

func (c *controllersOf) act(ctx context.Context, last map[string]int32) {
	key := func(name string) client.ObjectKey { return client.ObjectKey{Namespace: c.scene.namespace, Name: name} }
	var web appsv1.Deployment
	var db appsv1.StatefulSet
	var owner v1alpha1.BridgeStack
	for name, o := range map[string]client.Object{"web": &web, "db": &db, "bridge": &owner} {
		if c.scene.client.Get(ctx, key(name), o) != nil {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, now := range map[string]int32{"web": *web.Spec.Replicas, "db": *db.Spec.Replicas} {
		if now != last[name] {
			c.seen = append(c.seen, name+map[bool]string{true: " down", false: " up"}[now == 0])
			c.unpaused = c.unpaused || !owner.Spec.Paused
			last[name] = now
		}
	}
	ready := func(name string, replicas int32) int32 {
		if c.broken[name] {
			return 0
		}
		return replicas
	}
	if *web.Spec.Replicas == 0 {
		pod := &corev1.Pod{ObjectMeta: c.scene.named("web-1")}
		_ = c.scene.client.Delete(ctx, pod, client.GracePeriodSeconds(0)) // it may be gone
	}
	web.Status.Replicas, web.Status.ReadyReplicas, web.Status.ObservedGeneration = *web.Spec.Replicas, ready("web", *web.Spec.Replicas), web.Generation
	db.Status.Replicas, db.Status.ReadyReplicas, db.Status.ObservedGeneration = *db.Spec.Replicas, ready("db", *db.Spec.Replicas), db.Generation
	_ = c.scene.client.Status().Update(ctx, &web) // or the next time
	_ = c.scene.client.Status().Update(ctx, &db)
}

func (c *controllersOf) saw() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// answered runs recover with what a person types.
func (s *scene) answered(kubeconfig, answer string, args ...string) (string, error) {
	var out bytes.Buffer
	command := root(strings.NewReader(answer), &out)
	command.SetErr(&out)
	command.SetArgs(sceneArgs(append([]string{"recover"}, args...), kubeconfig, s.namespace))
	err := command.ExecuteContext(s.Context())
	return out.String(), err
}

// left are the replicas and what a recovery remembers.
func (s *scene) left() (web, db int32, remembered string, paused bool) {
	var w appsv1.Deployment
	var d appsv1.StatefulSet
	var owner v1alpha1.BridgeStack
	s.get("web", &w)
	s.get("db", &d)
	s.get("bridge", &owner)
	return *w.Spec.Replicas, *d.Spec.Replicas, w.Annotations[annotationReplicas] + d.Annotations[annotationReplicas] + owner.Annotations[annotationRecovering], owner.Spec.Paused
}

// TestRecover: it asks, and then stops and starts in order; the stack is paused
// meanwhile, and everything is as it was afterwards.
func TestRecover(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "admin-of-"+s.namespace)
	c := s.controllers()
	out, err := s.answered(admin, "\n", "bridge")
	if err == nil || !strings.Contains(err.Error(), "nothing was done") || len(c.saw()) > 0 {
		t.Fatalf("unasked: %v, %v", err, c.saw())
	}
	contains(t, out, "1. spec.paused: false -> true", "2. down: web (Deployment/web)", "3. down: db (StatefulSet/db)", "4. up, and wait until ready: db", "5. up, and wait until ready: web", "volumes are not touched", "[y/N]")

	out, err = s.answered(admin, "", "bridge", "--dry-run=server")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "web: replicas: 2 -> 0 (server dry run)", "up again (server dry run)")
	if len(c.saw()) > 0 {
		t.Fatalf("in a dry run: %v", c.saw())
	}

	if out, err = s.answered(admin, "y\n", "bridge"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "web: replicas: 2 -> 0", "web: replicas: 0 -> 2", "db: up after", "is up again")
	if want := []string{"web down", "db down", "db up", "web up"}; !slices.Equal(c.saw(), want) {
		t.Errorf("the order was %v, want %v", c.saw(), want)
	}
	if web, db, remembered, paused := s.left(); web != 2 || db != 1 || remembered != "" || paused {
		t.Errorf("afterwards: %d, %d, %q, paused %t", web, db, remembered, paused)
	}
	if c.unpaused {
		t.Error("the stack was not paused all the time")
	}
}

// TestRecoverGoesOn: where a service does not come up, it says so, and the same
// command goes on once that is put right.
func TestRecoverGoesOn(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "admin-of-"+s.namespace)
	c := s.controllers("db")
	out, err := s.answered(admin, "", "bridge", "--yes", "--timeout=1s")
	if err == nil {
		t.Fatalf("there is no error:\n%s", out)
	}
	contains(t, err.Error(), "db is not up after 1s: 0 of 1 replicas are ready", "stays paused", "the same command goes on")
	if web, db, remembered, paused := s.left(); web != 0 || db != 1 || remembered != "2up/running" || !paused {
		t.Fatalf("in between: %d, %d, %q, paused %t", web, db, remembered, paused)
	}
	c.repair("db")
	if out, err = s.answered(admin, "", "bridge", "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "an earlier recovery was interrupted while services went up", "db: was brought up already", "web: replicas: 0 -> 2")
	if want := []string{"web down", "db down", "db up", "web up"}; !slices.Equal(c.saw(), want) {
		t.Errorf("the order was %v, want %v", c.saw(), want)
	}
	if web, db, remembered, paused := s.left(); web != 2 || db != 1 || remembered != "" || paused {
		t.Errorf("afterwards: %d, %d, %q, paused %t", web, db, remembered, paused)
	}
}

// TestRecoverKeepsData: what would lose its data is refused, before anything is
// written, and can be left running.
func TestRecoverKeepsData(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "admin-of-"+s.namespace)
	c := s.controllers()
	var owner v1alpha1.BridgeStack
	s.get("bridge", &owner)
	owner.Spec.Services[0].Endpoint = &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{Port: 5432}}
	if err := s.client.Update(t.Context(), &owner); err != nil {
		t.Fatal(err)
	}
	_, err := s.answered(admin, "", "bridge", "--yes")
	if err == nil {
		t.Fatal("it is not refused")
	}
	contains(t, err.Error(), "db would lose its data", "StatefulSet/db has no persistent volume", "--keep db leaves it running")
	if len(c.saw()) > 0 {
		t.Errorf("it did %v", c.saw())
	}
	if out, err := s.answered(admin, "", "bridge", "--yes", "--keep", "db"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := []string{"web down", "web up"}; !slices.Equal(c.saw(), want) {
		t.Errorf("it did %v, want %v", c.saw(), want)
	}
}

// TestRecoverRefused: who may only read changes nothing, not even the pause.
func TestRecoverRefused(t *testing.T) {
	s := newScene(t)
	c := s.controllers()
	_, err := s.answered(s.readOnly(), "", "bridge", "--yes")
	if err == nil {
		t.Fatal("there is no error")
	}
	contains(t, err.Error(), "bridgestacks.bridgestack.dev", "forbidden", "Ask whoever manages the cluster")
	if _, _, remembered, paused := s.left(); len(c.saw()) > 0 || remembered != "" || paused {
		t.Errorf("it did %v, remembers %q, paused %t", c.saw(), remembered, paused)
	}
	if _, err := s.answered(kubeconfigOf(t, "admin-of-"+s.namespace), "", "bridge", "--keep", "mail"); err == nil || exitCode(err) != exitBadInput {
		t.Errorf("--keep of nothing: %v", err)
	}
}

// TestDataOnVolumes: a StatefulSet whose volumes go when it is scaled down is
// never scaled down.
func TestDataOnVolumes(t *testing.T) {
	set := &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: template("db"), VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{}}}}
	w, _ := workload.Of(set)
	if because := loses(w, serviceWith(&v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{}})); because != "" {
		t.Errorf("with a volume: %s", because)
	}
	set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType}
	if because := loses(w, serviceWith(nil)); !strings.Contains(because, "whenScaled") {
		t.Errorf("with volumes that are deleted: %q", because)
	}
}

func serviceWith(e *v1alpha1.Endpoint) stack.Service {
	return stack.Service{Service: v1alpha1.Service{Name: "db", Endpoint: e}}
}
