package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// timeline shows what happened to a stack.
type timeline struct {
	access *access
	output output
	since  time.Duration
}

func timelineCommand() *cobra.Command {
	var t timeline
	command := &cobra.Command{
		Use:   "timeline [STACK]",
		Short: "Show what happened when: restarts, deploys, diagnoses, remedies, recoveries",
		Long: `Shows in one column of time what the operator's diagnoses and the cluster itself tell of a stack: deploys, how containers
ended, warnings, loops, causes, remedies with what came of them, recoveries. The cluster forgets events after an hour by
default, and of a container only the last end is known. Times are in UTC.`,
		Example: `  kubectl bridge timeline omninode-bridge
  kubectl bridge timeline omninode-bridge --since 2h -o svg > incident.svg
  kubectl bridge timeline omninode-bridge -o html > incident.html`,
		RunE: func(command *cobra.Command, args []string) error { return t.run(command, args) },
	}
	badArgs(command, cobra.MaximumNArgs(1))
	flags := command.Flags()
	flags.DurationVar(&t.since, "since", 24*time.Hour, "how long back")
	t.output.add(flags, "svg", "html")
	t.access = newAccess(flags)
	command.ValidArgsFunction = completing(t.access, namedStacks)
	return command
}

func (t *timeline) run(command *cobra.Command, args []string) error {
	if err := t.output.check(); err != nil {
		return err
	}
	cluster, err := t.access.connect()
	if err != nil {
		return err
	}
	stack, err := cluster.theStack(command.Context(), args)
	if err != nil {
		return err
	}
	line, err := cluster.timeline(command.Context(), stack, t.since)
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	if done, err := t.output.data(out, line); done {
		return err
	}
	text := map[string]func() string{"svg": line.SVG, "html": line.HTML, "": func() string { return line.Text(styleOf(out, false)) }}[t.output.format]()
	_, err = io.WriteString(out, text)
	return err
}

// timeline of a stack.
func (c connection) timeline(ctx context.Context, s v1alpha1.BridgeStack, since time.Duration) (page.Timeline, error) {
	in, err := c.contentsOf(ctx, s.Namespace)
	if err != nil {
		return page.Timeline{}, err
	}
	resolved, missing := c.resolve(ctx, s, in.workloads)
	h := history{c, s.Namespace, resolved, in, nil}
	told := slices.Concat(h.restarts(), h.deploys(ctx), h.warnings(ctx))
	now := time.Now()
	out := page.Timeline{Namespace: s.Namespace, Stack: s.Name, Until: metav1.NewTime(now), Services: []string{}, Moments: []page.Moment{}, Incidents: []page.Span{},
		Missing: slices.Concat(missing, in.missing, h.missing)}
	for _, service := range resolved.Services {
		out.Services = append(out.Services, service.Name)
	}
	out.Add(now.Add(-since), in.of(s.Name), told)
	return out, nil
}

// history is what the cluster itself tells of a stack's past.
type history struct {
	connection
	namespace string
	stack     stack.Stack
	in        contents
	missing   []string
}

// serviceOf a workload of the stack, empty for those of others.
func (h *history) serviceOf(w workload.Workload) string {
	service, _ := h.stack.ByWorkload(w.Kind(), w.Object().GetName())
	return service.Name
}

// restarts are the last ends of containers.
func (h *history) restarts() []page.Moment {
	var out []page.Moment
	for _, w := range h.in.workloads {
		service := h.serviceOf(w)
		if service == "" {
			continue
		}
		for _, p := range h.in.podsOf(w) {
			for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
				for _, ended := range []*corev1.ContainerStateTerminated{c.LastTerminationState.Terminated, c.State.Terminated} {
					if ended != nil && !ended.FinishedAt.IsZero() {
						out = append(out, page.Moment{At: ended.FinishedAt, Service: service, Kind: page.KindEnded, What: endedAs(c, p.Name, *ended)})
					}
				}
			}
		}
	}
	return out
}

// lacks notes what could not be read: the rest is shown all the same.
func (h *history) lacks(err error) {
	if err != nil {
		h.missing = append(h.missing, "not shown: "+explained(err).Error())
	}
}

