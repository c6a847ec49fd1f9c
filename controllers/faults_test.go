package controllers_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// fault is what becomes of a call instead of what should.
type fault func(next http.RoundTripper, r *http.Request) (*http.Response, error)

// answers is an API server that refuses.
func answers(code int, reason string, header ...string) fault {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected: %s","reason":%q,"code":%d}`, reason, reason, code)
		answer := &http.Response{
			StatusCode: code, Status: strconv.Itoa(code) + " " + reason, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		}
		for i := 0; i+1 < len(header); i += 2 {
			answer.Header.Set(header[i], header[i+1])
		}
		return answer, nil
	}
}

// answerTimesOut is an API server that does it, and is not heard of.
func answerTimesOut(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	answer, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	return nil, fmt.Errorf("injected: %w", context.DeadlineExceeded)
}

var faults = map[string]fault{
	"409":                       answers(http.StatusConflict, "Conflict"),
	"422":                       answers(http.StatusUnprocessableEntity, "Invalid"),
	"429 with Retry-After":      answers(http.StatusTooManyRequests, "TooManyRequests", "Retry-After", "1"),
	"500":                       answers(http.StatusInternalServerError, "InternalError"),
	"time-out after it is done": answerTimesOut,
}

// TestErrorAtEveryCall lets each call of an incident, reads and writes, meet each
// error once. Nothing is done twice, and the incident comes to rest.
func TestErrorAtEveryCall(t *testing.T) {
	t.Parallel()
	i := incidents[0]
	calls, want := undisturbed(t, i)
	step := 5 // of the calls, where time is short
	if allFaults() {
		step = 1
	} else {
		t.Logf("every %dth of %d calls: `make test-faults` lets each one fail", step, calls)
	}
	var mu sync.Mutex
	runs, wanted, duplicates := 0, 0, 0
	t.Run("runs", func(t *testing.T) {
		for n := 1; n <= calls; n += step {
			for name, f := range faults {
				wanted++
				t.Run(fmt.Sprintf("call %d %s", n, name), func(t *testing.T) {
					t.Parallel()
					ns := namespace(t)
					set := i.begin(t, ns)
					set.wire = &wire{fault: f, faulty: n}
					o := start(t, ns, set)
					rests := func() bool {
						all := diagnoses(t, ns, "api")
						return len(all) == 1 && (all[0].Status.State == want.State || all[0].Status.State == v1alpha1.StateEscalated)
					}
					until(t, rests, func() string { return "it comes to rest\n" + tell(diagnoses(t, ns, "api")) })
					o.stop()
					got := endOf(t, ns, o.wire.made())
					mu.Lock()
					defer mu.Unlock()
					runs++
					duplicates += max(0, got.Patches-want.Patches) + max(0, got.Diagnoses-want.Diagnoses)
					if got.State != want.State {
						// A patch that the API server calls invalid is none: then a person is called.
						if name != "422" || got.Patches != 0 || got.Edits != 1 {
							t.Errorf("it ends as %s: %s", got.State, tell(diagnoses(t, ns, "api")))
						}
						return
					}
					if diff := cmp.Diff(want.Template, got.Template); diff != "" {
						t.Errorf("the template differs (-undisturbed +got)\n%s", diff)
					}
				})
			}
		}
	})
	t.Logf("%d calls, %d runs, %d duplicate remedies, %d lost incidents", calls, runs, duplicates, wanted-runs)
	if duplicates > 0 {
		t.Errorf("%d duplicate remedies", duplicates)
	}
}

// undisturbed runs an incident once, and counts its calls.
func undisturbed(t *testing.T, i incident) (calls int, end outcome) {
	t.Helper()
	ns := namespace(t)
	o := start(t, ns, i.begin(t, ns))
	await(t, ns, "api", i.ends, v1alpha1.ReasonRecovered)
	o.stop()
	o.wire.mu.Lock()
	defer o.wire.mu.Unlock()
	return o.wire.calls, endOf(t, ns, o.wire.writes)
}
