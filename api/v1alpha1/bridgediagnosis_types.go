package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// BridgeDiagnosis is one incident of one container of one workload: its cause
// with the evidence, the remedy with its exact before and after, every attempt
// with its outcome. The operator writes it; a person writes at most
// spec.approved, spec.rejected and spec.takeBack, each with his name.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=bridgediagnoses,singular=bridgediagnosis,shortName=bd,categories={bridge,all}
// +kubebuilder:printcolumn:name="Service",type=string,JSONPath=`.spec.service`
// +kubebuilder:printcolumn:name="Cause",type=string,JSONPath=`.status.cause`
// +kubebuilder:printcolumn:name="Confidence",type=string,JSONPath=`.status.confidence`
// +kubebuilder:printcolumn:name="Remedy",type=string,JSONPath=`.status.remedy`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Symptom",type=string,priority=1,JSONPath=`.spec.symptom`
// +kubebuilder:printcolumn:name="Root",type=string,priority=1,JSONPath=`.status.root.service`
// +kubebuilder:printcolumn:name="GitOps",type=string,priority=1,JSONPath=`.status.gitOps`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
type BridgeDiagnosis struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which container it is about.
	// +required
	Spec BridgeDiagnosisSpec `json:"spec"`
	// status is the diagnosis. Before there is one, kstatus shall not take it for
	// reconciled.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status BridgeDiagnosisStatus `json:"status,omitempty"`
}

// BridgeDiagnosisList is a list of BridgeDiagnoses.
//
// +kubebuilder:object:root=true
type BridgeDiagnosisList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BridgeDiagnosis `json:"items"`
}

// BridgeDiagnosisSpec says which container the incident is of.
//
// +kubebuilder:validation:XValidation:rule="self.stack == oldSelf.stack && self.service == oldSelf.service && self.workload == oldSelf.workload && self.container == oldSelf.container && self.symptom == oldSelf.symptom && has(self.detectedAt) == has(oldSelf.detectedAt) && (!has(self.detectedAt) || self.detectedAt == oldSelf.detectedAt)",message="a diagnosis is of one container for good: only what a person decides (spec.approved, spec.rejected, spec.takeBack, and by whom) may be changed"
type BridgeDiagnosisSpec struct {
	// stack is the name of the BridgeStack.
	// +required
	// +kubebuilder:validation:MinLength=1
	Stack string `json:"stack"`
	// service is the name of the service in the stack.
	// +required
	// +kubebuilder:validation:MinLength=1
	Service string `json:"service"`
	// workload that owns the pods in trouble.
	// +required
	Workload DiagnosedWorkload `json:"workload"`
	// container that loops, or that should be up.
	// +required
	// +kubebuilder:validation:MinLength=1
	Container string `json:"container"`
	// symptom is what showed the incident: RestartLoop, HealthEndpointFailing, RunFailed
	// or NotAvailable. Another one may follow: what could not be scheduled may loop once
	// it runs. Default: RestartLoop.
	// +optional
	// +kubebuilder:default=RestartLoop
	Symptom Symptom `json:"symptom,omitempty"`
	// detectedAt is when the symptom was first seen.
	// +optional
	DetectedAt *metav1.MicroTime `json:"detectedAt,omitempty"`
	// approved is the id of the proposed remedy (status.proposal.id) that a
	// person agrees to. Another id, or that of an earlier proposal, approves
	// nothing. An approval counts once: to have the same remedy once more, name the
	// id of the next attempt, as the message of the diagnosis says.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Approved string `json:"approved,omitempty"`
	// approvedBy is the user name of who set spec.approved, as the API server knows
	// it (kubectl auth whoami): the policy "deciders" refuses every other one, and
	// an approval without. Where that policy is not installed, nobody vouches for it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ApprovedBy string `json:"approvedBy,omitempty"`
	// rejected is the id of the proposed remedy (status.proposal.id) that a
	// person does not want: exactly this change is not made, in any mode, also
	// where it is approved as well. Another change may be proposed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Rejected string `json:"rejected,omitempty"`
	// rejectedBy is the user name of who set spec.rejected; see spec.approvedBy.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	RejectedBy string `json:"rejectedBy,omitempty"`
	// takeBack is the id of the attempt in force (status.attempts) that a person
	// wants taken back, though it is not known yet whether it helps. From then
	// on, nothing is changed for this incident but what a person approves. Where
	// there is no way back, as after a restart, it does nothing.
	// +optional
	// +kubebuilder:validation:MaxLength=80
	TakeBack string `json:"takeBack,omitempty"`
	// takenBackBy is the user name of who set spec.takeBack; see spec.approvedBy.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	TakenBackBy string `json:"takenBackBy,omitempty"`
}