// deploys are the revisions of the stack's workloads.
func (h *history) deploys(ctx context.Context) []page.Moment {
	var sets appsv1.ReplicaSetList
	h.lacks(h.client.List(ctx, &sets, client.InNamespace(h.namespace)))
	var revisions appsv1.ControllerRevisionList
	h.lacks(h.client.List(ctx, &revisions, client.InNamespace(h.namespace)))
	var out []page.Moment
	add := func(o client.Object, what string) {
		owner := metav1.GetControllerOf(o)
		for _, w := range h.in.workloads {
			if service := h.serviceOf(w); owner != nil && service != "" && owner.UID == w.Object().GetUID() {
				out = append(out, page.Moment{At: o.GetCreationTimestamp(), Service: service, Kind: page.KindDeploy, What: what})
			}
		}
	}
	for i := range sets.Items {
		var images []string
		for _, c := range sets.Items[i].Spec.Template.Spec.Containers {
			images = append(images, c.Image)
		}
		add(&sets.Items[i], fmt.Sprintf("revision %s: image %s", sets.Items[i].Annotations["deployment.kubernetes.io/revision"], strings.Join(images, ", ")))
	}
	for i := range revisions.Items {
		add(&revisions.Items[i], fmt.Sprintf("revision %d", revisions.Items[i].Revision))
	}
	return out
}

// maxEventMessage is the longest that the API server takes, in bytes.
const maxEventMessage = 1024

// warnings are events on the stack's pods, each at its last time. Anyone who writes
// events may have put a pod's secrets into one, as a probe's answer does.
func (h *history) warnings(ctx context.Context) []page.Moment {
	var events corev1.EventList
	h.lacks(h.client.List(ctx, &events, client.InNamespace(h.namespace)))
	services := map[string]string{}
	pods := map[string]corev1.Pod{}
	for _, w := range h.in.workloads {
		for _, p := range h.in.podsOf(w) {
			services[p.Name], pods[p.Name] = h.serviceOf(w), p
		}
	}
	told := slices.DeleteFunc(events.Items, func(e corev1.Event) bool {
		return e.InvolvedObject.Kind != "Pod" || e.Type != corev1.EventTypeWarning || services[e.InvolvedObject.Name] == ""
	})
	var about []corev1.Pod
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		if slices.ContainsFunc(told, func(e corev1.Event) bool { return e.InvolvedObject.Name == name }) {
			about = append(about, pods[name])
		}
	}
	redactor := h.redactorOf(ctx, about)
	var out []page.Moment
	for _, e := range told {
		what := e.Reason + ": " + redactor.Clean(e.Message, maxEventMessage)
		if e.Count > 1 {
			what = fmt.Sprintf("%s (%d times since %s)", what, e.Count, e.FirstTimestamp.UTC().Format(time.TimeOnly))
		}
		at := e.LastTimestamp
		if at.IsZero() {
			at = metav1.NewTime(e.EventTime.Time)
		}
		out = append(out, page.Moment{At: at, Service: services[e.InvolvedObject.Name], Kind: page.KindEvent, What: what})
	}
	return out
}

// redactorOf pods, by the form of secrets alone where their values may not be read.
func (h *history) redactorOf(ctx context.Context, pods []corev1.Pod) *redact.Redactor {
	redactor, err := h.connection.redactorOf(ctx, pods)
	if err != nil {
		h.missing = append(h.missing, "some secrets in messages of the cluster are known by their form only: "+explained(err).Error())
	}
	return redactor
}

// redactorOf pods knows their secrets as far as the caller may read them.
func (c connection) redactorOf(ctx context.Context, pods []corev1.Pod) (*redact.Redactor, error) {
	reader, err := c.observer(nil)
	if err != nil {
		return redact.New(), err
	}
	return reader.RedactorOf(ctx, pods)
}

// endedAs says how a run of a container ended.
func endedAs(c corev1.ContainerStatus, pod string, ended corev1.ContainerStateTerminated) string {
	text := fmt.Sprintf("%s in %s ended with exit code %d (%s)", c.Name, pod, ended.ExitCode, ended.Reason)
	if c.RestartCount > 0 {
		text += fmt.Sprintf(", %d restarts by now", c.RestartCount)
	}
	return text
}
