package main

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// fault is why a container loops, and what must be found.
type fault struct {
	cause    v1alpha1.Cause
	exitCode int32
	reason   string
	log      []byte
}

// faults need no probe: what is measured is the operator and not a dependency.
var faults = []fault{
	{cause: v1alpha1.CauseEnvVarMissing, exitCode: 1, reason: "Error", log: logEnding("FATAL: environment variable STRIPE_KEY is not set")},
	{cause: v1alpha1.CauseOOMKilled, exitCode: 137, reason: "OOMKilled", log: logEnding("loading the catalogue")},
	{cause: v1alpha1.CauseApplicationError, exitCode: 2, reason: "Error", log: logEnding(`panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.(*catalogue).at(...)
	/src/catalogue.go:41
main.main()
	/src/main.go:19 +0x1d`)},
}

// faultOf a pod, always the same.
func faultOf(pod string) fault {
	h := fnv.New32a()
	h.Write([]byte(pod))
	return faults[h.Sum32()%uint32(len(faults))]
}

// logEnding is 16 KiB of a service's log with an end.
func logEnding(end string) []byte {
	var b strings.Builder
	for i := 0; b.Len() < 16<<10; i++ {
		fmt.Fprintf(&b, "2026-03-01T09:%02d:%02d.%03dZ INFO  request handled method=GET path=/items/%d status=200 duration=%dms\n", i/60%60, i%60, i*7%1000, i*31, i%40)
	}
	return []byte(b.String() + end + "\n")
}

// loop puts the pod's container into a restart loop, as a kubelet would tell of it.
func (f fault) loop(pod *corev1.Pod, now time.Time) {
	ended := metav1.NewTime(now.Add(-time.Second))
	s := &pod.Status.ContainerStatuses[0]
	s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
		Reason: "CrashLoopBackOff", Message: "back-off 1m20s restarting failed container=main pod=" + pod.Name + "_" + pod.Namespace + "(" + string(pod.UID) + ")",
	}}
	s.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: f.exitCode, Reason: f.reason, ContainerID: s.ContainerID,
		StartedAt: metav1.NewTime(ended.Add(-4 * time.Second)), FinishedAt: ended,
	}}
	s.RestartCount, s.Ready = 5, false
	notStarted := false
	s.Started = &notStarted
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
			c.Status, c.Reason, c.Message = corev1.ConditionFalse, "ContainersNotReady", "containers with unready status: [main]"
			c.LastTransitionTime = metav1.NewTime(now)
		}
	}
}