// Symptom is what shows that something is wrong, before it is known what.
//
// +kubebuilder:validation:Enum=RestartLoop;HealthEndpointFailing;RunFailed;NotAvailable
type Symptom string

// The symptoms.
const (
	// SymptomRestartLoop: a container restarts too often, or cannot start.
	SymptomRestartLoop Symptom = "RestartLoop"
	// SymptomHealthEndpointFailing: nothing restarts, and the service's health endpoint fails.
	SymptomHealthEndpointFailing Symptom = "HealthEndpointFailing"
	// SymptomRunFailed: a Job, the last run of a CronJob or a pod that is not started
	// again came to no good end.
	SymptomRunFailed Symptom = "RunFailed"
	// SymptomNotAvailable: nothing restarts, and pods are wanting or do not become ready.
	SymptomNotAvailable Symptom = "NotAvailable"
)

// DiagnosedWorkload is the workload of an incident.
type DiagnosedWorkload struct {
	// kind of the workload.
	// +required
	Kind WorkloadKind `json:"kind"`
	// name of the workload.
	// +required
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// uid of the workload: a new one under the same name is another workload.
	// +required
	UID types.UID `json:"uid"`
}

// Confidence is how sure a diagnosis is. What it means is measured on labelled incidents of
// programs, and held by tests: over all sets of these, High is right in each, Medium in at
// least 99 of 100.
//
// +kubebuilder:validation:Enum=High;Medium;Low
type Confidence string

// The confidences.
const (
	// ConfidenceHigh: a server's own answer, or a fact of the kernel or the kubelet. None
	// of them was wrong.
	ConfidenceHigh Confidence = "High"
	// ConfidenceMedium: a message that means one thing, or a pattern with a second
	// witness. Fewer than one in 100 is wrong.
	ConfidenceMedium Confidence = "Medium"
	// ConfidenceLow: a pattern without a second witness, or evidence that contradicts
	// itself. Expect one in ten to be wrong: it says where to look.
	ConfidenceLow Confidence = "Low"
)

// Confidences in their order, the lowest first.
var Confidences = []Confidence{ConfidenceLow, ConfidenceMedium, ConfidenceHigh}

// AtLeast reports whether a confidence is not lower than another one. One that
// is none of the list, such as the empty one, is lower than all of them.
func (c Confidence) AtLeast(other Confidence) bool {
	return slices.Index(Confidences, c) >= slices.Index(Confidences, other)
}

// DiagnosisState is where an incident stands.
//
// +kubebuilder:validation:Enum=Diagnosing;Observed;Suggested;AwaitingApproval;AwaitingMerge;Waiting;Applying;Verifying;RollingBack;Recovered;Escalated;Closed
type DiagnosisState string

