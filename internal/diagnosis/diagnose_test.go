package diagnosis

import (
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

var (
	started  = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	finished = started.Add(40 * time.Second)
)

// ended is a case of a container that ended so and waits for its next run.
func ended(code int32, reason, message string) evidence.Case {
	return evidence.Case{
		Now: finished.Add(5 * time.Second),
		Pod: evidence.Pod{Namespace: "shop", Name: "app-0", RestartPolicy: "Always"},
		Container: evidence.Container{
			Name: "app", Role: evidence.RoleMain, Restarts: 5, Image: "registry.example.com/app:1", Command: []string{"/app/run.sh"},
			Resources:       evidence.Resources{MemoryLimit: 128 << 20, CPULimit: 100},
			Waiting:         &evidence.Waiting{Reason: "CrashLoopBackOff", Message: "back-off 40s restarting failed container=app"},
			LastTermination: &evidence.Termination{ExitCode: code, Reason: reason, Message: message, StartedAt: started, Finished: finished},
		},
	}
}

// waits is a case of a container that has not run.
func waits(reason, message string) evidence.Case {
	c := ended(0, "", "")
	c.Container.LastTermination = nil
	c.Container.Waiting = &evidence.Waiting{Reason: reason, Message: message}
	return c
}

func (c caseWith) event(reason, message string, at time.Time) caseWith {
	c.Case.Events = append(c.Case.Events, evidence.Event{Type: "Warning", Reason: reason, Message: message, Count: 3, Last: at})
	return c
}

func (c caseWith) log(text string) caseWith {
	c.Case.Log.Previous = []byte(text)
	return c
}

func (c caseWith) throttled(share float64) caseWith {
	c.Case.Container.Throttled = share
	return c
}

type caseWith struct{ evidence.Case }

// The messages are worded as the kubelet, containerd and runc word them.
func TestDiagnoseByState(t *testing.T) {
	const kill = "Container app failed liveness probe, will be restarted"
	tests := map[string]struct {
		evidence   evidence.Case
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
		subject    Subject
		says       string
	}{
		"killed at the limit":      {evidence: ended(137, "OOMKilled", ""), cause: v1alpha1.CauseOOMKilled, confidence: v1alpha1.ConfidenceHigh, says: "128Mi"},
		"a child killed":           {evidence: ended(1, "OOMKilled", ""), cause: v1alpha1.CauseChildOOMKilled, confidence: v1alpha1.ConfidenceHigh},
		"killed before it started": {evidence: ended(128, "StartError", `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?)`), cause: v1alpha1.CauseOOMKilled, confidence: v1alpha1.ConfidenceHigh},
		"liveness, SIGKILL":        {evidence: caseWith{ended(137, "Error", "")}.event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", finished.Add(-31*time.Second)).event("Killing", kill, finished.Add(-30*time.Second)).Case, cause: v1alpha1.CauseLivenessProbeFailed, confidence: v1alpha1.ConfidenceHigh},
		"liveness, clean exit":     {evidence: caseWith{ended(0, "Completed", "")}.event("Killing", kill, finished).Case, cause: v1alpha1.CauseLivenessProbeFailed, confidence: v1alpha1.ConfidenceHigh},
		"liveness of an old run":   {evidence: caseWith{ended(137, "Error", "")}.event("Killing", kill, started.Add(-time.Hour)).Case, cause: v1alpha1.CauseUnknown, confidence: v1alpha1.ConfidenceLow},
		"another container's":      {evidence: caseWith{ended(137, "Error", "")}.event("Killing", "Container proxy failed liveness probe, will be restarted", finished).Case, cause: v1alpha1.CauseUnknown, confidence: v1alpha1.ConfidenceLow},
		"startup probe":            {evidence: caseWith{ended(137, "Error", "")}.event("Killing", "Container app failed startup probe, will be restarted", finished.Add(-3*time.Second)).Case, cause: v1alpha1.CauseStartupProbeFailed, confidence: v1alpha1.ConfidenceHigh},
		"starved": {
			evidence: caseWith{ended(137, "Error", "")}.event("Unhealthy", `Liveness probe failed: Get "http://10.244.0.7:8080/health": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, finished.Add(-2*time.Second)).event("Killing", kill, finished.Add(-time.Second)).throttled(0.93).Case,
			cause:    v1alpha1.CauseCPUStarved, confidence: v1alpha1.ConfidenceHigh, says: "93 %",
		},
		"seccomp profile":                     {evidence: waits("CreateContainerError", `failed to create containerd container: cannot load seccomp profile "/var/lib/kubelet/seccomp/app.json": open /var/lib/kubelet/seccomp/app.json: no such file or directory`), cause: v1alpha1.CauseSecurityProfileMissing, confidence: v1alpha1.ConfidenceHigh},
		"no GPU hook":                         {evidence: ended(128, "StartError", `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: error running prestart hook #0: exit status 1, stderr: nvidia-container-cli: initialization error: nvml error: driver not loaded`), cause: v1alpha1.CauseDeviceUnavailable, confidence: v1alpha1.ConfidenceHigh},
		"a Secret that only an event names":   {evidence: caseWith{waits("CreateContainerConfigError", "")}.event("Failed", `Error: secret "orders-db" not found`, finished).Case, cause: v1alpha1.CauseConfigRefMissing, confidence: v1alpha1.ConfidenceHigh, subject: Subject{Object: "Secret/orders-db"}},
		"interpreter not there, 127":          {evidence: caseWith{ended(127, "Error", "")}.log("/app/run.sh: line 3: ./tool: cannot execute: required file not found").Case, cause: v1alpha1.CauseExecFormatError, confidence: v1alpha1.ConfidenceHigh},
		"library not there, 127":              {evidence: caseWith{ended(127, "Error", "")}.log("/app/server: error while loading shared libraries: libpq.so.5: cannot open shared object file: No such file or directory").Case, cause: v1alpha1.CauseBinaryIncompatible, confidence: v1alpha1.ConfidenceMedium},
		"exit 0 after a crash report":         {evidence: caseWith{ended(0, "Completed", "")}.log("2026-11-24 10:00:00 [error] <0.222.0> {cannot_create_mnesia_dir,\"/data\",eacces}\nKernel pid terminated (application_controller) ({application_start_failure,rabbit,{{cannot_create_mnesia_dir,\"/data\",eacces},{rabbit,start,[normal,[]]}}})\n\nCrash dump is being written to: erl_crash.dump...done").Case, cause: v1alpha1.CausePermissionDenied, confidence: v1alpha1.ConfidenceMedium},
		"exit 0 with a reason":                {evidence: caseWith{ended(0, "Completed", "")}.log("starting\nERROR DATABASE_URL is not set").Case, cause: v1alpha1.CauseEnvVarMissing, confidence: v1alpha1.ConfidenceMedium},
		"killed by the docker shim's kubelet": {evidence: caseWith{ended(137, "Error", "")}.event("Killing", `Killing container with id docker://app:pod "app" container "app" is unhealthy, it will be killed and re-created.`, finished).Case, cause: v1alpha1.CauseLivenessProbeFailed, confidence: v1alpha1.ConfidenceHigh},
		"post-start hook":                     {evidence: caseWith{ended(137, "Error", "")}.event("FailedPostStartHook", `PostStartHook failed`, finished.Add(-time.Second)).Case, cause: v1alpha1.CauseLifecycleHookFailed, confidence: v1alpha1.ConfidenceHigh},
		"no such executable":                  {evidence: ended(128, "StartError", `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "/app/run.sh": stat /app/run.sh: no such file or directory`), cause: v1alpha1.CauseCommandNotFound, confidence: v1alpha1.ConfidenceHigh, says: "/app/run.sh"},
		"not in the path":                     {evidence: ended(128, "StartError", `unable to start container process: exec: "gunicorn": executable file not found in $PATH`), cause: v1alpha1.CauseCommandNotFound, confidence: v1alpha1.ConfidenceHigh},
		"not executable":                      {evidence: ended(128, "StartError", `unable to start container process: exec: "/app/run.sh": permission denied`), cause: v1alpha1.CauseCommandNotExecutable, confidence: v1alpha1.ConfidenceHigh},
		"wrong architecture":                  {evidence: ended(128, "StartError", `unable to start container process: exec /app/server: exec format error`), cause: v1alpha1.CauseExecFormatError, confidence: v1alpha1.ConfidenceHigh},
		"wrong architecture, 255":             {evidence: caseWith{ended(255, "Error", "")}.log("exec /app/server: exec format error\n").Case, cause: v1alpha1.CauseExecFormatError, confidence: v1alpha1.ConfidenceMedium},
		"shell, 127":                          {evidence: caseWith{ended(127, "Error", "")}.log("/bin/sh: 1: gunicorn: not found\n").Case, cause: v1alpha1.CauseCommandNotFound, confidence: v1alpha1.ConfidenceHigh},
		"shell, 126":                          {evidence: caseWith{ended(126, "Error", "")}.log("/bin/sh: 1: /app/run.sh: Permission denied\n").Case, cause: v1alpha1.CauseCommandNotExecutable, confidence: v1alpha1.ConfidenceHigh},
		"shell, interpreter":                  {evidence: caseWith{ended(126, "Error", "")}.log("bash: ./run.sh: /usr/bin/pythn: bad interpreter: No such file or directory\n").Case, cause: v1alpha1.CauseExecFormatError, confidence: v1alpha1.ConfidenceHigh},
		"segmentation fault":                  {evidence: ended(139, "Error", ""), cause: v1alpha1.CauseSegfault, confidence: v1alpha1.ConfidenceHigh, says: "SIGSEGV"},
		"done":                                {evidence: ended(0, "Completed", ""), cause: v1alpha1.CauseCompletedExit, confidence: v1alpha1.ConfidenceHigh},
		"killed by nobody known":              {evidence: ended(137, "Error", ""), cause: v1alpha1.CauseUnknown, confidence: v1alpha1.ConfidenceLow, says: "from outside"},
		"missing key":                         {evidence: waits("CreateContainerConfigError", `couldn't find key API_KEY in Secret shop/app-keys`), cause: v1alpha1.CauseConfigRefMissing, confidence: v1alpha1.ConfidenceHigh, subject: Subject{Object: "Secret/app-keys", Key: "API_KEY"}},
		"missing secret":                      {evidence: waits("CreateContainerConfigError", `secret "app-keys" not found`), cause: v1alpha1.CauseConfigRefMissing, confidence: v1alpha1.ConfidenceHigh, subject: Subject{Object: "Secret/app-keys"}},
		"missing config map":                  {evidence: waits("CreateContainerConfigError", `configmap "app-config" not found`), cause: v1alpha1.CauseConfigRefMissing, confidence: v1alpha1.ConfidenceHigh, subject: Subject{Object: "ConfigMap/app-config"}},
		"runs as root":                        {evidence: waits("CreateContainerConfigError", `container has runAsNonRoot and image will run as root (pod: "app-0_shop(uid)", container: app)`), cause: v1alpha1.CauseRunAsNonRootViolation, confidence: v1alpha1.ConfidenceHigh},
		"wrong tag":                           {evidence: waits("ErrImagePull", `rpc error: code = NotFound desc = failed to pull and unpack image "registry.example.com/app:1": failed to resolve reference "registry.example.com/app:1": registry.example.com/app:1: not found`), cause: v1alpha1.CauseImagePullFailed, confidence: v1alpha1.ConfidenceHigh, says: "does not exist"},
		"no credentials":                      {evidence: caseWith{waits("ImagePullBackOff", `Back-off pulling image "registry.example.com/app:1"`)}.event("Failed", `Failed to pull image "registry.example.com/app:1": failed to authorize: failed to fetch anonymous token: unexpected status from GET request: 401 Unauthorized`, finished).Case, cause: v1alpha1.CauseImagePullFailed, confidence: v1alpha1.ConfidenceHigh, says: "credentials"},
		"no registry":                         {evidence: caseWith{waits("ImagePullBackOff", `Back-off pulling image "registry.example.com/app:1"`)}.event("Failed", `Failed to pull image "registry.example.com/app:1": failed to do request: Head "https://registry.example.com/v2/app/manifests/1": dial tcp: lookup registry.example.com on 10.96.0.10:53: no such host`, finished).Case, cause: v1alpha1.CauseImagePullFailed, confidence: v1alpha1.ConfidenceHigh, says: "cannot be reached"},
		"never pull":                          {evidence: waits("ErrImageNeverPull", `Container image "registry.example.com/app:1" is not present with pull policy of Never`), cause: v1alpha1.CauseImagePullFailed, confidence: v1alpha1.ConfidenceHigh, says: "Never"},
		"no such name":                        {evidence: waits("InvalidImageName", `Failed to apply default image tag "App:1": couldn't parse image name`), cause: v1alpha1.CauseImagePullFailed, confidence: v1alpha1.ConfidenceHigh, says: "not valid"},
		"mount":                               {evidence: caseWith{waits("ContainerCreating", "")}.event("FailedMount", `MountVolume.SetUp failed for volume "tls" : secret "app-tls" not found`, finished).Case, cause: v1alpha1.CauseVolumeMountFailed, confidence: v1alpha1.ConfidenceHigh, subject: Subject{Object: "Secret/app-tls"}},
		"attach":                              {evidence: caseWith{waits("ContainerCreating", "")}.event("FailedAttachVolume", `Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) app-1`, finished).Case, cause: v1alpha1.CauseVolumeMountFailed, confidence: v1alpha1.ConfidenceHigh},
		"sandbox":                             {evidence: caseWith{waits("ContainerCreating", "")}.event("FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "abc": plugin type="bridge" failed (add): no IP addresses available in range set`, finished).Case, cause: v1alpha1.CauseSandboxFailed, confidence: v1alpha1.ConfidenceHigh},
		"sandbox, memory":                     {evidence: caseWith{waits("ContainerCreating", "")}.event("FailedCreatePodSandBox", `Failed to create pod sandbox: container init was OOM-killed (memory limit too low?)`, finished).Case, cause: v1alpha1.CauseOOMKilled, confidence: v1alpha1.ConfidenceHigh},
		"evicted":                             {evidence: evidence.Case{Pod: evidence.Pod{Phase: "Failed", Reason: "Evicted", Message: "Container app exceeded its local ephemeral storage limit \"50Mi\". "}, Container: evidence.Container{Name: "app"}}, cause: v1alpha1.CauseEphemeralStorageExceeded, confidence: v1alpha1.ConfidenceHigh},
		"V8 heap":                             {evidence: caseWith{ended(134, "Error", "")}.log("<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n").Case, cause: v1alpha1.CauseHeapExhausted, confidence: v1alpha1.ConfidenceMedium},
		"nothing":                             {evidence: evidence.Case{}, cause: v1alpha1.CauseUnknown, confidence: v1alpha1.ConfidenceLow},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(test.evidence)
			if f.Cause != test.cause || f.Confidence != test.confidence {
				t.Fatalf("got %s with %s confidence (%s), want %s with %s", f.Cause, f.Confidence, f.Message, test.cause, test.confidence)
			}
			if test.subject != (Subject{}) && f.Subject != test.subject {
				t.Errorf("subject %+v, want %+v", f.Subject, test.subject)
			}
			if !strings.Contains(f.Message, test.says) {
				t.Errorf("message %q does not say %q", f.Message, test.says)
			}
			if f.Cause != v1alpha1.CauseUnknown && len(f.Evidence) == 0 {
				t.Error("cites no evidence")
			}
		})
	}
}

// stack is a case of a container that depends on a Postgres which the stack
// declares at postgres:5432, with a log that speaks of it.
func stack(host string, port int32, log string, probes ...evidence.Probe) evidence.Case {
	c := ended(1, "Error", "")
	c.Log.Previous = []byte(log)
	declared := evidence.Connection{Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: "postgres", Port: 5432}}}
	configured := evidence.Connection{
		Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: host, Port: port}}, User: "bridge", PasswordWanted: true,
		Variables: evidence.ConnectionVariables{Host: "POSTGRES_HOST", Port: "POSTGRES_PORT", Password: "POSTGRES_PASSWORD"},
	}
	c.Env.Variables = map[string]evidence.Variable{"POSTGRES_HOST": {Name: "POSTGRES_HOST", Value: host}}
	c.Dependencies = []evidence.Dependency{{Service: "postgres", Required: true, Declared: &declared, Configured: &configured, Workload: evidence.DependencyWorkload{Known: true, Ready: true}}}
	for _, p := range probes {
		p.Service, p.Protocol = "postgres", evidence.Postgres
		c.Probes = append(c.Probes, p)
	}
	return c
}

