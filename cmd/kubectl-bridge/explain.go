package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/workload"
)

// explain shows why a container loops.
type explain struct {
	access    *access
	output    output
	container string
	// logs are read through the API server unless this is set.
	logs observe.LogStreamer
}

func explainCommand() *cobra.Command {
	var e explain
	command := &cobra.Command{
		Use:   "explain DIAGNOSIS|POD|SERVICE",
		Short: "Explain why a container loops: evidence, cause, why not another, remedy",
		Long: `Explains a diagnosis: the evidence, the cause, why it is not another one, the remedy with its exact change, what was tried
and what can be done next. Of a pod or a service it explains the open diagnosis, or the latest.

A pod without a diagnosis is diagnosed there and then, read-only, by the operator's own rules and with your own rights: to
get the pod, its log, Secrets, ConfigMaps and node, and to list its events. Nothing is probed from your machine.`,
		Example: `  kubectl bridge explain hook-receiver-bfccfd
  kubectl bridge explain hook-receiver
  kubectl bridge explain worker-7d9f8-x2x4q -n shop`,
		RunE: func(command *cobra.Command, args []string) error {
			// As `kubectl get -o name` prints it, the kind comes first.
			return e.run(command, args[0][strings.LastIndex(args[0], "/")+1:])
		},
	}
	badArgs(command, cobra.ExactArgs(1))
	flags := command.Flags()
	flags.StringVarP(&e.container, "container", "c", "", "container of the pod (default: the first that is in trouble)")
	e.output.add(flags)
	e.access = newAccess(flags)
	command.ValidArgsFunction = completing(e.access, openDiagnoses)
	return command
}

func (e *explain) run(command *cobra.Command, name string) error {
	if err := e.output.check(); err != nil {
		return err
	}
	cluster, err := e.access.connect()
	if err != nil {
		return err
	}
	found, err := e.find(command.Context(), cluster, name)
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	if done, err := e.output.data(out, found.Diagnosis); done {
		for _, note := range found.Notes {
			fmt.Fprintln(command.ErrOrStderr(), note)
		}
		return err
	}
	_, err = io.WriteString(out, found.Text(time.Now(), styleOf(out, false)))
	return err
}

// find what is meant: a diagnosis, a pod, or a service.
func (e *explain) find(ctx context.Context, cluster connection, name string) (page.Explanation, error) {
	d, err := cluster.diagnosis(ctx, name)
	switch {
	case err == nil:
		return page.Explanation{Diagnosis: *d}, nil
	case !isNotFound(err) && !isNotInstalled(err):
		return page.Explanation{}, err
	}
	var pod corev1.Pod
	podErr := cluster.client.Get(ctx, client.ObjectKey{Namespace: cluster.namespace, Name: name}, &pod)
	if podErr == nil {
		return e.pod(ctx, cluster, &pod)
	}
	if isNotInstalled(err) {
		return page.Explanation{}, err
	}
	if !apierrors.IsNotFound(podErr) && !apierrors.IsForbidden(podErr) {
		return page.Explanation{}, explained(fmt.Errorf("reading pod %s/%s: %w", cluster.namespace, name, podErr))
	}
	if of, err := cluster.diagnosesOf(ctx, func(d v1alpha1.BridgeDiagnosis) bool { return d.Spec.Service == name }); err != nil {
		return page.Explanation{}, err
	} else if len(of) > 0 {
		return page.Explanation{Diagnosis: of[0]}, nil
	}
	if apierrors.IsForbidden(podErr) {
		return page.Explanation{}, explained(fmt.Errorf("there is no diagnosis %s; reading a pod of that name: %w", name, podErr))
	}
	return page.Explanation{}, fmt.Errorf("%s is neither a diagnosis nor a pod of namespace %s, nor a service with a diagnosis; `kubectl bridge status -n %s` shows what there is", name, cluster.namespace, cluster.namespace)
}

// diagnosesOf the namespace that are meant: those that are not over first, and
// among these the latest first.
func (c connection) diagnosesOf(ctx context.Context, meant func(v1alpha1.BridgeDiagnosis) bool) ([]v1alpha1.BridgeDiagnosis, error) {
	var list v1alpha1.BridgeDiagnosisList
	if err := c.client.List(ctx, &list, client.InNamespace(c.namespace)); err != nil {
		return nil, explained(fmt.Errorf("listing the diagnoses of namespace %s: %w", c.namespace, err))
	}
	out := slices.DeleteFunc(list.Items, func(d v1alpha1.BridgeDiagnosis) bool { return !meant(d) })
	slices.SortStableFunc(out, func(a, b v1alpha1.BridgeDiagnosis) int {
		if over := a.Status.State.Final(); over != b.Status.State.Final() {
			return map[bool]int{false: -1, true: 1}[over]
		}
		return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
	})
	return out, nil
}

