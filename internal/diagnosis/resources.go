package diagnosis

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// byMemory decides what the kernel and the kubelet say of memory.
func byMemory(c evidence.Case) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil {
		return Finding{}, false
	}
	limit, origin := memoryLimit(c)
	f := Finding{Confidence: v1alpha1.ConfidenceHigh, Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)}}
	switch {
	case atInit(ended.Message) || atInit(waitingMessage(c)):
		f.Cause = v1alpha1.CauseOOMKilled
		f.Message = "The container was killed for memory before its process had started: " + limit + " is too small even for the runtime to start it" + origin + "."
		if c.Container.Waiting != nil {
			f.Evidence = append(f.Evidence, waitingItem(c.Container.Waiting))
		}
	case ended.Reason == "OOMKilled" && (ended.ExitCode == 137 || ended.Signal == 9):
		f.Cause = v1alpha1.CauseOOMKilled
		f.Message = "The kernel killed the container's main process at " + limit + origin + "."
	case ended.Reason == "OOMKilled":
		f.Cause = v1alpha1.CauseChildOOMKilled
		f.Message = fmt.Sprintf("The kernel killed a child process at %s%s; the main process then ended by itself with exit code %d.", limit, origin, ended.ExitCode)
		f.Refuted = append(f.Refuted, refute(v1alpha1.CauseOOMKilled, "the main process ended with exit code %d, not by SIGKILL", ended.ExitCode))
	default:
		return Finding{}, false
	}
	return f, true
}

// atInit recognises the runtime's words for a container whose init process the
// kernel killed (runc's libcontainer): there is no OOMKilled anywhere then.
func atInit(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "init was oom-killed") || strings.Contains(m, "memory limit too low")
}

func mebibytes(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%dMi", n>>20)
	}
	return fmt.Sprintf("%.1fMi", float64(n)/(1<<20))
}

// byEviction decides what the kubelet evicted the pod for.
func byEviction(c evidence.Case) (Finding, bool) {
	text := c.Pod.Message
	item := v1alpha1.EvidenceItem{Source: v1alpha1.SourceEvent, Text: "pod " + c.Pod.Reason + ": " + c.Pod.Message}
	if c.Pod.Reason != "Evicted" {
		e, ok := lastEvent(c, func(e evidence.Event) bool { return e.Reason == "Evicted" })
		if !ok {
			return Finding{}, false
		}
		text, item = e.Message, eventItem(e)
	}
	lower := strings.ToLower(text)
	if !strings.Contains(lower, "ephemeral") && !strings.Contains(lower, "emptydir") {
		return Finding{}, false
	}
	return Finding{
		Cause: v1alpha1.CauseEphemeralStorageExceeded, Confidence: v1alpha1.ConfidenceHigh,
		Message:  "The kubelet evicted the pod for its use of ephemeral storage.",
		Evidence: []v1alpha1.EvidenceItem{item},
	}, true
}
