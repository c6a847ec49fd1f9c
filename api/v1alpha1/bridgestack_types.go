package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BridgeStack is a stack as a compose user thinks of it: services, who depends
// on whom, where Postgres and Kafka are, and what the operator may do when one
// of the containers loops. Everything it names is in its own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=bs,categories={bridge,all}
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Healthy",type=string,JSONPath=`.status.conditions[?(@.type=="Healthy")].status`
// +kubebuilder:printcolumn:name="Services",type=string,JSONPath=`.status.servicesHealthy`
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.remediation.mode`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Healthy")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63",message="metadata.name must have at most 63 characters: it becomes a label of the stack's diagnoses"
type BridgeStack struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the policy, written by the stack's owner.
	// +required
	Spec BridgeStackSpec `json:"spec"`
	// status is what the operator sees of the stack. Before it looked, kstatus
	// shall not take the stack for reconciled.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status BridgeStackStatus `json:"status,omitempty"`
}

// BridgeStackList is a list of BridgeStacks.
//
// +kubebuilder:object:root=true
type BridgeStackList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BridgeStack `json:"items"`
}

// BridgeStackSpec is the policy of a stack.
//
// +kubebuilder:validation:XValidation:rule="has(self.selector) || has(self.services) || has(self.compose)",message="set selector, services or compose: otherwise the stack has no workload"
// +kubebuilder:validation:XValidation:rule="has(self.compose) || !has(self.services) || self.services.all(s, !has(s.dependsOn) || s.dependsOn.all(d, self.services.exists(t, t.name == d.service)))",message="every services[].dependsOn[].service must be the name of a service in spec.services"
type BridgeStackSpec struct {
	// selector picks the workloads of this namespace that belong to the stack:
	// Deployments, StatefulSets, DaemonSets, Jobs and CronJobs by their own labels;
	// bare pods, and the pods of what another operator's object controls, by the
	// pods' labels. Workloads that services name belong to it as well.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`

	// services says what the cluster cannot show: dependencies, endpoints,
	// declared values. A selected workload without an entry is a service under
	// its own name.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Services []Service `json:"services,omitempty"`

	// compose is the compose project that describes the stack. It says what
	// services does not: a service of the project that a workload runs needs no
	// entry there. Default: none.
	// +optional
	Compose *Compose `json:"compose,omitempty"`

	// detection says when restarts count as a loop.
	// +optional
	Detection Detection `json:"detection,omitempty"`

	// diagnosis says what a diagnosis may do to find a cause, and how long it is kept.
	// +optional
	Diagnosis DiagnosisOptions `json:"diagnosis,omitempty"`

	// remediation says what may be repaired, how far and how fast.
	// +optional
	// +kubebuilder:default={}
	Remediation Remediation `json:"remediation,omitempty"`

	// paused stops every remedy of this stack at once. Loops are still
	// diagnosed. Default: false.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// notifications are the receivers that are told when a person is called,
	// and when that incident is over.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=8
	Notifications []Receiver `json:"notifications,omitempty"`

	// serviceAccountName is a ServiceAccount of this namespace in whose stead the
	// operator acts: before each write it asks whether that account is allowed
	// exactly it, and does nothing that is denied. Default: as the cluster's
	// admin set it, else the operator's own rights alone bound it.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// gitOps says where a change is made that would be taken back in the
	// cluster, because a GitOps controller owns the field.
	// +optional
	GitOps GitOpsOptions `json:"gitOps,omitempty"`
}

// Service is one service of the stack.
//
// +kubebuilder:validation:XValidation:rule="!has(self.dependsOn) || self.dependsOn.all(d, d.service != self.name)",message="a service cannot depend on itself"
// +kubebuilder:validation:XValidation:rule="!has(self.external) || !self.external || has(self.endpoint)",message="an external service needs an endpoint: there is no workload to look at"
// +kubebuilder:validation:XValidation:rule="!has(self.external) || !self.external || !has(self.workload)",message="an external service has no workload: remove workload or external"
type Service struct {
	// name is the compose name of the service, such as hook-receiver.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`
	Name string `json:"name"`

	// workload is what runs the service. Default: the selected workload that
	// carries the service's name in one of the labels bridgestack.dev/service,
	// com.docker.compose.service, io.kompose.service,
	// app.kubernetes.io/component, app.kubernetes.io/name, or as its own name.
	// +optional
	Workload *WorkloadReference `json:"workload,omitempty"`

	// external says that the service runs outside the namespace and has only
	// an endpoint. Default: false.
	// +optional
	External bool `json:"external,omitempty"`

	// dependsOn are the services that this one needs, as in a compose file.
	// +optional
	// +listType=map
	// +listMapKey=service
	// +kubebuilder:validation:MaxItems=32
	DependsOn []Dependency `json:"dependsOn,omitempty"`

	// endpoint is what this service offers to the others and how to ask
	// whether it is well.
	// +optional
	Endpoint *Endpoint `json:"endpoint,omitempty"`

	// env are the values that the remedy SetEnv may set on this service's
	// container. A variable that is not declared here is never set, other than
	// the host and port of a declared dependency.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Env []DeclaredEnv `json:"env,omitempty"`

	// memoryCeiling is the most that RaiseMemoryLimit may set on a container
	// of this service. Default: remediation.memory.ceiling.
	// +optional
	MemoryCeiling *resource.Quantity `json:"memoryCeiling,omitempty"`

	// cpuCeiling is the most that RaiseCPULimit may set on a container of this
	// service. Default: remediation.cpu.ceiling.
	// +optional
	CPUCeiling *resource.Quantity `json:"cpuCeiling,omitempty"`

	// allowRestart lets RestartDependency restart this service although it is
	// a StatefulSet. It only counts where that remedy is enabled. Default: false.
	// +optional
	AllowRestart bool `json:"allowRestart,omitempty"`
}

