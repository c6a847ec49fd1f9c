package readertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

func app(t *testing.T, pod *corev1.Pod) evidence.Container {
	t.Helper()
	c, ok := observe.ContainerOf(pod, "app")
	if !ok {
		t.Fatal("the pod has no container app")
	}
	return c
}

// runs is the status of a container that was started again.
func runs(restarts int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "app", RestartCount: restarts,
		State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.Now()}}}
}

func TestLogIsReadOnceAndOutlivesTheKubelets(t *testing.T) {
	ns := namespace(t)
	pod := loopingPod(t, ns, 3)
	now := time.Now()
	reader := newReader(t, cluster.config, func() time.Time { return now })
	previous, current := logKey(ns, "app-0", "app", true), logKey(ns, "app-0", "app", false)
	cluster.kubelet.say(previous, "run 3 failed\n")

	before := cluster.kubelet.requests()
	for range 3 {
		if got := reader.Logs(t.Context(), pod, app(t, pod)); string(got.Previous) != "run 3 failed\n" || got.Unavailable != "" {
			t.Fatalf("waiting after run 3: got %+v", got)
		}
	}
	if n := cluster.kubelet.requests() - before; n != 1 {
		t.Errorf("the log of one run was read %d times", n)
	}

	// Run 4 goes on; the kubelet has removed the log of run 3.
	pod = crash(t, pod, runs(4))
	cluster.kubelet.say(previous, `unable to retrieve container logs for containerd://0123456789abcdef`)
	cluster.kubelet.say(current, "run 4 starts\n")
	got := reader.Logs(t.Context(), pod, app(t, pod))
	if string(got.Previous) != "run 3 failed\n" || string(got.Current) != "run 4 starts\n" {
		t.Errorf("run 4 goes on: got previous %q, current %q", got.Previous, got.Current)
	}

	// A run that goes on is read again after a while.
	cluster.kubelet.say(current, "run 4 starts\nrun 4 goes on\n")
	if got = reader.Logs(t.Context(), pod, app(t, pod)); string(got.Current) != "run 4 starts\n" {
		t.Errorf("read again at once: %q", got.Current)
	}
	now = now.Add(time.Minute)
	if got = reader.Logs(t.Context(), pod, app(t, pod)); string(got.Current) != "run 4 starts\nrun 4 goes on\n" {
		t.Errorf("not read again after a minute: %q", got.Current)
	}

	// Run 4 has ended, run 5 goes on: what was seen of run 4 before is not all of it.
	pod = crash(t, pod, runs(5))
	cluster.kubelet.say(previous, "run 4 starts\nrun 4 goes on\nrun 4 failed\n")
	if got = reader.Logs(t.Context(), pod, app(t, pod)); !strings.HasSuffix(string(got.Previous), "run 4 failed\n") {
		t.Errorf("the end of run 4 is missing: %q", got.Previous)
	}
}

func TestLogThatIsNotThere(t *testing.T) {
	ns := namespace(t)
	pod := loopingPod(t, ns, 3)
	reader := newReader(t, cluster.config, nil)
	got := reader.Logs(t.Context(), pod, app(t, pod))
	if !strings.Contains(got.Unavailable, `previous terminated container "app" in pod "app-0" not found`) {
		t.Errorf("never there: got %+v, want the kubelet's words", got)
	}
	cluster.kubelet.say(logKey(ns, "app-0", "app", true), "unable to retrieve container logs for containerd://0123")
	if got = reader.Logs(t.Context(), pod, app(t, pod)); !strings.Contains(got.Unavailable, "unable to retrieve") || len(got.Previous) > 0 {
		t.Errorf("removed: got %+v, want it to be unavailable", got)
	}
	// It was not there then; that must not stick.
	cluster.kubelet.say(logKey(ns, "app-0", "app", true), "here\n")
	if got = reader.Logs(t.Context(), pod, app(t, pod)); string(got.Previous) != "here\n" {
		t.Errorf("there now: got %+v", got)
	}
	never := evidence.Container{Name: "app", Waiting: &evidence.Waiting{Reason: "CreateContainerConfigError"}}
	before := cluster.kubelet.requests()
	if got = reader.Logs(t.Context(), pod, never); got.Unavailable == "" || cluster.kubelet.requests() != before {
		t.Errorf("a container that has not run: got %+v, and asked the kubelet %t", got, cluster.kubelet.requests() != before)
	}
}

func TestEndOfALongLogIsKept(t *testing.T) {
	for name, lines := range map[string]struct{ count, width int }{
		"many short lines": {200000, 8}, "long lines": {900, 4000}, "one line": {1, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			ns := namespace(t)
			pod := loopingPod(t, ns, 3)
			var text strings.Builder
			for i := range lines.count {
				fmt.Fprintf(&text, "%d %s\n", i, strings.Repeat("x", lines.width))
			}
			text.WriteString("FATAL: the end\n")
			cluster.kubelet.say(logKey(ns, "app-0", "app", true), text.String())
			o, _ := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: pod, Container: "app"})
			got := string(o.Case.Log.Previous)
			if !strings.HasSuffix(got, "FATAL: the end\n") || !o.Case.Log.Truncated {
				t.Errorf("truncated %t, the log ends with %q", o.Case.Log.Truncated, got[max(0, len(got)-50):])
			}
			if len(got) > 64<<10 || strings.Count(got, "\n") > 4000 {
				t.Errorf("got %d bytes in %d lines", len(got), strings.Count(got, "\n"))
			}
			if strings.HasPrefix(got, "x") && lines.count > 1 {
				t.Errorf("the log begins in the middle of a line: %q", got[:20])
			}
		})
	}
}
