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
// +kubebuilder:resource:shortName=bs,categories={bridgestack,all}
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
	// status is what the operator sees of the stack.
	// +optional
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
// +kubebuilder:validation:XValidation:rule="has(self.selector) || has(self.services)",message="set selector, services or both: otherwise the stack has no workload"
// +kubebuilder:validation:XValidation:rule="!has(self.services) || self.services.all(s, !has(s.dependsOn) || s.dependsOn.all(d, self.services.exists(t, t.name == d.service)))",message="every services[].dependsOn[].service must be the name of a service in spec.services"
type BridgeStackSpec struct {
	// selector picks the Deployments, StatefulSets and DaemonSets of this
	// namespace that belong to the stack. Workloads that services name belong
	// to it as well.
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

	// detection says when restarts count as a loop.
	// +optional
	Detection Detection `json:"detection,omitempty"`

	// diagnosis says what a diagnosis may do to find a cause.
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
	// kind is Deployment, StatefulSet or DaemonSet. Default: Deployment.
	// +optional
	// +kubebuilder:default=Deployment
	Kind WorkloadKind `json:"kind,omitempty"`
	// name of the workload.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// WorkloadKind is a kind of apps/v1 that has a pod template.
//
// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet
type WorkloadKind string

// The workload kinds.
const (
	Deployment  WorkloadKind = "Deployment"
	StatefulSet WorkloadKind = "StatefulSet"
	DaemonSet   WorkloadKind = "DaemonSet"
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
	// +kubebuilder:default=service_started
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

// ConnectionEnv names the environment variables that hold a client's settings.
// Empty fields are found by the usual names.
type ConnectionEnv struct {
	// host is the variable with the host name.
	// +optional
	Host string `json:"host,omitempty"`
	// port is the variable with the port.
	// +optional
	Port string `json:"port,omitempty"`
	// database is the variable with the database's name.
	// +optional
	Database string `json:"database,omitempty"`
	// user is the variable with the user or SASL user name.
	// +optional
	User string `json:"user,omitempty"`
	// password is the variable with the password. Its value stays in memory.
	// +optional
	Password string `json:"password,omitempty"`
	// url is the variable with a connection string in URL, JDBC or libpq form.
	// +optional
	URL string `json:"url,omitempty"`
	// sslMode is the variable with the libpq sslmode.
	// +optional
	SSLMode string `json:"sslMode,omitempty"`
	// bootstrapServers is the variable with Kafka's host:port list.
	// +optional
	BootstrapServers string `json:"bootstrapServers,omitempty"`
	// topics are the variables that hold names of topics that the service needs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Topics []string `json:"topics,omitempty"`
	// consumerGroup is the variable with the consumer group's name.
	// +optional
	ConsumerGroup string `json:"consumerGroup,omitempty"`
}

// Endpoint is what a service offers. Exactly one member is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.postgres), has(self.kafka), has(self.http), has(self.tcp)].exists_one(x, x)",message="set exactly one of postgres, kafka, http and tcp"
type Endpoint struct {
	// postgres: a PostgreSQL server.
	// +optional
	Postgres *PostgresEndpoint `json:"postgres,omitempty"`
	// kafka: a broker that speaks the Kafka protocol, such as Redpanda.
	// +optional
	Kafka *KafkaEndpoint `json:"kafka,omitempty"`
	// http: an HTTP health endpoint.
	// +optional
	HTTP *HTTPEndpoint `json:"http,omitempty"`
	// tcp: anything that accepts TCP connections.
	// +optional
	TCP *TCPEndpoint `json:"tcp,omitempty"`
}

// PostgresEndpoint is where a PostgreSQL server listens for the stack.
type PostgresEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 5432.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// database that the stack uses. Default: what the client is configured with.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Database string `json:"database,omitempty"`
}

// KafkaEndpoint is where a Kafka cluster listens for the stack.
type KafkaEndpoint struct {
	// bootstrapServers are host:port pairs as the stack's own pods reach them.
	// Default: the service's name with port 9092.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=261
	BootstrapServers []string `json:"bootstrapServers,omitempty"`
	// topics are those that the stack needs, as CreateTopic may create them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Topics []DeclaredTopic `json:"topics,omitempty"`
}

// DeclaredTopic is a Kafka topic as it should be.
type DeclaredTopic struct {
	// name of the topic.
	// +required
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Name string `json:"name"`
	// partitions of the topic. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Partitions int32 `json:"partitions,omitempty"`
	// replicationFactor of the topic. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ReplicationFactor int32 `json:"replicationFactor,omitempty"`
}

// HTTPEndpoint is a health endpoint that answers 2xx when all is well, and may
// answer with JSON such as {"status": "healthy", "infrastructure_health": {}}.
type HTTPEndpoint struct {
	// host is a Service of this namespace. Default: the service's pods
	// themselves, by their addresses.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the endpoint.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// path of the endpoint. Default: /health.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path,omitempty"`
}

// TCPEndpoint is a host and port that accepts connections.
type TCPEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port that accepts connections.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
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

// Detection says when restarts count as a loop. CrashLoopBackOff and a second
// OOMKilled always do.
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

// DiagnosisOptions says what a diagnosis may do to find a cause.
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
}