// The states.
const (
	// StateDiagnosing: an incident was detected; the evidence is being gathered.
	StateDiagnosing DiagnosisState = "Diagnosing"
	// StateObserved: diagnosed; the mode is Observe.
	StateObserved DiagnosisState = "Observed"
	// StateSuggested: a remedy is shown; a person applies it.
	StateSuggested DiagnosisState = "Suggested"
	// StateAwaitingApproval: a remedy is shown and applied once approved.
	StateAwaitingApproval DiagnosisState = "AwaitingApproval"
	// StateAwaitingMerge: the remedy is committed to a branch of the owner's repository; a person merges it.
	StateAwaitingMerge DiagnosisState = "AwaitingMerge"
	// StateWaiting: for a dependency, the budget, a cooldown or a pause; the message says which.
	StateWaiting DiagnosisState = "Waiting"
	// StateApplying: an attempt is recorded and its patch is being applied.
	StateApplying DiagnosisState = "Applying"
	// StateVerifying: the remedy is in force and the soak runs.
	StateVerifying DiagnosisState = "Verifying"
	// StateRollingBack: the remedy did not help and is being taken back.
	StateRollingBack DiagnosisState = "RollingBack"
	// StateRecovered: the container stayed up for the whole soak. Final.
	StateRecovered DiagnosisState = "Recovered"
	// StateEscalated: a person was called. Ends as Recovered when the container stays up.
	StateEscalated DiagnosisState = "Escalated"
	// StateClosed: the workload is gone or is no longer part of the stack. Final.
	StateClosed DiagnosisState = "Closed"
)

// Final reports whether the incident is over.
func (s DiagnosisState) Final() bool { return s == StateRecovered || s == StateClosed }

// BridgeDiagnosisStatus is the diagnosis.
type BridgeDiagnosisStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Diagnosed, RemedyApplied, Recovered, Escalated, and the
	// kstatus ones: Ready, Reconciling, Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// state is where the incident stands.
	// +optional
	State DiagnosisState `json:"state,omitempty"`
	// cause, one of the closed list; Unknown where the evidence shows none.
	// +optional
	Cause Cause `json:"cause,omitempty"`
	// confidence in the cause.
	// +optional
	Confidence Confidence `json:"confidence,omitempty"`
	// remedy that is proposed, in force, or was last tried.
	// +optional
	Remedy RemedyName `json:"remedy,omitempty"`
	// command is the exact next command for the person who looks after it, where one is
	// known: it shows what is at fault, or mends it. The operator never runs it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Command string `json:"command,omitempty"`
	// beside is what lies beside the pods and is at fault, as Kind/name: a node, a
	// namespace, an admission webhook, an image registry. Of several incidents of a
	// stack that it is at fault for, one is the root of the others.
	// +optional
	// +kubebuilder:validation:MaxLength=320
	Beside string `json:"beside,omitempty"`
	// message says in one or two sentences what is the matter and what comes next.
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Message string `json:"message,omitempty"`
	// root is the diagnosis or service at the root of this one, where this
	// one is only a symptom.
	// +optional
	Root *RootReference `json:"root,omitempty"`
	// escalatedRoot is the root at the time of escalation, where that had a diagnosis
	// of its own: receivers are told of that one instead, and of this one only if it
	// outlives that for longer than the policy's escalateAfter.
	// +optional
	EscalatedRoot *RootReference `json:"escalatedRoot,omitempty"`
	// gitOps names the tool and object that own the workload, such as
	// "Flux Kustomization apps".
	// +optional
	GitOps string `json:"gitOps,omitempty"`
	// loop is what was counted.
	// +optional
	Loop *LoopObservation `json:"loop,omitempty"`
	// evidence for the cause.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Evidence []EvidenceItem `json:"evidence,omitempty"`
	// runnerUp is the second most likely cause, and why it is not taken for the cause.
	// +optional
	RunnerUp *RefutedCause `json:"runnerUp,omitempty"`
	// refuted are the causes that were looked at, and what spoke against them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Refuted []RefutedCause `json:"refuted,omitempty"`
	// probes are the results of the live probes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Probes []ProbeResult `json:"probes,omitempty"`
	// proposal is the remedy with its exact change.
	// +optional
	Proposal *Proposal `json:"proposal,omitempty"`
	// commit is the proposal in the owner's Git repository, where it waits to be
	// merged (spec.gitOps of the stack).
	// +optional
	Commit *GitCommit `json:"commit,omitempty"`
	// attempts, oldest first.
	// +optional
	// +listType=map
	// +listMapKey=id
	// +kubebuilder:validation:MaxItems=32
	Attempts []Attempt `json:"attempts,omitempty"`
	// times of the incident's stations.
	// +optional
	Times IncidentTimes `json:"times,omitempty"`
	// notifications says how far each receiver of the stack has been told.
	// +optional
	// +listType=map
	// +listMapKey=receiver
	// +kubebuilder:validation:MaxItems=32
	Notifications []Delivery `json:"notifications,omitempty"`
}

