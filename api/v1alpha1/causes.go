package v1alpha1

// Cause is what made a container end, again and again, or what keeps its pods from
// being up: exactly one for an incident. The list is closed and a name, once released, keeps its meaning. Where
// two fit, the one lower in the chain of events wins.
type Cause string

// Postgres.
const (
	// CausePostgresHostNotFound: the configured host does not resolve (NXDOMAIN, no address).
	CausePostgresHostNotFound Cause = "PostgresHostNotFound"
	// CausePostgresUnreachable: the host resolves; the TCP connection is refused, times out or has no route.
	CausePostgresUnreachable Cause = "PostgresUnreachable"
	// CausePostgresStarting: the server answers 57P03: starting up, shutting down, in recovery, not yet accepting connections.
	CausePostgresStarting Cause = "PostgresStarting"
	// CausePostgresAuthFailed: 28P01; 28000 because the role is missing; no password supplied where one is wanted; unsupported or failed SASL exchange.
	CausePostgresAuthFailed Cause = "PostgresAuthFailed"
	// CausePostgresAccessRejected: pg_hba.conf has no entry for, or rejects, this host, user or database, TLS not being the reason.
	CausePostgresAccessRejected Cause = "PostgresAccessRejected"
	// CausePostgresTLSMismatch: one side wants TLS and the other refuses it, or the certificate does not verify.
	CausePostgresTLSMismatch Cause = "PostgresTLSMismatch"
	// CausePostgresDatabaseMissing: 3D000.
	CausePostgresDatabaseMissing Cause = "PostgresDatabaseMissing"
	// CausePostgresSchemaMissing: 42P01, 42703, 3F000, 42883: a table, column, schema or function that a migration should have made.
	CausePostgresSchemaMissing Cause = "PostgresSchemaMissing"
	// CausePostgresPermissionDenied: 42501.
	CausePostgresPermissionDenied Cause = "PostgresPermissionDenied"
	// CausePostgresConnectionsExhausted: 53300: the server has no slot left.
	CausePostgresConnectionsExhausted Cause = "PostgresConnectionsExhausted"
	// CausePostgresPoolExhausted: the client's own pool timed out or is full; the server still has slots.
	CausePostgresPoolExhausted Cause = "PostgresPoolExhausted"
	// CausePostgresDiskFull: 53100.
	CausePostgresDiskFull Cause = "PostgresDiskFull"
	// CausePostgresReadOnly: 25006: a standby, or default_transaction_read_only.
	CausePostgresReadOnly Cause = "PostgresReadOnly"
	// CausePostgresConnectionLost: an open connection was ended: 57P01, 57P02, 08006, reset, terminated unexpectedly.
	CausePostgresConnectionLost Cause = "PostgresConnectionLost"
)

// Kafka.
const (
	// CauseKafkaHostNotFound: no bootstrap host resolves.
	CauseKafkaHostNotFound Cause = "KafkaHostNotFound"
	// CauseKafkaUnreachable: a bootstrap host resolves; no connection to it can be made.
	CauseKafkaUnreachable Cause = "KafkaUnreachable"
	// CauseKafkaAdvertisedListenerMismatch: bootstrap and metadata work; the address that the broker advertises cannot be reached from here.
	CauseKafkaAdvertisedListenerMismatch Cause = "KafkaAdvertisedListenerMismatch"
	// CauseKafkaAuthFailed: SASL authentication failed, an unsupported mechanism, or SASL missing on one side.
	CauseKafkaAuthFailed Cause = "KafkaAuthFailed"
	// CauseKafkaTLSMismatch: TLS against a plaintext listener, plaintext against a TLS listener, or a certificate that does not verify.
	CauseKafkaTLSMismatch Cause = "KafkaTLSMismatch"
	// CauseKafkaAuthorizationDenied: topic, group, cluster or transactional-id authorization failed.
	CauseKafkaAuthorizationDenied Cause = "KafkaAuthorizationDenied"
	// CauseKafkaTopicMissing: unknown topic or partition, and the topic is not there.
	CauseKafkaTopicMissing Cause = "KafkaTopicMissing"
	// CauseKafkaCoordinatorUnavailable: leader or coordinator not available, controller moving, broker still starting.
	CauseKafkaCoordinatorUnavailable Cause = "KafkaCoordinatorUnavailable"
	// CauseKafkaNotEnoughReplicas: 19, 20.
	CauseKafkaNotEnoughReplicas Cause = "KafkaNotEnoughReplicas"
	// CauseKafkaMessageTooLarge: 10, 18.
	CauseKafkaMessageTooLarge Cause = "KafkaMessageTooLarge"
	// CauseKafkaGroupUnstable: endless rebalance, fenced or unknown member, poll interval exceeded.
	CauseKafkaGroupUnstable Cause = "KafkaGroupUnstable"
	// CauseKafkaDiskFull: 56, log directory offline.
	CauseKafkaDiskFull Cause = "KafkaDiskFull"
)