func probe(view v1alpha1.ProbeViewpoint, stages ...evidence.Stage) evidence.Probe {
	return evidence.Probe{Viewpoint: view, Stages: stages}
}

func stage(name evidence.StageName, outcome v1alpha1.ProbeOutcome, code string) evidence.Stage {
	return evidence.Stage{Name: name, Outcome: outcome, Code: code}
}

func TestDiagnoseWithProbes(t *testing.T) {
	const passed, failed, unknown = v1alpha1.ProbePassed, v1alpha1.ProbeFailed, v1alpha1.ProbeUnknown
	const loopback = "ERROR - Failed to connect to PostgreSQL after all retry attempts: connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n"
	const refused = "ERROR - failed to connect to `user=bridge database=shop`: 10.96.0.7:5432 (postgres): dial error: dial tcp 10.96.0.7:5432: connect: connection refused\n"
	const wrongPassword = "ERROR - Database authentication failed during initialization: FATAL: password authentication failed for user \"bridge\"\n"
	guarded := probe(v1alpha1.AsConfigured, stage(evidence.StageResolve, passed, ""), stage(evidence.StageGuard, unknown, evidence.CodeNotAllowed))
	answers := probe(v1alpha1.AsDeclared, stage(evidence.StageResolve, passed, ""), stage(evidence.StageDial, passed, ""), stage(evidence.StageDatabase, passed, ""))
	withSibling := stack("localhost", 5432, loopback, guarded, answers)
	withSibling.Siblings = []evidence.Container{{Name: "proxy", Role: evidence.RoleMain}}
	afterInit := stack("localhost", 5432, loopback, guarded, answers)
	afterInit.Siblings = []evidence.Container{{Name: "bridgestack-wait-for-postgres", Role: evidence.RoleInit}}
	down := stack("postgres", 5432, refused)
	down.Dependencies[0].Workload = evidence.DependencyWorkload{Known: true, Looping: true, Diagnosis: "postgres-1"}
	rotated := stack("postgres", 5432, wrongPassword, probe(v1alpha1.AsConfigured, stage(evidence.StageQuery, passed, "")))
	rotated.Config = []evidence.ConfigObject{{Kind: "Secret", Name: "postgres", Changed: started.Add(10 * time.Second)}}
	before := rotated
	before.Pod.Created = started.Add(-time.Hour)
	before.Config = []evidence.ConfigObject{{Kind: "Secret", Name: "postgres", Changed: started.Add(-time.Minute)}}
	before.Rollout = evidence.Rollout{Known: true, TemplateChanged: started.Add(-2 * time.Hour)}
	initialized := before
	initialized.Siblings = []evidence.Container{{Name: "take-password", Role: evidence.RoleInit}}
	initializedAfter := initialized
	initializedAfter.Pod.Created = started.Add(-30 * time.Second)

	tests := map[string]struct {
		evidence   evidence.Case
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
		variable   string
		root       string
	}{
		"localhost, and the declared server answers": {stack("localhost", 5432, loopback, guarded, answers), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, "POSTGRES_HOST", ""},
		"localhost may be a sibling's":               {withSibling, v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceMedium, "POSTGRES_HOST", ""},
		"localhost, after init containers":           {afterInit, v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, "POSTGRES_HOST", ""},
		"localhost, and nothing answers": {
			stack("localhost", 5432, loopback, guarded, probe(v1alpha1.AsDeclared, stage(evidence.StageDial, failed, evidence.CodeRefused))),
			v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceLow, "POSTGRES_HOST", "",
		},
		"a published port": {
			stack("postgres", 15432, strings.ReplaceAll(refused, "5432", "15432"), probe(v1alpha1.AsConfigured, stage(evidence.StageDial, failed, evidence.CodeRefused)), answers),
			v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh, "POSTGRES_PORT", "",
		},
		"a name that does not exist": {
			stack("db", 5432, "psycopg2.OperationalError: could not translate host name \"db\" to address: Name or service not known\n", probe(v1alpha1.AsConfigured, stage(evidence.StageResolve, failed, evidence.CodeNXDomain)), answers),
			v1alpha1.CausePostgresHostNotFound, v1alpha1.ConfidenceHigh, "POSTGRES_HOST", "",
		},
		"the dependency loops":               {down, v1alpha1.CauseDependencyUnhealthy, v1alpha1.ConfidenceHigh, "", "postgres"},
		"wrong password, the server says so": {stack("postgres", 5432, wrongPassword, probe(v1alpha1.AsConfigured, stage(evidence.StageAuthenticate, failed, "28P01"))), v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceHigh, "", ""},
		"wrong password, the probe passes":   {stack("postgres", 5432, wrongPassword, probe(v1alpha1.AsConfigured, stage(evidence.StageQuery, passed, ""))), v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceLow, "", ""},
		"wrong password, changed since":      {rotated, v1alpha1.CauseConfigStale, v1alpha1.ConfidenceMedium, "", ""},
		// A container gets its environment anew at each start; init containers ran once.
		"wrong password, changed before this start":          {before, v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceLow, "", ""},
		"wrong password, changed after the init containers":  {initialized, v1alpha1.CauseConfigStale, v1alpha1.ConfidenceMedium, "", ""},
		"wrong password, changed before the init containers": {initializedAfter, v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceLow, "", ""},
		"wrong password, no probe":                           {stack("postgres", 5432, wrongPassword), v1alpha1.CausePostgresAuthFailed, v1alpha1.ConfidenceMedium, "", ""},
		"nothing in the log, the server says":                {stack("postgres", 5432, "starting\n", probe(v1alpha1.AsConfigured, stage(evidence.StageDatabase, failed, "3D000"))), v1alpha1.CausePostgresDatabaseMissing, v1alpha1.ConfidenceMedium, "", ""},
		"a probe that could not run":                         {stack("postgres", 5432, refused, probe(v1alpha1.AsConfigured, stage(evidence.StageTLS, unknown, evidence.CodeProtocol))), v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceMedium, "POSTGRES_HOST", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := Diagnose(test.evidence)
			if f.Cause != test.cause || f.Confidence != test.confidence || f.Root != test.root {
				t.Fatalf("got %s with %s confidence, root %q (%s); want %s with %s, root %q", f.Cause, f.Confidence, f.Root, f.Message, test.cause, test.confidence, test.root)
			}
			if test.variable != "" && f.Subject.Variable != test.variable {
				t.Errorf("variable %q, want %q", f.Subject.Variable, test.variable)
			}
			if f.Cause != v1alpha1.CauseUnknown && f.Subject.Dependency != "postgres" {
				t.Errorf("dependency %q, want postgres", f.Subject.Dependency)
			}
		})
	}
}

