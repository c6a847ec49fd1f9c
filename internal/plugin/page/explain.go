package page

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
)

// Explanation is a diagnosis with what a reader must know of how it came about.
type Explanation struct {
	Diagnosis v1alpha1.BridgeDiagnosis
	// Live says that it was made there and then, by whoever asks: nothing was
	// probed and no remedy was looked for.
	Live bool
	// Notes are what speaks against taking it for the whole truth.
	Notes []string
}

// saying is a diagnosis' message without the commands that the page has itself.
func saying(d v1alpha1.BridgeDiagnosis) string {
	text, _, _ := strings.Cut(oneLine(d.Status.Message), " To approve: kubectl ")
	if d.Status.Command != "" {
		text = strings.TrimSuffix(text, " Next: "+oneLine(d.Status.Command))
	}
	return text
}

// Text explains a diagnosis: the evidence, the cause, why not the others, the
// remedy with its change, what was tried and what comes next.
func (e Explanation) Text(now time.Time, style Style) string {
	var out strings.Builder
	e.title(&out, now, style)
	e.evidence(&out, style)
	e.probes(&out, style)
	e.cause(&out, style)
	e.refuted(&out, style)
	e.remedy(&out, style)
	e.attempts(&out, now, style)
	e.notes(&out, style)
	e.next(&out, style)
	return out.String()
}

func heading(out *strings.Builder, style Style, text string) {
	out.WriteString("\n" + style.paint(strong, text) + "\n")
}

func (e Explanation) title(out *strings.Builder, now time.Time, style Style) {
	d := e.Diagnosis
	if e.Live {
		fmt.Fprintf(out, "%s   container %s   diagnosed just now, by rules alone; nothing is written\n", style.paint(strong, d.Namespace+"/"+d.Name), d.Spec.Container)
	} else {
		fmt.Fprintf(out, "%s   service %s of stack %s   %s, for %s\n", style.paint(strong, d.Namespace+"/"+d.Name), d.Spec.Service, d.Spec.Stack,
			style.paint(toneOf(string(d.Status.State)), string(d.Status.State)), ago(now, d.CreationTimestamp.Time))
		fmt.Fprintf(out, "container %s of %s/%s\n", d.Spec.Container, d.Spec.Workload.Kind, d.Spec.Workload.Name)
	}
	if d.Status.Loop != nil {
		out.WriteString(oneLine(counted(*d.Status.Loop)) + "\n")
	}
}

// counted says what was counted of an incident, and does not speak of restarts where
// there are none.
func counted(loop v1alpha1.LoopObservation) string {
	text := "no pod to look at: "
	if loop.Pod != "" {
		text = "pod " + loop.Pod + ": "
	}
	text += loop.Reason
	switch {
	case loop.Restarts == 1:
		text += ", 1 restart"
	case loop.Restarts > 1:
		text += fmt.Sprintf(", %d restarts", loop.Restarts)
	case loop.Reason == detect.ReasonNotAvailable && loop.Pod != "":
		text += ", nothing restarts"
	}
	if loop.ExitCode != nil {
		text += fmt.Sprintf(", last exit code %d", *loop.ExitCode)
	}
	return text
}

func (e Explanation) evidence(out *strings.Builder, style Style) {
	heading(out, style, "EVIDENCE")
	if len(e.Diagnosis.Status.Evidence) == 0 {
		out.WriteString("  none yet\n")
	}
	for _, item := range e.Diagnosis.Status.Evidence {
		source := string(item.Source)
		if item.Time != nil {
			source += " at " + item.Time.UTC().Format(time.TimeOnly)
		}
		out.WriteString("  " + style.paint(cite, source) + "\n")
		out.WriteString(style.wrap("    ", clean(item.Text)))
	}
}

func (e Explanation) probes(out *strings.Builder, style Style) {
	if len(e.Diagnosis.Status.Probes) == 0 {
		return
	}
	heading(out, style, "PROBES")
	t := table{}
	for _, p := range e.Diagnosis.Status.Probes {
		tones := map[v1alpha1.ProbeOutcome]tone{v1alpha1.ProbePassed: good, v1alpha1.ProbeFailed: bad}
		t.add(cell{"  " + p.Service, plain}, cell{string(p.Viewpoint), dim}, cell{oneLine(p.Target), plain}, cell{string(p.Outcome), tones[p.Outcome]},
			cell{strings.TrimSpace(p.Stage + " " + oneLine(p.Code)), plain}, cell{fmt.Sprintf("%dms", p.Milliseconds), dim})
	}
	t.write(out, style)
}

func (e Explanation) cause(out *strings.Builder, style Style) {
	heading(out, style, "CAUSE")
	s := e.Diagnosis.Status
	if s.Cause == "" {
		out.WriteString("  not known yet: the evidence is being gathered\n")
		return
	}
	fmt.Fprintf(out, "  %s, confidence %s\n", style.paint(strong, string(s.Cause)), s.Confidence)
	out.WriteString(style.wrap("  ", saying(e.Diagnosis)))
	if s.Root != nil {
		text := "It is only a symptom: the root is " + s.Root.Service
		if s.Root.Diagnosis != "" {
			text += fmt.Sprintf(" (kubectl bridge explain -n %s %s)", e.Diagnosis.Namespace, s.Root.Diagnosis)
		}
		out.WriteString(style.wrap("  ", text))
	}
}

