package v1alpha1

// Compose is the compose project that describes the stack: its services, their
// dependencies, ports, health checks, limits and environment as intended. What
// the BridgeStack says itself wins over it.
//
// Nothing is read but what stands here: include, extends with a file, env_file
// and label_file are refused, and resolved by kubectl bridge init.
//
// +kubebuilder:validation:XValidation:rule="has(self.inline) != has(self.configMaps)",message="set exactly one of inline and configMaps"
type Compose struct {
	// inline is the compose file itself.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=131072
	Inline *string `json:"inline,omitempty"`

	// configMaps are the keys of ConfigMaps of this namespace that hold the
	// compose files. They are merged in this order, as compose does: later ones
	// win. They are looked at every minute. Whoever may edit them writes policy:
	// topics, ceilings within those of remediation, and the values that SetEnv may
	// set. See trusted.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	ConfigMaps []KeyReference `json:"configMaps,omitempty"`

	// trusted says that whoever may edit the ConfigMaps may do what the author of
	// this stack may. Only then x-bridge counts there where it names a workload,
	// allows restarts, or takes variables from Secrets. Who sets it must be allowed
	// to get Secrets in this namespace. Default: false.
	// +optional
	Trusted bool `json:"trusted,omitempty"`

	// projectName is the compose project's name. Default: the files' own name,
	// else stack.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9_-]*$`
	ProjectName string `json:"projectName,omitempty"`

	// profiles that are active; "*" is all. Default: none, so that services with
	// profiles are no part of the stack.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=63
	Profiles []string `json:"profiles,omitempty"`

	// env is what ${VARIABLE} stands for in the files, as .env is for compose.
	// Not for secrets: what may be one is never set from compose, and a variable
	// with the name of one, such as POSTGRES_PASSWORD, may be left out though the
	// files require it. Default: none; the files' own defaults count.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	Env map[string]string `json:"env,omitempty"`
}

// ComposeStatus is what the operator made of the compose project.
type ComposeStatus struct {
	// project is its name.
	// +optional
	Project string `json:"project,omitempty"`
	// services of the active profiles.
	Services int32 `json:"services"`
	// ignored are the attributes that have no meaning on Kubernetes, each with
	// its place, at most 32.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Ignored []string `json:"ignored,omitempty"`
	// drift is where project and cluster differ, at most 32 of driftTotal.
	// Nothing is changed for drift alone.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Drift []ComposeDrift `json:"drift,omitempty"`
	// driftTotal is in how many places project and cluster differ.
	// +optional
	DriftTotal int32 `json:"driftTotal,omitempty"`
}

// ComposeDrift is one place where compose project and cluster differ. Values of
// environment variables are not shown.
type ComposeDrift struct {
	// service of the project.
	Service string `json:"service"`
	// field of the service in the project, such as image,
	// deploy.resources.limits.memory or environment.LOG_LEVEL; empty where no
	// workload runs the service.
	// +optional
	Field string `json:"field,omitempty"`
	// compose is what the project says.
	// +optional
	Compose string `json:"compose,omitempty"`
	// cluster is what the workload has.
	// +optional
	Cluster string `json:"cluster,omitempty"`
}
