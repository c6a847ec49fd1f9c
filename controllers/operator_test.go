package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/bridgestack/operator/controllers"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/report"
)

func isConflict(err error) bool { return apierrors.IsConflict(err) }

// operator is one process of the operator, for one namespace.
type operator struct {
	wire   *wire
	cancel context.CancelFunc
	done   chan error
}

// settings of an operator under test; all are optional.
type settings struct {
	wire *wire
	// dial is where probes go. Default: nothing answers.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	now  func() time.Time
	// resolver knows names. Default: none.
	resolver egress.Resolver
	// noImage says that it does not know its own image.
	noImage bool
	// accounts in whose stead it acts.
	accounts permission.Accounts
	// excluded are namespaces that it leaves alone.
	excluded []string
	// registry of its metrics. Default: one that nobody reads.
	registry *prometheus.Registry
	// log is where it logs, at its highest verbosity. Default: with all the others.
	log io.Writer
	// as is the user that it is to the API server. Default: one who may do all.
	as string
}

// start starts an operator; it ends with its test.
func start(t *testing.T, namespace string, s settings) *operator {
	t.Helper()
	if s.wire == nil {
		s.wire = &wire{}
	}
	if s.dial == nil {
		s.dial = func(context.Context, string, string) (net.Conn, error) { return nil, syscall.ECONNREFUSED }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.registry == nil {
		s.registry = prometheus.NewRegistry()
	}
	if s.resolver == nil {
		s.resolver = nobody{}
	}
	mgr, err := managerFor(namespace, s)
	if err != nil {
		t.Fatalf("set the operator up: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	o := &operator{wire: s.wire, cancel: cancel, done: make(chan error, 1)}
	go func() { o.done <- mgr.Start(ctx) }()
	t.Cleanup(o.stop)
	return o
}

// stop ends the operator and returns once nothing of it runs any more.
func (o *operator) stop() {
	o.cancel()
	err := <-o.done
	o.done <- err // for the next call
}

// managerFor wires an operator as main does.
func managerFor(namespace string, s settings) (ctrl.Manager, error) {
	c := rest.CopyConfig(restConfig)
	c.Wrap(s.wire.wrap)
	c.Impersonate.UserName = s.as
	options := quietManager(scheme)
	if s.log != nil {
		options.Logger = report.Logger(zap.Options{DestWriter: s.log, Level: zapcore.Level(-10)})
	}
	options.Cache = cache.Options{
		DefaultNamespaces: map[string]cache.Config{namespace: {}},
		ByObject:          map[client.Object]cache.ByObject{&corev1.Pod{}: {Transform: observe.Transform}},
	}
	options.Client = client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Event{}}}}
	mgr, err := ctrl.NewManager(c, options)
	if err != nil {
		return nil, err
	}
	measured := metrics.New(metrics.Options{Cached: mgr.GetClient(), Elected: mgr.Elected(), Now: s.now})
	if err := s.registry.Register(measured); err != nil {
		return nil, err
	}
	clientset, err := kubernetes.NewForConfig(c)
	if err != nil {
		return nil, err
	}
	events := observe.NewEventWatch(clientset.CoreV1(), namespace)
	if err := mgr.Add(events); err != nil {
		return nil, err
	}
	o := controllers.Options{
		Client:    mgr.GetClient(),
		APIReader: mgr.GetAPIReader(),
		Observer:  observe.New(observe.Options{Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), Logs: sim.logs, EventWatch: events, Now: s.now}),
		Prober: probe.New(probe.Options{Observe: measured.Probe, Dialer: egress.New(egress.Options{
			Connect: s.dial, Resolver: s.resolver, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		})}),
		Applier: &apply.Applier{Live: mgr.GetAPIReader(), Writer: mgr.GetClient()},
		Sender: &notify.Sender{Now: s.now, Dialer: egress.New(egress.Options{
			Resolver: s.resolver, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		})},
		Git: &gitrepo.Client{Now: s.now, Dialer: egress.New(egress.Options{
			Resolver: s.resolver, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		})},
		Accounts:    s.accounts,
		Excluded:    s.excluded,
		Image:       operatorImage,
		Reporter:    &report.Reporter{Client: mgr.GetClient(), Events: mgr.GetEventRecorder("bridgestack"), Metrics: measured},
		Metrics:     measured,
		Clock:       clockOf(s.now),
		Concurrency: 4,
	}
	if s.noImage {
		o.Image = ""
	}
	return mgr, controllers.SetupWithManager(mgr, o)
}

// clockOf is a clock that a function tells the time of.
type clockOf func() time.Time

func (now clockOf) Now() time.Time                  { return now() }
func (now clockOf) Since(t time.Time) time.Duration { return now().Sub(t) }

// nobody is a resolver that knows no name.
type nobody struct{}

func (nobody) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// wire sees every request that an operator sends, and can cut it off.
type wire struct {
	// killAt is the write after which the operator is cut off, 0 for none.
	// Events do not count: they are sent in the background, for people.
	killAt int
	// cut is when, of that write, it is cut off.
	cut cut
	// before sees a write before it is sent, and may act in its stead.
	before func(write)
	// fault is what the call with this number, counted from 1, meets once: watches,
	// events and discovery are no calls.
	fault  fault
	faulty int

	mu     sync.Mutex
	writes []write
	events int
	calls  int
	held   int // times that a frozen view was found out
	dead   bool
	frozen chan struct{} // closed once diagnoses are seen again; nil while they are
	// shown is closed once a watch of diagnoses has shown awaited; nil where nothing is.
	awaited string
	shown   chan struct{}
}

