package observe

import (
	"bytes"
	"container/list"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bridgestack/operator/internal/evidence"
)

const (
	// maxLog is how much of the end of a log a case holds, in bytes, and
	// maxLogLines in lines.
	maxLog      = 64 << 10
	maxLogLines = 4000
	// A little more is read: a secret of many lines that lies across the cut
	// could not be told from other text any more, so the cut comes after
	// redaction.
	marginBytes = 16 << 10
	marginLines = 100
	// tailLines are asked for. The kubelet's limitBytes would keep the beginning
	// of these and cut the end, which is what tells; so it is not used, and the
	// end is kept while reading. The runtime breaks lines at 16 KiB, so that no
	// answer is above 65 MiB; of long stack traces only the ends are kept.
	tailLines = maxLogLines + marginLines
	// logTimeout is for one log. A node that does not answer must not hold up a diagnosis.
	logTimeout = 5 * time.Second
	// maxCachedLogBytes bounds what is remembered: the last two runs of 50
	// containers with long logs, or many more of the usual ones.
	maxCachedLogBytes = 8 << 20
	// currentFresh is how long the log of a run that goes on counts as fresh.
	currentFresh = 10 * time.Second
)

// run is one run of a container: the restart count while it ran.
type run struct {
	pod       types.UID
	container string
	number    int32
}

// tail is the end of a run's log.
type tail struct {
	text      []byte
	truncated bool
	// final says that the run had ended when the log was read.
	final bool
	read  time.Time
}

// Logs are the tails of the container's previous and current run, not redacted
// and a little longer than a case holds them.
// The log of a run that has ended is read once and remembered, also when the
// kubelet has dropped it since: it keeps only the last two.
func (r *Reader) Logs(ctx context.Context, pod *corev1.Pod, container evidence.Container) evidence.Log {
	out, err := r.readLogs(ctx, pod, container)
	if err != nil && len(out.Previous)+len(out.Current) == 0 {
		out.Unavailable = err.Error()
	}
	return out
}

func (r *Reader) readLogs(ctx context.Context, pod *corev1.Pod, c evidence.Container) (evidence.Log, error) {
	var previous, current tail
	var err error
	at := run{pod.UID, c.Name, c.Restarts}
	before := run{pod.UID, c.Name, c.Restarts - 1}
	switch {
	case c.Terminated != nil || !c.RunningSince.IsZero():
		current, err = r.log(ctx, pod, at, false, c.Terminated != nil)
		if before.number >= 0 {
			var missing error
			if previous, missing = r.log(ctx, pod, before, true, true); err == nil {
				err = missing
			}
		}
	case c.LastTermination != nil || c.Restarts > 0:
		// It waits to be started again: the newest run has ended.
		previous, err = r.log(ctx, pod, at, true, true)
	default:
		return evidence.Log{Unavailable: "the container has not run"}, nil
	}
	return evidence.Log{
		Previous:  previous.text,
		Current:   current.text,
		Truncated: previous.truncated || current.truncated,
	}, err
}

// log is one run's log, from memory where it is final or fresh. What was read
// earlier is better than nothing where it cannot be read now.
func (r *Reader) log(ctx context.Context, pod *corev1.Pod, of run, previous, final bool) (tail, error) {
	known, ok := r.logs.get(of)
	if ok && (known.final || !final && r.Now().Sub(known.read) < currentFresh) {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	text, truncated, err := r.stream(ctx, pod, of.container, previous)
	if err != nil {
		return known, fmt.Errorf("read log of %s/%s, container %s, run %d: %w", pod.Namespace, pod.Name, of.container, of.number, err)
	}
	// An ended run without a log may be a new one that has begun meanwhile.
	read := tail{text: text, truncated: truncated, final: final && len(text) > 0, read: r.Now()}
	r.logs.put(of, read)
	return read, nil
}

func (r *Reader) stream(ctx context.Context, pod *corev1.Pod, container string, previous bool) ([]byte, bool, error) {
	lines := int64(tailLines)
	body, err := r.Options.Logs(ctx, pod.Namespace, pod.Name,
		&corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &lines})
	if err != nil {
		return nil, false, reasonOf(err)
	}
	defer body.Close()
	var end endOf
	fold := folder{to: &end}
	if _, err := io.Copy(&fold, body); err != nil {
		return nil, false, err
	}
	fold.flush()
	text, cut := end.tail()
	if why, ok := notALog(text); ok {
		return nil, false, fmt.Errorf("the kubelet says: %s", why)
	}
	return text, cut || fold.lines >= tailLines, nil
}

