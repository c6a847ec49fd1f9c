//go:build e2e

package e2e

import (
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// ask is a command in a service's container, and a part of what it has to say at last.
type ask struct {
	service string
	command []string
	answer  string
}

func shell(service, script, answer string) ask {
	return ask{service, []string{"sh", "-c", script}, answer}
}

const (
	books  = `psql -h 127.0.0.1 -U books -d books -Atc `
	guests = `mariadb -h 127.0.0.1 -uguests -p"$MARIADB_PASSWORD" guests -Nse `
	pages  = `exec 3<>/dev/tcp/front/80; printf 'GET %s HTTP/1.0\r\n\r\n' "$0" >&3; cat <&3`
)

// composeProjects are brought up as they are, with real servers.
var composeProjects = []struct {
	name string
	// before are asked once all runs, keeper's pod is deleted then, and after are asked.
	before, after []ask
	keeper        string
}{
	{
		name: "bookshop", keeper: "db",
		before: []ask{
			shell("db", `PGPASSWORD=$POSTGRES_PASSWORD `+books+`'SELECT title FROM books'`, "The first one"),
			shell("db", `PGPASSWORD=$POSTGRES_PASSWORD `+books+`"INSERT INTO books (title) VALUES ('Another')"`, "INSERT 0 1"),
		},
		after: []ask{shell("db", `PGPASSWORD=$POSTGRES_PASSWORD `+books+`'SELECT count(*), max(title) FROM books'`, "2|The first one")},
	},
	{
		name: "job-queue", keeper: "cache",
		before: []ask{
			shell("worker", `redis-cli -h cache LPUSH jobs letter-1`, ""),
			shell("cache", `redis-cli LRANGE done 0 -1`, "letter-1"),
		},
		after: []ask{
			shell("cache", `redis-cli LRANGE done 0 -1`, "letter-1"),
			shell("cache", `redis-cli LPUSH jobs letter-2`, ""),
			shell("cache", `redis-cli LRANGE done 0 -1`, "letter-2"),
		},
	},
	{
		name: "guestbook", keeper: "mysql",
		before: []ask{
			shell("app", `cat /tmp/guests`, "Zoë\nO'Hara"),
			shell("mysql", guests+`"INSERT INTO guests VALUES ('Ann'); SELECT 'written'"`, "written"),
		},
		after: []ask{shell("mysql", guests+`'SELECT name FROM guests'`, "Zoë\nO'Hara\nAnn")},
	},
	{
		name: "orders-broker", keeper: "rabbitmq",
		before: []ask{
			shell("clerk", `cat /tmp/order`, "first"),
			shell("clerk", `amqp-publish --url="$AMQP_URL" --persistent --routing-key=orders --body=second && echo sent`, "sent"),
		},
		after: []ask{shell("clerk", `amqp-get --url="$AMQP_URL" --queue=orders`, "second")},
	},
	{
		name: "storefront", keeper: "uploads",
		before: []ask{
			{"front", []string{"bash", "-c", pages, "/"}, "The shop is open"},
			{"front", []string{"bash", "-c", pages, "/api/health"}, `"production"`},
			// By the container that has the backend's network.
			{"front", []string{"bash", "-c", pages, "/gateway/health"}, `"production"`},
			shell("uploads", `echo 4711 > invoice && id -u && cat invoice`, "1000\n4711"),
		},
		after: []ask{shell("uploads", `cat invoice`, "4711")},
	},
}

// TestComposeProjects: `init --manifests` is applied unchanged, and what compose would
// run runs: in its order, at the first attempt, with the same settings. What it keeps in
// volumes is there after its pod is gone.
func TestComposeProjects(t *testing.T) {
	for _, c := range composeProjects {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newNamespace(t, c.name)
			p := composeUp{s, readAsCompose(t, c.name)}
			p.apply()
			p.startedInOrder()
			p.runsAsCompose()
			p.isHealthy()
			for _, a := range c.before {
				p.asks(a)
			}
			p.loses(c.keeper)
			for _, a := range c.after {
				p.asks(a)
			}
			p.isHealthy()
		})
	}
}

// composeUp is a compose project in a namespace.
type composeUp struct {
	*stackUnder
	project *types.Project
}