// WorkloadReference names a workload in the stack's own namespace.
type WorkloadReference struct {
	// kind is Deployment, StatefulSet, DaemonSet, Job, CronJob or Pod, or another
	// operator's kind with its group, such as Cluster.postgresql.cnpg.io: then the
	// workload is the pods that such an object controls. Default: Deployment.
	// +optional
	Kind WorkloadKind `json:"kind,omitempty"`
	// name of the workload.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// WorkloadKind is a kind of object that runs pods. What is none of Kubernetes' own
// kinds has its group behind a dot, as kubectl takes it:
// Cluster.postgresql.cnpg.io, Rollout.argoproj.io.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^(Deployment|StatefulSet|DaemonSet|ReplicaSet|ReplicationController|Job|CronJob|Pod|[A-Z][A-Za-z0-9]*[.][a-z0-9]([a-z0-9.-]*[a-z0-9])?)$')",message="must be Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, or another operator's kind with its group, such as Cluster.postgresql.cnpg.io"
type WorkloadKind string

// The kinds that the operator knows by their name. A ReplicaSet or a
// ReplicationController that nothing controls is named as it is, and looked at as
// another operator's object is: by its pods alone.
const (
	Deployment  WorkloadKind = "Deployment"
	StatefulSet WorkloadKind = "StatefulSet"
	DaemonSet   WorkloadKind = "DaemonSet"
	// Job runs to an end; one that a CronJob makes is a run of that.
	Job     WorkloadKind = "Job"
	CronJob WorkloadKind = "CronJob"
	// Pod is one that nothing controls, or the kubelet of its node alone.
	Pod WorkloadKind = "Pod"

	// DefaultWorkloadKind is meant where a reference names no kind.
	DefaultWorkloadKind = Deployment
)

// DependencyCondition is a compose file's depends_on condition.
//
// +kubebuilder:validation:Enum=service_started;service_healthy;service_completed_successfully
type DependencyCondition string

// The conditions of the compose specification.
const (
	// ServiceStarted: the dependency's container runs.
	ServiceStarted DependencyCondition = "service_started"
	// ServiceHealthy: the dependency is ready and its endpoint answers.
	ServiceHealthy DependencyCondition = "service_healthy"
	// ServiceCompletedSuccessfully: the dependency ended with exit code 0.
	ServiceCompletedSuccessfully DependencyCondition = "service_completed_successfully"
)

// Dependency is one entry of a service's dependsOn.
type Dependency struct {
	// service is the name of another service of the stack.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service"`
	// condition is what must hold of it. Default: service_started, as in
	// compose files.
	// +optional
	Condition DependencyCondition `json:"condition,omitempty"`
	// required says that the dependent cannot work without it. Default: true.
	// +optional
	Required *bool `json:"required,omitempty"`
	// connection says which of the dependent's environment variables configure
	// its client. Default: found by the usual names, such as POSTGRES_HOST,
	// PGHOST, DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS.
	// +optional
	Connection *ConnectionEnv `json:"connection,omitempty"`
}

// DeclaredEnv is an environment variable that a service should have.
//
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.valueFrom)",message="set exactly one of value and valueFrom"
type DeclaredEnv struct {
	// name of the variable.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_.-]*$`
	Name string `json:"name"`
	// value of the variable. Not for secrets: use valueFrom.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Value *string `json:"value,omitempty"`
	// valueFrom names the key that holds the value. The container gets a
	// reference to it, never a copy.
	// +optional
	ValueFrom *EnvSource `json:"valueFrom,omitempty"`
}

// EnvSource is a key of a Secret or a ConfigMap of this namespace.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretKeyRef) != has(self.configMapKeyRef)",message="set exactly one of secretKeyRef and configMapKeyRef"
type EnvSource struct {
	// secretKeyRef names a key of a Secret.
	// +optional
	SecretKeyRef *KeyReference `json:"secretKeyRef,omitempty"`
	// configMapKeyRef names a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *KeyReference `json:"configMapKeyRef,omitempty"`
}

