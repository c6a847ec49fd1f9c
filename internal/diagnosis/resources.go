package diagnosis

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// resourceSignatures are how runtimes and the kernel tell of what ran out.
var resourceSignatures = []signature{
	// The runtime's own heap.
	says(v1alpha1.CauseHeapExhausted, `^Out of memory(?:!|\.$| in perl:)|OutOfMemoryError: (?:Java heap space|GC overhead|Metaspace|Direct buffer|Requested array|Compressed class|Cannot reserve|Out of swap)|(?:JavaScript|JS) heap out of memory|Could not reserve enough space for|^lua\S*: not enough memory|cannot allocate vector of size|Reached heap limit|Ineffective mark-compacts near heap limit|^MemoryError\b|\bMemoryError(?::|$)|ArrayMemoryError|^fatal error: (?:runtime: )?out of memory|runtime: cannot allocate|Allowed memory size of \d+ bytes exhausted|System\.OutOfMemoryException|NoMemoryError|failed to allocate memory|memory allocation of \d+ bytes failed|std::bad_alloc|CALL_AND_RETRY_LAST|Terminating due to java\.lang\.OutOfMemoryError|There is insufficient memory for the Java Runtime|eheap_alloc: Cannot allocate|\b(?:[mcx]?alloc|realloc|x?malloc|calloc|mmap|sbrk)\w*(?:\(\))?(?: failed)?: (?:Cannot allocate memory|Out of memory)|Array buffer allocation failed|DefaultCPUAllocator: can't allocate memory`,
		"Out of memory", "OutOfMemoryError", "heap out of memory", "reserve enough space", "not enough memory", "cannot allocate vector", "Reached heap limit", "near heap limit", "MemoryError", "out of memory", "cannot allocate", "Cannot allocate", "Allowed memory size", "OutOfMemoryException", "failed to allocate memory", "memory allocation of", "bad_alloc", "CALL_AND_RETRY_LAST", "insufficient memory", "allocation failed", "can't allocate memory").but(`native thread|unable to create.*thread`),
	says(v1alpha1.CauseHeapExhausted, `(?i)\[Errno 12\] Cannot allocate memory|ENOMEM|os error 12`, "Errno 12]", "ENOMEM", "os error 12").weighing(weightConsequence),

	// ENOSPC, EDQUOT.
	says(v1alpha1.CauseDiskFull, `(?i)no space left on device|ENOSPC|database or disk is full|disk quota exceeded|EDQUOT|not enough space on the disk|not enough (?:free )?disk space|\bdisk (?:is )?full\b|os error 28`,
		"o space left on device", "ENOSPC", "disk is full", "isk quota exceeded", "EDQUOT", "space on the disk", "enough disk space", "enough free disk", "free disk space", "isk full", "os error 28").but(`(?i)pg_tblspc|could not extend file|file watchers|inotify|shared memory segment|errors\.DiskFull`),

	// EMFILE, ENFILE, and watchers.
	says(v1alpha1.CauseFileDescriptorsExhausted, `(?i)too many open files|\bEMFILE\b|\bENFILE\b|file table overflow|os error 24|file watchers reached|inotify (?:watch|instance) limit|number of inotify instances`, "oo many open files", "EMFILE", "ENFILE", "ile table overflow", "os error 24", "file watchers reached", "inotify "),

	// EAGAIN on fork and clone.
	says(v1alpha1.CauseThreadsExhausted, `(?i)can't start new thread|failed to create new OS thread|unable to create (?:new )?native thread|pthread_create failed|fork/exec [^:]*: resource temporarily unavailable|(?:fork|clone|vfork|pthread_create|posix_spawn)\w*(?:\(\))?(?: failed)?:? .{0,40}resource temporarily unavailable|cannot fork|fork: retry|can't create Thread|failed to (?:spawn|create|start) (?:a )?(?:new )?thread|unable to (?:fork|create (?:new )?thread)|thread: Resource temporarily unavailable|spawn [^ ]+ EAGAIN|could not (?:create|start) (?:a )?(?:new )?thread|Cannot create (?:GC |worker |new )?thread|runtime/cgo: pthread_create|newosproc|pids? limit|Failed to create (?:CoreCLR|thread)`,
		"start new thread", "new OS thread", "native thread", "pthread_create", "esource temporarily unavailable", "annot fork", "fork: retry", "create Thread", "spawn thread", "create thread", "start thread", "create new thread", "spawn a thread", "create a thread", "EAGAIN", "newosproc", "pids limit", "pid limit", "GC thread", "worker thread"),
	says(v1alpha1.CauseThreadsExhausted, `\[Errno 11\]|Resource temporarily unavailable`, "rrno 11]", "esource temporarily unavailable").within(`_fork_exec|os\.fork|subprocess|posix_spawn|_start_new_thread|Process\.spawn|std::thread|std::system_error|(?i)\b(?:start|spawn|create|launch)\w* (?:\w+ ){0,2}(?:thread|worker|process|child)`),
}

// byMemory decides what the kernel and the kubelet say of memory.
func byMemory(c evidence.Case) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil {
		return Finding{}, false
	}
	limit := "its memory limit"
	if c.Container.Resources.MemoryLimit > 0 {
		limit = fmt.Sprintf("its memory limit of %s", mebibytes(c.Container.Resources.MemoryLimit))
	}
	f := Finding{Confidence: v1alpha1.ConfidenceHigh, Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)}}
	switch {
	case atInit(ended.Message) || atInit(waitingMessage(c)):
		f.Cause = v1alpha1.CauseOOMKilled
		f.Message = "The container was killed for memory before its process had started: " + limit + " is too small even for the runtime to start it."
		if c.Container.Waiting != nil {
			f.Evidence = append(f.Evidence, waitingItem(c.Container.Waiting))
		}
	case ended.Reason == "OOMKilled" && (ended.ExitCode == 137 || ended.Signal == 9):
		f.Cause = v1alpha1.CauseOOMKilled
		f.Message = "The kernel killed the container's main process at " + limit + "."
	case ended.Reason == "OOMKilled":
		f.Cause = v1alpha1.CauseChildOOMKilled
		f.Message = fmt.Sprintf("The kernel killed a child process at %s; the main process then ended by itself with exit code %d.", limit, ended.ExitCode)
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
