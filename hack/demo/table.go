package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const columns = "SERVICE\tCAUSE\tCONFIDENCE\tREMEDY\tSTATE\tAGE"

// row is a diagnosis in the table.
type row struct {
	service, cause, confidence, remedy, state, age string
}

func (r row) cells() string {
	return strings.Join([]string{r.service, r.cause, r.confidence, r.remedy, r.state, r.age}, "\t")
}

// rows are those of kubectl get bridgediagnoses, with the services of which there
// is none yet.
func (in incidents) rows(now time.Time) []row {
	var out []row
	for _, e := range in.expected {
		diagnoses := in.of(e.service)
		if len(diagnoses) == 0 {
			out = append(out, row{e.service, "-", "-", "-", "-", "-"})
		}
		for _, d := range diagnoses {
			out = append(out, rowOf(d, now))
		}
	}
	for _, d := range in.diagnoses {
		if !in.expects(d.Spec.Service) {
			out = append(out, rowOf(d, now))
		}
	}
	return out
}

func (in incidents) expects(service string) bool {
	for _, e := range in.expected {
		if e.service == service {
			return true
		}
	}
	return false
}

func rowOf(d v1alpha1.BridgeDiagnosis, now time.Time) row {
	return row{
		service:    d.Spec.Service,
		cause:      cmp.Or(string(d.Status.Cause), "-"),
		confidence: cmp.Or(string(d.Status.Confidence), "-"),
		remedy:     cmp.Or(string(d.Status.Remedy), "-"),
		state:      cmp.Or(string(d.Status.State), "-"),
		age:        duration.HumanDuration(now.Sub(d.CreationTimestamp.Time)),
	}
}

// table is redrawn in place on a terminal. Elsewhere a row is printed when it
// changed, its age aside.
type table struct {
	out      io.Writer
	terminal bool
	start    time.Time

	drawn int             // lines on the terminal
	said  map[string]bool // rows that were printed
}

func (t *table) show(rows []row, now time.Time) {
	if t.terminal {
		t.redraw(rows)
		return
	}
	for _, r := range rows {
		r.age = ""
		if r.state == "-" || t.said[r.cells()] {
			continue
		}
		if len(t.said) == 0 {
			t.said = map[string]bool{}
		}
		t.said[r.cells()] = true
		fmt.Fprintf(t.out, "%4ds  %-20s  %-22s  %-6s  %-16s  %s\n",
			int(now.Sub(t.start).Seconds()), r.service, r.cause, r.confidence, r.remedy, r.state)
	}
}

func (t *table) redraw(rows []row) {
	if t.drawn > 0 {
		fmt.Fprintf(t.out, "\x1b[%dA\x1b[J", t.drawn) // up, and clear to the end
	}
	writer := tabwriter.NewWriter(t.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(writer, columns)
	for _, r := range rows {
		fmt.Fprintln(writer, r.cells())
	}
	_ = writer.Flush() // what is printed is for a person
	t.drawn = len(rows) + 1
}