// KeyReference names a key of an object in the stack's own namespace.
type KeyReference struct {
	// name of the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// key in the object.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// Detection says when restarts count as a loop, and when what does not restart counts
// as down. CrashLoopBackOff and a second OOMKilled always count as a loop.
type Detection struct {
	// restarts within window that are still no loop: one more is. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Restarts *int32 `json:"restarts,omitempty"`
	// window in which restarts are counted. Default: 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	Window *metav1.Duration `json:"window,omitempty"`
	// startGrace is how long a container may be unable to start, because its image
	// cannot be pulled or a Secret or ConfigMap that it needs is missing, before
	// that is an incident. Longer than the outages of a registry, it keeps them
	// from being one incident of each service. Default: 10s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	StartGrace *metav1.Duration `json:"startGrace,omitempty"`
	// unavailableGrace is how long pods may be wanting, or not become ready, though
	// nothing restarts, before that is an incident; a container always has what its
	// probes allow for the start. Default: 2m where the API server refuses to create
	// pods or no node takes them; of a pod that has a node, the
	// progressDeadlineSeconds of its workload if it has one (a Deployment: 10m unless
	// set), else 2m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	UnavailableGrace *metav1.Duration `json:"unavailableGrace,omitempty"`
	// healthFailures within healthWindow of a service's HTTP endpoint that are
	// still no incident: one more is, though nothing restarts. Endpoints are
	// asked every healthWindow / (healthFailures + 2). Default: 2.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	HealthFailures *int32 `json:"healthFailures,omitempty"`
	// healthWindow in which health failures are counted. Default: 2m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	HealthWindow *metav1.Duration `json:"healthWindow,omitempty"`
}

// DiagnosisOptions says what a diagnosis may do to find a cause, and how long it is
// kept once its incident is over.
type DiagnosisOptions struct {
	// probeFromPod lets the operator probe a dependency from inside the failing
	// pod's own network, where its own probes leave open why the container
	// cannot resolve or reach it: a NetworkPolicy or a resolver that only that
	// pod meets. The probe is an ephemeral container of the operator's image,
	// without credentials, that ends within seconds; its memory, some 50Mi for
	// that time, counts as the pod's. It cannot be removed: it stays in the
	// pod's spec, ended, until the pod is deleted; there are at most three in a
	// pod. It meets the Pod Security level restricted, and the operator needs
	// the right of config/probe-from-pod. Default: false.
	// +optional
	ProbeFromPod bool `json:"probeFromPod,omitempty"`
	// historyLimit is how many diagnoses of each service are kept whose incident
	// is over, the newest of them. What ended less than an hour ago is kept in any
	// case: the budget counts it. Default: 20.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	HistoryLimit *int32 `json:"historyLimit,omitempty"`
	// ttl is how long a diagnosis is kept after its incident ended. The newest of
	// each container is kept in any case. Default: 720h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) >= duration('1h')",message="must be a duration of at least 1h, such as 24h or 720h"
	TTL *metav1.Duration `json:"ttl,omitempty"`
}

// BridgeStackStatus is what the operator sees of a stack.
type BridgeStackStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Healthy, ComposeLoaded where spec.compose is set, and
	// Stalled while true.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// servicesHealthy of all services, such as 4/5.
	// +optional
	ServicesHealthy string `json:"servicesHealthy,omitempty"`
	// services, each with its workload and state.
	// +optional
	// +listType=map
	// +listMapKey=name
	Services []ServiceStatus `json:"services,omitempty"`
	// compose is what was made of spec.compose.
	// +optional
	Compose *ComposeStatus `json:"compose,omitempty"`
	// tried are the changes of the last 24h that did not help, or that a person
	// had taken back, newest first, at most 64: none of them is made again for the
	// same or a kindred cause, also when their diagnosis is gone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tried []TriedChange `json:"tried,omitempty"`
}

// TriedChange is a change that was tried and is not to be made again.
type TriedChange struct {
	// diagnosis that it was tried for.
	Diagnosis string `json:"diagnosis"`
	// attempt is the id of the attempt (status.attempts of the diagnosis).
	Attempt string `json:"attempt"`
	// workload that looped.
	Workload DiagnosedWorkload `json:"workload"`
	// container that looped.
	Container string `json:"container"`
	// remedy that was tried.
	Remedy RemedyName `json:"remedy"`
	// proposal is the id of exactly the change that was made.
	Proposal string `json:"proposal"`
	// finding that it was tried for.
	Finding FindingIdentity `json:"finding"`
	// outcome of the attempt.
	Outcome AttemptOutcome `json:"outcome"`
	// reason that the attempt ended.
	// +optional
	Reason AttemptReason `json:"reason,omitempty"`
	// endedAt is when the outcome became final.
	EndedAt metav1.Time `json:"endedAt"`
}

// ServiceStatus is one service as the operator sees it.
type ServiceStatus struct {
	// name of the service.
	Name string `json:"name"`
	// workload as Kind/name, empty where there is none.
	// +optional
	Workload string `json:"workload,omitempty"`
	// healthy is true when the workload is available, or has come to its end as it
	// should, and has no open diagnosis.
	Healthy bool `json:"healthy"`
	// diagnosis is the name of the open BridgeDiagnosis, if any.
	// +optional
	Diagnosis string `json:"diagnosis,omitempty"`
	// message says in a few words what is the matter.
	// +optional
	Message string `json:"message,omitempty"`
}
