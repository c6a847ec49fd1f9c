//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	postgresImage = "bridgestack.dev/postgres:15"
	serviceImage  = "bridgestack.dev/demo-service:dev"
	faultyLabel   = "app.kubernetes.io/name"
)

// faultyService is a Deployment with one thing wrong.
type faultyService struct {
	name       string
	cause      v1alpha1.Cause
	confidence v1alpha1.Confidence
	// cites must be in the evidence.
	cites string
	// diagnosed is the container that is; that of the service's name unless it is said.
	diagnosed string
	make      func(*corev1.PodSpec)
}

const (
	high   = v1alpha1.ConfidenceHigh
	medium = v1alpha1.ConfidenceMedium
	low    = v1alpha1.ConfidenceLow
)

// faulty services, each the smallest that shows its cause with a real pod.
var faulty = []faultyService{
	// The image, and how the process starts.
	{name: "image-not-pulled", cause: v1alpha1.CauseImagePullFailed, confidence: high, cites: "ImagePull", make: container(func(c *corev1.Container) { c.Image = "registry.invalid/team/service:v2" })},
	{name: "image-not-there", cause: v1alpha1.CauseImagePullFailed, confidence: high, cites: "ErrImageNeverPull", make: container(func(c *corev1.Container) {
		c.Image, c.ImagePullPolicy = "bridgestack.dev/never-built:dev", corev1.PullNever
	})},
	{name: "image-name-invalid", cause: v1alpha1.CauseImagePullFailed, confidence: high, cites: "InvalidImageName", make: container(func(c *corev1.Container) { c.Image = "Not A Name" })},
	{name: "runs-as-root", cause: v1alpha1.CauseRunAsNonRootViolation, confidence: high, cites: "runAsNonRoot", make: func(p *corev1.PodSpec) { p.SecurityContext = &corev1.PodSecurityContext{RunAsNonRoot: new(true)} }},
	{name: "not-a-program", cause: v1alpha1.CauseExecFormatError, confidence: medium, cites: "exec format error", make: func(p *corev1.PodSpec) {
		mount(p, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "programs"}, DefaultMode: new(int32(0o755))}})
		p.Containers[0].Command = []string{"/data/garbage"}
	}},
	{name: "not-executable", cause: v1alpha1.CauseCommandNotExecutable, confidence: high, cites: "permission denied", make: container(func(c *corev1.Container) { c.Command = []string{"/etc/passwd"} })},
	{name: "shell-finds-nothing", cause: v1alpha1.CauseCommandNotFound, confidence: medium, cites: "not found", make: sh(`exec start-service`)},
	{name: "volume-missing", cause: v1alpha1.CauseVolumeMountFailed, confidence: high, cites: "not found", make: func(p *corev1.PodSpec) {
		mount(p, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "certificates"}})
	}},

	// What the kernel refuses to a program that runs.
	{name: "root-read-only", cause: v1alpha1.CauseReadOnlyFilesystem, confidence: medium, cites: "Read-only file system", make: func(p *corev1.PodSpec) {
		sh(`echo 1 > /var/lib/service.pid`)(p)
		p.Containers[0].SecurityContext = &corev1.SecurityContext{ReadOnlyRootFilesystem: new(true)}
	}},
	{name: "file-not-allowed", cause: v1alpha1.CausePermissionDenied, confidence: medium, cites: "Permission denied", make: sh(`echo 1 > /etc/service.conf`)},
	{name: "port-in-use", cause: v1alpha1.CausePortInUse, confidence: medium, cites: "Address already in use", make: func(p *corev1.PodSpec) {
		sh(`sleep 1; ` + listen)(p)
		p.Containers = append(p.Containers, corev1.Container{Name: "metrics", Image: postgresImage, Command: []string{"sh", "-c", listen}})
	}},
	{name: "segfault", cause: v1alpha1.CauseSegfault, confidence: high, cites: "139", make: sh(`exec perl -e 'unpack("P8", pack("L!", 1))'`)},

	// What runs out.
	{name: "child-killed", cause: v1alpha1.CauseChildOOMKilled, confidence: high, cites: "OOMKilled", make: func(p *corev1.PodSpec) {
		sh(`perl -e '$n = 200_000_000; $x = "x" x $n' || { echo worker process died; exit 1; }`)(p)
		p.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("24Mi")}
	}},
	{name: "files-exhausted", cause: v1alpha1.CauseFileDescriptorsExhausted, confidence: medium, cites: "Too many open files", make: sh(`ulimit -n 16; exec perl -e 'for (1..99) { open($f[$_], "<", "/etc/passwd") or die "cannot open /etc/passwd: $!\n" }'`)},
	{name: "threads-exhausted", cause: v1alpha1.CauseThreadsExhausted, confidence: medium, cites: "fork", make: func(p *corev1.PodSpec) {
		sh(`ulimit -p 1; sleep 60 & sleep 60 & wait`)(p)
		p.SecurityContext.RunAsUser = new(int64(4711))
	}},
	{name: "heap-exhausted", cause: v1alpha1.CauseHeapExhausted, confidence: medium, cites: "ut of memory", make: sh(`ulimit -v 60000; exec perl -e '$n = 200_000_000; $x = "x" x $n'`)},
	{name: "disk-full", cause: v1alpha1.CauseDiskFull, confidence: medium, cites: "No space left on device", make: func(p *corev1.PodSpec) {
		mount(p, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: new(resource.MustParse("1Mi"))}})
		sh(`dd if=/dev/zero of=/data/spool bs=1M count=8`)(p)
	}},
	{name: "storage-exceeded", cause: v1alpha1.CauseEphemeralStorageExceeded, confidence: high, cites: "phemeral", make: func(p *corev1.PodSpec) {
		sh(`dd if=/dev/zero of=/tmp/spool bs=1M count=16; sleep 1000000`)(p)
		p.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("1Mi")}
	}},

	// What the kubelet ends.
	{name: "start-too-slow", cause: v1alpha1.CauseStartupProbeFailed, confidence: high, cites: "startup probe", make: func(p *corev1.PodSpec) {
		sh(`sleep 1000000`)(p)
		p.Containers[0].StartupProbe = probe("false")
	}},
	{name: "starved", cause: v1alpha1.CauseCPUStarved, confidence: high, cites: "throttled in", make: func(p *corev1.PodSpec) {
		sh(`exec perl -e 'while (1) {}'`)(p)
		p.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}
		// The probe shares the limit: it would need a second of CPU.
		p.Containers[0].StartupProbe = probe("perl", "-e", "for (1..30_000_000) {}")
		p.Containers[0].StartupProbe.PeriodSeconds, p.Containers[0].StartupProbe.FailureThreshold = 3, 4
	}},
	{name: "sandbox-fails", cause: v1alpha1.CauseSandboxFailed, confidence: high, cites: "FailedCreatePodSandBox", make: func(p *corev1.PodSpec) {
		sh(`sleep 1000000`)(p)
		p.SecurityContext.Sysctls = []corev1.Sysctl{{Name: "net.ipv4.ip_local_port_range", Value: "none"}}
	}},
	{name: "hook-fails", cause: v1alpha1.CauseLifecycleHookFailed, confidence: high, cites: "FailedPostStartHook", make: func(p *corev1.PodSpec) {
		sh(`sleep 1000000`)(p)
		p.Containers[0].Lifecycle = &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"false"}}}}
	}},

	// How it is configured.
	{name: "flag-unknown", cause: v1alpha1.CauseArgumentsInvalid, confidence: medium, cites: "unrecognized option", make: sh(`exec psql --frobnicate`)},
	{name: "port-no-number", cause: v1alpha1.CauseEnvVarInvalid, confidence: medium, cites: "PORT", make: demo("REQUIRE", "postgres", "PORT", "eighty", "POSTGRES_HOST", "postgres", "POSTGRES_DATABASE", "x", "POSTGRES_USER", "x", "POSTGRES_PASSWORD", "x")},
	{name: "key-not-set", cause: v1alpha1.CauseEnvVarMissing, confidence: medium, cites: "SIGNING_KEY", make: sh(`: "${SIGNING_KEY:?is not set}"`)},
	{name: "certificate-missing", cause: v1alpha1.CauseTLSConfigInvalid, confidence: medium, cites: "certificate file", make: sh(`initdb -D /tmp/d >/dev/null && exec postgres -D /tmp/d -c unix_socket_directories=/tmp -c ssl=on -c ssl_cert_file=/etc/tls/tls.crt`)},
	{name: "program-mistaken", cause: v1alpha1.CauseApplicationError, confidence: low, cites: "division by zero", make: sh(`exec perl -e 'my $regions = 0; my $share = 100 / $regions;'`)},
	{name: "sidecar-fails", diagnosed: "proxy", cause: v1alpha1.CausePermissionDenied, confidence: medium, cites: "Permission denied", make: func(p *corev1.PodSpec) {
		sh(`sleep 1000000`)(p)
		p.InitContainers = []corev1.Container{{Name: "proxy", Image: postgresImage, Command: []string{"sh", "-c", `echo 1 > /etc/proxy.conf`}, RestartPolicy: new(corev1.ContainerRestartPolicyAlways)}}
	}},
	{name: "init-fails", diagnosed: "migrate", cause: v1alpha1.CauseArgumentsInvalid, confidence: medium, cites: "unrecognized option", make: func(p *corev1.PodSpec) {
		sh(`sleep 1000000`)(p)
		p.InitContainers = []corev1.Container{{Name: "migrate", Image: postgresImage, Command: []string{"psql", "--migrate"}}}
	}},

	// PostgreSQL.
	{name: "no-database", cause: v1alpha1.CausePostgresDatabaseMissing, confidence: high, cites: "does not exist", make: psql(`SELECT 1`, "PGDATABASE", "warehouse")},
	{name: "no-table", cause: v1alpha1.CausePostgresSchemaMissing, confidence: medium, cites: `relation "workflows" does not exist`, make: psql(`SELECT * FROM workflows`)},
	{name: "no-right", cause: v1alpha1.CausePostgresPermissionDenied, confidence: medium, cites: "permission denied", make: psql(`SET ROLE pg_monitor; SELECT * FROM pg_authid`)},
	{name: "no-tls", cause: v1alpha1.CausePostgresTLSMismatch, confidence: high, cites: "SSL", make: psql(`SELECT 1`, "PGSSLMODE", "require")},
	{name: "no-slot", cause: v1alpha1.CausePostgresConnectionsExhausted, confidence: high, cites: "too many connections", make: psql(`SELECT 1`, "PGUSER", "crowd", "PGPASSWORD", "change-me-crowd")},
	{name: "read-only", cause: v1alpha1.CausePostgresReadOnly, confidence: medium, cites: "read-only transaction", make: psql(`CREATE TABLE t ()`, "PGOPTIONS", "-c default_transaction_read_only=on")},
	{name: "rejected", cause: v1alpha1.CausePostgresAccessRejected, confidence: high, cites: "pg_hba.conf rejects", make: psql(`SELECT 1`, "PGUSER", "stranger", "PGPASSWORD", "change-me-stranger")},
	{name: "server-full", cause: v1alpha1.CausePostgresDiskFull, confidence: medium, cites: "No space left on device", make: psql(`CREATE TABLE orders TABLESPACE small AS SELECT generate_series(1, 1000000)`)},
	{name: "connection-ended", cause: v1alpha1.CausePostgresConnectionLost, confidence: medium, cites: "terminating connection", make: psql(`SELECT pg_terminate_backend(pg_backend_pid())`)},
	{name: "still-starting", cause: v1alpha1.CausePostgresStarting, confidence: medium, cites: "the database system is", make: sh(`
		initdb -D /tmp/d >/dev/null && touch /tmp/d/standby.signal && postgres -D /tmp/d -c unix_socket_directories=/tmp -c hot_standby=off >/dev/null 2>&1 &
		until psql -h /tmp -c 'SELECT 1' postgres 2>&1 | grep -q 'database system'; do sleep 0.2; done
		exec psql -h /tmp -c 'SELECT 1' postgres`)},

	// Other servers.
	{name: "misled", cause: v1alpha1.CauseKafkaAdvertisedListenerMismatch, confidence: medium, cites: "kafka-0.kafka-headless", make: demo("REQUIRE", "topic", "KAFKA_BOOTSTRAP_SERVERS", "misadvertised:9092", "KAFKA_WORKFLOW_TOPIC", "orders", "KAFKA_CONSUMER_GROUP", "shippers")},
	{name: "not-let-in", cause: v1alpha1.CauseKafkaAuthFailed, confidence: high, cites: "the listener wants SASL", make: demo("REQUIRE", "kafka", "KAFKA_BOOTSTRAP_SERVERS", "secured:9092")},
	{name: "no-kafka-tls", cause: v1alpha1.CauseKafkaTLSMismatch, confidence: medium, cites: "TLS", make: demo("REQUIRE", "kafka", "KAFKA_BOOTSTRAP_SERVERS", "encrypted:9092")},
	{name: "no-kafka-right", cause: v1alpha1.CauseKafkaAuthorizationDenied, confidence: medium, cites: "not authorized", make: demo("REQUIRE", "topic", "KAFKA_BOOTSTRAP_SERVERS", "denying:9092", "KAFKA_WORKFLOW_TOPIC", "orders")},
	{name: "message-too-large", cause: v1alpha1.CauseKafkaMessageTooLarge, confidence: medium, cites: "too large", make: demo("REQUIRE", "topic", "KAFKA_BOOTSTRAP_SERVERS", "small-messages:9092", "KAFKA_WORKFLOW_TOPIC", "orders", "KAFKA_FIRST_MESSAGE", "one")},
	{name: "replicas-too-few", cause: v1alpha1.CauseKafkaNotEnoughReplicas, confidence: medium, cites: "in-sync replicas", make: demo("REQUIRE", "topic", "KAFKA_BOOTSTRAP_SERVERS", "lone:9092", "KAFKA_WORKFLOW_TOPIC", "orders", "KAFKA_FIRST_MESSAGE", "one")},
	{name: "cache-gone", cause: v1alpha1.CauseUpstreamUnreachable, confidence: low, cites: "Connection refused", make: func(p *corev1.PodSpec) {
		sh("exec bash -c 'echo connecting to redis://127.0.0.1:6379; exec 3<>/dev/tcp/127.0.0.1/6379'")(p)
	}},
}

