package controllers_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

// incident is a fault of the service api from its beginning to its end, to be
// run undisturbed and disturbed.
type incident struct {
	name string
	// begin makes the stack and the fault.
	begin func(t *testing.T, namespace string) settings
	// meanwhile is what others do; it is called again and again until the end.
	meanwhile func(t *testing.T, namespace string)
	// ends is the state that it comes to rest in.
	ends v1alpha1.DiagnosisState
	// pods may come up by themselves once it is cured, before they are evicted.
	awake bool
}

// incidents are those that are disturbed; the first one alone where time is short.
var incidents = []incident{
	{name: "a limit that is raised", ends: v1alpha1.StateRecovered, begin: func(t *testing.T, ns string) settings {
		create(t, stack(ns, service("api")))
		deploy(t, ns, "api", needs("192Mi"))
		return settings{}
	}},
	{name: "a raise that is taken back", ends: v1alpha1.StateEscalated, begin: func(t *testing.T, ns string) settings {
		create(t, onceOnly(ns))
		deploy(t, ns, "api", outOfMemory)
		return settings{}
	}},
	{name: "a second raise", ends: v1alpha1.StateRecovered, begin: func(t *testing.T, ns string) settings {
		create(t, stack(ns, service("api")))
		deploy(t, ns, "api", needs("250Mi"))
		return settings{}
	}},
	{name: "a declared variable", ends: v1alpha1.StateRecovered, begin: func(t *testing.T, ns string) settings {
		value := "test"
		s := service("api")
		s.Env = []v1alpha1.DeclaredEnv{{Name: "STRIPE_KEY", Value: &value}}
		create(t, stack(ns, s))
		deploy(t, ns, "api", func(pod *corev1.Pod) run {
			if len(pod.Spec.Containers[0].Env) == 0 {
				return missingSetting(pod)
			}
			return runs(pod)
		})
		return settings{}
	}},
	{name: "a variable of a compose file", ends: v1alpha1.StateRecovered, begin: func(t *testing.T, ns string) settings {
		composed(t, ns, "services: {api: {image: a, environment: {SHOP_REGION: eu}}}")
		deploy(t, ns, "api", demands("SHOP_REGION"))
		return settings{}
	}},
	{name: "a variable that nobody declared", ends: v1alpha1.StateEscalated, begin: func(t *testing.T, ns string) settings {
		create(t, stack(ns, service("api")))
		deploy(t, ns, "api", missingSetting)
		return settings{}
	}},
	{name: "an approval", ends: v1alpha1.StateRecovered, meanwhile: approves, begin: func(t *testing.T, ns string) settings {
		create(t, mode(stack(ns, service("api")), v1alpha1.ModeApprove))
		deploy(t, ns, "api", needs("192Mi"))
		return settings{}
	}},
	{name: "a suggestion", ends: v1alpha1.StateSuggested, begin: func(t *testing.T, ns string) settings {
		create(t, mode(stack(ns, service("api")), v1alpha1.ModeSuggest))
		deploy(t, ns, "api", outOfMemory)
		return settings{}
	}},
	{name: "an observation", ends: v1alpha1.StateObserved, begin: func(t *testing.T, ns string) settings {
		create(t, mode(stack(ns, service("api")), v1alpha1.ModeObserve))
		deploy(t, ns, "api", outOfMemory)
		return settings{}
	}},
	{name: "a release that is rolled back", ends: v1alpha1.StateRecovered, begin: badRelease},
	{name: "an address that is put right", ends: v1alpha1.StateRecovered, begin: wrongBroker},
	{name: "a topic that is created", ends: v1alpha1.StateRecovered, begin: missingTopic, awake: true},
	{name: "a Job of the owner's", ends: v1alpha1.StateRecovered, meanwhile: jobsComplete, begin: missingTable, awake: true},
}

// approves whatever is proposed, once.
func approves(t *testing.T, ns string) {
	t.Helper()
	for _, d := range diagnoses(t, ns, "api") {
		if d.Status.State == v1alpha1.StateAwaitingApproval && d.Spec.Approved == "" {
			edit(t, &d, func(d *v1alpha1.BridgeDiagnosis) { d.Spec.Approved = d.Status.Proposal.ID })
		}
	}
}

// badRelease is a Deployment whose newest revision finds no command, beside a
// pod of the one before.
func badRelease(t *testing.T, ns string) settings {
	t.Helper()
	s := stack(ns, service("api"))
	s.Spec.Remediation.Remedies = []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRollbackRollout, Enabled: true}}
	create(t, s)
	none := intstr.FromInt32(0)
	d := deploy(t, ns, "api", func(pod *corev1.Pod) run {
		if len(pod.Spec.Containers[0].Command) > 0 {
			return ends(127, "Error", "sh: 1: serve-2: not found\n")(pod)
		}
		return runs(pod)
	}, func(d *appsv1.Deployment) {
		d.Spec.Strategy = appsv1.DeploymentStrategy{RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &none}}
	})
	until(t, func() bool {
		pods := podsOf(t, ns, "api")
		return len(pods) == 1 && len(pods[0].Status.ContainerStatuses) > 0 && pods[0].Status.ContainerStatuses[0].Ready
	}, func() string { return "the first revision is up" })
	edit(t, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Command = []string{"serve-2"} })
	return settings{}
}