func (e Explanation) refuted(out *strings.Builder, style Style) {
	s := e.Diagnosis.Status
	if len(s.Refuted) == 0 && s.RunnerUp == nil {
		return
	}
	heading(out, style, "WHY NOT THE OTHERS")
	if r := s.RunnerUp; r != nil {
		out.WriteString(style.wrap("  ", fmt.Sprintf("next likely is %s: %s", r.Cause, clean(r.Because))))
	}
	for _, r := range s.Refuted {
		if s.RunnerUp != nil && r == *s.RunnerUp {
			continue
		}
		out.WriteString(style.wrap("  ", fmt.Sprintf("not %s: %s", r.Cause, clean(r.Because))))
	}
}

func (e Explanation) remedy(out *strings.Builder, style Style) {
	if e.Live {
		return
	}
	heading(out, style, "REMEDY")
	p := e.Diagnosis.Status.Proposal
	if p == nil {
		out.WriteString("  none is proposed\n")
		return
	}
	out.WriteString(Proposed(*p, style))
	if c := e.Diagnosis.Status.Commit; c != nil {
		out.WriteString(style.wrap("  ", fmt.Sprintf("committed to branch %s; it is made by merging that", oneLine(c.Branch))))
	}
	if tool := e.Diagnosis.Status.GitOps; tool != "" {
		out.WriteString(style.wrap("  ", "the workload is owned by "+oneLine(tool)))
	}
}

// Proposed is a remedy with its exact change.
func Proposed(p v1alpha1.Proposal, style Style) string {
	var out strings.Builder
	fmt.Fprintf(&out, "  %s on %s\n", style.paint(strong, string(p.Remedy)), oneLine(p.Target))
	if p.Because != "" {
		out.WriteString(style.wrap("  ", clean(p.Because)))
	}
	for _, c := range p.Changes {
		if before, present := c.BeforeText(); present {
			out.WriteString(style.paint(bad, "  - "+oneLine(c.Path)+": "+oneLine(before)) + "\n")
		}
		if after, present := c.AfterText(); present {
			out.WriteString(style.paint(good, "  + "+oneLine(c.Path)+": "+oneLine(after)) + "\n")
		}
	}
	return out.String()
}

func (e Explanation) attempts(out *strings.Builder, now time.Time, style Style) {
	if len(e.Diagnosis.Status.Attempts) == 0 {
		return
	}
	heading(out, style, "ATTEMPTS")
	for _, a := range e.Diagnosis.Status.Attempts {
		line := fmt.Sprintf("%s ago: %s %s", ago(now, a.RecordedAt.Time), a.Proposal.Remedy, a.Outcome)
		if a.Message != "" {
			line += ": " + oneLine(a.Message)
		}
		if a.ApprovedBy != "" {
			line += ", approved by " + oneLine(a.ApprovedBy)
		}
		if a.TakenBackBy != "" {
			line += ", taken back for " + oneLine(a.TakenBackBy)
		}
		out.WriteString(style.wrap("  ", line))
		for _, c := range a.Proposal.Changes {
			out.WriteString("    " + oneLine(c.String()) + "\n")
		}
	}
}

func (e Explanation) notes(out *strings.Builder, style Style) {
	if len(e.Notes) == 0 {
		return
	}
	heading(out, style, "NOTE")
	for _, n := range e.Notes {
		out.WriteString(style.wrap("  ", n))
	}
}

// next says what comes, and what a person can do.
func (e Explanation) next(out *strings.Builder, style Style) {
	var steps []string
	d := e.Diagnosis
	switch d.Status.State {
	case v1alpha1.StateAwaitingApproval:
		steps = []string{Command("approve", d) + "   # applies exactly this change", Command("reject", d)}
	case v1alpha1.StateVerifying, v1alpha1.StateApplying:
		steps = []string{Command("rollback", d) + "   # has it taken back now"}
	case v1alpha1.StateEscalated:
		steps = []string{cmp.Or(oneLine(d.Status.Command), look(d)), Command("report", d) + "   # a bundle for whoever helps you"}
	case v1alpha1.StateSuggested:
		steps = []string{Command("diff", d)}
	default:
		if d.Status.Command != "" && !d.Status.State.Final() {
			steps = []string{oneLine(d.Status.Command)}
		}
	}
	if e.Live || len(steps) == 0 {
		return
	}
	heading(out, style, "NEXT")
	for _, s := range steps {
		out.WriteString("  " + style.paint(cite, s) + "\n")
	}
}

// look is the command that shows most where none is known: the log of the run that ended,
// of the one that goes on, or, without a pod, what is said of the workload.
func look(d v1alpha1.BridgeDiagnosis) string {
	switch loop := d.Status.Loop; {
	case loop == nil || loop.Pod == "":
		return fmt.Sprintf("kubectl -n %s describe %s/%s", d.Namespace, strings.ToLower(string(d.Spec.Workload.Kind)), d.Spec.Workload.Name)
	case loop.Restarts == 0:
		return fmt.Sprintf("kubectl -n %s logs %s -c %s", d.Namespace, loop.Pod, d.Spec.Container)
	default:
		return fmt.Sprintf("kubectl -n %s logs %s -c %s --previous", d.Namespace, loop.Pod, d.Spec.Container)
	}
}