// brokers of the stack, each with something in its way.
var brokers = map[string][]string{
	"secured":        {"SASL_MECHANISM", "PLAIN", "SASL_USERNAME", "producer", "SASL_PASSWORD", "change-me-kafka"},
	"misadvertised":  {"ADVERTISED_HOST", "kafka-0.kafka-headless", "TOPICS", "orders"},
	"encrypted":      {"ADVERTISED_HOST", "encrypted", "TLS", "true"},
	"denying":        {"ADVERTISED_HOST", "denying", "TOPICS", "orders", "DENY", "true"},
	"small-messages": {"ADVERTISED_HOST", "small-messages", "TOPICS", "orders", "PRODUCE_ERROR", "10"},
	"lone":           {"ADVERTISED_HOST", "lone", "TOPICS", "orders", "PRODUCE_ERROR", "19"},
}

const listen = `exec perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(9090, INADDR_ANY)) or die "cannot listen on port 9090: $!\n"; listen(S, 1); sleep 1000000'`

// TestCauses: many causes at once, each with a real pod, in a stack that is
// only looked at. None of the pods has more than one fault.
func TestCauses(t *testing.T) {
	t.Parallel()
	s := apply(t, "many-causes")
	s.must(kubectl(s.namespace, "create", "configmap", "programs", "--from-literal=garbage=no program and no script"))
	s.must(kubectl(s.namespace, "exec", "statefulset/postgres", "--", "sh", "-c", `
		mkdir -p -m 700 /small/space && psql -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB" -c "CREATE ROLE crowd LOGIN PASSWORD 'change-me-crowd' CONNECTION LIMIT 0" -c "CREATE ROLE stranger LOGIN PASSWORD 'change-me-stranger'" -c "CREATE TABLESPACE small LOCATION '/small/space'" &&
		sed -i '1i host all stranger all reject' "$PGDATA/pg_hba.conf" && psql -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB" -c 'SELECT pg_reload_conf()'`))
	for name, env := range brokers {
		s.broker(name, env)
	}
	for name := range brokers {
		s.must(kubectl(s.namespace, "rollout", "status", "deployment/"+name, "--timeout=2m"))
	}
	for _, f := range faulty {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := &stackUnder{T: t, namespace: s.namespace, templates: s.templates}
			s.deploy(f)
			d := s.awaitCause(f)
			if f.diagnosed != "" && d.Spec.Container != f.diagnosed {
				t.Errorf("container %s is diagnosed, want %s", d.Spec.Container, f.diagnosed)
			}
			if len(d.Status.Attempts) > 0 {
				t.Errorf("it was tried to cure it: %+v", d.Status.Attempts)
			}
			t.Log(timeline(d))
			s.captured(f, d)
			// Its restarts would only slow the others down.
			s.must(kubectl(s.namespace, "scale", "deployment", f.name, "--replicas=0"))
		})
	}
}

