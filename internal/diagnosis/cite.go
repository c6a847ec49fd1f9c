package diagnosis

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// maxText is how long a cited text may be, maxBecause how long a refutation, in bytes.
const (
	maxText    = 1024
	maxBecause = 512
)

func item(source v1alpha1.EvidenceSource, at time.Time, said string) v1alpha1.EvidenceItem {
	i := v1alpha1.EvidenceItem{Source: source, Text: text.Clip(strings.TrimSpace(printable(said)), maxText)}
	if !at.IsZero() {
		t := metav1.NewTime(at)
		i.Time = &t
	}
	return i
}

// printable drops control characters and what is no UTF-8.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\uFFFD' {
			return -1
		}
		return r
	}, text)
}

func terminationItem(t *evidence.Termination) v1alpha1.EvidenceItem {
	text := fmt.Sprintf("terminated: reason %s, exit code %d", t.Reason, t.ExitCode)
	if t.Signal != 0 {
		text += fmt.Sprintf(", signal %d", t.Signal)
	}
	if ran := t.Ran(); ran > 0 {
		text += ", after " + ran.Round(time.Second).String()
	}
	if t.Message != "" {
		text += ": " + t.Message
	}
	return item(v1alpha1.SourceTermination, t.Finished, text)
}

func waitingItem(w *evidence.Waiting) v1alpha1.EvidenceItem {
	return item(v1alpha1.SourceWaiting, time.Time{}, "waiting: "+w.Reason+": "+w.Message)
}

func eventItem(e evidence.Event) v1alpha1.EvidenceItem {
	text := e.Reason + ": " + e.Message
	if e.Count > 1 {
		text += fmt.Sprintf(" (%d times)", e.Count)
	}
	return item(v1alpha1.SourceEvent, e.Last, text)
}

// stamp is a time as most loggers write it.
var stamp = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:\d\d)?`)

func logItem(line string) v1alpha1.EvidenceItem {
	return item(v1alpha1.SourceLog, time.Time{}, line)
}

// logItemAt cites a line with the time that the raw line gives.
func logItemAt(line string, raw string) v1alpha1.EvidenceItem {
	i := logItem(line)
	if at, err := time.Parse(time.RFC3339Nano, strings.Replace(strings.Replace(stamp.FindString(raw), " ", "T", 1), ",", ".", 1)); err == nil {
		t := metav1.NewTime(at)
		i.Time = &t
	}
	return i
}

func probeItem(p evidence.Probe) v1alpha1.EvidenceItem {
	last := p.Last()
	text := fmt.Sprintf("%s probe of %s at %s %s: %s %s", p.Protocol, p.Service, p.Target, p.Viewpoint, last.Name, last.Outcome)
	if last.Code != "" {
		text += " " + last.Code
	}
	if last.Message != "" {
		text += ": " + last.Message
	}
	return item(v1alpha1.SourceProbe, p.Asked, text)
}

func refute(cause v1alpha1.Cause, format string, args ...any) v1alpha1.RefutedCause {
	return v1alpha1.RefutedCause{Cause: cause, Because: text.Clip(printable(fmt.Sprintf(format, args...)), maxBecause)}
}

func waitingMessage(c evidence.Case) string {
	if c.Container.Waiting == nil {
		return ""
	}
	return c.Container.Waiting.Message
}

// lastEvent is the newest event on the container, or on the pod, that is wanted.
func lastEvent(c evidence.Case, wanted func(evidence.Event) bool) (evidence.Event, bool) {
	for _, e := range slices.Backward(c.Events) {

		if (e.Container == "" || c.Container.Name == "" || e.Container == c.Container.Name) && wanted(e) {
			return e, true
		}
	}
	return evidence.Event{}, false
}

// lastMatching is the last line of a log's end that matches.
func lastMatching(log []byte, re *regexp.Regexp) (string, bool) {
	lines := tail(log, 40)
	for _, line := range slices.Backward(lines) {
		if re.MatchString(line) {
			return line, true
		}
	}
	return "", false
}

// tail is the last lines of a log that are not blank, at most n, oldest first.
func tail(log []byte, n int) []string {
	text := string(log[max(0, len(log)-16<<10):])
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines[max(0, len(lines)-n):]
}
