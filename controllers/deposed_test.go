package controllers_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDeposedLeaderWritesNothing holds a leader up at each of its writes, as a
// machine does that is suspended for longer than its lease. Another operator
// takes over and brings the incident to its end; then the first one goes on.
// Its write meets a precondition that holds no more.
func TestDeposedLeaderWritesNothing(t *testing.T) {
	t.Parallel()
	selection := incidents[:1]
	if allFaults() {
		selection = incidents[:3]
	} else {
		t.Logf("one incident: `make test-faults` holds leaders up in three")
	}
	var mu sync.Mutex
	runs, duplicates := 0, 0
	t.Run("runs", func(t *testing.T) {
		for _, i := range selection {
			t.Run(i.name, func(t *testing.T) {
				t.Parallel()
				want, writes := i.run(t, 0, "")
				for k := 1; k <= writes; k++ {
					t.Run(fmt.Sprintf("held up at write %d", k), func(t *testing.T) {
						t.Parallel()
						got := i.withDeposedLeader(t, k)
						mu.Lock()
						defer mu.Unlock()
						runs++
						duplicates += max(0, got.Patches-want.Patches)
						if diff := cmp.Diff(want, got); diff != "" {
							t.Errorf("the end differs (-undisturbed +got)\n%s", diff)
						}
					})
				}
			})
		}
	})
	t.Logf("%d runs, %d duplicate remedies", runs, duplicates)
}

// withDeposedLeader runs an incident with a leader that is held up at a write
// until its successor is done.
func (i incident) withDeposedLeader(t *testing.T, at int) outcome {
	t.Helper()
	ns := namespace(t)
	set := i.begin(t, ns)
	release, held := make(chan struct{}), make(chan struct{})
	let := sync.OnceFunc(func() { close(release) })
	t.Cleanup(let) // else it could not be stopped
	var n atomic.Int32
	w := &wire{before: func(made write) {
		if !strings.Contains(made.path, "/events") && n.Add(1) == int32(at) {
			close(held)
			<-release
		}
	}}
	set.wire = w
	start(t, ns, set)
	over := func() bool {
		all := diagnoses(t, ns, "api")
		return len(all) == 1 && all[0].Status.State == i.ends
	}
	isHeld := func() bool {
		select {
		case <-held:
			return true
		default:
			return false
		}
	}
	until(t, func() bool { return isHeld() || over() }, func() string { return "it is held up\n" + tell(diagnoses(t, ns, "api")) })
	set.wire = nil
	second := start(t, ns, set)
	until(t, over, func() string { return "its successor brings it to its end\n" + tell(diagnoses(t, ns, "api")) })
	before := len(second.wire.made())
	let()
	// What the first one still had in mind is sent at once, and its cache is up
	// to date: there is nothing else to wait for than that it stays quiet.
	quiet := w.sent() + second.wire.sent()
	for since := time.Now(); time.Since(since) < 2*time.Second; time.Sleep(100 * time.Millisecond) {
		if sent := w.sent() + second.wire.sent(); sent != quiet {
			quiet, since = sent, time.Now()
		}
	}
	if !over() || len(second.wire.made()) < before {
		t.Errorf("the end did not last\n%s", tell(diagnoses(t, ns, "api")))
	}
	return endOf(t, ns, append(w.made(), second.wire.made()...))
}
