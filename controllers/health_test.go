package controllers_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// healthEndpoint is one of a service that is well until it is told otherwise.
type healthEndpoint struct {
	unwell atomic.Bool
	asked  atomic.Int32
	server *httptest.Server
}

func newHealthEndpoint(t *testing.T) *healthEndpoint {
	t.Helper()
	h := &healthEndpoint{}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.asked.Add(1)
		if !h.unwell.Load() {
			_, _ = w.Write([]byte(`{"status":"healthy","infrastructure_health":{"postgres":{"status":"healthy"}}}`))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"unhealthy","infrastructure_health":{"postgres":{"status":"disconnected"},"kafka":{"status":"healthy"}}}`))
	}))
	t.Cleanup(h.server.Close)
	return h
}

// watched is a stack whose service api has the endpoint, asked often.
func (h *healthEndpoint) watched(t *testing.T, namespace string) *v1alpha1.BridgeStack {
	t.Helper()
	address, err := netip.ParseAddrPort(h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	api := service("api")
	api.Endpoint = &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Host: address.Addr().String(), Port: int32(address.Port())}}
	s := stack(namespace, api)
	s.Spec.Detection.HealthWindow = &metav1.Duration{Duration: 4 * time.Second}
	return s
}

func really() settings {
	return settings{dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
}

// A service that runs and says that it is unwell is an incident, with what it
// says as evidence, and it is over once it says that it is well.
func TestFailingHealthEndpointIsAnIncident(t *testing.T) {
	t.Parallel()
	ns, h := namespace(t), newHealthEndpoint(t)
	create(t, h.watched(t, ns))
	d := deploy(t, ns, "api", runs)
	before := template(t, d)
	o := start(t, ns, really())
	until(t, func() bool { return h.asked.Load() > 0 }, func() string { return "the endpoint is asked" })
	if all := diagnoses(t, ns, "api"); len(all) > 0 {
		t.Fatalf("a healthy service has a diagnosis:\n%s", tell(all))
	}
	h.unwell.Store(true)
	got := await(t, ns, "api", v1alpha1.StateDiagnosing, v1alpha1.ReasonCauseUnknown)
	if got.Status.Cause != v1alpha1.CauseUnknown || got.Status.Loop.Reason != "HealthEndpointFailing" {
		t.Errorf("cause %s, loop %+v", got.Status.Cause, got.Status.Loop)
	}
	var said []string
	for _, e := range got.Status.Evidence {
		said = append(said, e.Text)
	}
	if !strings.Contains(strings.Join(said, "\n"), "HTTP 503, status unhealthy, infrastructure_health: kafka healthy, postgres disconnected") {
		t.Errorf("the evidence does not say what the endpoint does: %q", said)
	}
	settled := stillFor(t, o, idle)
	h.unwell.Store(false)
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
	settled = stillFor(t, o, idle) - settled
	if template(t, d) != before || settled > 8 {
		t.Errorf("%d writes to end it; the template is now %s", settled, template(t, d))
	}
}

// While all is well the endpoint is asked and nothing is written.
func TestHealthyEndpointIsQuiet(t *testing.T) {
	t.Parallel()
	ns, h := namespace(t), newHealthEndpoint(t)
	s := h.watched(t, ns)
	create(t, s)
	deploy(t, ns, "api", runs)
	o := start(t, ns, really())
	until(t, func() bool { return h.asked.Load() > 0 }, func() string { return "the endpoint is asked" })
	// A pod is asked once it runs, and its Deployment counts it later.
	awaitServicesHealthy(t, s, "1/1")
	settled, asked := stillFor(t, o, idle), h.asked.Load()
	until(t, func() bool { return h.asked.Load() > asked+3 }, func() string { return "it is asked again and again" })
	if n := o.wire.sent(); n != settled {
		t.Errorf("%d writes though nothing had changed: %s", n-settled, o.wire.lastMade())
	}
}

// Endpoints of one stack that hang keep nobody else's from being asked in time.
func TestHangingEndpointsHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	ns, h := namespace(t), newHealthEndpoint(t)
	const hanging = 9
	var services []v1alpha1.Service
	for i := range 24 {
		name := fmt.Sprintf("slow-%02d", i)
		s := service(name)
		s.Endpoint = &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Host: "127.0.0.9", Port: hanging}}
		services = append(services, s)
		deploy(t, ns, name, runs)
	}
	slow := stack(ns, services...)
	slow.Name = "slow"
	slow.Spec.Detection.HealthWindow = &metav1.Duration{Duration: 4 * time.Second}
	slow.Spec.Detection.HealthFailures = new(int32)
	*slow.Spec.Detection.HealthFailures = 100 // its own incidents are not at issue
	create(t, slow, h.watched(t, ns))
	deploy(t, ns, "api", runs)
	var hung atomic.Int32
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.HasSuffix(address, fmt.Sprintf(":%d", hanging)) {
			hung.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	start(t, ns, settings{dial: dial})
	until(t, func() bool { return hung.Load() > 0 && h.asked.Load() > 0 }, func() string { return "both stacks' endpoints are asked" })
	asked := h.asked.Load()
	// Ten more times takes ten seconds in turns of a second, and a minute and a half
	// behind rounds of 24 endpoints that hang for three seconds, four at a time.
	until(t, func() bool { return h.asked.Load() >= asked+10 }, func() string { return "the endpoint that answers is asked every second" })
}