// reasonOf keeps the server's own words, without what the client adds to them.
func reasonOf(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Message != "" {
		return saidError{status.Status().Message, err}
	}
	return err
}

// saidError is an error of the API server in nothing but its own words.
type saidError struct {
	message string
	err     error
}

func (e saidError) Error() string { return e.message }
func (e saidError) Unwrap() error { return e.err }

// notALog finds what a kubelet answers with 200 where the runtime has removed
// the log already.
func notALog(text []byte) (string, bool) {
	line := strings.TrimSpace(string(text[:min(len(text), 1024)]))
	if strings.ContainsRune(line, '\n') {
		return "", false
	}
	for _, start := range []string{
		"unable to retrieve container logs for ",
		"failed to try resolving symlinks in path ",
		"failed to open log file ",
	} {
		if strings.HasPrefix(line, start) {
			return line, true
		}
	}
	return "", false
}

// maxRead is how much of a log is read and remembered, in bytes.
const maxRead = maxLog + marginBytes

// endOf keeps the last maxRead bytes that are written to it.
type endOf struct {
	text []byte
	cut  bool
}

func (e *endOf) Write(p []byte) (int, error) {
	e.text = append(e.text, p...)
	if len(e.text) > 4*maxRead {
		e.trim()
	}
	return len(p), nil
}

func (e *endOf) trim() {
	if over := len(e.text) - maxRead; over > 0 {
		e.cut = true
		e.text = append(e.text[:0], e.text[over:]...)
	}
}

// tail begins at the beginning of a line, if it holds any.
func (e *endOf) tail() ([]byte, bool) {
	e.trim()
	if !e.cut {
		return bytes.Clone(e.text), false
	}
	if _, whole, ok := bytes.Cut(e.text, []byte("\n")); ok && len(whole) > 0 {
		return bytes.Clone(whole), true
	}
	return bytes.Clone(e.text), true
}

// logCache remembers tails up to a number of bytes and forgets those first that
// were not asked for the longest.
type logCache struct {
	mu      sync.Mutex
	max     int
	size    int
	byRun   map[run]*list.Element
	byUsage *list.List // of *cachedLog, the last used in front
}

type cachedLog struct {
	run  run
	tail tail
}

// entrySize is about what a cached log takes beside its text.
const entrySize = 256

func newLogCache(maxBytes int) *logCache {
	return &logCache{max: maxBytes, byRun: map[run]*list.Element{}, byUsage: list.New()}
}

func (c *logCache) get(of run) (tail, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byRun[of]
	if !ok {
		return tail{}, false
	}
	c.byUsage.MoveToFront(e)
	return e.Value.(*cachedLog).tail, true
}

func (c *logCache) put(of run, t tail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byRun[of]; ok {
		c.remove(e)
	}
	c.byRun[of] = c.byUsage.PushFront(&cachedLog{of, t})
	c.size += len(t.text) + entrySize
	for c.size > c.max {
		c.remove(c.byUsage.Back())
	}
}

func (c *logCache) remove(e *list.Element) {
	gone := c.byUsage.Remove(e).(*cachedLog)
	delete(c.byRun, gone.run)
	c.size -= len(gone.tail.text) + entrySize
}