// readAsCompose reads a project as `docker compose config` does.
func readAsCompose(t *testing.T, name string) *types.Project {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../../internal/compose/testdata/projects", name))
	if err != nil {
		t.Fatal(err)
	}
	options, err := cli.NewProjectOptions(nil, cli.WithWorkingDirectory(folder), cli.WithEnvFiles(), cli.WithDotEnv, cli.WithDefaultConfigPath)
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// apply what init writes, and wait until all of it is ready or complete.
func (p composeUp) apply() {
	p.Helper()
	folder := filepath.Join(p.TempDir(), "k8s")
	out, err := exec.Command(pluginPath, "init", p.project.ComposeFiles[0], "--manifests", "--with-secrets", "-d", folder).CombinedOutput()
	if err != nil {
		p.Fatalf("init: %v: %s", err, out)
	}
	p.must(kubectl(p.namespace, "apply", "-f", folder))
	p.must(kubectl(p.namespace, "rollout", "status", "statefulset,deployment", "--timeout="+patience.String()))
}

// pods that the project's workloads have now, those of its Jobs as well.
func (p composeUp) pods() []corev1.Pod {
	p.Helper()
	var pods corev1.PodList
	if err := cluster.List(p.Context(), &pods, client.InNamespace(p.namespace)); err != nil {
		p.Fatal(err)
	}
	return slices.DeleteFunc(pods.Items, func(pod corev1.Pod) bool { return pod.DeletionTimestamp != nil })
}

// containerOf a service, and the pod that it is in: its own, or another's whose network
// it has.
func (p composeUp) containerOf(service string) (corev1.Pod, corev1.Container, corev1.ContainerStatus) {
	p.Helper()
	for _, pod := range p.pods() {
		for _, c := range pod.Spec.Containers {
			i := slices.IndexFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == c.Name })
			if c.Name == service && i >= 0 {
				return pod, c, pod.Status.ContainerStatuses[i]
			}
		}
	}
	p.Fatalf("no container of %s runs", service)
	return corev1.Pod{}, corev1.Container{}, corev1.ContainerStatus{}
}

// startedInOrder fails unless each container started once, when what depends_on asks for
// was so.
func (p composeUp) startedInOrder() {
	p.Helper()
	started, ready, ended, home := map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}, map[string]string{}
	for name := range p.project.Services {
		pod, _, status := p.containerOf(name)
		if status.RestartCount > 0 {
			p.Errorf("%s was started %d times more: %+v", name, status.RestartCount, status.LastTerminationState)
		}
		home[name] = pod.Name
		switch state := status.State; {
		case state.Running != nil:
			started[name] = state.Running.StartedAt.Time
		case state.Terminated != nil && state.Terminated.ExitCode == 0:
			started[name], ended[name] = state.Terminated.StartedAt.Time, state.Terminated.FinishedAt.Time
		default:
			p.Errorf("%s does not run: %+v", name, state)
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
				ready[name] = c.LastTransitionTime.Time
			}
		}
	}
	for name, service := range p.project.Services {
		for dependency, d := range service.DependsOn {
			since := map[string]map[string]time.Time{
				types.ServiceConditionStarted: started, types.ServiceConditionHealthy: ready, types.ServiceConditionCompletedSuccessfully: ended,
			}[d.Condition][dependency]
			if home[name] != home[dependency] && (since.IsZero() || started[name].Before(since)) {
				p.Errorf("%s started at %s, %s was %s at %s", name, started[name], dependency, d.Condition, since)
			}
		}
	}
}

// runsAsCompose fails unless each container has the environment, command, working
// directory, user, mounts and ports that compose would give it.
func (p composeUp) runsAsCompose() {
	p.Helper()
	for name, service := range p.project.Services {
		_, c, _ := p.containerOf(name)
		env := p.environment(c)
		want := map[string]string{}
		for variable, value := range service.Environment {
			if value != nil {
				want[variable] = *value
			}
		}
		if _, set := want["PGDATA"]; !set {
			delete(env, "PGDATA") // a volume's root has lost+found in it
		}
		for what, pair := range map[string][2]any{
			"environment":       {want, env},
			"entrypoint":        {[]string(service.Entrypoint), expandAll(c.Command, env)},
			"command":           {[]string(service.Command), expandAll(c.Args, env)},
			"working directory": {service.WorkingDir, c.WorkingDir},
			"user":              {service.User, userOf(c)},
			"image":             {service.Image, c.Image},
		} {
			if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
				p.Errorf("%s: %s (-compose, +pod):\n%s", name, what, diff)
			}
		}
		p.hasMountsAndPorts(service, c)
	}
}

func (p composeUp) hasMountsAndPorts(service types.ServiceConfig, c corev1.Container) {
	p.Helper()
	var targets []string
	for _, v := range service.Volumes {
		targets = append(targets, v.Target)
	}
	for _, v := range service.Configs {
		targets = append(targets, v.Target)
	}
	targets = append(targets, service.Tmpfs...)
	for _, target := range targets {
		if !slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == target }) {
			p.Errorf("%s has nothing mounted at %s: %+v", service.Name, target, c.VolumeMounts)
		}
	}
	ports := slices.Clone([]string(service.Expose))
	for _, port := range service.Ports {
		ports = append(ports, strconv.Itoa(int(port.Target)))
	}
	if len(ports) == 0 {
		return
	}
	var leads corev1.Service
	if err := cluster.Get(p.Context(), client.ObjectKey{Namespace: p.namespace, Name: service.Name}, &leads); err != nil {
		p.Fatal(err)
	}
	for _, port := range ports {
		if !slices.ContainsFunc(leads.Spec.Ports, func(o corev1.ServicePort) bool { return strconv.Itoa(int(o.Port)) == port }) {
			p.Errorf("%s has no port %s: %+v", service.Name, port, leads.Spec.Ports)
		}
	}
}

