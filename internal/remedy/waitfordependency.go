package remedy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

const (
	// waiterPrefix begins the name of the operator's own init containers.
	waiterPrefix = "bridgestack-wait-for-"
	// waiterCommand is the first argument that they give to the operator's image.
	waiterCommand = "wait-for"
	// waiterTimeout is how long an init container waits before it ends with an
	// error, and the kubelet starts it again.
	waiterTimeout = 5 * time.Minute
)

// waitForDependency adds an init container that waits until a dependency
// answers, for a service that ends whenever it is started first. Once is no
// reason for it: a new pod does then.
var waitForDependency = remedy{
	name:      v1alpha1.RemedyWaitForDependency,
	summary:   "Adds an init container that waits until a dependency accepts connections, where pods start too early.",
	writes:    v1alpha1.ActionPatchTemplate,
	mayChange: addsWaiter,
	needs:     []Need{NeedRecurrences},
	kindred:   [][]v1alpha1.Cause{unreached},
	causes: []v1alpha1.Cause{
		v1alpha1.CauseDependencyUnhealthy, v1alpha1.CausePostgresStarting, v1alpha1.CauseKafkaCoordinatorUnavailable,
		v1alpha1.CausePostgresUnreachable, v1alpha1.CauseKafkaUnreachable,
		v1alpha1.CauseUpstreamUnreachable, v1alpha1.CauseUpstreamStarting,
	},
	propose: func(in Input) (Action, *Refusal) {
		d, known := in.dependency()
		switch {
		case !known || d.Declared == nil:
			return refuse(v1alpha1.RemedyWaitForDependency, "the stack does not declare where the dependency listens")
		case in.Image == "":
			return refuse(v1alpha1.RemedyWaitForDependency, "the operator does not know its own image; set its flag --image")
		case in.probed(d.Service, v1alpha1.AsConfigured) != v1alpha1.ProbePassed:
			return refuse(v1alpha1.RemedyWaitForDependency, "%s does not answer yet with the container's own settings", d.Service)
		case !in.startedTooEarly(d):
			return refuse(v1alpha1.RemedyWaitForDependency, "it is not shown that the pod was started before %s was ready: waiting at the start would not have helped", d.Service)
		case recreatePod.allowedBy(in.Policy) && !in.recurred():
			return refuse(v1alpha1.RemedyWaitForDependency, "it is the first time in a day that the order of start-up was wrong: new pods are enough")
		}
		if proxy := in.meshProxy(); proxy != "" {
			return refuse(v1alpha1.RemedyWaitForDependency, "the mesh's proxy %s starts only after the init containers, which reach nothing before; run it as a native sidecar", proxy)
		}
		waiter := WaiterFor(in.Image, d)
		edited := in.Template.DeepCopy()
		if slices.ContainsFunc(edited.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == waiter.Name }) {
			return refuse(v1alpha1.RemedyWaitForDependency, "the pods wait for %s already", d.Service)
		}
		edited.Spec.InitContainers = slices.Insert(edited.Spec.InitContainers, afterSidecars(edited.Spec.InitContainers), waiter)
		return Action{
			Because:  fmt.Sprintf("%s was started before %s answered, and ends when that is so", in.Service.Name, d.Service),
			Target:   in.workload(),
			Template: edited,
		}, nil
	},
}

const (
	// raceMemory is how long a start in the wrong order counts as one of now.
	raceMemory = 30 * time.Minute
	// recurrenceMemory is for how long an earlier one makes the next one a recurrence.
	recurrenceMemory = 24 * time.Hour
)

// startedTooEarly is true of a pod that was made while its dependency was not ready,
// shortly before it was: an init container would have waited for just that. A pod
// that was up when its dependency went down did not start too early.
func (in Input) startedTooEarly(d evidence.Dependency) bool {
	created, ready := in.Case.Pod.Created, d.Workload.ReadySince
	return !created.IsZero() && created.Before(ready) && ready.Sub(created) <= waiterTimeout && in.Now.Sub(ready) <= raceMemory
}

// recurred is true where the same happened not long ago.
func (in Input) recurred() bool {
	return slices.ContainsFunc(in.Recurrences, func(at time.Time) bool { return in.Now.Sub(at) <= recurrenceMemory })
}

// meshProxies are the containers through which a pod's traffic goes in a service mesh.
var meshProxies = []string{"istio-proxy", "linkerd-proxy", "consul-dataplane", "kuma-sidecar", "envoy-sidecar"}

// meshProxy is the name of such a container that starts after the init containers,
// also one that was injected into the pod; empty where there is none.
func (in Input) meshProxy() string {
	for _, c := range in.Template.Spec.Containers {
		if slices.Contains(meshProxies, c.Name) {
			return c.Name
		}
	}
	for _, c := range in.Case.Siblings {
		if c.Role == evidence.RoleMain && slices.Contains(meshProxies, c.Name) {
			return c.Name
		}
	}
	return ""
}

// afterSidecars is the place after the last native sidecar (KEP-753), which may be
// what a pod's traffic goes through, and what prepares the pod for it.
func afterSidecars(init []corev1.Container) int {
	place := 0
	for i, c := range init {
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		if sidecar || slices.Contains([]string{"istio-init", "istio-validation", "linkerd-init", "linkerd-network-validator"}, c.Name) {
			place = i + 1
		}
	}
	return place
}

// WaiterFor is the init container that waits for a dependency. It needs no credentials: that the server
// accepts connections is what it waits for.
func WaiterFor(image string, d evidence.Dependency) corev1.Container {
	args := []string{waiterCommand, "--protocol=" + strings.ToLower(string(d.Declared.Protocol))}
	for _, s := range d.Declared.Servers {
		args = append(args, "--address="+s.String())
	}
	if d.Declared.Path != "" {
		args = append(args, "--path="+d.Declared.Path)
	}
	return waiter(image, waiterName(d.Service), append(args, "--timeout="+waiterTimeout.String()))
}

// Waiter is an init container for a dependency of another sort, with its own
// arguments for the image.
func Waiter(image, service string, args ...string) corev1.Container {
	return waiter(image, waiterName(service), args)
}

// waiterName is a container name (RFC 1123 label) for any service name.
func waiterName(service string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(service))
	return strings.TrimRight(waiterPrefix+name[:min(len(name), 63-len(waiterPrefix))], "-")
}

// waiter is the shape that every such init container has.
func waiter(image, name string, args []string) corev1.Container {
	no, yes := false, true
	return corev1.Container{
		Name: name, Image: image, Args: args,
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
			Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		ImagePullPolicy: corev1.PullIfNotPresent,
	}
}

// addsWaiter reports whether a difference is an init container that is added, of
// the operator's own shape and, unless it is taken away again, image.
func addsWaiter(w TemplateWrite, d difference) bool {
	name, rest, ok := d.path.below("initContainers")
	if !ok || len(rest) > 0 || d.before != nil || !strings.HasPrefix(name, waiterPrefix) {
		return false
	}
	c, err := containerOf(d.after)
	if err != nil || len(c.Args) == 0 || c.Args[0] != waiterCommand || !w.Back && c.Image != w.Scope.Image {
		return false
	}
	return equality.Semantic.DeepEqual(*c, waiter(c.Image, c.Name, c.Args))
}