// Mode is how far the operator goes by itself.
//
// +kubebuilder:validation:Enum=Observe;Suggest;Approve;Auto
type Mode string

// The modes.
const (
	// ModeObserve diagnoses and proposes nothing.
	ModeObserve Mode = "Observe"
	// ModeSuggest diagnoses and shows the remedy; nothing is applied.
	ModeSuggest Mode = "Suggest"
	// ModeApprove applies a remedy once a person approved exactly it.
	ModeApprove Mode = "Approve"
	// ModeAuto applies remedies within the policy's bounds.
	ModeAuto Mode = "Auto"
)

// Remediation says what may be repaired, how far and how fast.
type Remediation struct {
	// mode is how far the operator goes by itself. Default: Suggest.
	// +optional
	// +kubebuilder:default=Suggest
	Mode Mode `json:"mode,omitempty"`
	// minimumConfidence of a diagnosis that Auto may act upon; Approve and
	// Suggest propose remedies for any. Default: Medium.
	// +optional
	MinimumConfidence Confidence `json:"minimumConfidence,omitempty"`
	// remedies switches single remedies on or off. Remedies that are opt-in
	// are off unless enabled here; the others are on.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Remedies []RemedySwitch `json:"remedies,omitempty"`
	// memory bounds RaiseMemoryLimit.
	// +optional
	Memory MemoryBounds `json:"memory,omitempty"`
	// cpu bounds RaiseCPULimit.
	// +optional
	CPU CPUBounds `json:"cpu,omitempty"`
	// probes bounds RelaxProbe.
	// +optional
	Probes ProbeBounds `json:"probes,omitempty"`
	// jobs are the owner's own Jobs that RunJob may run, such as a migration.
	// The first one that names the cause is taken. Only where RunJob is enabled.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	Jobs []JobHook `json:"jobs,omitempty"`
	// budget bounds how much is touched at once and per hour.
	// +optional
	Budget Budget `json:"budget,omitempty"`
	// maxAttempts at one incident before a person is called. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	MaxAttempts *int32 `json:"maxAttempts,omitempty"`
	// cooldown after an attempt that did not help; doubles with each further
	// one, up to 30m. Default: 30s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	Cooldown *metav1.Duration `json:"cooldown,omitempty"`
	// soak is how long a container must stay up before its remedy counts as
	// one that helped. Where crashes were seen further apart, the longest
	// distance counts instead. Default: 1m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	Soak *metav1.Duration `json:"soak,omitempty"`
	// timeout of an attempt: a container that is not up by then has not been
	// helped. Default: 5m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// escalateAfter is how long a service may be down before a person is
	// called whatever else goes on. Default: 30m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	EscalateAfter *metav1.Duration `json:"escalateAfter,omitempty"`
	// maintenanceWindows are times in which nothing is touched: no remedy is
	// applied, and none that did not help is taken back, until the window is
	// over. Loops are diagnosed, remedies in force are verified and people are
	// called as ever. While one of them cannot be read, nothing is touched
	// either.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MaintenanceWindows []MaintenanceWindow `json:"maintenanceWindows,omitempty"`
}