// RootReference points at the root of a symptom.
type RootReference struct {
	// service at the root.
	Service string `json:"service"`
	// diagnosis of that service, if it has one.
	// +optional
	Diagnosis string `json:"diagnosis,omitempty"`
}

// LoopObservation is what was counted of a loop, or of what is down without one.
type LoopObservation struct {
	// pod that was looked at.
	Pod string `json:"pod"`
	// restarts of the container as the kubelet counts them.
	Restarts int32 `json:"restarts"`
	// reason it counts as an incident, such as CrashLoopBackOff; HealthEndpointFailing or
	// NotAvailable where there are no restarts.
	Reason string `json:"reason"`
	// exitCode of the last run, absent where the container never ran.
	// +optional
	ExitCode *int32 `json:"exitCode,omitempty"`
	// longestRunSeconds is the longest run that was seen to end in a crash.
	// +optional
	LongestRunSeconds int32 `json:"longestRunSeconds,omitempty"`
}

// EvidenceSource says where a fact comes from.
//
// +kubebuilder:validation:Enum=Change;Log;Termination;Waiting;Event;Probe;Env;Rollout;Node;Dependency;Workload
type EvidenceSource string

// The sources of evidence.
const (
	// SourceChange: something that was changed within the hour before the trouble began.
	SourceChange EvidenceSource = "Change"
	// SourceLog: a line that the container wrote.
	SourceLog EvidenceSource = "Log"
	// SourceTermination: the container's termination state.
	SourceTermination EvidenceSource = "Termination"
	// SourceWaiting: the container's waiting state.
	SourceWaiting EvidenceSource = "Waiting"
	// SourceEvent: an event on the pod.
	SourceEvent EvidenceSource = "Event"
	// SourceProbe: a live probe's result.
	SourceProbe EvidenceSource = "Probe"
	// SourceEnv: the container's environment; names, and values of hosts, ports and modes only.
	SourceEnv EvidenceSource = "Env"
	// SourceRollout: the workload's revisions and replicas.
	SourceRollout EvidenceSource = "Rollout"
	// SourceNode: the node's state.
	SourceNode EvidenceSource = "Node"
	// SourceWorkload: what the object that runs the pods says of itself in its conditions.
	SourceWorkload EvidenceSource = "Workload"
	// SourceDependency: the state of a service that this one depends on.
	SourceDependency EvidenceSource = "Dependency"
)

