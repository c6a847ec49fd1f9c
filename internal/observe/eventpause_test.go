package observe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clientgo "k8s.io/client-go/testing"
)

// An API server that lists events and lets nobody watch them, as for its load, is not
// asked for all events of the cluster every other second.
func TestEventsAreListedLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, lists := fake.NewClientset(), 0
		c.PrependWatchReactor("events", func(clientgo.Action) (bool, watch.Interface, error) {
			return true, nil, errors.New("too many requests")
		})
		c.PrependReactor("list", "events", func(clientgo.Action) (bool, runtime.Object, error) {
			lists++
			return false, nil, nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if err := NewEventWatch(c.CoreV1()).Start(ctx); err != nil {
			t.Fatal(err)
		}
		if lists < 3 || lists > 20 {
			t.Errorf("%d lists in 10 minutes", lists)
		}
	})
}
