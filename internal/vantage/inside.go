package vantage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/probe"
)

// Command is the name of the operator's subcommand.
const Command = "probe"

// probePatience bounds a probe inside a pod. Nobody waits for it in a reconcile, so
// it has time for a resolver's second try.
const (
	probePatience   = 15 * time.Second
	resolvePatience = 6 * time.Second
	dialPatience    = 4 * time.Second
	answerPatience  = 3 * time.Second
)

// Run is the subcommand: it probes what its one argument, a Question, asks for
// and prints the Answer, and nothing else. Names are completed as the pod's own
// resolv.conf says.
func Run(ctx context.Context, out io.Writer, args []string, resolvConf string) error {
	if len(args) != 1 {
		return errors.New("want one argument: the question as a JSON document")
	}
	q, err := ParseQuestion([]byte(args[0]))
	if err != nil {
		return err
	}
	search := egress.ParseSearchList(resolvConf)
	answer := probeAll(ctx, q, egress.Options{Search: &search, ResolveTimeout: resolvePatience, DialTimeout: dialPatience})
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	return nil
}

// probeAll asks all targets at once.
func probeAll(ctx context.Context, q Question, o egress.Options) Answer {
	for _, a := range q.Allowed {
		o.AllowedNetworks = append(o.AllowedNetworks, netip.PrefixFrom(a, a.BitLen()))
	}
	prober := probe.New(probe.Options{Dialer: egress.New(o), Total: probePatience, Exchange: answerPatience})
	a := Answer{Probes: make([]Probe, len(q.Targets))}
	var wait sync.WaitGroup
	for i, t := range q.Targets {
		wait.Go(func() { a.Probes[i] = probeOf(prober.Probe(ctx, egress.Scope{}, t.connection(), v1alpha1.FromPod)) })
	}
	wait.Wait()
	return a
}

func probeOf(p evidence.Probe) Probe {
	out := Probe{Service: p.Service}
	for _, text := range p.Addresses {
		if a, err := netip.ParseAddr(text); err == nil && len(out.Addresses) < mostAddresses {
			out.Addresses = append(out.Addresses, a)
		}
	}
	for _, s := range p.Stages {
		out.Stages = append(out.Stages, Stage{s.Name, s.Outcome, s.Code, s.Message, s.Took.Milliseconds()})
	}
	return out
}