// environment that the kubelet gives a container, by its rules: what is defined above
// is put in for $(NAME), and $$ is $.
func (p composeUp) environment(c corev1.Container) map[string]string {
	p.Helper()
	out := map[string]string{}
	for _, e := range c.Env {
		value := expand(e.Value, out)
		if from := e.ValueFrom; from != nil && from.SecretKeyRef != nil {
			var secret corev1.Secret
			if err := cluster.Get(p.Context(), client.ObjectKey{Namespace: p.namespace, Name: from.SecretKeyRef.Name}, &secret); err != nil {
				p.Fatal(err)
			}
			value = string(secret.Data[from.SecretKeyRef.Key])
		}
		out[e.Name] = value
	}
	return out
}

var kubeletReference = regexp.MustCompile(`\$\$|\$\([^()]*\)`)

func expand(text string, env map[string]string) string {
	return kubeletReference.ReplaceAllStringFunc(text, func(reference string) string {
		if reference == "$$" {
			return "$"
		}
		if value, known := env[reference[2:len(reference)-1]]; known {
			return value
		}
		return reference
	})
}

func expandAll(texts []string, env map[string]string) []string {
	var out []string
	for _, t := range texts {
		out = append(out, expand(t, env))
	}
	return out
}

// userOf a container, as compose writes it.
func userOf(c corev1.Container) string {
	s := c.SecurityContext
	if s == nil || s.RunAsUser == nil {
		return ""
	}
	user := strconv.FormatInt(*s.RunAsUser, 10)
	if s.RunAsGroup != nil {
		user += ":" + strconv.FormatInt(*s.RunAsGroup, 10)
	}
	return user
}

// isHealthy waits until the project's BridgeStack says so, and fails if anything was
// found wrong in it.
func (p composeUp) isHealthy() {
	p.Helper()
	var stack v1alpha1.BridgeStack
	p.eventually("the stack is healthy", func(ctx context.Context) bool {
		err := cluster.Get(ctx, client.ObjectKey{Namespace: p.namespace, Name: p.project.Name}, &stack)
		return err == nil && meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionHealthy) &&
			meta.IsStatusConditionTrue(stack.Status.Conditions, v1alpha1.ConditionReady)
	})
	var jobs batchv1.JobList
	if err := cluster.List(p.Context(), &jobs, client.InNamespace(p.namespace)); err != nil {
		p.Fatal(err)
	}
	oneShots := map[string]bool{}
	for _, j := range jobs.Items {
		oneShots[j.Name] = true
	}
	var watched []string
	for _, s := range stack.Spec.Services {
		watched = append(watched, s.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.project.Services)) {
		joins := strings.HasPrefix(p.project.Services[name].NetworkMode, "service:")
		if slices.Contains(watched, name) == (oneShots[name] || joins) {
			p.Errorf("the stack has %v; %s is a Job: %t, in another's pod: %t", watched, name, oneShots[name], joins)
		}
	}
}

// asks until the answer is right.
func (p composeUp) asks(a ask) {
	p.Helper()
	said := ""
	p.eventually(a.service+" answers "+a.answer, func(context.Context) bool {
		pod, _, _ := p.containerOf(a.service)
		out, err := kubectl(p.namespace, append([]string{"exec", pod.Name, "--container", a.service, "--"}, a.command...)...)
		if err != nil {
			out += err.Error()
		}
		if out != said {
			p.Logf("%s: %s\n%s", a.service, strings.Join(a.command, " "), out)
		}
		said = out
		return err == nil && strings.Contains(out, a.answer)
	})
}

// loses the pod of a service, and waits for the next one.
func (p composeUp) loses(service string) {
	p.Helper()
	was, _, _ := p.containerOf(service)
	p.must(kubectl(p.namespace, "delete", "pod", was.Name))
	p.eventually("another pod of "+service+" is ready", func(context.Context) bool {
		return slices.ContainsFunc(p.pods(), func(pod corev1.Pod) bool {
			ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
				return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
			})
			return ready && pod.UID != was.UID && pod.Labels["app.kubernetes.io/name"] == was.Labels["app.kubernetes.io/name"]
		})
	})
}

func (p composeUp) eventually(what string, holds func(context.Context) bool) {
	p.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if holds(p.Context()) {
			return
		}
	}
	p.Fatalf("within %s it was not so that %s", patience, what)
}
