package bridgediagnosis

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/redact"
)

// learnSecrets makes known what the pods of the incident hold, where no earlier
// round did: before it, nothing about them is written but what carries no text of
// theirs.
func (r *Reconciler) learnSecrets(ctx context.Context, in *round) {
	if in.redactor = r.Reporter.Secrets(in.after); in.redactor != nil || len(in.pods) == 0 {
		return
	}
	secrets, err := r.Observer.Redactor(ctx, observe.Request{Pod: in.pods[0].Pod, Workload: in.named()})
	if err != nil {
		r.unread.log(ctx, client.ObjectKeyFromObject(in.after), "some secrets of the pod could not be read", in.pods[0].Name, err)
	}
	if secrets != nil && err == nil {
		in.redactor = secrets
		r.Reporter.Learn(in.after, secrets)
	}
}

// diagnosed is the finding, without secrets in what remedies and later rounds know
// it by: the host that a client was told may be a part of one.
func diagnosed(f diagnosis.Finding, secrets *redact.Redactor) diagnosis.Finding {
	for _, text := range []*string{&f.Message, &f.Root, &f.Subject.Dependency, &f.Subject.Host, &f.Subject.Topic, &f.Subject.Group} {
		*text = secrets.Text(*text)
	}
	return f
}

// redact keeps secrets out of a text that leaves by another way than the status.
func (in *round) redact(text string) string {
	if in.redactor == nil {
		return new(redact.Redactor).Text(text)
	}
	return in.redactor.Text(text)
}

// redacted is the error, without secrets in what it says.
func (in *round) redacted(err error) error {
	if in.redactor == nil {
		return new(redact.Redactor).Error(err)
	}
	return in.redactor.Error(err)
}