// awaitCause waits until a service's diagnosis says what it should, with the
// evidence for it, and shows what it said instead.
func (s *stackUnder) awaitCause(f faultyService) v1alpha1.BridgeDiagnosis {
	s.Helper()
	var last string
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		for _, d := range s.diagnoses(f.name) {
			var evidence []string
			for _, e := range d.Status.Evidence {
				evidence = append(evidence, string(e.Source)+": "+e.Text)
			}
			cited := strings.Join(evidence, "\n")
			if d.Status.Cause == f.cause && atLeast(d.Status.Confidence, f.confidence) && cited != "" && strings.Contains(cited, f.cites) {
				return d
			}
			last = fmt.Sprintf("%s %s (%s): %s\n%s\nrefuted: %v", d.Status.State, d.Status.Cause, d.Status.Confidence, d.Status.Message, cited, d.Status.Refuted)
		}
	}
	s.Fatalf("want %s (%s) citing %q, got %s", f.cause, f.confidence, f.cites, last)
	return v1alpha1.BridgeDiagnosis{}
}

// captured fails if the plugin, without the operator's probes and metrics, finds
// another cause in what it captures of the pod, or shows a password.
func (s *stackUnder) captured(f faultyService, d v1alpha1.BridgeDiagnosis) {
	s.Helper()
	if f.cause == v1alpha1.CauseCPUStarved || f.cause == v1alpha1.CauseKafkaAuthFailed || f.cause == v1alpha1.CauseKafkaAdvertisedListenerMismatch || f.cause == v1alpha1.CauseKafkaTLSMismatch {
		return // Only a kubelet, or the broker, tells of these.
	}
	var pods corev1.PodList
	if err := cluster.List(s.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{faultyLabel: f.name}); err != nil || len(pods.Items) == 0 {
		s.Fatalf("%d pods, %v", len(pods.Items), err)
	}
	// An evicted pod stays beside the one that was made for it.
	name := pods.Items[0].Name
	if loop := d.Status.Loop; loop != nil && slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Name == loop.Pod }) {
		name = loop.Pod
	}
	args := []string{"classify", "--capture", s.namespace + "/" + name}
	if f.diagnosed != "" {
		args = append(args, "--container", f.diagnosed)
	}
	var document, verdict string
	for range 5 { // On a busy machine, the kubelet's events come late.
		if document = s.plugin("", args...); strings.Contains(document, "change-me") {
			s.Fatalf("the document shows a password:\n%s", document)
		}
		if verdict = s.plugin(document, "classify"); strings.Contains(verdict, fmt.Sprintf("%q:%q", "cause", f.cause)) {
			return
		}
	}
	s.Errorf("the plugin says %s\nof %s", verdict, document)
}

