package diagnosis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

var down = started.Add(time.Hour)

// wanting is a case of a workload whose container is not up and does not restart.
func wanting() evidence.Case {
	return evidence.Case{
		Now: down,
		Pod: evidence.Pod{Namespace: "shop", Name: "web-5d9c-x", RestartPolicy: "Always", Scheduled: true, Created: started},
		Container: evidence.Container{
			Name: "app", Role: evidence.RoleMain, Image: "registry.example.com/web:1",
			Resources: evidence.Resources{MemoryRequest: 4 << 30, CPURequest: 500},
		},
		Rollout: evidence.Rollout{Known: true, Kind: v1alpha1.Deployment, Name: "web", Replicas: 1},
	}
}

func with(c evidence.Case, change func(*evidence.Case)) evidence.Case {
	change(&c)
	return c
}

// refused is a case without a pod.
func refused(message string) evidence.Case {
	return with(wanting(), func(c *evidence.Case) {
		c.Pod = evidence.Pod{Namespace: "shop"}
		c.OwnerEvents = []evidence.Event{{Type: "Warning", Reason: "FailedCreate", Message: message, Count: 7, Last: down}}
	})
}

func unplaced(message string, nodes ...evidence.NodeRoom) evidence.Case {
	return with(wanting(), func(c *evidence.Case) {
		c.Pod.Scheduled, c.Pod.Phase = false, "Pending"
		c.Scheduling = evidence.Scheduling{Reason: "Unschedulable", Message: message, Since: started, Requests: evidence.Resources{MemoryRequest: 4 << 30, CPURequest: 500}, Nodes: nodes}
	})
}

// room is a node with gibibytes of memory in all and free.
func room(name string, all, free int64) evidence.NodeRoom {
	return evidence.NodeRoom{
		Name: name, Ready: true, FreeKnown: true,
		Allocatable: evidence.Resources{MemoryRequest: all << 30, CPURequest: 4000}, Free: evidence.Resources{MemoryRequest: free << 30, CPURequest: 1000},
	}
}

func claims(claims ...evidence.Claim) func(*evidence.Case) {
	return func(c *evidence.Case) { c.Claims = claims }
}

const unbound = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."

// hangs is a case of an init container that has been running for an hour.
func hangs(args string, log string, dependencies ...evidence.Dependency) evidence.Case {
	return with(wanting(), func(c *evidence.Case) {
		c.Container = evidence.Container{Name: "wait", Role: evidence.RoleInit, Command: []string{"sh", "-c", args}, RunningSince: started}
		c.Log.Current = []byte(log)
		c.Dependencies = dependencies
	})
}

func postgresDependency(ready bool, diagnosis string) evidence.Dependency {
	return evidence.Dependency{
		Service: "postgres", Required: true,
		Declared: &evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}},
		Workload: evidence.DependencyWorkload{Known: true, Ready: ready, Looping: diagnosis != "", Diagnosis: diagnosis},
	}
}

// unready is a case of a container that runs and is not ready.
func unready(answer string, dependencies ...evidence.Dependency) evidence.Case {
	return with(wanting(), func(c *evidence.Case) {
		c.Container.RunningSince, c.Container.Started = started, true
		c.Container.Readiness = &evidence.ProbeSpec{Kind: "httpGet", Scheme: "HTTP", Port: 8080, Path: "/ready", Period: 5 * time.Second, FailureThreshold: 3}
		c.Pod.Ready = evidence.ReadinessFalse
		if answer != "" {
			c.Events = []evidence.Event{{Type: "Warning", Reason: "Unhealthy", Container: "app", Message: "Readiness probe failed: " + answer, Last: down}}
		}
		c.Dependencies = dependencies
	})
}

func own(port int32, outcome v1alpha1.ProbeOutcome, stage evidence.StageName, code string) evidence.Probe {
	p := evidence.Probe{Service: "web", Protocol: evidence.HTTP, Target: evidence.HostPort{Host: "10.0.0.7", Port: port}}
	if stage == evidence.StageHTTP {
		p.Stages = append(p.Stages, evidence.Stage{Name: evidence.StageDial, Outcome: v1alpha1.ProbePassed})
	}
	p.Stages = append(p.Stages, evidence.Stage{Name: stage, Outcome: outcome, Code: code})
	return p
}

