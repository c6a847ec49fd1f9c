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
		case recreatePod.allowedBy(in.Policy) && in.Recurrences == 0:
			return refuse(v1alpha1.RemedyWaitForDependency, "it is the first time that the order of start-up was wrong: new pods are enough")
		}
		waiter := WaiterFor(in.Image, d)
		edited := in.Template.DeepCopy()
		if slices.ContainsFunc(edited.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == waiter.Name }) {
			return refuse(v1alpha1.RemedyWaitForDependency, "the pods wait for %s already", d.Service)
		}
		edited.Spec.InitContainers = slices.Insert(edited.Spec.InitContainers, 0, waiter)
		return Action{
			Because:  fmt.Sprintf("%s was started before %s answered, and ends when that is so", in.Service.Name, d.Service),
			Target:   in.workload(),
			Template: edited,
		}, nil
	},
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