// plugin runs the kubectl plugin as it would be installed.
func (s *stackUnder) plugin(in string, args ...string) string {
	s.Helper()
	var out, failed bytes.Buffer
	command := exec.CommandContext(s.Context(), pluginPath, args...)
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(in), &out, &failed
	if err := command.Run(); err != nil {
		s.Fatalf("kubectl bridge %s: %v: %s", strings.Join(args, " "), err, &failed)
	}
	return out.String()
}

func atLeast(got, want v1alpha1.Confidence) bool {
	rank := map[v1alpha1.Confidence]int{low: 1, medium: 2, high: 3}
	return rank[got] >= rank[want]
}

// broker makes a Kafka broker of the stack, and its Service.
func (s *stackUnder) broker(name string, env []string) {
	s.Helper()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{faultyLabel: name}, Ports: []corev1.ServicePort{{Name: "kafka", Port: 9092}}},
	}
	if err := cluster.Create(s.Context(), service); err != nil {
		s.Fatal(err)
	}
	s.deploy(faultyService{name: name, make: container(func(c *corev1.Container) {
		c.Image, c.Env = "bridgestack.dev/kafka-broker:dev", variables(env)
		c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 2, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(9092)}}}
	})})
}

// deploy makes a Deployment of the stack, with a fault in it or without.
func (s *stackUnder) deploy(f faultyService) {
	s.Helper()
	labels := map[string]string{faultyLabel: f.name, "app.kubernetes.io/part-of": stackName}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: f.name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{faultyLabel: f.name}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				TerminationGracePeriodSeconds: new(int64(1)),
				EnableServiceLinks:            new(false),
				SecurityContext:               &corev1.PodSecurityContext{RunAsUser: new(int64(999))},
				Containers:                    []corev1.Container{{Name: f.name, Image: postgresImage, ImagePullPolicy: corev1.PullIfNotPresent}},
			}},
		},
	}
	f.make(&d.Spec.Template.Spec)
	if err := cluster.Create(s.Context(), d); err != nil {
		s.Fatal(err)
	}
}