// Configuration.
const (
	// CauseEnvVarMissing: the program says that a required variable, key, secret or password is not set.
	CauseEnvVarMissing Cause = "EnvVarMissing"
	// CauseEnvVarInvalid: the program rejects the value of a variable or setting that is set, also an empty one.
	CauseEnvVarInvalid Cause = "EnvVarInvalid"
	// CauseConfigFileInvalid: a configuration file is missing, cannot be parsed, or has keys or values that the program rejects.
	CauseConfigFileInvalid Cause = "ConfigFileInvalid"
	// CauseLicenseInvalid: a license is missing, expired or of another edition.
	CauseLicenseInvalid Cause = "LicenseInvalid"
	// CauseConfigRefMissing: CreateContainerConfigError: a Secret, a ConfigMap or a key in one does not exist.
	CauseConfigRefMissing Cause = "ConfigRefMissing"
	// CauseConfigStale: a Secret or ConfigMap was changed after the container, or an init
	// container of its pod, had read it, and the new value works.
	CauseConfigStale Cause = "ConfigStale"
	// CauseTLSConfigInvalid: the program's own certificate, key or CA file is missing, malformed or expired.
	CauseTLSConfigInvalid Cause = "TLSConfigInvalid"
	// CauseArgumentsInvalid: the program rejects its command line: usage text, unknown flag.
	CauseArgumentsInvalid Cause = "ArgumentsInvalid"
)

// Resources.
const (
	// CauseOOMKilled: the kernel killed the container's main process at its memory limit.
	CauseOOMKilled Cause = "OOMKilled"
	// CauseChildOOMKilled: the kernel killed a child at the limit; the main process then ended by itself.
	CauseChildOOMKilled Cause = "ChildOOMKilled"
	// CauseHeapExhausted: the runtime's own limit: Java heap, V8 heap, Python MemoryError, Go memory limit death spiral.
	CauseHeapExhausted Cause = "HeapExhausted"
	// CauseDiskFull: ENOSPC on a volume or the container's file system.
	CauseDiskFull Cause = "DiskFull"
	// CauseEphemeralStorageExceeded: evicted for ephemeral storage.
	CauseEphemeralStorageExceeded Cause = "EphemeralStorageExceeded"
	// CauseFileDescriptorsExhausted: EMFILE, ENFILE.
	CauseFileDescriptorsExhausted Cause = "FileDescriptorsExhausted"
	// CauseThreadsExhausted: EAGAIN on fork or clone, 'can't start new thread', pids limit.
	CauseThreadsExhausted Cause = "ThreadsExhausted"
	// CauseCPUStarved: throttled at the CPU limit until a timeout or a probe ended it.
	CauseCPUStarved Cause = "CPUStarved"
	// CauseDeviceUnavailable: a GPU or other device, its driver or runtime hook is not there or has no memory left.
	CauseDeviceUnavailable Cause = "DeviceUnavailable"
	// CauseNodeSettingTooLow: a kernel setting of the node is too low or a kernel module is not loaded: vm.max_map_count, fs.inotify.*, huge pages.
	CauseNodeSettingTooLow Cause = "NodeSettingTooLow"
)

// State.
const (
	// CauseDataLocked: the data is locked by another process or by what an earlier run left: postmaster.pid, server.pid, a node or database lock.
	CauseDataLocked Cause = "DataLocked"
	// CauseDataIncompatible: the data was written by another version: downgrade refused, "database files are incompatible with server".
	CauseDataIncompatible Cause = "DataIncompatible"
	// CauseDataCorrupt: checksums do not match, or a log or checkpoint cannot be read; always for a person.
	CauseDataCorrupt Cause = "DataCorrupt"
	// CauseMigrationFailed: a migration is recorded as failed, dirty, locked, unknown or not yet run, and the program refuses to start for that.
	CauseMigrationFailed Cause = "MigrationFailed"
)

// Probes and lifecycle.
const (
	// CauseLivenessProbeFailed: the kubelet killed a container that had started.
	CauseLivenessProbeFailed Cause = "LivenessProbeFailed"
	// CauseStartupProbeFailed: the kubelet killed a container that was still starting.
	CauseStartupProbeFailed Cause = "StartupProbeFailed"
	// CauseLifecycleHookFailed: FailedPostStartHook, FailedPreStopHook.
	CauseLifecycleHookFailed Cause = "LifecycleHookFailed"
)

