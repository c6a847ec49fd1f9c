package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// tones of the states of services and incidents.
var tones = map[string]tone{
	StateHealthy:                           good,
	string(v1alpha1.StateRecovered):        good,
	StateStopped:                           dim,
	StateCompleted:                         good,
	StateSuspended:                         dim,
	StateFailed:                            bad,
	StateMissed:                            bad,
	StateExternal:                          dim,
	string(v1alpha1.StateClosed):           dim,
	string(v1alpha1.StateEscalated):        bad,
	string(v1alpha1.StateAwaitingApproval): bad,
	string(v1alpha1.StateSuggested):        bad,
	string(v1alpha1.StateAwaitingMerge):    bad,
	StateNoWorkload:                        bad,
}

func toneOf(state string) tone {
	if t, known := tones[state]; known {
		return t
	}
	return busy
}

// Text is the page of a stack.
func (s Stack) Text(now time.Time, style Style) string {
	var out strings.Builder
	out.WriteString(s.title(style) + "\n")
	for _, p := range s.Problems {
		out.WriteString(style.paint(bad, style.wrap("  ! ", p)))
	}
	if s.Held != "" {
		out.WriteString(style.paint(busy, style.wrap("  ! ", s.Held)))
	}
	out.WriteString("\n")
	s.services(&out, style)
	s.incidents(&out, now, style)
	s.over(&out, now, style)
	return out.String()
}

func (s Stack) title(style Style) string {
	healthy := 0
	for _, service := range s.Services {
		if slices.Contains([]string{StateHealthy, StateStopped, StateExternal, StateCompleted, StateSuspended}, service.State) {
			healthy++
		}
	}
	well := bad
	if healthy == len(s.Services) {
		well = good
	}
	return fmt.Sprintf("%s   %s   mode %s   remedies: %d of %d left this hour, %d of %d at once in force",
		style.paint(strong, s.Namespace+"/"+s.Name), style.paint(well, fmt.Sprintf("%d of %d services healthy", healthy, len(s.Services))),
		s.Mode, s.Budget.LeftThisHour, s.Budget.PerHour, s.Budget.InForce, s.Budget.AtOnce)
}

func (s Stack) services(out *strings.Builder, style Style) {
	t := table{heading: []string{"SERVICE", "STATE", "READY", "RESTARTS", "CAUSE", "REMEDY", "NEEDS"}}
	if style.Wide {
		t.heading = append(t.heading, "CONFIDENCE", "WORKLOAD", "DIAGNOSIS")
	}
	for _, b := range tree(s.Services) {
		ready, restarts := "-", "-"
		if b.Workload != "" && (b.Wanted > 0 || b.State == StateStopped) { // between its runs none is wanted
			ready = fmt.Sprintf("%d/%d", b.Ready, b.Wanted)
		}
		if b.Restarts != nil {
			restarts = fmt.Sprint(*b.Restarts)
		}
		row := []cell{
			{b.stem + b.Name, plain}, {b.State, toneOf(b.State)}, {ready, plain}, {restarts, plain},
			{cmp.Or(string(b.Cause), "-"), plain}, {cmp.Or(string(b.Remedy), "-"), plain}, {b.needs(), dim},
		}
		if style.Wide {
			row = append(row, cell{cmp.Or(string(b.Confidence), "-"), plain}, cell{cmp.Or(b.Workload, "-"), plain}, cell{cmp.Or(b.Diagnosis, "-"), plain})
		}
		t.add(row...)
	}
	t.write(out, style)
	for _, service := range s.Services {
		if service.Run != "" && service.Diagnosis == "" {
			out.WriteString(style.paint(dim, style.wrap("  ", service.Name+": "+service.Run)))
		}
	}
}

// needs are the dependencies, the one that is waited for marked.
func (s Service) needs() string {
	var names []string
	for _, d := range s.DependsOn {
		if d == s.WaitsFor {
			d += " (waits)"
		}
		names = append(names, d)
	}
	if s.WaitsFor != "" && !strings.Contains(strings.Join(names, ","), "(waits)") {
		names = append(names, s.WaitsFor+" (waits)")
	}
	return cmp.Or(strings.Join(names, ", "), "-")
}

// incidents that are open: what is the matter, and what comes next. Those that
// only wait for a root share its lines.
func (s Stack) incidents(out *strings.Builder, now time.Time, style Style) {
	waiting := map[string][]string{}
	for _, service := range s.Services {
		if service.WaitsFor != "" {
			waiting[service.WaitsFor] = append(waiting[service.WaitsFor], service.Name)
		}
	}
	for _, service := range s.Services {
		if service.Diagnosis == "" || service.WaitsFor != "" && s.opens(service.WaitsFor) {
			continue
		}
		fmt.Fprintf(out, "\n%s %s, for %s\n", style.paint(strong, service.Name), style.paint(toneOf(service.State), service.State), ago(now, instant(service.Since)))
		out.WriteString(style.wrap("  ", service.Message))
		if names := waiting[service.Name]; len(names) > 0 {
			out.WriteString(style.wrap("  ", "Held by it: "+strings.Join(names, ", ")+"."))
		}
		if service.Next != "" {
			out.WriteString("  " + style.paint(cite, service.Next) + "\n")
		}
	}
}

// opens is true of a service that has an open incident of its own.
func (s Stack) opens(name string) bool {
	for _, service := range s.Services {
		if service.Name == name {
			return service.Diagnosis != ""
		}
	}
	return false
}

// over are the incidents of late.
func (s Stack) over(out *strings.Builder, now time.Time, style Style) {
	if len(s.Recent) == 0 {
		return
	}
	out.WriteString("\n")
	t := table{heading: []string{"OVER SINCE", "SERVICE", "CAUSE", "ENDED AS", "TOOK", "REMEDIES"}}
	for _, e := range s.Recent {
		took := "-"
		if e.TookSeconds > 0 {
			took = ago(time.Unix(e.TookSeconds, 0), time.Unix(0, 0))
		}
		t.add(cell{ago(now, instant(e.At)), plain}, cell{e.Service, plain}, cell{cmp.Or(string(e.Cause), "-"), plain},
			cell{string(e.State), toneOf(string(e.State))}, cell{took, plain}, cell{cmp.Or(strings.Join(e.Remedies, ", "), "none"), plain})
	}
	t.write(out, style)
}