// EvidenceItem is one cited fact. Secrets are redacted, control characters removed.
type EvidenceItem struct {
	// source of the fact.
	Source EvidenceSource `json:"source"`
	// text as the source has it.
	// +kubebuilder:validation:MaxLength=4096
	Text string `json:"text"`
	// time of the fact, where the source gives one.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// RefutedCause is a cause that was looked at and does not hold.
type RefutedCause struct {
	// cause that was looked at.
	Cause Cause `json:"cause"`
	// because says what speaks against it.
	// +kubebuilder:validation:MaxLength=1024
	Because string `json:"because"`
}

// ProbeViewpoint says whose settings a probe used.
//
// +kubebuilder:validation:Enum=AsConfigured;AsDeclared;Proposed;FromPod
type ProbeViewpoint string

// The viewpoints.
const (
	// AsConfigured: with the failing container's own host and credentials.
	AsConfigured ProbeViewpoint = "AsConfigured"
	// AsDeclared: against the dependency as the stack declares it.
	AsDeclared ProbeViewpoint = "AsDeclared"
	// Proposed: with the values that a remedy is about to set.
	Proposed ProbeViewpoint = "Proposed"
	// FromPod: from inside the failing pod's own network, without credentials.
	FromPod ProbeViewpoint = "FromPod"
)

// ProbeOutcome is what a probe showed.
//
// +kubebuilder:validation:Enum=Passed;Failed;Unknown
type ProbeOutcome string

// The outcomes.
const (
	// ProbePassed: every stage passed.
	ProbePassed ProbeOutcome = "Passed"
	// ProbeFailed: the network or the server said no; the stage and code say which.
	ProbeFailed ProbeOutcome = "Failed"
	// ProbeUnknown: the probe could not run or its answer makes no sense. It says nothing of the dependency.
	ProbeUnknown ProbeOutcome = "Unknown"
)

// ProbeResult is one live probe.
type ProbeResult struct {
	// service that was probed.
	Service string `json:"service"`
	// viewpoint says whose settings were used.
	Viewpoint ProbeViewpoint `json:"viewpoint"`
	// target as host:port, without credentials.
	Target string `json:"target"`
	// outcome of the probe.
	Outcome ProbeOutcome `json:"outcome"`
	// stage that it reached, such as Resolve, Dial, TLS, Authenticate, Database, Metadata, Topics.
	// +optional
	Stage string `json:"stage,omitempty"`
	// code of the server or client: a SQLSTATE, a Kafka error code's name, an errno's name, an HTTP status.
	// +optional
	Code string `json:"code,omitempty"`
	// message of the server or client, redacted.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// milliseconds that it took.
	// +optional
	Milliseconds int64 `json:"milliseconds,omitempty"`
}

// Proposal is a remedy with its exact change.
type Proposal struct {
	// id of exactly this change: spec.approved refers to it. The same change
	// on the same object always has the same id.
	ID string `json:"id"`
	// remedy that it is.
	Remedy RemedyName `json:"remedy"`
	// target object as Kind/name; Topic/name and ConsumerGroup/name for Kafka.
	Target string `json:"target"`
	// changes, field by field. Empty where the remedy is an action, such as a restart.
	// +optional
	// +listType=atomic
	Changes []FieldChange `json:"changes,omitempty"`
	// because says why this remedy and not another.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Because string `json:"because,omitempty"`
}

// AttemptOutcome is how an attempt stands or ended.
//
// +kubebuilder:validation:Enum=Recorded;Applied;Helped;RollingBack;RolledBack;Withdrawn;Conflict;Reverted;Failed
type AttemptOutcome string

// The outcomes.
const (
	// AttemptRecorded: persisted; nothing has been written yet, as far as is known.
	AttemptRecorded AttemptOutcome = "Recorded"
	// AttemptApplied: the change is in force and being verified.
	AttemptApplied AttemptOutcome = "Applied"
	// AttemptHelped: the container stayed up for the whole soak, or the cause
	// that it was for is gone and another one is shown.
	AttemptHelped AttemptOutcome = "Helped"
	// AttemptRollingBack: it did not help; taking it back is persisted and comes next.
	AttemptRollingBack AttemptOutcome = "RollingBack"
	// AttemptRolledBack: it did not help and was taken back.
	AttemptRolledBack AttemptOutcome = "RolledBack"
	// AttemptWithdrawn: it became moot before anything was written.
	AttemptWithdrawn AttemptOutcome = "Withdrawn"
	// AttemptConflict: someone else changed the object; their change stands.
	AttemptConflict AttemptOutcome = "Conflict"
	// AttemptReverted: the GitOps controller that owns the workload took the change back; Git stands.
	AttemptReverted AttemptOutcome = "Reverted"
	// AttemptFailed: it did not help and there is nothing to take back, or the API server refused it.
	AttemptFailed AttemptOutcome = "Failed"
)

// InForce reports whether the attempt's change is, or may be, on the object.
func (o AttemptOutcome) InForce() bool {
	return o == AttemptRecorded || o == AttemptApplied || o == AttemptRollingBack
}

// AttemptReason says why an attempt ended, or why it is being taken back.
//
// +kubebuilder:validation:Enum=Recovered;CauseGone;NotHelped;StartFailed;TakenBackByPerson;ScaledToZero;ContainerGone;Overwritten;RevertedByGitOps;Conflict;Refused;Unanswered;MaybeWritten;Forbidden;WorkloadGone;StackGone;StackDeleted
type AttemptReason string

// The reasons.
const (
	// AttemptRecovered: the container stayed up for the whole soak.
	AttemptRecovered AttemptReason = "Recovered"
	// AttemptCauseGone: the cause that it was for is gone and another one is shown.
	AttemptCauseGone AttemptReason = "CauseGone"
	// AttemptNotHelped: the container ended again, or did not come up in time.
	AttemptNotHelped AttemptReason = "NotHelped"
	// AttemptStartFailed: what it started, such as a Job, failed.
	AttemptStartFailed AttemptReason = "StartFailed"
	// AttemptTakenBackByPerson: a person wanted it taken back (spec.takeBack).
	AttemptTakenBackByPerson AttemptReason = "TakenBackByPerson"
	// AttemptScaledToZero: the workload was scaled to zero before the attempt was shown to help.
	AttemptScaledToZero AttemptReason = "ScaledToZero"
	// AttemptContainerGone: the container is no longer in the pod template.
	AttemptContainerGone AttemptReason = "ContainerGone"
	// AttemptOverwritten: someone else, such as CI or a person, changed what the attempt had changed.
	AttemptOverwritten AttemptReason = "Overwritten"
	// AttemptRevertedByGitOps: the GitOps controller that owns the workload took the change back.
	AttemptRevertedByGitOps AttemptReason = "RevertedByGitOps"
	// AttemptConflicted: the object was changed by someone else, or is gone, before it was written.
	AttemptConflicted AttemptReason = "Conflict"
	// AttemptRefused: the API server or the broker refused the write for good.
	AttemptRefused AttemptReason = "Refused"
	// AttemptUnanswered: no write was answered before the deadline, and nothing was written.
	AttemptUnanswered AttemptReason = "Unanswered"
	// AttemptMaybeWritten: whether it was written cannot be known, and it must not be done twice.
	AttemptMaybeWritten AttemptReason = "MaybeWritten"
	// AttemptForbidden: the policy or a person did not allow it any more.
	AttemptForbidden AttemptReason = "Forbidden"
	// AttemptWorkloadGone: the workload was deleted, or is another one under the same name.
	AttemptWorkloadGone AttemptReason = "WorkloadGone"
	// AttemptStackGone: no stack covers the workload any more.
	AttemptStackGone AttemptReason = "StackGone"
	// AttemptStackDeleted: the stack or the diagnosis was deleted while it was under way.
	AttemptStackDeleted AttemptReason = "StackDeleted"
)

// FindingIdentity tells one trouble from another: two looks that show the same
// trouble have the same cause and subject. What a look did not show is empty.
type FindingIdentity struct {
	// cause that was found.
	// +optional
	Cause Cause `json:"cause,omitempty"`
	// root is the service at the root, where the container's own trouble is only a symptom.
	// +optional
	Root string `json:"root,omitempty"`
	// dependency is the service of the stack that the cause is about.
	// +optional
	Dependency string `json:"dependency,omitempty"`
	// variable is the environment variable that is missing, invalid or wrong.
	// +optional
	Variable string `json:"variable,omitempty"`
	// host that could not be resolved or reached.
	// +optional
	Host string `json:"host,omitempty"`
	// port that could not be reached.
	// +optional
	Port int32 `json:"port,omitempty"`
	// topic that is missing or denied.
	// +optional
	Topic string `json:"topic,omitempty"`
	// group is the consumer group that the cause is about.
	// +optional
	Group string `json:"group,omitempty"`
	// object is the Secret or ConfigMap that is missing, as Kind/name.
	// +optional
	Object string `json:"object,omitempty"`
	// key of the object that is missing.
	// +optional
	Key string `json:"key,omitempty"`
}

// Attempt is one try at a remedy. It is persisted before anything is written.
type Attempt struct {
	// id of the attempt: the proposal's id and a number.
	ID string `json:"id"`
	// proposal as it was when the attempt was recorded.
	Proposal Proposal `json:"proposal"`
	// outcome so far.
	Outcome AttemptOutcome `json:"outcome"`
	// message says how it ended.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
	// reason that the attempt ended, or is being taken back. Empty while it is not known.
	// +optional
	Reason AttemptReason `json:"reason,omitempty"`
	// action is exactly what the attempt writes.
	// +required
	Action AttemptAction `json:"action"`
	// finding that led to it.
	// +optional
	Finding FindingIdentity `json:"finding,omitzero"`
	// restarts of the container when the attempt was recorded.
	// +optional
	Restarts int32 `json:"restarts,omitempty"`
	// replicas that the workload asked for when the attempt was recorded: as many
	// have to stay up. Those that are added later do not count.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// longestRunSeconds is the longest run that ended in a crash before the attempt.
	// +optional
	LongestRunSeconds int32 `json:"longestRunSeconds,omitempty"`
	// soakSeconds that the container must stay up.
	// +optional
	SoakSeconds int32 `json:"soakSeconds,omitempty"`
	// approvedBy is spec.approvedBy when the attempt was recorded, where the mode is
	// Approve.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	ApprovedBy string `json:"approvedBy,omitempty"`
	// takenBackBy is spec.takenBackBy when the attempt began to be taken back,
	// where a person wanted that.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	TakenBackBy string `json:"takenBackBy,omitempty"`
	// serviceAccountName of the stack when the attempt was recorded: it has to be
	// allowed to take it back as well, also when the stack is gone.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// heldUntil is when the GitOps controller that owns the workload goes on with
	// it at the latest, where the policy lets it be held (spec.gitOps.hold).
	// +optional
	HeldUntil *metav1.Time `json:"heldUntil,omitempty"`
	// recordedAt is when the attempt was persisted.
	RecordedAt metav1.Time `json:"recordedAt"`
	// deadline by which the container must be up.
	Deadline metav1.Time `json:"deadline"`
	// appliedAt is when the change was accepted.
	// +optional
	AppliedAt *metav1.Time `json:"appliedAt,omitempty"`
	// settledAt is when what was started elsewhere, such as a Job or the restart
	// of a dependency, had come to its end: what happens from then on counts.
	// +optional
	SettledAt *metav1.Time `json:"settledAt,omitempty"`
	// cameUpAt is when enough pods were first seen up since the change. From then
	// on, a pod that is replaced, or added, is no failure of the remedy.
	// +optional
	CameUpAt *metav1.Time `json:"cameUpAt,omitempty"`
	// endedAt is when the outcome became final.
	// +optional
	EndedAt *metav1.Time `json:"endedAt,omitempty"`
}

// IncidentTimes are the stations of an incident. Each is written once. Times
// are to the microsecond, for the histograms.
type IncidentTimes struct {
	// visible is when the incident was first seen by the operator (spec.detectedAt).
	// +optional
	Visible *metav1.MicroTime `json:"visible,omitempty"`
	// diagnosed is when the first cause was found.
	// +optional
	Diagnosed *metav1.MicroTime `json:"diagnosed,omitempty"`
	// patched is when the first remedy was accepted.
	// +optional
	Patched *metav1.MicroTime `json:"patched,omitempty"`
	// up is since when the container has been up without a break.
	// +optional
	Up *metav1.MicroTime `json:"up,omitempty"`
	// recovered is when the soak was over.
	// +optional
	Recovered *metav1.MicroTime `json:"recovered,omitempty"`
	// escalated is when a person was called.
	// +optional
	Escalated *metav1.MicroTime `json:"escalated,omitempty"`
}
