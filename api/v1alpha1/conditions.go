package v1alpha1

// Condition types of a BridgeStack. Ready and Stalled follow kstatus: they speak of the policy, never of the application, so that a GitOps
// wait does not block on an application's crash. Healthy speaks of the stack.
const (
	// ConditionReady is true when the policy is valid and being followed.
	ConditionReady = "Ready"
	// ConditionReconciling is present, and true, only while the operator works on an
	// incident (BridgeDiagnosis). A policy is taken in at one go: until then,
	// status.observedGeneration is not that of the spec.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is present, and true, only while the policy cannot be followed in full without a person.
	ConditionStalled = "Stalled"
	// ConditionHealthy is true when every service of the stack is available and none has an open diagnosis.
	ConditionHealthy = "Healthy"
	// ConditionComposeLoaded is present where spec.compose is set, and true when the project was understood.
	ConditionComposeLoaded = "ComposeLoaded"
)

// Condition types of a BridgeDiagnosis, beside Ready, Reconciling and Stalled.
// There, Ready is true once the incident is closed, Reconciling while the
// operator works on it, and Stalled once it waits for a person.
const (
	// ConditionDiagnosed is true when a cause is shown by the evidence, false when it is Unknown.
	ConditionDiagnosed = "Diagnosed"
	// ConditionRemedyApplied is true while a remedy of this diagnosis is in force.
	ConditionRemedyApplied = "RemedyApplied"
	// ConditionRecovered is true when the container stayed up for the whole soak.
	ConditionRecovered = "Recovered"
	// ConditionEscalated is true when a person was called.
	ConditionEscalated = "Escalated"
)

// Reasons of a BridgeStack's conditions.
const (
	// ReasonReconciled: every field of the policy was understood and resolved.
	ReasonReconciled = "Reconciled"
	// ReasonPaused: the policy is paused; incidents are diagnosed, nothing is touched.
	ReasonPaused = "Paused"
	// ReasonNoWorkloadSelected: selector and services match no workload.
	ReasonNoWorkloadSelected = "NoWorkloadSelected"
	// ReasonWorkloadNotFound: a service names a workload that does not exist.
	ReasonWorkloadNotFound = "WorkloadNotFound"
	// ReasonWorkloadAmbiguous: several workloads could be the one of a service.
	ReasonWorkloadAmbiguous = "WorkloadAmbiguous"
	// ReasonReferenceNotFound: a Secret, a ConfigMap or a key named by the policy does not exist.
	ReasonReferenceNotFound = "ReferenceNotFound"
	// ReasonDependencyCycle: services depend on each other in a circle.
	ReasonDependencyCycle = "DependencyCycle"
	// ReasonDependencyUnknown: a service depends on a name that is no service of the stack.
	ReasonDependencyUnknown = "DependencyUnknown"
	// ReasonCeilingBelowLimit: a ceiling is lower than the present limit of the container it is for.
	ReasonCeilingBelowLimit = "CeilingBelowLimit"
	// ReasonWorkloadClaimedTwice: two services or two stacks claim the same workload.
	ReasonWorkloadClaimedTwice = "WorkloadClaimedTwice"
	// ReasonInvalidSelector: the label selector cannot be parsed.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonInvalidMaintenanceWindow: the schedule or time zone of a maintenance window cannot be read.
	ReasonInvalidMaintenanceWindow = "InvalidMaintenanceWindow"
	// ReasonInvalidReceiver: a receiver of notifications cannot be sent to as the policy describes it.
	ReasonInvalidReceiver = "InvalidReceiver"
	// ReasonNamespaceExcluded: the cluster's admin has nothing looked at in the stack's namespace.
	ReasonNamespaceExcluded = "NamespaceExcluded"
	// ReasonServiceAccountRequired: the cluster's admin wants a stack that acts to name a ServiceAccount.
	ReasonServiceAccountRequired = "ServiceAccountRequired"
	// ReasonAllServicesHealthy: all services are available, or have come to their end as
	// they should, and none has an open diagnosis.
	ReasonAllServicesHealthy = "AllServicesHealthy"
	// ReasonComposeLoaded: the compose project was understood.
	ReasonComposeLoaded = "ComposeLoaded"
	// ReasonComposeInvalid: the compose project cannot be read, or not in full; the rest of the stack is watched.
	ReasonComposeInvalid = "ComposeInvalid"
	// ReasonServicesUnhealthy: at least one service is unavailable or loops.
	ReasonServicesUnhealthy = "ServicesUnhealthy"
)