// withKafka is a stack whose service api needs the broker.
func withKafka(t *testing.T, ns string, topics ...string) (servers.KafkaCluster, settings) {
	t.Helper()
	broker := servers.Kafka(t)
	kafka := v1alpha1.Service{Name: "kafka", External: true, Endpoint: &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{broker.Servers[0].String()}}}}
	for _, name := range topics {
		kafka.Endpoint.Kafka.Topics = append(kafka.Endpoint.Kafka.Topics, v1alpha1.DeclaredTopic{Name: name})
	}
	api := service("api", "kafka")
	api.DependsOn[0].Connection = &v1alpha1.ConnectionEnv{BootstrapServers: "KAFKA_BOOTSTRAP_SERVERS", Topics: []string{"TOPIC"}}
	create(t, stack(ns, kafka, api))
	return broker, settings{dial: (&net.Dialer{}).DialContext}
}

func env(name, value string) func(*appsv1.Deployment) {
	return func(d *appsv1.Deployment) {
		c := &d.Spec.Template.Spec.Containers[0]
		c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value})
	}
}

// noBroker is an address at which nothing listens.
const noBroker = "127.0.0.1:1"

// lostBroker is a program that finds no broker there.
var lostBroker = ends(1, "Error", fmt.Sprintf("FATAL kafka: client has run out of available brokers: dial tcp %s: connect: connection refused\n", noBroker))

// wrongBroker is a container that looks for its broker where nothing listens.
func wrongBroker(t *testing.T, ns string) settings {
	t.Helper()
	broker, set := withKafka(t, ns)
	deploy(t, ns, "api", func(pod *corev1.Pod) run {
		if pod.Spec.Containers[0].Env[0].Value == broker.Servers[0].String() {
			return runs(pod)
		}
		return lostBroker(pod)
	}, env("KAFKA_BOOTSTRAP_SERVERS", noBroker))
	return set
}

// missingTopic is a container that ends until its topic is there.
func missingTopic(t *testing.T, ns string) settings {
	t.Helper()
	broker, set := withKafka(t, ns, "orders")
	deploy(t, ns, "api", func(pod *corev1.Pod) run {
		if broker.TopicInfo("orders") != nil {
			return runs(pod)
		}
		return ends(1, "Error", "FATAL subscribing to orders: kafka server: Request was for a topic or partition that does not exist on this broker\n")(pod)
	}, env("KAFKA_BOOTSTRAP_SERVERS", broker.Servers[0].String()), env("TOPIC", "orders"))
	return set
}

// migration is as long as a CronJob's name may be: a Job of it is named after it.
const migration = "migrate-the-orders-of-the-shop-to-their-second-form2"

// missingTable is a container that ends until the owner's migration has run.
func missingTable(t *testing.T, ns string) settings {
	t.Helper()
	s := stack(ns, service("api"))
	s.Spec.Remediation.Remedies = []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRunJob, Enabled: true}}
	s.Spec.Remediation.Jobs = []v1alpha1.JobHook{{Causes: []v1alpha1.Cause{v1alpha1.CausePostgresSchemaMissing}, CronJob: migration}}
	yes := true
	migrate := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: migration}, Spec: batchv1.CronJobSpec{Schedule: "0 0 1 1 *", Suspend: &yes}}
	migrate.Spec.JobTemplate.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "migrate", Image: "example.com/migrate:1"}}}
	create(t, s, migrate)
	deploy(t, ns, "api", func(pod *corev1.Pod) run {
		if slices.ContainsFunc(jobsIn(t, pod.Namespace), func(j batchv1.Job) bool { return j.Status.Succeeded > 0 }) {
			return runs(pod)
		}
		return ends(1, "Error", "ERROR:  relation \"orders\" does not exist at character 15 (SQLSTATE 42P01)\n")(pod)
	})
	return settings{}
}

func jobsIn(t *testing.T, ns string) []batchv1.Job {
	t.Helper()
	var jobs batchv1.JobList
	if err := k8s.List(context.WithoutCancel(t.Context()), &jobs, client.InNamespace(ns)); err != nil {
		t.Error(err)
	}
	return jobs.Items
}

// jobsComplete is the Job controller, whose Jobs all succeed at once.
func jobsComplete(t *testing.T, ns string) {
	t.Helper()
	for _, j := range jobsIn(t, ns) {
		if j.Status.CompletionTime != nil {
			continue
		}
		now := metav1.Now()
		yes := batchv1.JobCondition{Status: corev1.ConditionTrue, LastTransitionTime: now, LastProbeTime: now}
		met, complete := yes, yes
		met.Type, complete.Type = batchv1.JobSuccessCriteriaMet, batchv1.JobComplete
		j.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1, Conditions: []batchv1.JobCondition{met, complete}}
		if err := k8s.Status().Update(t.Context(), &j); err != nil && !isConflict(err) {
			t.Errorf("completing Job %s: %v", j.Name, err)
		}
	}
}