// container changes the main container.
func container(change func(*corev1.Container)) func(*corev1.PodSpec) {
	return func(p *corev1.PodSpec) { change(&p.Containers[0]) }
}

// sh runs a script in the image that has a shell.
func sh(script string) func(*corev1.PodSpec) {
	return container(func(c *corev1.Container) { c.Command = []string{"sh", "-c", script} })
}

// psql runs a statement as the stack's own user, or as env says.
func psql(statement string, env ...string) func(*corev1.PodSpec) {
	return container(func(c *corev1.Container) {
		c.Command = []string{"psql", "-v", "ON_ERROR_STOP=1", "-c", statement}
		c.Env = []corev1.EnvVar{{Name: "PGHOST", Value: "postgres"}, credential("PGDATABASE", "database"), credential("PGUSER", "username"), credential("PGPASSWORD", "password")}
		for _, v := range variables(env) {
			c.Env = append(slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }), v)
		}
	})
}

// demo runs the sample stack's service.
func demo(env ...string) func(*corev1.PodSpec) {
	return container(func(c *corev1.Container) { c.Image, c.Env = serviceImage, variables(env) })
}

// variables are given as names and values in turn.
func variables(env []string) []corev1.EnvVar {
	var out []corev1.EnvVar
	for i := 0; i+1 < len(env); i += 2 {
		out = append(out, corev1.EnvVar{Name: env[i], Value: env[i+1]})
	}
	return out
}

func credential(name, key string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "postgres-credentials"}, Key: key}}}
}

// mount makes a volume and shows it to the main container at /data.
func mount(p *corev1.PodSpec, source corev1.VolumeSource) {
	p.Volumes = append(p.Volumes, corev1.Volume{Name: "data", VolumeSource: source})
	p.Containers[0].VolumeMounts = append(p.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "data", MountPath: "/data"})
}

// probe runs a command every second and fails after two.
func probe(command ...string) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}}, PeriodSeconds: 1, FailureThreshold: 2}
}
