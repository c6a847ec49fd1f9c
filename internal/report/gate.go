package report

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/redact"
)

// Whatever is written about an incident passes this gate: its status, and with
// that the events, metrics, messages to receivers and pages that are made of it.

// mostKnown bounds the redactors that are kept, by what they hold in bytes.
const mostKnown = 32 << 20

// known are the redactors of incidents, in memory only.
type known struct {
	mu    sync.Mutex
	of    map[types.UID]*redact.Redactor
	order []types.UID
	size  int
}

// Learn keeps the secrets of the pods that a diagnosis is about, for what is
// written of it from now on.
func (r *Reporter) Learn(d *v1alpha1.BridgeDiagnosis, secrets *redact.Redactor) {
	k := &r.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil {
		k.of = map[types.UID]*redact.Redactor{}
	}
	k.forget(d.UID)
	k.of[d.UID] = secrets
	k.order = append(k.order, d.UID)
	k.size += secrets.Size()
	for len(k.order) > 1 && k.size > mostKnown {
		k.forget(k.order[0])
	}
}

func (k *known) forget(uid types.UID) {
	before, ok := k.of[uid]
	if !ok {
		return
	}
	k.size -= before.Size()
	delete(k.of, uid)
	for i, other := range k.order {
		if other == uid {
			k.order = append(k.order[:i], k.order[i+1:]...)
			return
		}
	}
}

// Secrets are what was learned of a diagnosis' pods, nil where nothing was: after
// a restart, before they were looked at.
func (r *Reporter) Secrets(d *v1alpha1.BridgeDiagnosis) *redact.Redactor {
	r.known.mu.Lock()
	defer r.known.mu.Unlock()
	return r.known.of[d.UID]
}

// redactStatus takes the secrets out of all texts of a status.
func redactStatus(s *v1alpha1.BridgeDiagnosisStatus, secrets *redact.Redactor) {
	if secrets == nil {
		secrets = &redact.Redactor{}
	}
	eachText(s, func(text *string) { *text = secrets.Text(*text) })
}

// redactStackStatus takes out what has the form of a secret. What a stack's status
// tells comes of policies, names and counts, and of diagnoses that passed the gate.
func redactStackStatus(s *v1alpha1.BridgeStackStatus) {
	var secrets redact.Redactor
	for i := range s.Conditions {
		s.Conditions[i].Message = secrets.Text(s.Conditions[i].Message)
	}
	for i := range s.Services {
		s.Services[i].Message = secrets.Text(s.Services[i].Message)
	}
}

// eachText visits the texts of a status that a pod, a server or its settings may
// have a part in. What is left out is made by the operator or is the name of an
// object: see the test, which knows all fields.
func eachText(s *v1alpha1.BridgeDiagnosisStatus, visit func(*string)) {
	visit(&s.Message)
	visit(&s.Command)
	visit(&s.Beside)
	for i := range s.Conditions {
		visit(&s.Conditions[i].Message)
	}
	for _, root := range []*v1alpha1.RootReference{s.Root, s.EscalatedRoot} {
		if root != nil {
			visit(&root.Service)
		}
	}
	for i := range s.Evidence {
		visit(&s.Evidence[i].Text)
	}
	if s.RunnerUp != nil {
		visit(&s.RunnerUp.Because)
	}
	for i := range s.Refuted {
		visit(&s.Refuted[i].Because)
	}
	for i := range s.Probes {
		p := &s.Probes[i]
		visit(&p.Service)
		visit(&p.Target)
		visit(&p.Code)
		visit(&p.Message)
	}
	if s.Proposal != nil {
		eachTextOfProposal(s.Proposal, visit)
	}
	if s.Commit != nil {
		eachTextOfChanges(s.Commit.Changes, visit)
	}
	for i := range s.Attempts {
		a := &s.Attempts[i]
		eachTextOfProposal(&a.Proposal, visit)
		for _, text := range []*string{
			&a.Message, &a.ApprovedBy, &a.TakenBackBy, &a.Finding.Root, &a.Finding.Dependency, &a.Finding.Host, &a.Finding.Topic, &a.Finding.Group,
		} {
			visit(text)
		}
	}
	for i := range s.Notifications {
		visit(&s.Notifications[i].Message)
	}
}

func eachTextOfProposal(p *v1alpha1.Proposal, visit func(*string)) {
	visit(&p.Because)
	eachTextOfChanges(p.Changes, visit)
}

func eachTextOfChanges(changes []v1alpha1.FieldChange, visit func(*string)) {
	for i := range changes {
		visit(&changes[i].Before)
		visit(&changes[i].After)
	}
}