// Reasons of a BridgeDiagnosis' conditions, and of the events on it and on the
// workload.
const (
	// ReasonLoopDetected: a container restarts too often, or cannot start.
	ReasonLoopDetected = "LoopDetected"
	// ReasonNotAvailable: pods are wanting or do not become ready, and nothing restarts.
	ReasonNotAvailable = "NotAvailable"
	// ReasonCauseFound: the evidence shows a cause.
	ReasonCauseFound = "CauseFound"
	// ReasonCauseUnknown: the evidence shows no cause of the list.
	ReasonCauseUnknown = "CauseUnknown"
	// ReasonProbingFromPod: a probe inside the failing pod's own network is under way.
	ReasonProbingFromPod = "ProbingFromPod"
	// ReasonObserving: the mode is Observe; nothing is proposed.
	ReasonObserving = "Observing"
	// ReasonRemedySuggested: a remedy is proposed; the mode leaves it to a person.
	ReasonRemedySuggested = "RemedySuggested"
	// ReasonOwnedByOperator: another operator owns the workload and would put a change back; a person changes it in that operator's own object.
	ReasonOwnedByOperator = "OwnedByOperator"
	// ReasonTemplateLocked: the pod template cannot be changed in place, as a Job's, or is not the operator's to change; a person makes the change.
	ReasonTemplateLocked = "TemplateLocked"
	// ReasonAwaitingApproval: a remedy is proposed and applied once a person approves it.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonAwaitingMerge: the remedy is committed to a branch of the owner's Git repository; a person merges it.
	ReasonAwaitingMerge = "AwaitingMerge"
	// ReasonWaitingForDependency: the root is a dependency; the dependents are held.
	ReasonWaitingForDependency = "WaitingForDependency"
	// ReasonMaintenanceWindow: nothing is touched until a maintenance window of the policy is over.
	ReasonMaintenanceWindow = "MaintenanceWindow"
	// ReasonNotPermitted: the stack's ServiceAccount is not allowed what the remedy would write, or to
	// get a Secret that the stack has sent.
	ReasonNotPermitted = "NotPermitted"
	// ReasonBudgetSpent: the policy's budget, concurrency or cooldown does not allow a remedy now.
	ReasonBudgetSpent = "BudgetSpent"
	// ReasonStorm: more services are in trouble at once than the policy lets be touched.
	ReasonStorm = "Storm"
	// ReasonRemedyRecorded: an attempt was persisted; it is applied next.
	ReasonRemedyRecorded = "RemedyRecorded"
	// ReasonRemedyApplied: the patch was accepted by the API server.
	ReasonRemedyApplied = "RemedyApplied"
	// ReasonRemedyConflict: someone changed the object in between; nothing was patched.
	ReasonRemedyConflict = "RemedyConflict"
	// ReasonRemedyReverted: someone took the patched field back.
	ReasonRemedyReverted = "RemedyReverted"
	// ReasonRemedyRefused: a remedy exists but its preconditions do not hold.
	ReasonRemedyRefused = "RemedyRefused"
	// ReasonVerifying: the remedy is in force and the soak runs.
	ReasonVerifying = "Verifying"
	// ReasonRemedyFailed: the container looped again within the soak.
	ReasonRemedyFailed = "RemedyFailed"
	// ReasonRolledBack: a remedy that did not help was taken back.
	ReasonRolledBack = "RolledBack"
	// ReasonRecovered: the container stayed up for the whole soak after a remedy.
	ReasonRecovered = "Recovered"
	// ReasonRecoveredWithoutRemedy: the container stayed up for the whole soak; nothing was patched.
	ReasonRecoveredWithoutRemedy = "RecoveredWithoutRemedy"
	// ReasonRunFailed: a run came to no good end; the evidence is being gathered.
	ReasonRunFailed = "RunFailed"
	// ReasonRunSucceeded: a run that came later, or the same one in the end, succeeded.
	ReasonRunSucceeded = "RunSucceeded"
	// ReasonSuspended: the Job or CronJob was suspended, so that nothing of it runs.
	ReasonSuspended = "Suspended"
	// ReasonWorkloadGone: the workload was deleted.
	ReasonWorkloadGone = "WorkloadGone"
	// ReasonScaledToZero: the workload has no replicas any more, so that nothing loops.
	ReasonScaledToZero = "ScaledToZero"
	// ReasonContainerGone: the container was removed from the pod template, or renamed.
	ReasonContainerGone = "ContainerGone"
	// ReasonStackDeleted: the stack, or the diagnosis, was deleted while a remedy was under way.
	ReasonStackDeleted = "StackDeleted"
	// ReasonAttemptsExhausted: the allowed number of attempts did not help.
	ReasonAttemptsExhausted = "AttemptsExhausted"
	// ReasonNeedsPerson: only a person can cure this cause.
	ReasonNeedsPerson = "NeedsPerson"
	// ReasonDownTooLong: the service has been down for longer than the policy's escalateAfter.
	ReasonDownTooLong = "DownTooLong"
)

// Labels and annotations.
const (
	// LabelStack on a BridgeDiagnosis is the name of its BridgeStack.
	LabelStack = "bridgestack.dev/stack"
	// LabelService on a BridgeDiagnosis is the name of its service; on a pod
	// template or a workload it says which service of the stack it is.
	LabelService = "bridgestack.dev/service"
	// LabelReceiver, with the value "true" on a Service, lets the stacks of its
	// namespace send messages to it.
	LabelReceiver = "bridgestack.dev/receiver"

	// AnnotationPaused with the value "true" on a workload stops every remedy
	// on it at once; diagnosing goes on.
	AnnotationPaused = "bridgestack.dev/paused"
	// AnnotationHandedOver on a workload that a GitOps controller owns names, with
	// commas between them, the fields that its owner told that controller to leave
	// alone, such as spec.template.spec.containers[app].resources: those may be
	// patched, although they are set in Git.
	AnnotationHandedOver = "bridgestack.dev/handed-over"
	// AnnotationHeldUntil on a workload says until when, in RFC 3339, the operator
	// keeps Flux from it (spec.gitOps.hold).
	AnnotationHeldUntil = "bridgestack.dev/held-until"
	// AnnotationDiagnosis on a Job that the operator made is the UID of the
	// BridgeDiagnosis that it was made for.
	AnnotationDiagnosis = "bridgestack.dev/diagnosis"
	// ProbeContainerPrefix begins the names of the ephemeral containers by which
	// a stack that allows it (spec.diagnosis.probeFromPod) is probed from inside
	// a failing pod.
	ProbeContainerPrefix = "bridgestack-probe-"
	// FinalizerTakeBack keeps a deleted diagnosis until its remedy, which is under
	// way, was taken back (spec.remediation.onDelete). Where the operator is gone,
	// a person may remove it: what was written then stays.
	FinalizerTakeBack = "bridgestack.dev/take-back"
	// FieldManager is the operator's name in managedFields.
	FieldManager = "bridgestack"
)
