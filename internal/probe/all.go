package probe

import (
	"context"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/server"
)

// ProbeAll asks each dependency twice, all at the same time: as the container is
// configured and, where that differs, as the stack declares it. It takes no longer than
// Options.All, however many hang.
func (p *Prober) ProbeAll(ctx context.Context, scope egress.Scope, c evidence.Case, redactor *redact.Redactor) []evidence.Probe {
	type question struct {
		to evidence.Connection
		as v1alpha1.ProbeViewpoint
	}
	ctx, cancel := context.WithTimeout(ctx, p.options.All)
	defer cancel()
	var questions []question
	for _, d := range c.Dependencies {
		if d.Configured != nil {
			questions = append(questions, question{*d.Configured, v1alpha1.AsConfigured})
		}
		switch {
		case d.Declared == nil:
		case d.Configured == nil:
			questions = append(questions, question{*d.Declared, v1alpha1.AsDeclared})
		default:
			questions = append(questions, question{server.Toward(*d.Declared, *d.Configured, c.Env), v1alpha1.AsDeclared})
		}
	}
	out := make([]evidence.Probe, len(questions))
	var wait sync.WaitGroup
	for i, q := range questions {
		wait.Go(func() {
			out[i] = p.Probe(ctx, scope, q.to, q.as)
			for s := range out[i].Stages {
				out[i].Stages[s].Message = redactor.Text(out[i].Stages[s].Message)
			}
		})
	}
	wait.Wait()
	return out
}
