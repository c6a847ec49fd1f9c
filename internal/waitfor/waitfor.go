// Package waitfor is the operator's subcommand for init containers: it waits
// until a dependency accepts connections, or a deadline has passed. It has no
// credentials: that the server is there and past its start-up is what it asks.
// What a dependency is to have ended, a Job, it asks the API server about.
package waitfor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/server"
)

// Command is the name of the subcommand.
const Command = "wait-for"

const (
	// pause between two probes.
	pause = time.Second
	// reminder is how often a wait that goes on for the same reason says so.
	reminder = 30 * time.Second
	// defaultTimeout is how long it waits where nothing else is said.
	defaultTimeout = 5 * time.Minute
)

// Prober asks once how a dependency is.
type Prober interface {
	Probe(ctx context.Context, scope egress.Scope, c evidence.Connection, as v1alpha1.ProbeViewpoint) evidence.Probe
}

// NewProber is the prober for a pod's own view: it may reach whatever the pod
// may, but for loopback, link-local and metadata addresses, where no dependency
// of a stack is. The text is that of /etc/resolv.conf.
func NewProber(resolvConf string) Prober {
	search := egress.ParseSearchList(resolvConf)
	return probe.New(probe.Options{Dialer: egress.New(egress.Options{
		Search: &search, AllowedNetworks: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	})})
}

// Wait is what a run waits for.
type Wait struct {
	Connection evidence.Connection
	// Job is waited for in place of a connection: until it is complete or, with
	// Ready, until one of its pods is ready.
	Job   string
	Ready bool
	// Name is waited for in place of a connection: until it resolves, as that of a
	// headless Service does when one of its pods is ready.
	Name    string
	Timeout time.Duration
}

// Parse reads the arguments after the subcommand.
func Parse(args []string) (Wait, error) {
	w := Wait{Timeout: defaultTimeout}
	set := flag.NewFlagSet(Command, flag.ContinueOnError)
	set.SetOutput(io.Discard) // the caller shows the error
	set.Func("protocol", protocols(), func(s string) error {
		i := slices.IndexFunc(server.Protocols(), func(p evidence.Protocol) bool { return strings.EqualFold(string(p), s) })
		if i < 0 {
			return errors.New("want " + protocols())
		}
		w.Connection.Protocol = server.Protocols()[i]
		return nil
	})
	set.Func("address", "host:port; may be given several times, one suffices", func(s string) error {
		host, text, err := net.SplitHostPort(s)
		port, errPort := strconv.ParseUint(text, 10, 16)
		if err != nil || errPort != nil || host == "" || port == 0 {
			return errors.New("want host:port, such as postgres:5432")
		}
		w.Connection.Servers = append(w.Connection.Servers, evidence.HostPort{Host: host, Port: int32(port)})
		return nil
	})
	set.StringVar(&w.Connection.Path, "path", "/health", "path for http")
	set.StringVar(&w.Job, "job", "", "name of a Job to be complete, in place of protocol and address")
	set.BoolVar(&w.Ready, "ready", false, "with --job: that one of its pods is ready suffices")
	set.StringVar(&w.Name, "name", "", "name to resolve, in place of protocol and address")
	set.DurationVar(&w.Timeout, "timeout", defaultTimeout, "how long to wait")
	err := set.Parse(args)
	switch {
	case err != nil:
		return w, err
	case set.NArg() > 0:
		return w, fmt.Errorf("unexpected argument %q", set.Arg(0))
	case count(w.Connection.Protocol != "" && len(w.Connection.Servers) > 0, w.Job != "", w.Name != "") != 1:
		return w, errors.New("--protocol and at least one --address are needed, or --job, or --name")
	case w.Timeout <= 0:
		return w, errors.New("--timeout must be more than zero")
	}
	return w, nil
}

// protocols that can be waited for, as arguments name them.
func protocols() string {
	var names []string
	for _, p := range server.Protocols() {
		names = append(names, strings.ToLower(string(p)))
	}
	return strings.Join(names, ", ")
}

func count(set ...bool) int {
	n := 0
	for _, s := range set {
		if s {
			n++
		}
	}
	return n
}

// Run waits, and says on out what for. It returns nil once the dependency is
// ready, and what the last probe saw when the time is over.
func Run(ctx context.Context, out io.Writer, w Wait, prober Prober) error {
	name := address(w.Connection.Servers)
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	last, saidAt := "", time.Time{}
	for {
		result := prober.Probe(ctx, egress.Scope{}, w.Connection, v1alpha1.AsDeclared)
		if Ready(result) {
			say(out, "%s at %s is ready after %s", w.Connection.Protocol, name, time.Since(started).Round(time.Millisecond))
			return nil
		}
		if !over(ctx) { // else the probe was cut off, and what it says is of no use
			if why := because(result); why != last || time.Since(saidAt) >= reminder {
				last, saidAt = why, time.Now()
				say(out, "waiting for %s at %s: %s; %s left", w.Connection.Protocol, name, why, (w.Timeout - time.Since(started)).Round(time.Second))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s at %s is not ready after %s: %s", w.Connection.Protocol, name, w.Timeout, last)
		case <-time.After(pause):
		}
	}
}

// over says that the time is over, which a connection may notice by its own clock before
// the context is done.
func over(ctx context.Context) bool {
	deadline, set := ctx.Deadline()
	return ctx.Err() != nil || set && !time.Now().Before(deadline)
}

func say(out io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", args...) // a log that cannot be written stops nothing
}

// Ready says that a server is there and takes connections. That it wants TLS or
// a login, which an init container does not have, is an answer of a server that
// is up.
func Ready(p evidence.Probe) bool {
	last := p.Last()
	if last.Outcome == v1alpha1.ProbePassed {
		return true
	}
	atLogin := last.Name == evidence.StageTLS || last.Name == evidence.StageAuthenticate
	return atLogin && last.Outcome == v1alpha1.ProbeFailed
}

func because(p evidence.Probe) string {
	last := p.Last()
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", last.Name, last.Code, last.Message))
}

func address(servers []evidence.HostPort) string {
	texts := make([]string, len(servers))
	for i, s := range servers {
		texts[i] = s.String()
	}
	return strings.Join(texts, ",")
}
