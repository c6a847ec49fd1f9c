package gitcommit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
)

// working is a queue that works until the test ends.
func working(t *testing.T, workers int) (*Queue, *clocktesting.FakePassiveClock) {
	t.Helper()
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC))
	q := NewQueue(clock, workers)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- q.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the queue ended with %v", err)
		}
	})
	return q, clock
}

// jobOf a namespace that counts as done on a channel.
func jobOf(namespace, name, id string, done chan<- string, run func(context.Context) (any, error)) Job {
	return Job{Key: types.NamespacedName{Namespace: namespace, Name: name}, UID: "u", ID: id, Run: run, Pause: time.Minute, Done: func(context.Context) { done <- namespace + "/" + name }}
}

func wait(t *testing.T, done <-chan string) string {
	t.Helper()
	select {
	case name := <-done:
		return name
	case <-time.After(30 * time.Second):
		t.Fatal("nothing is done")
		return ""
	}
}

// A library that panics at what one server answers ends neither the operator nor
// the worker.
func TestAJobThatPanics(t *testing.T) {
	q, _ := working(t, 1)
	done := make(chan string, 2)
	q.Submit(jobOf("hostile", "1", "a", done, func(context.Context) (any, error) { panic("Kf7Qw9zLm2") }))
	wait(t, done)
	result, ok := q.Take(types.NamespacedName{Namespace: "hostile", Name: "1"}, "u")
	if !ok || result.Err == nil || strings.Contains(result.Err.Error(), "Kf7Qw9zLm2") {
		t.Errorf("the result is %+v, %t", result, ok)
	}
	q.Submit(jobOf("calm", "1", "a", done, func(context.Context) (any, error) { return "calm", nil }))
	if name := wait(t, done); name != "calm/1" {
		t.Errorf("%s is done", name)
	}
}

// Whoever submits never waits, and repositories of one namespace that hang keep
// another one's waiting for no longer than its turn.
func TestHangingRepositories(t *testing.T) {
	q, _ := working(t, 2)
	done, release := make(chan string, 64), make(chan struct{})
	defer close(release)
	hang := func(ctx context.Context) (any, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}
	q.Submit(jobOf("storm", "0", "a", done, hang)) // the one that a worker is held by
	for i := range 16 {
		q.Submit(jobOf("storm", fmt.Sprint(i+1), "a", done, func(context.Context) (any, error) { return "storm", nil }))
	}
	q.Submit(jobOf("calm", "1", "a", done, func(context.Context) (any, error) { return "calm", nil }))
	before := 0
	for wait(t, done) != "calm/1" {
		before++
	}
	if before > 2 {
		t.Errorf("%d jobs of the other namespace were done before", before)
	}
	result, ok := q.Take(types.NamespacedName{Namespace: "calm", Name: "1"}, "u")
	if !ok || result.Value != "calm" || result.ID != "a" {
		t.Errorf("the result is %+v, %t", result, ok)
	}
	if _, again := q.Take(types.NamespacedName{Namespace: "calm", Name: "1"}, "u"); again {
		t.Error("it is there a second time")
	}
}

// However many repositories of a namespace hang, some workers are left to others.
func TestManyHangingRepositories(t *testing.T) {
	q, _ := working(t, 0)
	done, release := make(chan string, 64), make(chan struct{})
	defer close(release)
	for i := range 16 {
		q.Submit(jobOf("storm", fmt.Sprint(i), "a", done, func(ctx context.Context) (any, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil, ctx.Err()
		}))
	}
	for i := range 3 {
		q.Submit(jobOf("calm", fmt.Sprint(i), "a", done, func(context.Context) (any, error) { return "calm", nil }))
		if name := wait(t, done); name != fmt.Sprintf("calm/%d", i) {
			t.Errorf("%s is done", name)
		}
	}
	t.Log("security: 16 repositories of a namespace hang: 3 of 3 commits of another one are made meanwhile")
}

// What failed is not tried again until its pause is over, and another job is.
func TestFailuresPause(t *testing.T) {
	q, clock := working(t, 1)
	done := make(chan string, 8)
	key := types.NamespacedName{Namespace: "shop", Name: "api-1"}
	runs := 0
	fail := func(context.Context) (any, error) { runs++; return nil, errors.New("no route") }
	submit := func(id string) { q.Submit(jobOf("shop", "api-1", id, done, fail)) }
	submit("a")
	wait(t, done)
	for range 3 {
		submit("a")
		if result, ok := q.Take(key, "u"); !ok || result.Err == nil {
			t.Errorf("in the pause the failure is not told: %+v, %t", result, ok)
		}
	}
	submit("b")
	wait(t, done)
	clock.SetTime(clock.Now().Add(time.Minute))
	if result, ok := q.Take(key, "u"); ok {
		t.Errorf("after the pause the failure is told still: %+v", result)
	}
	submit("b")
	wait(t, done)
	if runs != 3 {
		t.Errorf("%d runs, want 3", runs)
	}
	if _, ok := q.Take(key, "another"); ok {
		t.Error("the result is given to another object of the same name")
	}
	q.Forget(key)
	if len(q.jobs) > 0 {
		t.Errorf("what is gone is remembered: %v", q.jobs)
	}
}