// cut is a moment of a write at which a process may be killed.
type cut string

const (
	unsent          cut = "before it is sent"
	answerLost      cut = "after it was committed, the answer lost"
	answerDelivered cut = "after the answer"
)

// write is a request that changed something.
type write struct {
	method, path string
	body         []byte
}

var errCutOff = errors.New("the operator was cut off")

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *wire) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if w.isDead() {
			return nil, errCutOff
		}
		if w.meetsFault(r) {
			return w.fault(next, r)
		}
		if r.Method == http.MethodGet {
			return w.read(next, r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if w.before != nil {
			w.before(write{r.Method, r.URL.Path, body})
		}
		if w.cutBefore(r.URL.Path) {
			return nil, errCutOff
		}
		// What is under way when the operator is killed reaches the API server all
		// the same, and counts.
		answer, err := next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
		if err != nil || answer.StatusCode >= http.StatusMultipleChoices {
			w.refused(answer)
			return answer, err
		}
		if w.committed(write{r.Method, r.URL.Path, body}) {
			answer.Body.Close()
			return nil, errCutOff
		}
		return answer, nil
	})
}

// meetsFault counts a call; true of the one that is to meet the fault.
func (w *wire) meetsFault(r *http.Request) bool {
	// Without discovery no operator starts: the kubelet starts it again.
	discovery := !strings.Contains(r.URL.Path, "/namespaces/")
	if discovery || r.URL.Query().Get("watch") == "true" || strings.Contains(r.URL.Path, "/events") {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return w.fault != nil && w.calls == w.faulty
}

// committed notes a write; true where its answer is to be lost.
func (w *wire) committed(made write) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(made.path, "/events") {
		w.events++
		return false
	}
	w.writes = append(w.writes, made)
	if len(w.writes) != w.killAt {
		return false
	}
	w.dead = true
	return w.cut == answerLost
}

// cutBefore is true of the write that is not to be sent any more.
func (w *wire) cutBefore(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.Contains(path, "/events") || w.killAt == 0 || w.cut != unsent || len(w.writes) != w.killAt-1 {
		return false
	}
	w.dead = true
	return true
}

func (w *wire) refused(answer *http.Response) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen != nil && answer != nil && answer.StatusCode == http.StatusConflict {
		w.held++
	}
}

// heldBack counts how often a frozen view was found out: by the API server's
// answer to a write, or by a look at the diagnosis before one.
func (w *wire) heldBack() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// read lets a watch of diagnoses be frozen.
func (w *wire) read(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	if strings.Contains(r.URL.Path, "/bridgediagnoses/") {
		w.mu.Lock()
		if w.frozen != nil {
			w.held++
		}
		w.mu.Unlock()
	}
	answer, err := next.RoundTrip(r)
	if err == nil && r.URL.Query().Get("watch") == "true" && strings.HasSuffix(r.URL.Path, "/bridgediagnoses") {
		answer.Body = &watched{ReadCloser: answer.Body, wire: w}
	}
	return answer, err
}

// freeze makes the operator see no more of what happens to diagnoses.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen == nil {
		w.frozen = make(chan struct{})
	}
}

// thaw lets it see all that happened in between.
func (w *wire) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen != nil {
		close(w.frozen)
		w.frozen = nil
	}
}

// watched is a watch's answer; what comes while it is frozen comes later.
type watched struct {
	io.ReadCloser
	wire *wire
	last []byte // what was read last: a text may come in two reads
}

// shows is closed once a watch of diagnoses has shown the text.
func (w *wire) shows(text string) <-chan struct{} {
	w.awaited, w.shown = text, make(chan struct{})
	return w.shown
}

// look for what is awaited.
func (b *watched) look(read []byte) {
	b.wire.mu.Lock()
	defer b.wire.mu.Unlock()
	b.last = append(b.last, read...)
	if b.wire.shown != nil && bytes.Contains(b.last, []byte(b.wire.awaited)) {
		close(b.wire.shown)
		b.wire.shown = nil
	}
	b.last = b.last[max(0, len(b.last)-len(b.wire.awaited)):]
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.look(p[:n])
	b.wire.mu.Lock()
	frozen := b.wire.frozen
	b.wire.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return n, err
}

func (w *wire) isDead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// made are the writes so far.
func (w *wire) made() []write {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.writes)
}

// lastMade is the newest write, for a message.
func (w *wire) lastMade() string {
	made := w.made()
	if len(made) == 0 {
		return "none but events"
	}
	last := made[len(made)-1]
	return fmt.Sprintf("%s %s %s", last.method, last.path, last.body)
}

// sent counts everything that changed something, events too.
func (w *wire) sent() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.writes) + w.events
}

// count is how many of the writes were of a method on paths that contain a text.
func count(writes []write, method, path string) int {
	n := 0
	for _, w := range writes {
		if w.method == method && strings.Contains(w.path, path) {
			n++
		}
	}
	return n
}
