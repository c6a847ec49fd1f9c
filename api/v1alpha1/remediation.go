package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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

// OnDelete is what becomes of a remedy under way when its stack is deleted.
//
// +kubebuilder:validation:Enum=Leave;TakeBack
type OnDelete string

// What can become of it.
const (
	// OnDeleteLeave leaves what was written as it is.
	OnDeleteLeave OnDelete = "Leave"
	// OnDeleteTakeBack restores what was there before.
	OnDeleteTakeBack OnDelete = "TakeBack"
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
	// called whatever else goes on. What may be repaired is repaired after that,
	// too. Default: 30m.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s')",message="must be a duration greater than zero, such as 30s, 5m or 1h30m"
	EscalateAfter *metav1.Duration `json:"escalateAfter,omitempty"`
	// onDelete says what becomes of a remedy that is in force and not verified
	// yet when the stack, or its diagnosis, is deleted. Leave leaves what was
	// written. TakeBack restores the pod template first: the diagnosis stays
	// until then, 5m at most; the stack itself is never held up. Default: Leave.
	// +optional
	OnDelete OnDelete `json:"onDelete,omitempty"`
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
	// remediesPerHour of the whole stack, commits to Git among them. Default: 10.
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
	// nothing but the root is touched. Those count that began within 30m of each
	// other, or just now. Default: 40.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	StormPercent *int32 `json:"stormPercent,omitempty"`
}