// pod is explained by its open diagnosis, else diagnosed anew.
func (e *explain) pod(ctx context.Context, cluster connection, pod *corev1.Pod) (page.Explanation, error) {
	reader, err := cluster.observer(e.logs)
	if err != nil {
		return page.Explanation{}, err
	}
	container := e.container
	if container == "" {
		container = looping(pod, time.Now())
	}
	ref, unknown := reader.WorkloadOf(ctx, pod)
	if unknown != nil { // it is diagnosed all the same
		ref = workload.Ref{}
	}
	about := func(d v1alpha1.BridgeDiagnosis) bool {
		return unknown == nil && d.Spec.Workload.UID == ref.UID && d.Spec.Container == container && !d.Status.State.Final()
	}
	known, err := cluster.diagnosesOf(ctx, about)
	if err != nil && !isNotInstalled(err) && !apierrors.IsForbidden(err) {
		return page.Explanation{}, err
	}
	if len(known) > 0 {
		return page.Explanation{Diagnosis: known[0]}, nil
	}
	return diagnosed(ctx, reader, observe.Request{Pod: pod, Container: container, Workload: ref})
}

// diagnosed there and then.
func diagnosed(ctx context.Context, reader *observe.Reader, request observe.Request) (page.Explanation, error) {
	seen, missing := reader.Case(ctx, request)
	if missing != nil && seen.Redactor == nil {
		return page.Explanation{}, explained(missing)
	}
	c := seen.Case
	finding := diagnosis.Diagnose(c)
	status := v1alpha1.BridgeDiagnosisStatus{
		Cause: finding.Cause, Confidence: finding.Confidence, Message: seen.Redactor.Text(finding.Message), Command: finding.Command,
		Loop: &v1alpha1.LoopObservation{Pod: request.Pod.Name, Restarts: c.Container.Restarts, Reason: reasonOf(c.Container.Waiting != nil, c.Container.Terminated != nil)},
	}
	if w := c.Container.Waiting; w != nil && w.Reason != "" {
		status.Loop.Reason = w.Reason
	}
	if ended := c.Container.Ended(); ended != nil {
		status.Loop.ExitCode = &ended.ExitCode
	} else if _, up := detect.Up(c.Pod, c.Container); up {
		status.Message = "The container is up and has not ended in this pod: there is nothing to explain."
	}
	for _, item := range finding.Evidence {
		item.Text = seen.Redactor.Text(item.Text)
		status.Evidence = append(status.Evidence, item)
	}
	for _, cause := range finding.Refuted {
		cause.Because = seen.Redactor.Text(cause.Because)
		status.Refuted = append(status.Refuted, cause)
	}
	if r := finding.RunnerUp; r != nil {
		status.RunnerUp = &v1alpha1.RefutedCause{Cause: r.Cause, Because: seen.Redactor.Text(r.Because)}
	}
	if finding.Root != "" {
		status.Root = &v1alpha1.RootReference{Service: seen.Redactor.Text(finding.Root)}
	}
	notes := []string{"Nothing was probed from this machine, and the stack's dependencies were not looked at: the operator would do both."}
	if _, up := detect.Up(c.Pod, c.Container); up {
		notes = append(notes, "The container is up at the moment: this tells of its last end, if there was one.")
	}
	if missing != nil {
		notes = append(notes, "Some evidence could not be read: "+explained(missing).Error())
	}
	return page.Explanation{Live: true, Notes: notes, Diagnosis: v1alpha1.BridgeDiagnosis{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "BridgeDiagnosis"},
		ObjectMeta: metav1.ObjectMeta{Namespace: request.Pod.Namespace, Name: request.Pod.Name},
		Spec: v1alpha1.BridgeDiagnosisSpec{Container: request.Container,
			Workload: v1alpha1.DiagnosedWorkload{Kind: request.Workload.Kind, Name: request.Workload.Name, UID: request.Workload.UID}},
		Status: status,
	}}, nil
}

func reasonOf(waiting, terminated bool) string {
	switch {
	case waiting:
		return "Waiting"
	case terminated:
		return "Terminated"
	}
	return "Running"
}

// isNotInstalled is true where the cluster does not know the operator's kinds.
func isNotInstalled(err error) bool { return meta.IsNoMatchError(err) }
