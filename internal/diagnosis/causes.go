package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// entry is what is known about a cause, whatever shows it.
type entry struct {
	// family of the connection that the cause is about, familyAny where it is about none.
	family family
	// stage is how far a container has come when the cause shows itself.
	stage Stage
	// meaning says in one sentence what is the matter.
	meaning string
	// lead is how a finding's message begins, before what the log says; the
	// meaning where it is empty.
	lead string
	// advice is what a person does next, and what is known not to help.
	advice string
}

// Stage is how far a container has come when a cause shows itself.
type Stage int

// The stages, in their order.
const (
	// StagePlace: the API server lets the pod in, and a node takes it.
	StagePlace Stage = iota + 1
	// StageCreate: the kubelet makes the container.
	StageCreate
	// StageExec: the kernel starts its program.
	StageExec
	// StageConnect: the program reads its settings and connects to others, in an
	// order of its own.
	StageConnect
	// StageUse: the server let it in, and it uses what should be there.
	StageUse
	// StageRun: at any time of its run.
	StageRun
)

// StageOf is how far a container has come when a cause shows itself, 0 for what is no cause.
func StageOf(cause v1alpha1.Cause) Stage { return causes[cause].stage }

// Meaning says in one sentence what is the matter; empty for what is no cause.
func Meaning(cause v1alpha1.Cause) string { return causes[cause].meaning }

// Advice says what a person does next; empty for what is no cause.
func Advice(cause v1alpha1.Cause) string { return causes[cause].advice }

// familyOf is the family of a cause, familyAny for those of no connection.
func familyOf(cause v1alpha1.Cause) family { return causes[cause].family }

// leadOf is how a finding's message begins.
func leadOf(cause v1alpha1.Cause) string { return causes[cause].lead }