// MaintenanceWindow is a time that comes again and again.
type MaintenanceWindow struct {
	// schedule is when the window begins, a cron expression of minute, hour, day
	// of month, month and day of week, such as "0 22 * * SAT", or one of @daily,
	// @weekly, @monthly and their like. A time that the clocks skip counts as if
	// they had not been put forward yet; one that comes twice counts the first time.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Schedule string `json:"schedule"`
	// duration of the window, at most a week, in hours that pass: a change of the
	// clocks makes it no longer or shorter.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be a duration greater than zero and at most 168h, such as 30m or 4h"
	Duration metav1.Duration `json:"duration"`
	// timeZone of the schedule, an IANA name such as Europe/Berlin. Default: UTC.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	TimeZone string `json:"timeZone,omitempty"`
}

// RemedySwitch switches one remedy.
type RemedySwitch struct {
	// name of the remedy.
	// +required
	Name RemedyName `json:"name"`
	// enabled allows the remedy.
	// +required
	Enabled bool `json:"enabled"`
}

// MemoryBounds bounds RaiseMemoryLimit.
type MemoryBounds struct {
	// factorPercent is the new limit in percent of the old one. Default: 150.
	// +optional
	// +kubebuilder:validation:Minimum=110
	// +kubebuilder:validation:Maximum=400
	FactorPercent *int32 `json:"factorPercent,omitempty"`
	// ceiling is the most that a limit may be raised to. Without a ceiling,
	// here or on the service, no limit is raised.
	// +optional
	Ceiling *resource.Quantity `json:"ceiling,omitempty"`
}

// CPUBounds bounds RaiseCPULimit.
type CPUBounds struct {
	// factorPercent is the new limit in percent of the old one. Default: 150.
	// +optional
	// +kubebuilder:validation:Minimum=110
	// +kubebuilder:validation:Maximum=400
	FactorPercent *int32 `json:"factorPercent,omitempty"`
	// ceiling is the most that a limit may be raised to. Without a ceiling,
	// here or on the service, no limit is raised.
	// +optional
	Ceiling *resource.Quantity `json:"ceiling,omitempty"`
}

// ProbeBounds bounds RelaxProbe.
type ProbeBounds struct {
	// startupCeiling is the longest start that a probe may be made to allow.
	// Default: 10m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	StartupCeiling *metav1.Duration `json:"startupCeiling,omitempty"`
}

// JobHook is a Job of the stack's owner that may cure a cause.
type JobHook struct {
	// causes that it is for.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	Causes []Cause `json:"causes"`
	// service that it is for. Default: any of the stack.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service,omitempty"`
	// cronJob is the CronJob of this namespace, usually a suspended one, whose
	// jobTemplate is run, as kubectl create job --from does.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=52
	CronJob string `json:"cronJob"`
}

// Budget bounds how much of a stack is touched.
type Budget struct {
	// remediesPerHour of the whole stack. Default: 10.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	RemediesPerHour *int32 `json:"remediesPerHour,omitempty"`
	// concurrent remedies in the whole stack, from patch to end of soak.
	// Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	Concurrent *int32 `json:"concurrent,omitempty"`
	// stormPercent of the stack's services that may be unhealthy at once,
	// each for a reason of its own, before it counts as a storm in which
	// nothing but the root is touched. Default: 40.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	StormPercent *int32 `json:"stormPercent,omitempty"`
}

// BridgeStackStatus is what the operator sees of a stack.
type BridgeStackStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Healthy, and Reconciling and Stalled while true.
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
}

// ServiceStatus is one service as the operator sees it.
type ServiceStatus struct {
	// name of the service.
	Name string `json:"name"`
	// workload as Kind/name, empty where there is none.
	// +optional
	Workload string `json:"workload,omitempty"`
	// healthy is true when the workload is available and has no open diagnosis.
	Healthy bool `json:"healthy"`
	// diagnosis is the name of the open BridgeDiagnosis, if any.
	// +optional
	Diagnosis string `json:"diagnosis,omitempty"`
	// message says in a few words what is the matter.
	// +optional
	Message string `json:"message,omitempty"`
}