// Container.
const (
	// CauseCommandNotFound: no such executable: StartError, 127.
	CauseCommandNotFound Cause = "CommandNotFound"
	// CauseCommandNotExecutable: 126, permission denied on exec.
	CauseCommandNotExecutable Cause = "CommandNotExecutable"
	// CauseExecFormatError: wrong architecture; a script whose interpreter is not there (also CRLF after #!), whatever the exit code.
	CauseExecFormatError Cause = "ExecFormatError"
	// CauseBinaryIncompatible: the loader or the processor refuses the program: GLIBC_x not found, a shared library missing, x86-64-v2, a native module of another ABI.
	CauseBinaryIncompatible Cause = "BinaryIncompatible"
	// CausePermissionDenied: EACCES or EPERM on a file, port or capability at run time.
	CausePermissionDenied Cause = "PermissionDenied"
	// CauseReadOnlyFilesystem: EROFS.
	CauseReadOnlyFilesystem Cause = "ReadOnlyFilesystem"
	// CausePortInUse: EADDRINUSE.
	CausePortInUse Cause = "PortInUse"
	// CauseRunAsNonRootViolation: the image's user breaks runAsNonRoot.
	CauseRunAsNonRootViolation Cause = "RunAsNonRootViolation"
	// CauseImagePullFailed: ErrImagePull, ImagePullBackOff, InvalidImageName, ErrImageNeverPull; the evidence tells a wrong name or tag, missing credentials and an unreachable registry apart.
	CauseImagePullFailed Cause = "ImagePullFailed"
	// CauseVolumeMountFailed: FailedMount, FailedAttachVolume.
	CauseVolumeMountFailed Cause = "VolumeMountFailed"
	// CauseSandboxFailed: FailedCreatePodSandBox or a runtime hook (CNI, runtime), the text not being about memory.
	CauseSandboxFailed Cause = "SandboxFailed"
	// CauseSecurityProfileMissing: the seccomp or AppArmor profile is not on the node.
	CauseSecurityProfileMissing Cause = "SecurityProfileMissing"
	// CauseSegfault: SIGSEGV, SIGBUS, SIGILL, SIGABRT of the main process.
	CauseSegfault Cause = "Segfault"
)

// Application.
const (
	// CauseApplicationError: an unhandled exception, panic or fatal log line in the program's own logic, none of the above beneath it.
	CauseApplicationError Cause = "ApplicationError"
	// CauseCompletedExit: exit 0 under restartPolicy Always.
	CauseCompletedExit Cause = "CompletedExit"
	// CauseDeadlineExceeded: a Job or a pod ran for longer than its activeDeadlineSeconds and was ended for that.
	CauseDeadlineExceeded Cause = "DeadlineExceeded"
)

// Network and dependencies.
const (
	// CauseDNSUnavailable: the resolver itself fails (SERVFAIL, time-out, EAI_AGAIN), not one name.
	CauseDNSUnavailable Cause = "DNSUnavailable"
	// CauseDependencyUnhealthy: a service that this one depends on is itself down or looping; that service's diagnosis is the root.
	CauseDependencyUnhealthy Cause = "DependencyUnhealthy"
	// CauseUpstreamUnreachable: some other host (HTTP, MySQL, Redis, RabbitMQ, Consul, Vault) cannot be resolved or reached.
	CauseUpstreamUnreachable Cause = "UpstreamUnreachable"
	// CauseUpstreamAuthFailed: such a host refuses the credentials.
	CauseUpstreamAuthFailed Cause = "UpstreamAuthFailed"
	// CauseUpstreamOverloaded: such a host answers that it has no slot left or is too busy.
	CauseUpstreamOverloaded Cause = "UpstreamOverloaded"
	// CauseUpstreamConnectionLost: such a host ended an open connection.
	CauseUpstreamConnectionLost Cause = "UpstreamConnectionLost"
	// CauseUpstreamStarting: such a host answers that it is loading, has no primary or no leader yet.
	CauseUpstreamStarting Cause = "UpstreamStarting"
	// CauseUpstreamRejectsWrites: such a host is read-only, full or past its watermark.
	CauseUpstreamRejectsWrites Cause = "UpstreamRejectsWrites"
	// CauseUpstreamTLSMismatch: one side wants TLS and the other refuses it, or the host's certificate does not verify.
	CauseUpstreamTLSMismatch Cause = "UpstreamTLSMismatch"
	// CauseUpstreamIncompatible: such a host has the object with other settings, speaks another version, or does not know the feature.
	CauseUpstreamIncompatible Cause = "UpstreamIncompatible"
	// CauseAPIForbidden: the Kubernetes API refuses the program: RBAC, admission.
	CauseAPIForbidden Cause = "ApiForbidden"
	// CauseLeaderElectionLost: the program ended itself because it lost its lease.
	CauseLeaderElectionLost Cause = "LeaderElectionLost"
)