// causes are all that there are: adding one is a constant in the API and an
// entry here. TestCauses holds both against each other.
var causes = map[v1alpha1.Cause]entry{
	v1alpha1.CausePostgresHostNotFound: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "The host name that is configured for PostgreSQL does not resolve.",
		lead:    "The host name of Postgres does not resolve",
		advice:  "correct the host name in the container's settings, or create the Service that it names",
	},
	v1alpha1.CausePostgresUnreachable: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "PostgreSQL's address resolves, and no connection to it can be made.",
		lead:    "No connection to Postgres can be made",
		advice: "check that the server runs and listens on this port, and that no NetworkPolicy is between; " +
			"a restart of the client does not help",
	},
	v1alpha1.CausePostgresStarting: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "PostgreSQL is starting up, shutting down or recovering and accepts no connections.",
		lead:    "Postgres does not accept connections yet or any more",
		advice:  "wait for the server; if it does not get ready, read the server's own log",
	},
	v1alpha1.CausePostgresAuthFailed: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "PostgreSQL refuses the login.",
		lead:    "Postgres refuses the login",
		advice: "compare the password in the container's Secret with the role's on the server (ALTER ROLE " +
			"... PASSWORD); a restart does not help, and POSTGRES_PASSWORD on the server is read at the " +
			"first initdb only",
	},
	v1alpha1.CausePostgresAccessRejected: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "pg_hba.conf has no entry for this client, or rejects it.",
		lead:    "pg_hba.conf does not let this client in",
		advice:  "add an entry for this client to the server's pg_hba.conf and reload it",
	},
	v1alpha1.CausePostgresTLSMismatch: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "The client and PostgreSQL do not agree on TLS.",
		lead:    "Client and Postgres do not agree on TLS",
		advice:  "make both sides agree on TLS: the client's sslmode and the server's ssl setting",
	},
	v1alpha1.CausePostgresDatabaseMissing: {
		stage:   StageUse,
		family:  familyPostgres,
		meaning: "The database does not exist on the server.",
		lead:    "The database does not exist",
		advice:  "create the database, or correct its name in the container's env",
	},
	v1alpha1.CausePostgresSchemaMissing: {
		stage:   StageUse,
		family:  familyPostgres,
		meaning: "A table, column, schema or function that a migration should have made does not exist.",
		lead:    "A table, column, schema or function does not exist: a migration is missing",
		advice:  "run the migrations that this version of the service needs",
	},
	v1alpha1.CausePostgresPermissionDenied: {
		stage:   StageUse,
		family:  familyPostgres,
		meaning: "The PostgreSQL role lacks a privilege.",
		lead:    "The Postgres role lacks a privilege",
		advice:  "GRANT the role what the statement needs",
	},
	v1alpha1.CausePostgresConnectionsExhausted: {
		stage:   StageConnect,
		family:  familyPostgres,
		meaning: "PostgreSQL has no connection slot left.",
		lead:    "Postgres has no connection slot left",
		advice:  "lower the clients' pool sizes or raise max_connections; more clients make it worse",
	},
	v1alpha1.CausePostgresPoolExhausted: {
		stage:   StageRun,
		family:  familyPostgres,
		meaning: "The client's own connection pool is exhausted while the server still has slots.",
		lead:    "The client's own connection pool is exhausted",
		advice: "find the transactions that keep connections, or raise the pool's size within what the " +
			"server allows",
	},
	v1alpha1.CausePostgresDiskFull: {
		stage:   StageUse,
		family:  familyPostgres,
		meaning: "The PostgreSQL server's disk is full.",
		lead:    "Postgres' disk is full",
		advice:  "give the server's volume more space; the operator never touches volumes",
	},
	v1alpha1.CausePostgresReadOnly: {
		stage:   StageUse,
		family:  familyPostgres,
		meaning: "PostgreSQL accepts no writes: it is a standby, or transactions are read-only by default.",
		lead:    "Postgres is read-only",
		advice:  "connect to the primary: correct the host, or set target_session_attrs=read-write",
	},
	v1alpha1.CausePostgresConnectionLost: {
		stage:   StageRun,
		family:  familyPostgres,
		meaning: "An open connection to PostgreSQL was ended.",
		lead:    "An open connection to Postgres was ended",
		advice: "read the server's log of that moment: it was restarted, failed over, or something between " +
			"cuts idle connections",
	},
	v1alpha1.CauseKafkaHostNotFound: {
		stage:   StageConnect,
		family:  familyKafka,
		meaning: "None of the Kafka bootstrap hosts resolves.",
		lead:    "No Kafka bootstrap host resolves",
		advice: "correct the bootstrap servers in the container's settings, or create the Service that they " +
			"name",
	},
	v1alpha1.CauseKafkaUnreachable: {
		stage:   StageConnect,
		family:  familyKafka,
		meaning: "A Kafka bootstrap host resolves, and no connection to it can be made.",
		lead:    "No connection to Kafka can be made",
		advice:  "check that the broker runs and listens on this port, and that no NetworkPolicy is between",
	},
	v1alpha1.CauseKafkaAdvertisedListenerMismatch: {
		stage:   StageConnect,
		family:  familyKafka,
		meaning: "Kafka can be reached, but not at the address that the broker advertises.",
		lead:    "The address that the Kafka broker advertises cannot be reached from here",
		advice: "correct advertised.listeners of the broker for clients in this network; the client's own " +
			"settings are right",
	},
	v1alpha1.CauseKafkaAuthFailed: {
		stage:   StageConnect,
		family:  familyKafka,
		meaning: "Kafka refuses the login or its SASL mechanism.",
		lead:    "Kafka refuses the login or its mechanism",
		advice:  "compare the SASL mechanism and credentials of the container with the broker's",
	},
	v1alpha1.CauseKafkaTLSMismatch: {
		stage:   StageConnect,
		family:  familyKafka,
		meaning: "The client and Kafka do not agree on TLS.",
		lead:    "Client and Kafka do not agree on TLS",
		advice: "make both sides agree: the client's security.protocol and the protocol of the listener on " +
			"that port",
	},
	v1alpha1.CauseKafkaAuthorizationDenied: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "Kafka denies access to a topic, a group or the cluster.",
		lead:    "Kafka denies access to a topic, group or the cluster",
		advice:  "give the client's principal the ACL that the message names",
	},
	v1alpha1.CauseKafkaTopicMissing: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "A Kafka topic does not exist.",
		lead:    "A Kafka topic does not exist",
		advice:  "create the topic, or declare it in the stack so that the operator may",
	},
	v1alpha1.CauseKafkaCoordinatorUnavailable: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "Kafka has no leader or coordinator yet.",
		lead:    "Kafka has no leader or coordinator yet",
		advice: "wait for the brokers; if it lasts, look for partitions without a leader and for the " +
			"replication factor of __consumer_offsets",
	},
	v1alpha1.CauseKafkaNotEnoughReplicas: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "Kafka has fewer in-sync replicas than min.insync.replicas asks for.",
		lead:    "Kafka has too few in-sync replicas",
		advice:  "bring the missing brokers back; lowering min.insync.replicas risks data",
	},
	v1alpha1.CauseKafkaMessageTooLarge: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "A message is larger than Kafka accepts.",
		lead:    "A message is larger than Kafka accepts",
		advice: "make the message smaller, or raise max.message.bytes on the topic and max.request.size in " +
			"the client",
	},
	v1alpha1.CauseKafkaGroupUnstable: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "The Kafka consumer group does not settle: members come and go or are fenced.",
		lead:    "The consumer group does not settle",
		advice: "compare max.poll.interval.ms with how long a batch takes, and see that no two members share " +
			"an instance id",
	},
	v1alpha1.CauseKafkaDiskFull: {
		stage:   StageUse,
		family:  familyKafka,
		meaning: "A Kafka broker's disk is full or its log directory is offline.",
		lead:    "The Kafka broker's disk is full or broken",
		advice:  "give the broker's volume more space; the operator never touches volumes",
	},
	v1alpha1.CauseEnvVarMissing: {
		stage:   StageConnect,
		meaning: "A variable, key, secret or password that the program requires is not set.",
		lead:    "A required setting is missing",
		advice: "set the variable on the workload, or declare it under services[].env so that the operator " +
			"may",
	},
	v1alpha1.CauseEnvVarInvalid: {
		stage:   StageConnect,
		meaning: "The program rejects the value of a variable or setting.",
		lead:    "A setting's value is rejected",
		advice:  "correct the value that the message names",
	},
	v1alpha1.CauseConfigFileInvalid: {
		stage:   StageConnect,
		meaning: "A configuration file is missing, cannot be parsed, or holds what the program rejects.",
		lead:    "A configuration file is missing or rejected",
		advice: "correct the file that the message names, in its ConfigMap, Secret or image, and check where " +
			"it is mounted; many programs have a mode that only tests it",
	},
	v1alpha1.CauseLicenseInvalid: {
		stage:   StageConnect,
		meaning: "A license is missing, has expired or is of another edition.",
		lead:    "The license is not valid",
		advice:  "install a valid license for this edition and version; a restart does not help",
	},
	v1alpha1.CauseConfigRefMissing: {
		stage:   StageCreate,
		meaning: "A Secret, a ConfigMap or a key in one, that the container refers to, does not exist.",
		advice:  "create the Secret, ConfigMap or key that the message names, or correct the reference",
	},
	v1alpha1.CauseConfigStale: {
		stage:   StageConnect,
		meaning: "A Secret or ConfigMap was changed after the container had read it, and the new value works.",
		advice:  "restart the workload so that it reads the new value",
	},
	v1alpha1.CauseTLSConfigInvalid: {
		stage:   StageConnect,
		meaning: "The program's own certificate, key or CA file is missing, malformed or expired.",
		lead:    "The program's own certificate, key or CA file is missing or invalid",
		advice: "renew or correct the file that the message names, and check that certificate and key belong " +
			"together and where they are mounted",
	},
	v1alpha1.CauseArgumentsInvalid: {
		stage:   StageExec,
		meaning: "The program rejects its command line.",
		lead:    "The program rejects its command line",
		advice: "correct command or args: the message names the flag; compare them with the help of this " +
			"version of the image",
	},
	v1alpha1.CauseOOMKilled: {
		stage:   StageRun,
		meaning: "The kernel killed the container's main process at its memory limit.",
		advice:  "raise the container's memory limit or its ceiling, or find what uses the memory",
	},
	v1alpha1.CauseChildOOMKilled: {
		stage:   StageRun,
		meaning: "The kernel killed a child process at the memory limit, and the main process ended for that.",
		lead:    "A child process was killed, most likely at the memory limit",
		advice:  "raise the container's memory limit, or lower the number of workers",
	},
	v1alpha1.CauseHeapExhausted: {
		stage:   StageRun,
		meaning: "The runtime's own heap limit was reached.",
		lead:    "The runtime's own heap limit was reached",
		advice: "raise the heap limit (-Xmx, --max-old-space-size) together with the memory limit, or find " +
			"what fills the heap",
	},
	v1alpha1.CauseDiskFull: {
		stage:   StageRun,
		meaning: "No space is left on a file system of the container.",
		lead:    "No space is left on a file system of the container",
		advice:  "free space on the volume or make it larger; the operator never touches volumes",
	},
	v1alpha1.CauseEphemeralStorageExceeded: {
		stage:   StageRun,
		meaning: "The pod was evicted because it used more ephemeral storage than allowed.",
		advice:  "raise the limit for ephemeral-storage, or write to a volume",
	},
	v1alpha1.CauseFileDescriptorsExhausted: {
		stage:   StageRun,
		meaning: "The process ran out of file descriptors.",
		lead:    "The process ran out of file descriptors",
		advice:  "raise the limit (ulimit -n) of the container runtime or image, or find the leak",
	},
	v1alpha1.CauseThreadsExhausted: {
		stage:   StageRun,
		meaning: "No thread or process can be created any more.",
		lead:    "No thread or process can be created any more",
		advice:  "raise the pid limit of the pod or node, or lower the number of workers",
	},
	v1alpha1.CauseCPUStarved: {
		stage:   StageRun,
		meaning: "The container was throttled at its CPU limit until a time-out or a probe ended it.",
		advice:  "raise the CPU limit, or give the probe more time",
	},
	v1alpha1.CauseDeviceUnavailable: {
		stage:   StageCreate,
		meaning: "A GPU or other device is not there, its driver does not fit, or its memory is taken.",
		lead:    "A device is not available",
		advice: "check that the pod requests the device, that the node's driver fits the image, and what " +
			"else uses the device",
	},
	v1alpha1.CauseNodeSettingTooLow: {
		stage:   StageConnect,
		meaning: "A kernel setting of the node is too low for the program.",
		lead:    "A kernel setting of the node is too low",
		advice: "set the sysctl that the message names on the node (for example vm.max_map_count=262144 or " +
			"fs.inotify.max_user_instances), or load the module",
	},
	v1alpha1.CauseDataLocked: {
		stage:   StageConnect,
		meaning: "The program's data is locked by another process, or by a lock that an earlier run left.",
		lead:    "The data is locked",
		advice:  "make sure that no other instance uses the data; only then remove the stale lock by hand",
	},
	v1alpha1.CauseDataIncompatible: {
		stage:   StageConnect,
		meaning: "The data was written by a version that this one cannot read, or by another installation.",
		lead:    "The data is of another version or installation",
		advice: "run the version that wrote the data, and upgrade by the steps of its documentation; where " +
			"ids of a cluster or a node differ, mount the volume that belongs to this one or point it to its " +
			"own cluster; never delete the data",
	},
	v1alpha1.CauseDataCorrupt: {
		stage:   StageConnect,
		meaning: "The program's data is damaged.",
		lead:    "The data is damaged",
		advice: "stop the workload, take a copy of the volume, then restore a backup or use the program's " +
			"own repair tool",
	},
	v1alpha1.CauseMigrationFailed: {
		stage: StageUse,
		meaning: "A migration failed, is recorded as dirty or locked, or does not fit this version, and the " +
			"program refuses to start.",
		lead: "A migration is in the way",
		advice: "read which migration it is, mend the schema by hand, then clear the mark as the migration " +
			"tool documents",
	},
	v1alpha1.CauseLivenessProbeFailed: {
		stage:   StageRun,
		meaning: "The kubelet killed the container because its liveness probe failed.",
		advice: "find out why the probe's endpoint does not answer in time; compare the probe's numbers with " +
			"the log",
	},
	v1alpha1.CauseStartupProbeFailed: {
		stage: StageRun,
		meaning: "The kubelet killed the container because it did not start within what its startup probe " +
			"allows.",
		advice: "give the startup probe more time (failureThreshold times periodSeconds), or find what slows " +
			"the start",
	},
	v1alpha1.CauseLifecycleHookFailed: {
		stage:   StageExec,
		meaning: "A lifecycle hook of the container failed.",
		advice:  "run the hook's command in the image by hand; a failing postStart kills the container",
	},
	v1alpha1.CauseCommandNotFound: {
		stage:   StageExec,
		meaning: "There is no such executable in the image.",
		lead:    "A command was not found",
		advice: "correct command or args: the image has no such executable, or, for a script, not the " +
			"interpreter of its first line",
	},
	v1alpha1.CauseCommandNotExecutable: {
		stage:   StageExec,
		meaning: "The command may not be executed.",
		lead:    "A command could not be executed",
		advice:  "set the executable bit in the image, or defaultMode of the volume that it comes from",
	},
	v1alpha1.CauseExecFormatError: {
		stage:   StageExec,
		meaning: "The file is no executable for this machine, or its interpreter is not there.",
		lead:    "A file is no executable for this machine",
		advice: "build or pull the image for the node's architecture; for a script, check its first line and " +
			"its line endings",
	},
	v1alpha1.CauseBinaryIncompatible: {
		stage: StageExec,
		meaning: "The loader or the processor refuses the program: a library, a symbol or an instruction set " +
			"is missing.",
		lead: "The program does not fit the system that it runs on",
		advice: "use an image that was built for this base system and processor; install the library that " +
			"the message names",
	},
	v1alpha1.CausePermissionDenied: {
		stage:   StageConnect,
		meaning: "The kernel denies access to a file, a port or a capability.",
		lead:    "The kernel denies access to a file, port or capability",
		advice: "compare the container's user with the owner of the path (runAsUser, fsGroup), or add the " +
			"capability",
	},
	v1alpha1.CauseReadOnlyFilesystem: {
		stage:   StageConnect,
		meaning: "The program writes to a file system that is read-only.",
		lead:    "A file system is read-only",
		advice:  "mount a writable volume at the path, or set readOnlyRootFilesystem to false",
	},
	v1alpha1.CausePortInUse: {
		stage:   StageConnect,
		meaning: "A port that the program listens on is already in use.",
		lead:    "A port is already in use",
		advice: "change one of the ports: the containers of a pod, and pods with hostNetwork on a node, " +
			"share them",
	},
	v1alpha1.CauseRunAsNonRootViolation: {
		stage: StageCreate,
		meaning: "The pod demands a user other than root, and the image runs as root or as a user without a " +
			"number.",
		advice: "set runAsUser to a number, or use an image with a numeric user",
	},
	v1alpha1.CauseImagePullFailed: {
		stage:   StageCreate,
		meaning: "The image cannot be pulled.",
		advice:  "correct the image's name or tag, or the pull credentials",
	},
	v1alpha1.CauseVolumeMountFailed: {
		stage:   StageCreate,
		meaning: "A volume cannot be attached or mounted.",
		advice:  "read the event: the claim, the node's zone, the Secret or the storage driver is at fault",
	},
	v1alpha1.CauseSandboxFailed: {
		stage:   StageCreate,
		meaning: "The pod's sandbox cannot be made: the network plugin, the runtime or one of its hooks fails.",
		advice:  "read the log of the network plugin and of the container runtime on the node",
	},
	v1alpha1.CauseSecurityProfileMissing: {
		stage:   StageCreate,
		meaning: "The seccomp or AppArmor profile that the pod asks for is not on the node.",
		lead:    "A security profile is not on the node",
		advice:  "load the profile on every node, or correct its name in the security context",
	},
	v1alpha1.CauseSegfault: {
		stage:   StageRun,
		meaning: "The main process ended by a signal for a fault of its own.",
		lead:    "The process crashed",
		advice: "take a core dump or the runtime's crash report to those who build the image; a native " +
			"library or the base image's version is likely",
	},
	v1alpha1.CauseApplicationError: {
		stage:   StageRun,
		meaning: "The program failed by its own logic.",
		lead:    "The program failed by its own logic",
		advice:  "read the cited lines; roll back if the last rollout brought it",
	},
	v1alpha1.CauseCompletedExit: {
		stage: StageRun,
		meaning: "The program ended by itself with exit code 0 and is restarted because its restart policy is " +
			"Always.",
		advice: "a program that ends by itself is a Job, or must keep running in the foreground",
	},
	v1alpha1.CauseDeadlineExceeded: {
		stage:   StageUse,
		meaning: "It ran for longer than its activeDeadlineSeconds and was ended for that.",
		advice: "find what it waited for or why it was slow (its log is gone with its pod, unless it is kept " +
			"elsewhere); where the work has grown, raise activeDeadlineSeconds",
	},
	v1alpha1.CauseDNSUnavailable: {
		stage:   StageConnect,
		meaning: "The resolver itself does not answer.",
		lead:    "The resolver does not answer",
		advice:  "check the cluster's DNS (CoreDNS), the pod's dnsPolicy and NetworkPolicies for port 53",
	},
	v1alpha1.CauseDependencyUnhealthy: {
		stage:   StageConnect,
		meaning: "A service that this one depends on is itself down or restarting.",
		advice:  "look at that service's own diagnosis",
	},
	v1alpha1.CauseUpstreamUnreachable: {
		stage:   StageConnect,
		family:  familyUpstream,
		meaning: "Another server cannot be resolved or reached.",
		lead:    "Another server cannot be reached",
		advice:  "check the address in the settings, that the server runs, and NetworkPolicies",
	},
	v1alpha1.CauseUpstreamAuthFailed: {
		stage:   StageConnect,
		family:  familyUpstream,
		meaning: "Another server refuses the credentials.",
		lead:    "Another server refuses the login",
		advice:  "compare the credentials in the container's Secret with the server's; a restart does not help",
	},
	v1alpha1.CauseUpstreamOverloaded: {
		stage:   StageConnect,
		family:  familyUpstream,
		meaning: "Another server has no slot left or is too busy.",
		lead:    "Another server is too busy",
		advice:  "lower the number of clients or requests, or give the server more; more clients make it worse",
	},
	v1alpha1.CauseUpstreamConnectionLost: {
		stage:   StageRun,
		family:  familyUpstream,
		meaning: "Another server ended an open connection.",
		lead:    "Another server ended the connection",
		advice: "read that server's log of the moment: it was restarted, failed over, or something between " +
			"cuts connections",
	},
	v1alpha1.CauseUpstreamStarting: {
		stage:   StageConnect,
		family:  familyUpstream,
		meaning: "Another server is loading, or has no primary or leader yet.",
		lead:    "Another server is not ready yet",
		advice:  "wait for the server; if it lasts, read its own log",
	},
	v1alpha1.CauseUpstreamRejectsWrites: {
		stage:   StageUse,
		family:  familyUpstream,
		meaning: "Another server accepts no writes: it is read-only, full or past its watermark.",
		lead:    "Another server accepts no writes",
		advice:  "free space on that server and lift its block, or connect to its primary",
	},
	v1alpha1.CauseUpstreamTLSMismatch: {
		stage:   StageConnect,
		family:  familyUpstream,
		meaning: "The client and another server do not agree on TLS.",
		lead:    "The client and another server do not agree on TLS",
		advice: "make both sides agree on TLS, and give the client the CA that signed the server's " +
			"certificate",
	},
	v1alpha1.CauseUpstreamIncompatible: {
		stage:  StageUse,
		family: familyUpstream,
		meaning: "Another server has the object with other settings, speaks another version, or does not know " +
			"the feature.",
		lead: "Another server does not fit this client",
		advice: "compare the versions of client and server, and the object's settings with those that the " +
			"client declares",
	},
	v1alpha1.CauseAPIForbidden: {
		stage:   StageConnect,
		meaning: "The Kubernetes API refuses what the program asks for.",
		lead:    "The Kubernetes API refuses the program",
		advice: "give the pod's ServiceAccount the Role that the message names, or read which admission " +
			"policy refuses",
	},
	v1alpha1.CauseLeaderElectionLost: {
		stage:   StageRun,
		meaning: "The program ended itself because it lost its leader election lease.",
		lead:    "The program lost its lease",
		advice: "look for a slow API server, a starved CPU or a node without connection at that time; the " +
			"restart itself is meant",
	},
	v1alpha1.CauseUnschedulable: {
		stage:   StagePlace,
		meaning: "No node takes the pod.",
		advice: "lower what the pod asks for to what a node has free, add a node, or correct the taint, label " +
			"or affinity that the message names; a restart does not help",
	},
	v1alpha1.CausePodsNotCreated: {
		stage:   StagePlace,
		meaning: "The API server refuses to create the pods.",
		advice: "change what refuses, or the pod template so that it is let in; the controller tries again by " +
			"itself, a restart does not help",
	},
	v1alpha1.CauseVolumePending: {
		stage:   StagePlace,
		meaning: "A volume that the pod claims is not there.",
		advice: "create the claim or its storage class, or look why its provisioner makes no volume; the " +
			"operator never touches volumes",
	},
	v1alpha1.CauseInitWaiting: {
		stage:   StageConnect,
		meaning: "An init container runs and does not end, so that the pod's own containers do not start.",
		advice:  "look at what the init container waits for; more time does not help where that never comes",
	},
	v1alpha1.CauseNotReady: {
		stage:   StageRun,
		meaning: "The container runs, and its readiness probe fails, so that it gets no traffic.",
		advice: "look at what the probe's own answer says; if it asks the wrong port, path or scheme, correct " +
			"the probe",
	},
	v1alpha1.CauseNodeLost: {
		stage:   StagePlace,
		meaning: "The node of the pod does not answer.",
		advice: "bring the node back, or delete it if it is gone for good, so that its pods are made elsewhere; " +
			"pods of a StatefulSet wait for that",
	},
	v1alpha1.CauseUnknown: {
		meaning: "Nothing in the evidence shows why the container ends.",
		advice:  "read the cited evidence and the log; no rule recognises what ended the container",
	},
}
