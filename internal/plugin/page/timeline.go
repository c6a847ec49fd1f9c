package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Kind of a moment.
type Kind string

// The kinds of moments.
const (
	KindDeploy Kind = "Deploy"
	KindEnded  Kind = "Ended"
	KindEvent  Kind = "Event"
	// KindIncident: the first sight of one.
	KindIncident  Kind = "Incident"
	KindDiagnosis Kind = "Diagnosis"
	KindRemedy    Kind = "Remedy"
	KindOutcome   Kind = "Outcome"
	KindEscalated Kind = "Escalated"
	KindRecovered Kind = "Recovered"
)

var kindTones = map[Kind]tone{
	KindDeploy: cite, KindEnded: bad, KindIncident: bad, KindEscalated: bad, KindDiagnosis: busy, KindRemedy: busy, KindOutcome: busy, KindRecovered: good,
}

// Moment is something that happened.
type Moment struct {
	At      metav1.Time `json:"at"`
	Service string      `json:"service"`
	Kind    Kind        `json:"kind"`
	What    string      `json:"what"`
	// Diagnosis that tells of it, empty for what the cluster itself tells.
	Diagnosis string `json:"diagnosis,omitempty"`
}

// Span is an incident from its first sight to its end.
type Span struct {
	Service   string      `json:"service"`
	Diagnosis string      `json:"diagnosis"`
	From      metav1.Time `json:"from"`
	// To is absent while the incident is open.
	To    *metav1.Time            `json:"to,omitempty"`
	State v1alpha1.DiagnosisState `json:"state"`
	Cause v1alpha1.Cause          `json:"cause,omitempty"`
}

// Timeline is what happened to a stack, oldest first.
type Timeline struct {
	Namespace string      `json:"namespace"`
	Stack     string      `json:"stack"`
	Until     metav1.Time `json:"until"`
	Services  []string    `json:"services"`
	Moments   []Moment    `json:"moments"`
	Incidents []Span      `json:"incidents"`
	// Missing is what could not be read.
	Missing []string `json:"missing,omitempty"`
}

// Add puts moments and incidents of the diagnoses, and what the cluster itself
// tells, into the timeline, as far as they are not older than since.
func (t *Timeline) Add(since time.Time, diagnoses []v1alpha1.BridgeDiagnosis, told []Moment) {
	for _, d := range diagnoses {
		span := spanOf(d)
		if span.To != nil && span.To.Time.Before(since) {
			continue
		}
		t.Incidents = append(t.Incidents, span)
		told = append(told, momentsOf(d)...)
	}
	for _, m := range told {
		if !m.At.Time.Before(since) {
			m.What = oneLine(m.What)
			t.Moments = append(t.Moments, m)
		}
	}
	slices.SortStableFunc(t.Moments, func(a, b Moment) int {
		return cmp.Or(a.At.Compare(b.At.Time), cmp.Compare(a.Service, b.Service))
	})
	slices.SortStableFunc(t.Incidents, func(a, b Span) int { return a.From.Compare(b.From.Time) })
}

func spanOf(d v1alpha1.BridgeDiagnosis) Span {
	s := Span{Service: d.Spec.Service, Diagnosis: d.Name, From: d.CreationTimestamp, State: d.Status.State, Cause: d.Status.Cause}
	if at := d.Status.Times.Visible; at != nil {
		s.From = metav1.NewTime(at.Time)
	}
	if end := endOf(d); d.Status.State.Final() && !end.IsZero() {
		s.To = &metav1.Time{Time: end}
	}
	return s
}

func momentsOf(d v1alpha1.BridgeDiagnosis) []Moment {
	var out []Moment
	add := func(at time.Time, kind Kind, what string) {
		if !at.IsZero() {
			out = append(out, Moment{At: metav1.NewTime(at), Service: d.Spec.Service, Kind: kind, What: what, Diagnosis: d.Name})
		}
	}
	times := d.Status.Times
	visible := cmp.Or(times.Visible, &metav1.MicroTime{Time: d.CreationTimestamp.Time})
	add(visible.Time, KindIncident, sight(d))
	for _, e := range d.Status.Evidence {
		if e.Source == v1alpha1.SourceChange && e.Time != nil {
			add(e.Time.Time, KindDeploy, oneLine(e.Text))
		}
	}
	if times.Diagnosed != nil {
		add(times.Diagnosed.Time, KindDiagnosis, diagnosedAs(d))
	}
	for _, a := range d.Status.Attempts {
		if a.AppliedAt != nil {
			add(a.AppliedAt.Time, KindRemedy, remedyOf(a))
		}
		if a.EndedAt != nil {
			add(a.EndedAt.Time, KindOutcome, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", a.Proposal.Remedy, a.Outcome, a.Message), ": "))
		}
	}
	if times.Escalated != nil {
		add(times.Escalated.Time, KindEscalated, "a person is called")
	}
	if times.Recovered != nil {
		up := ""
		if times.Up != nil {
			up = ", up since " + times.Up.UTC().Format(time.TimeOnly)
		}
		add(times.Recovered.Time, KindRecovered, "recovered"+up)
	}
	return out
}

// sight is what an incident showed itself by.
func sight(d v1alpha1.BridgeDiagnosis) string {
	text := "a restart loop is seen"
	switch d.Spec.Symptom {
	case v1alpha1.SymptomNotAvailable:
		text = "pods are wanting or not ready"
	case v1alpha1.SymptomRunFailed:
		text = "a run failed"
	case v1alpha1.SymptomHealthEndpointFailing:
		text = "the health endpoint fails"
	case v1alpha1.SymptomRestartLoop:
	}
	if d.Status.Loop != nil && d.Status.Loop.Reason != string(d.Spec.Symptom) {
		text += ": " + d.Status.Loop.Reason
	}
	return text
}

func diagnosedAs(d v1alpha1.BridgeDiagnosis) string {
	text := fmt.Sprintf("%s (%s)", d.Status.Cause, d.Status.Confidence)
	if d.Status.Root != nil {
		text += ", a symptom of " + d.Status.Root.Service
	}
	return text
}

func remedyOf(a v1alpha1.Attempt) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s on %s", a.Proposal.Remedy, a.Proposal.Target)
	for _, c := range a.Proposal.Changes {
		text.WriteString("; " + c.String())
	}
	return text.String()
}

// Text is the timeline in one column of time, in UTC.
func (t Timeline) Text(style Style) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s   until %s UTC\n", style.paint(strong, t.Namespace+"/"+t.Stack), t.Until.UTC().Format(time.DateTime))
	for _, m := range t.Missing {
		out.WriteString(style.paint(bad, style.wrap("  ! ", m)))
	}
	if len(t.Moments) == 0 {
		out.WriteString("\nnothing happened in this time, as far as the cluster remembers\n")
		return out.String()
	}
	rows := table{}
	day := ""
	for i, m := range t.Moments {
		if today := m.At.UTC().Format(time.DateOnly); today != day {
			rows.write(&out, style)
			rows, day = table{}, today
			out.WriteString("\n" + style.paint(strong, day) + "\n")
		}
		later := ""
		if i > 0 {
			if since := m.At.Sub(t.Moments[i-1].At.Time); since >= time.Second {
				later = "+" + duration.HumanDuration(since)
			}
		}
		rows.add(cell{m.At.UTC().Format(time.TimeOnly), plain}, cell{later, dim}, cell{m.Service, plain}, cell{string(m.Kind), kindTones[m.Kind]}, cell{m.What, plain})
	}
	rows.write(&out, style)
	return out.String()
}