// Down without a loop: nothing restarts, and the service is down all the same.
const (
	// CauseUnschedulable: no node takes the pod: resources, affinity, taints, a volume's zone; the scheduler's own words.
	CauseUnschedulable Cause = "Unschedulable"
	// CausePodsNotCreated: the API server refuses to create the pods: a quota, a LimitRange, Pod Security, an admission webhook, a missing ServiceAccount.
	CausePodsNotCreated Cause = "PodsNotCreated"
	// CauseVolumePending: a claim of the pod does not exist or is not bound, or its storage class does not exist.
	CauseVolumePending Cause = "VolumePending"
	// CauseInitWaiting: an init container runs and does not end; the message says what it waits for.
	CauseInitWaiting Cause = "InitWaiting"
	// CauseNotReady: the container runs, and its readiness probe fails for longer than the start that it is given.
	CauseNotReady Cause = "NotReady"
	// CauseNodeLost: the pod's node does not answer, or is gone.
	CauseNodeLost Cause = "NodeLost"
)

// No cause shown.
const (
	// CauseUnknown: nothing above is shown by the evidence; a person decides.
	CauseUnknown Cause = "Unknown"
)

// Causes is the closed list, in the order of its documentation.
var Causes = []Cause{
	CausePostgresHostNotFound,
	CausePostgresUnreachable,
	CausePostgresStarting,
	CausePostgresAuthFailed,
	CausePostgresAccessRejected,
	CausePostgresTLSMismatch,
	CausePostgresDatabaseMissing,
	CausePostgresSchemaMissing,
	CausePostgresPermissionDenied,
	CausePostgresConnectionsExhausted,
	CausePostgresPoolExhausted,
	CausePostgresDiskFull,
	CausePostgresReadOnly,
	CausePostgresConnectionLost,
	CauseKafkaHostNotFound,
	CauseKafkaUnreachable,
	CauseKafkaAdvertisedListenerMismatch,
	CauseKafkaAuthFailed,
	CauseKafkaTLSMismatch,
	CauseKafkaAuthorizationDenied,
	CauseKafkaTopicMissing,
	CauseKafkaCoordinatorUnavailable,
	CauseKafkaNotEnoughReplicas,
	CauseKafkaMessageTooLarge,
	CauseKafkaGroupUnstable,
	CauseKafkaDiskFull,
	CauseEnvVarMissing,
	CauseEnvVarInvalid,
	CauseConfigFileInvalid,
	CauseLicenseInvalid,
	CauseConfigRefMissing,
	CauseConfigStale,
	CauseTLSConfigInvalid,
	CauseArgumentsInvalid,
	CauseOOMKilled,
	CauseChildOOMKilled,
	CauseHeapExhausted,
	CauseDiskFull,
	CauseEphemeralStorageExceeded,
	CauseFileDescriptorsExhausted,
	CauseThreadsExhausted,
	CauseCPUStarved,
	CauseDeviceUnavailable,
	CauseNodeSettingTooLow,
	CauseDataLocked,
	CauseDataIncompatible,
	CauseDataCorrupt,
	CauseMigrationFailed,
	CauseLivenessProbeFailed,
	CauseStartupProbeFailed,
	CauseLifecycleHookFailed,
	CauseCommandNotFound,
	CauseCommandNotExecutable,
	CauseExecFormatError,
	CauseBinaryIncompatible,
	CausePermissionDenied,
	CauseReadOnlyFilesystem,
	CausePortInUse,
	CauseRunAsNonRootViolation,
	CauseImagePullFailed,
	CauseVolumeMountFailed,
	CauseSandboxFailed,
	CauseSecurityProfileMissing,
	CauseSegfault,
	CauseApplicationError,
	CauseCompletedExit,
	CauseDeadlineExceeded,
	CauseDNSUnavailable,
	CauseDependencyUnhealthy,
	CauseUpstreamUnreachable,
	CauseUpstreamAuthFailed,
	CauseUpstreamOverloaded,
	CauseUpstreamConnectionLost,
	CauseUpstreamStarting,
	CauseUpstreamRejectsWrites,
	CauseUpstreamTLSMismatch,
	CauseUpstreamIncompatible,
	CauseAPIForbidden,
	CauseLeaderElectionLost,
	CauseUnschedulable,
	CausePodsNotCreated,
	CauseVolumePending,
	CauseInitWaiting,
	CauseNotReady,
	CauseNodeLost,
	CauseUnknown,
}