func TestDownWithoutALoop(t *testing.T) {
	for name, test := range map[string]struct {
		evidence   evidence.Case
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
		says       []string
		never      []string
		command    string
		object     string
		beside     string
		root       string
	}{
		"a quota": {
			evidence:   refused(`Error creating: pods "web-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"ResourceQuota compute", "used: pods=4"},
			command:    "kubectl -n shop describe resourcequota compute",
			object:     "ResourceQuota/compute",
		},
		"Pod Security": {
			evidence:   refused(`Error creating: pods "web-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"Pod Security standard restricted", "allowPrivilegeEscalation"},
			command:    "kubectl label --list namespace shop",
		},
		"no ServiceAccount": {
			evidence:   refused(`Error creating: pods "web-x" is forbidden: error looking up service account shop/orders: serviceaccount "orders" not found`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			command:    "kubectl -n shop create serviceaccount orders",
			object:     "ServiceAccount/orders",
		},
		"a webhook that says so in many lines": {
			evidence:   refused("Error creating: admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Pod/shop/web-x was blocked due to the following policies\n\nrequire-labels:\n  check-for-labels: 'validation error: label app is required'\n"),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"validate.kyverno.svc-fail refuses the pod: resource Pod/shop/web-x was blocked", "label app is required'."},
			command:    "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
			object:     "Webhook/validate.kyverno.svc-fail",
		},
		"a webhook that says no more than no": {
			evidence:   refused(`Error creating: admission webhook "guard.example.com" denied the request without explanation`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"webhook guard.example.com refuses the pod: it does not say why."},
			command:    "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
			object:     "Webhook/guard.example.com",
		},
		"a quota of ReplicaSets": {
			evidence: with(refused(""), func(c *evidence.Case) {
				c.OwnerEvents = []evidence.Event{{Type: "Warning", Reason: "ReplicaSetCreateError", Last: down,
					Message: `Failed to create new replica set "web-5d9c": replicasets.apps "web-5d9c" is forbidden: exceeded quota: objects, requested: count/replicasets.apps=1, used: count/replicasets.apps=9, limited: count/replicasets.apps=9`}}
			}),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"ResourceQuota objects", "used: count/replicasets.apps=9"},
			command:    "kubectl -n shop describe resourcequota objects",
			object:     "ResourceQuota/objects",
		},
		"a webhook's certificate": {
			evidence:   refused(`Error creating: Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://guard.guards.svc:443/pods": x509: certificate has expired`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"certificate of the admission webhook pods.example.com"},
			command:    "kubectl -n guards get pods,endpointslices",
			object:     "Webhook/pods.example.com",
			beside:     "Webhook/pods.example.com",
		},
		"a namespace that goes": {
			evidence:   refused(`Error creating: pods "web-x" is forbidden: unable to create new content in namespace shop because it is being terminated`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			command:    "kubectl get namespace shop -o jsonpath='{.status.conditions}'",
			object:     "Namespace/shop",
			beside:     "Namespace/shop",
		},
		"a name that would be a command": {
			evidence:   refused(`Error creating: pods "web-x" is forbidden: exceeded quota: a;rm$(x), requested: pods=1`),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			command:    "kubectl -n shop describe deployment/web",
		},
		"larger than any node": {
			evidence: with(unplaced("0/2 nodes are available: 2 Insufficient memory. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.",
				room("node-a", 3, 1), room("node-b", 2, 2)), func(*evidence.Case) {}),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says: []string{"of 2, 2 with too little memory left", "requests 4.0Gi of memory", "node-a, has 3.0Gi", "node-b has the most free: 2.0Gi",
				"No node of this size can ever take it", "at most 2048Mi for container app"},
			command: "kubectl -n shop set resources deployment/web -c app --requests=memory=2048Mi",
		},
		"room on a node that it may not use": {
			evidence: unplaced("0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s). preemption: x",
				room("node-a", 8, 1), with2(room("node-b", 64, 60), func(n *evidence.NodeRoom) { n.Taints = []string{"dedicated=gpu:NoSchedule"} })),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"1 with a taint that the pod does not tolerate (dedicated=gpu:NoSchedule)", "node-a, has 8.0Gi", "node-a has the most free: 1.0Gi"},
			command:    "kubectl -n shop set resources deployment/web -c app --requests=memory=1024Mi",
		},
		"room for neither memory nor CPU": {
			evidence: unplaced("0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient memory. preemption: x",
				with2(room("node-a", 8, 2), func(n *evidence.NodeRoom) { n.Free.CPURequest = 100 }), with2(room("node-b", 8, 1), func(n *evidence.NodeRoom) { n.Free.CPURequest = 100 })),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"node-a has the most free: 2.0Gi"},
			never:      []string{"would fit"},
			command:    "kubectl -n shop describe pod web-5d9c-x",
		},
		"most memory is free where there is no CPU": {
			evidence: unplaced("0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory. preemption: x",
				with2(room("node-a", 8, 3), func(n *evidence.NodeRoom) { n.Free.CPURequest = 100 }), room("node-b", 8, 2)),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"node-a has the most free: 3.0Gi", "at most 2048Mi for container app would fit"},
			command:    "kubectl -n shop set resources deployment/web -c app --requests=memory=2048Mi",
		},
		"room that something else keeps it from": {
			evidence: unplaced("0/2 nodes are available: 1 Insufficient memory, 1 node(s) had volume node affinity conflict. preemption: x",
				room("node-a", 8, 1), room("node-b", 8, 3)),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			never:      []string{"would fit"},
			command:    "kubectl -n shop describe pod web-5d9c-x",
		},
		"no room for what cannot be changed": {
			evidence: with(unplaced("0/1 nodes are available: 1 Insufficient memory. preemption: x", room("node-a", 8, 2)), func(c *evidence.Case) {
				c.Rollout.Kind, c.Rollout.Name, c.Rollout.Lock = "Job", "load", "a Job's pod template cannot be changed"
			}),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"at most 2048Mi for container app would fit"},
			command:    "kubectl -n shop describe pod web-5d9c-x",
		},
		"a taint": {
			evidence:   unplaced("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: gpu}. preemption: x"),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"1 with the taint dedicated=gpu"},
			command:    "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
		},
		"a nodeSelector": {
			evidence: with(unplaced("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: x"), func(c *evidence.Case) {
				c.Scheduling.NodeSelector = []string{"disktype=ssd"}
			}),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"3 without the labels that its nodeSelector asks for (disktype=ssd)"},
			command:    "kubectl get nodes --show-labels",
		},
		"a cordoned node": {
			evidence: unplaced("0/1 nodes are available: 1 node(s) were unschedulable. preemption: x",
				with2(room("node-a", 8, 8), func(n *evidence.NodeRoom) { n.Cordoned = true })),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"closed node node-a to new pods", "kubectl uncordon node-a"},
			command:    "kubectl describe node node-a",
		},
		"a claim whose class is not there": {
			evidence: with(unplaced(unbound), claims(
				evidence.Claim{Name: "cache", Phase: "Bound"},
				evidence.Claim{Name: "data", Phase: "Pending", Class: "fast", Events: []evidence.Event{{Reason: "ProvisioningFailed", Message: `storageclass.storage.k8s.io "fast" not found`}}})),
			cause:      v1alpha1.CauseVolumePending,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"PersistentVolumeClaim data is Pending: its storage class fast does not exist"},
			command:    "kubectl get storageclasses",
			object:     "PersistentVolumeClaim/data",
		},
		"a claim beside one that waits for the pod, as it should": {
			evidence: with(unplaced(unbound), claims(
				evidence.Claim{Name: "cache", Phase: "Pending", Class: "local", Events: []evidence.Event{{Reason: "WaitForFirstConsumer", Message: "waiting for first consumer to be created before binding"}}},
				evidence.Claim{Name: "data", Phase: "Pending", Class: "fast"})),
			cause:      v1alpha1.CauseVolumePending,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"PersistentVolumeClaim data is Pending"},
			command:    "kubectl -n shop describe persistentvolumeclaim data",
			object:     "PersistentVolumeClaim/data",
		},
		"a claim that waits, beside one that nothing was said of": {
			evidence: with(unplaced(unbound), claims(
				evidence.Claim{Name: "cache", Phase: "Pending", Class: "local"},
				evidence.Claim{Name: "data", Phase: "Pending", Class: "fast", Events: []evidence.Event{{Reason: "ProvisioningFailed", Message: "no space left in the pool"}}})),
			cause:      v1alpha1.CauseVolumePending,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"PersistentVolumeClaim data is Pending: no space left in the pool"},
			command:    "kubectl -n shop describe persistentvolumeclaim data",
			object:     "PersistentVolumeClaim/data",
		},
		"a claim whose provisioner is not there": {
			evidence: with(unplaced(unbound), claims(evidence.Claim{Name: "data", Phase: "Pending", Class: "fast", Events: []evidence.Event{
				{Reason: "ExternalProvisioning", Message: `Waiting for a volume to be created either by the external provisioner 'csi.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`}}})),
			cause:      v1alpha1.CauseVolumePending,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"nothing answers for the provisioner csi.example.com"},
			command:    "kubectl -n shop describe persistentvolumeclaim data",
			object:     "PersistentVolumeClaim/data",
		},
		"a claim that is not there": {
			evidence:   unplaced(`0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: x`),
			cause:      v1alpha1.CauseVolumePending,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"PersistentVolumeClaim data, which the pod mounts, does not exist"},
			command:    "kubectl -n shop get persistentvolumeclaims",
			object:     "PersistentVolumeClaim/data",
		},
		"an init container that waits for a dependency that is down": {
			evidence:   hangs("until nc -z postgres 5432; do echo waiting for postgres; sleep 2; done", "waiting for postgres\n", postgresDependency(false, "postgres-1")),
			cause:      v1alpha1.CauseDependencyUnhealthy,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"init container wait", "waits for postgres"},
			root:       "postgres",
		},
		"an init container that waits at the wrong place": {
			evidence:   hangs("until nc -z postgres 5433; do sleep 2; done", "", postgresDependency(true, "")),
			cause:      v1alpha1.CauseInitWaiting,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"It waits for postgres:5433; the stack declares postgres at postgres:5432"},
			command:    "kubectl -n shop logs web-5d9c-x -c wait --tail=20",
		},
		"an init container that waits for a stranger": {
			evidence:   hangs("until wget -q http://config.example.com:8888/ready; do sleep 2; done", "wget: can't connect to remote host\n", postgresDependency(true, "")),
			cause:      v1alpha1.CauseInitWaiting,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"says last: wget: can't connect to remote host. It waits", "waits for config.example.com:8888, which is no service of the stack"},
			command:    "kubectl -n shop logs web-5d9c-x -c wait --tail=20",
		},
		"an answer of 503": {
			evidence:   unready("HTTP probe failed with statuscode: 503"),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"GET http port 8080 /ready", "statuscode: 503"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"the wrong port": {
			evidence: with(unready(`Get "http://10.0.0.7:8080/ready": dial tcp 10.0.0.7:8080: connect: connection refused`), func(c *evidence.Case) {
				c.ReadinessProbes = []evidence.Probe{own(8080, v1alpha1.ProbeFailed, evidence.StageDial, evidence.CodeRefused), own(80, v1alpha1.ProbePassed, evidence.StageHTTP, "")}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"Nothing listens on port 8080, and port 80 answers"},
			command:    "kubectl -n shop edit deployment/web",
		},
		"another port answers, and the operator may not be let in": {
			evidence: with(unready(""), func(c *evidence.Case) {
				c.ReadinessProbes = []evidence.Probe{own(8080, v1alpha1.ProbeFailed, evidence.StageDial, evidence.CodeTimeout), own(80, v1alpha1.ProbePassed, evidence.StageHTTP, "")}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"NetworkPolicy"},
			never:      []string{"Nothing listens", "wrong port"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"another port answers, and the kubelet gets an answer at this one": {
			evidence: with(unready("HTTP probe failed with statuscode: 503"), func(c *evidence.Case) {
				c.ReadinessProbes = []evidence.Probe{own(8080, v1alpha1.ProbeFailed, evidence.StageDial, evidence.CodeRefused), own(80, v1alpha1.ProbePassed, evidence.StageHTTP, "")}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			never:      []string{"Nothing listens", "wrong port"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"the operator only connects, where the probe speaks TLS": {
			evidence: with(unready("HTTP probe failed with statuscode: 503"), func(c *evidence.Case) {
				c.Container.Readiness.Scheme = "HTTPS"
				c.ReadinessProbes = []evidence.Probe{{Service: "web", Protocol: evidence.TCP, Target: evidence.HostPort{Host: "10.0.0.7", Port: 8080}, Stages: []evidence.Stage{{Name: evidence.StageDial, Outcome: v1alpha1.ProbePassed}}}}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"statuscode: 503", "Port 8080 takes connections"},
			never:      []string{"of the same", "in time"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"the operator gets an answer, and the kubelet another one": {
			evidence: with(unready("HTTP probe failed with statuscode: 503"), func(c *evidence.Case) {
				c.ReadinessProbes = []evidence.Probe{own(8080, v1alpha1.ProbePassed, evidence.StageHTTP, "")}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"own request of the same passes now"},
			never:      []string{"in time"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"a port by a name that it has none of": {
			evidence:   with(unready(`strconv.Atoi: parsing "web": invalid syntax`), func(c *evidence.Case) { c.Container.Readiness.Port = 0 }),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"a port that the container does not name"},
			never:      []string{"port 0"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"the operator gets an answer": {
			evidence: with(unready("context deadline exceeded"), func(c *evidence.Case) {
				c.ReadinessProbes = []evidence.Probe{own(8080, v1alpha1.ProbePassed, evidence.StageHTTP, "")}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"own request of the same passes"},
			command:    "kubectl -n shop logs web-5d9c-x -c app --tail=50",
		},
		"not ready beside a dependency that is down": {
			evidence:   unready("HTTP probe failed with statuscode: 503", postgresDependency(false, "postgres-1")),
			cause:      v1alpha1.CauseDependencyUnhealthy,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"statuscode: 503"},
			root:       "postgres",
		},
		"not ready beside a dependency that was scaled to zero": {
			evidence: with(unready("HTTP probe failed with statuscode: 503", postgresDependency(false, "")), func(c *evidence.Case) {
				c.Dependencies[0].Workload.ScaledToZero, c.Dependencies[0].Workload.Object = true, "StatefulSet/postgres"
			}),
			cause:      v1alpha1.CauseDependencyUnhealthy,
			confidence: v1alpha1.ConfidenceMedium,
			says:       []string{"The service postgres, which this one depends on, is scaled to zero"},
			command:    "kubectl -n shop scale statefulset/postgres --replicas=1",
			root:       "postgres",
		},
		"a program that tries again for ever, with a password that the server refuses": {
			evidence: with(unready("HTTP probe failed with statuscode: 503", postgresDependency(true, "")), func(c *evidence.Case) {
				c.Log.Current = []byte(`ERROR db not available, trying again: FATAL: password authentication failed for user "web" (SQLSTATE 28P01)` + "\n")
				c.Probes = []evidence.Probe{{Service: "postgres", Protocol: evidence.Postgres, Viewpoint: v1alpha1.AsConfigured, Stages: []evidence.Stage{
					{Name: evidence.StageAuthenticate, Outcome: v1alpha1.ProbeFailed, Code: "28P01", Message: "password authentication failed"}}}}
			}),
			cause:      v1alpha1.CausePostgresAuthFailed,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"a live probe gets the same answer", "readiness probe"},
		},
		"a gate": {
			evidence: with(unready(""), func(c *evidence.Case) {
				c.Container.Ready, c.Pod.ContainersReady, c.Pod.ClosedGates = true, true, []string{"target-health.example.com/web"}
			}),
			cause:      v1alpha1.CauseNotReady,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"readiness gate target-health.example.com/web is not True"},
			command:    "kubectl -n shop describe pod web-5d9c-x",
		},
		"a registry that does not answer": {
			evidence: with(waits("ImagePullBackOff", `Back-off pulling image "registry.example.com:5000/web:1"`), func(c *evidence.Case) {
				c.Container.Image = "registry.example.com:5000/web:1"
				c.Events = []evidence.Event{{Reason: "Failed", Message: `Failed to pull image "registry.example.com:5000/web:1": failed to do request: Head "https://registry.example.com:5000/v2/web/manifests/1": dial tcp 10.0.0.9:5000: i/o timeout`}}
			}),
			cause:      v1alpha1.CauseImagePullFailed,
			confidence: v1alpha1.ConfidenceHigh,
			beside:     "Registry/registry.example.com:5000",
		},
		"a node that does not answer": {
			evidence: with(unready(""), func(c *evidence.Case) {
				c.Container.Ready, c.Pod.ContainersReady = true, true
				c.Node = evidence.Node{Name: "node-a", Known: true}
			}),
			cause:      v1alpha1.CauseNodeLost,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"node node-a of the pod is not ready"},
			command:    "kubectl describe node node-a",
			beside:     "Node/node-a",
		},
		"a node whose kubelet says why": {
			evidence: with(unready(""), func(c *evidence.Case) {
				c.Container = evidence.Container{Name: "app", Waiting: &evidence.Waiting{Reason: "ContainerCreating"}}
				c.Node = evidence.Node{Name: "node-a", Known: true, NotReady: "KubeletNotReady: PLEG is not healthy: pleg was last seen active 3m10s ago\x1b[2J"}
			}),
			cause:      v1alpha1.CauseNodeLost,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"not ready (KubeletNotReady: PLEG is not healthy: pleg was last seen active 3m10s ago[2J)"},
			command:    "kubectl describe node node-a",
			beside:     "Node/node-a",
		},
		"a node in trouble": {
			evidence: unplaced("0/2 nodes are available: 2 node(s) had untolerated taint(s). preemption: x",
				evidence.NodeRoom{Name: "node-a", Ready: true, Taints: []string{"dedicated=gpu:NoSchedule"}},
				evidence.NodeRoom{Name: "node-b", Ready: true, Taints: []string{"node.kubernetes.io/disk-pressure:NoSchedule"}}),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"node.kubernetes.io/disk-pressure:NoSchedule"},
			command:    "kubectl describe node node-b",
			beside:     "Node/node-b",
		},
		"a kubelet that has no device": {
			evidence: with(wanting(), func(c *evidence.Case) {
				c.Pod.Phase, c.Pod.Reason = "Failed", "UnexpectedAdmissionError"
				c.Pod.Message = "Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected"
				c.Node = evidence.Node{Name: "node-a", Known: true, Ready: true}
			}),
			cause:      v1alpha1.CauseDeviceUnavailable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"kubelet of node node-a turns the pod away (UnexpectedAdmissionError: Allocate failed", "nvidia.com/gpu"},
			command:    "kubectl describe node node-a",
		},
		"a kubelet that has no room": {
			evidence: with(wanting(), func(c *evidence.Case) {
				c.Pod.Phase, c.Pod.Reason, c.Pod.Message = "Failed", "OutOfcpu", "Node didn't have enough resource: cpu, requested: 500, used: 3900, capacity: 4000"
			}),
			cause:      v1alpha1.CauseUnschedulable,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"turns the pod away (OutOfcpu: Node didn't have enough resource: cpu, requested: 500, used: 3900, capacity: 4000)."},
			command:    "kubectl -n shop describe pod web-5d9c-x",
		},
		"a hostile name": {
			evidence:   refused("Error creating: admission webhook \"x\x1b[2J; rm -rf /" + strings.Repeat("a", 1000) + "\" denied the request: no"),
			cause:      v1alpha1.CausePodsNotCreated,
			confidence: v1alpha1.ConfidenceHigh,
			says:       []string{"webhook x[2J; rm -rf /aaa", "aaa... refuses the pod"},
			command:    "kubectl -n shop describe deployment/web",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(test.evidence)
			if f.Cause != test.cause || f.Confidence != test.confidence || f.Root != test.root {
				t.Errorf("%s (%s) with root %q, want %s (%s) with root %q: %s", f.Cause, f.Confidence, f.Root, test.cause, test.confidence, test.root, f.Message)
			}
			if f.Command != test.command || f.Subject.Object != test.object || f.Subject.Beside != test.beside {
				t.Errorf("command %q, object %q, beside %q\nwant    %q, object %q, beside %q", f.Command, f.Subject.Object, f.Subject.Beside, test.command, test.object, test.beside)
			}
			for _, part := range test.says {
				if !strings.Contains(f.Message, part) {
					t.Errorf("it does not say %q: %s", part, f.Message)
				}
			}
			for _, part := range test.never {
				if strings.Contains(f.Message, part) {
					t.Errorf("it says %q: %s", part, f.Message)
				}
			}
			if len(f.Evidence) == 0 {
				t.Error("nothing is cited")
			}
		})
	}
}

func with2(n evidence.NodeRoom, change func(*evidence.NodeRoom)) evidence.NodeRoom {
	change(&n)
	return n
}

// What runs between two crashes is no container that is merely not ready, and an init
// container that has only begun hangs for nothing yet: what ended them decides.
func TestLoopsAreNotTakenForDown(t *testing.T) {
	c := ended(137, "OOMKilled", "")
	c.Container.Waiting, c.Container.RunningSince = nil, c.Now.Add(-time.Second)
	c.Container.Readiness = &evidence.ProbeSpec{Kind: "httpGet", Period: time.Second, FailureThreshold: 1}
	c.Events = []evidence.Event{{Reason: "Unhealthy", Container: "app", Message: "Readiness probe failed: connection refused", Last: c.Now}}
	if f := Diagnose(c); f.Cause != v1alpha1.CauseOOMKilled {
		t.Errorf("between two kills: %s: %s", f.Cause, f.Message)
	}
	c.Container.Role = evidence.RoleInit
	if f := Diagnose(c); f.Cause != v1alpha1.CauseOOMKilled {
		t.Errorf("an init container between two kills: %s: %s", f.Cause, f.Message)
	}
}

// A container is asked on its own pod's address alone, and on few of its ports.
func TestReadinessQuestions(t *testing.T) {
	k := evidence.Container{RunningSince: started, Ports: []int32{8080, 80, 81, 82}, Readiness: &evidence.ProbeSpec{Kind: "httpGet", Scheme: "HTTP", Port: 8080, Path: "/ready"}}
	asks := func(of evidence.Container, ip string) string {
		out := ""
		for _, q := range ReadinessQuestions("web", ip, of) {
			out += fmt.Sprintf("%s %s:%d%s,", q.Protocol, q.Server().Host, q.Server().Port, q.Path)
		}
		return out
	}
	if got, want := asks(k, "10.0.0.7"), "HTTP 10.0.0.7:8080/ready,TCP 10.0.0.7:80,TCP 10.0.0.7:81,"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	encrypted := k
	encrypted.Readiness = &evidence.ProbeSpec{Kind: "httpGet", Scheme: "HTTPS", Port: 8443, Path: "/ready"}
	encrypted.Ports = nil
	if got, want := asks(encrypted, "10.0.0.7"), "TCP 10.0.0.7:8443,"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	own := k
	own.Readiness = &evidence.ProbeSpec{Kind: "httpGet", Scheme: "HTTP", Port: 8080, Path: "/ready", Own: true}
	own.Ports = nil
	if got, want := asks(own, "10.0.0.7"), "TCP 10.0.0.7:8080,"; got != want {
		t.Errorf("a probe with headers of its own: %q, want %q", got, want)
	}
	for name, of := range map[string]evidence.Container{
		"is ready":       {RunningSince: started, Ready: true, Readiness: k.Readiness},
		"does not run":   {Readiness: k.Readiness},
		"has no probe":   {RunningSince: started},
		"runs a command": {RunningSince: started, Readiness: &evidence.ProbeSpec{Kind: "exec"}},
	} {
		if got := asks(of, "10.0.0.7"); got != "" {
			t.Errorf("what %s is asked %q", name, got)
		}
	}
	if got := asks(k, ""); got != "" {
		t.Errorf("a pod without an address is asked %q", got)
	}
}
