package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// longestMessage that is kept of a server's or client's message, in bytes.
const longestMessage = 1024

// run is one probe under way.
type run struct {
	prober   *Prober
	scope    egress.Scope
	settings evidence.Connection
	redactor *redact.Redactor
	result   evidence.Probe
}

func (p *Prober) newRun(scope egress.Scope, c evidence.Connection, as v1alpha1.ProbeViewpoint) *run {
	return &run{prober: p, scope: scope, settings: c, redactor: redact.New(c.Password),
		result: evidence.Probe{Service: c.Service, Protocol: c.Protocol, Viewpoint: as, Target: c.Server()}}
}

// verdict is what a stage came to; the zero verdict is that it passed.
type verdict struct {
	outcome       v1alpha1.ProbeOutcome
	code, message string
}

func failed(code, message string) verdict  { return verdict{v1alpha1.ProbeFailed, code, message} }
func unknown(code, message string) verdict { return verdict{v1alpha1.ProbeUnknown, code, message} }

func (v verdict) passed() bool { return v.outcome == "" || v.outcome == v1alpha1.ProbePassed }

// stage runs one step within its time, records it, and reports whether it passed.
func (r *run) stage(ctx context.Context, name evidence.StageName, limit time.Duration, step func(context.Context) verdict) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := r.prober.options.Now()
	v := step(ctx)
	return r.record(name, v, r.prober.options.Now().Sub(started))
}

func (r *run) exchange(ctx context.Context, name evidence.StageName, step func(context.Context) verdict) bool {
	return r.stage(ctx, name, r.prober.options.Exchange, step)
}

func (r *run) record(name evidence.StageName, v verdict, took time.Duration) bool {
	if v.outcome == "" {
		v.outcome = v1alpha1.ProbePassed
	}
	r.result.Stages = append(r.result.Stages, evidence.Stage{
		Name: name, Outcome: v.outcome, Code: v.code, Message: r.redactor.Clean(v.message, longestMessage), Took: took,
	})
	return v.passed()
}

// broken is the verdict on a connection that broke off after it was made. That
// a server hangs, hangs up or talks nonsense is seen; why is not, so the verdict
// is Unknown.
func broken(err error) verdict {
	if code := networkCode(err); code != "" {
		return unknown(code, err.Error())
	}
	return unknown(evidence.CodeProtocol, err.Error())
}

// networkCode is the code of an error of the network, empty for other errors.
func networkCode(err error) string {
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return evidence.CodeRefused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return evidence.CodeNoRoute
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return evidence.CodeReset
	case errors.Is(err, syscall.ETIMEDOUT), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return evidence.CodeTimeout
	case errors.As(err, &netErr) && netErr.Timeout():
		return evidence.CodeTimeout
	default:
		return ""
	}
}