func TestLooping(t *testing.T) {
	now := finished.Add(time.Hour)
	running := func(since time.Time, ready bool) evidence.Case {
		return evidence.Case{Now: now, Container: evidence.Container{
			Role: evidence.RoleMain, Ready: ready, Restarts: 4, RunningSince: since,
			LastTermination: &evidence.Termination{ExitCode: 137, Reason: "OOMKilled", Finished: since},
		}}
	}
	done := evidence.Case{Now: now, Container: evidence.Container{Role: evidence.RoleInit, Restarts: 3, Terminated: &evidence.Termination{Reason: "Completed"}, LastTermination: &evidence.Termination{ExitCode: 1}}}
	for name, test := range map[string]struct {
		evidence evidence.Case
		want     bool
	}{
		"in back-off":                    {ended(1, "Error", ""), true},
		"cannot start":                   {waits("ImagePullBackOff", ""), true},
		"healthy, old restarts":          {running(now.Add(-55*time.Minute), true), false},
		"ready, restarted a moment ago":  {running(now.Add(-time.Minute), true), true},
		"unready after its fourth crash": {running(now.Add(-55*time.Minute), false), true},
		"ready, short runs before it, nothing later known": {func() evidence.Case {
			c := running(now, true)
			c.Container.LastTermination.StartedAt = now.Add(-5 * time.Second)
			return c
		}(), true},
		"ready, one restart, nothing later known": {func() evidence.Case {
			c := running(now, true)
			c.Container.Restarts = 1
			return c
		}(), false},
		"ready, a long run before it, nothing later known": {func() evidence.Case {
			c := running(now, true)
			c.Container.LastTermination.StartedAt = now.Add(-time.Hour)
			return c
		}(), true},
		"ready, restarts of which no time is told": {func() evidence.Case {
			c := running(now, true)
			c.Container.LastTermination.Finished = time.Time{}
			return c
		}(), true},
		"ready, its end old, back-off long": {func() evidence.Case {
			c := running(now.Add(-6*time.Minute), true)
			c.Container.LastTermination.Finished = now.Add(-11 * time.Minute)
			return c
		}(), false},
		"init container, done at last":   {done, false},
		"never restarted, still healthy": {evidence.Case{Now: now, Container: evidence.Container{Ready: true, RunningSince: started}}, false},
	} {
		if got := Looping(test.evidence); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// TestProvedLasts: the kubelet's events expire and are dropped, and what they
// proved of this revision stays.
func TestProvedLasts(t *testing.T) {
	const kill = "Container app failed liveness probe, will be restarted"
	first := Diagnose(caseWith{ended(0, "Completed", "")}.event("Killing", kill, finished).Case)
	if first.Cause != v1alpha1.CauseLivenessProbeFailed {
		t.Fatalf("%s: %s", first.Cause, first.Message)
	}
	proved := evidence.Proved{Cause: first.Cause, Confidence: first.Confidence, Message: first.Message, Evidence: first.Evidence}
	for name, test := range map[string]struct {
		evidence evidence.Case
		changed  time.Time
		want     v1alpha1.Cause
	}{
		"exit 0, no event":             {evidence: ended(0, "Completed", ""), want: v1alpha1.CauseLivenessProbeFailed},
		"exit 137, no event":           {evidence: ended(137, "Error", ""), want: v1alpha1.CauseLivenessProbeFailed},
		"another revision":             {evidence: ended(0, "Completed", ""), changed: finished.Add(time.Minute), want: v1alpha1.CauseCompletedExit},
		"another reason shows by then": {evidence: ended(137, "OOMKilled", ""), want: v1alpha1.CauseOOMKilled},
	} {
		t.Run(name, func(t *testing.T) {
			c := test.evidence
			c.Proved = proved
			c.Rollout.TemplateChanged = test.changed
			if f := Diagnose(c); f.Cause != test.want {
				t.Errorf("%s %s: %s, want %s", f.Cause, f.Confidence, f.Message, test.want)
			}
		})
	}
}

// TestProbesWithoutKillEvents: what is left when the event of the kill is gone.
func TestProbesWithoutKillEvents(t *testing.T) {
	probe := &evidence.ProbeSpec{Kind: "httpGet", Port: 8081, InitialDelay: 5 * time.Second, Period: 10 * time.Second, Timeout: time.Second, FailureThreshold: 3}
	after := func(d time.Duration, code int32) evidence.Case {
		c := ended(code, "Error", "")
		c.Container.LastTermination.StartedAt = finished.Add(-d)
		c.Container.Liveness = probe
		return c
	}
	for name, test := range map[string]struct {
		evidence   evidence.Case
		cause      v1alpha1.Cause
		confidence v1alpha1.Confidence
	}{
		"as long as the probe allows": {after(66*time.Second, 137), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceLow},
		"and it listens elsewhere than the probe asks": {func() evidence.Case {
			c := after(66*time.Second, 143)
			c.Log.Previous = []byte("2026-11-24T10:00:00Z INFO Server listening on 0.0.0.0:8080\nready\n")
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceMedium},
		"and it listens where the probe asks": {func() evidence.Case {
			c := after(66*time.Second, 143)
			c.Log.Previous = []byte("listening on port 8081 and metrics on [::]:9090\nlistening on :9090")
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceLow},
		"as the run before it did": {func() evidence.Case {
			c := after(66*time.Second, 137)
			code := int32(137)
			c.Proved = evidence.Proved{Restarts: 4, LongestRun: 65 * time.Second, ExitCode: &code}
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceMedium},
		"and the run before it ended otherwise": {func() evidence.Case {
			c := after(66*time.Second, 137)
			code := int32(1)
			c.Proved = evidence.Proved{Restarts: 4, LongestRun: 65 * time.Second, ExitCode: &code}
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceLow},
		"and the kubelet told of the kills before": {caseWith{after(66*time.Second, 137)}.event("Killing", "Container app failed liveness probe, will be restarted", finished.Add(-time.Hour)).Case,
			v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceMedium},
		"one event for many kills, before and after": {func() evidence.Case {
			c := after(10*time.Minute, 2)
			c.Events = []evidence.Event{{Reason: "Killing", Message: "Container app failed liveness probe, will be restarted", Count: 12, First: finished.Add(-time.Hour), Last: finished.Add(time.Hour)}}
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceHigh},
		"ended by SIGTERM with a code of its own": {func() evidence.Case {
			c := after(66*time.Second, 3)
			c.Log.Previous = []byte("received SIGTERM\n")
			return c
		}(), v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceLow},
		"much longer":                  {after(10*time.Minute, 137), v1alpha1.CauseUnknown, v1alpha1.ConfidenceLow},
		"while the probe was failing":  {caseWith{after(10*time.Minute, 143)}.event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", finished.Add(-9*time.Second)).Case, v1alpha1.CauseLivenessProbeFailed, v1alpha1.ConfidenceMedium},
		"by itself, though it failed":  {caseWith{after(10*time.Minute, 1)}.event("Unhealthy", "Liveness probe failed: connection refused", finished.Add(-9*time.Second)).Case, v1alpha1.CauseUnknown, v1alpha1.ConfidenceLow},
		"done, and as long as allowed": {after(40*time.Second, 0), v1alpha1.CauseCompletedExit, v1alpha1.ConfidenceHigh},
	} {
		t.Run(name, func(t *testing.T) {
			if f := Diagnose(test.evidence); f.Cause != test.cause || f.Confidence != test.confidence {
				t.Errorf("%s %s: %s, want %s %s", f.Cause, f.Confidence, f.Message, test.cause, test.confidence)
			}
		})
	}
}

// TestWaitingToldByEvent: the waiting state may say nothing, or nothing that tells.
func TestWaitingToldByEvent(t *testing.T) {
	for _, message := range []string{"", "failed to sync secret cache: timed out waiting for the condition"} {
		c := caseWith{waits("CreateContainerConfigError", message)}.event("Failed", `Error: secret "db" not found`, finished).Case
		if f := Diagnose(c); f.Cause != v1alpha1.CauseConfigRefMissing || f.Subject.Object != "Secret/db" || f.Confidence != v1alpha1.ConfidenceHigh {
			t.Errorf("%q: %s %s about %q", message, f.Cause, f.Confidence, f.Subject.Object)
		}
	}
}

// TestServerIsNamed: the cause is one of Upstream, and the finding names the server.
func TestServerIsNamed(t *testing.T) {
	c := ended(1, "Error", "")
	c.Log.Previous = []byte("redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair or user is disabled.")
	if f := Diagnose(c); f.Subject.Server != "Redis" || !strings.HasPrefix(f.Message, "Redis refuses") {
		t.Errorf("server %q: %s", f.Subject.Server, f.Message)
	}
}
