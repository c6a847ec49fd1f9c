package diagnosis

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// byWaiting decides by why a container does not run.
func byWaiting(c evidence.Case) (Finding, bool) {
	w := c.Container.Waiting
	if w == nil {
		return Finding{}, false
	}
	f := Finding{Confidence: v1alpha1.ConfidenceHigh, Evidence: []v1alpha1.EvidenceItem{waitingItem(w)}}
	switch w.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed":
		return imagePull(c, f), true
	case "CreateContainerConfigError":
		if found, ok := configError(c, w.Message, f); ok {
			return found, true
		}
		e, ok := lastEvent(c, failedFor)
		if !ok {
			return Finding{}, false
		}
		f.Evidence = append(f.Evidence, eventItem(e))
		return configError(c, strings.TrimPrefix(e.Message, "Error: "), f)
	}
	return Finding{}, false
}

// failedFor is the event in which the kubelet says why it could not make a
// container; the waiting state's own message may be missing.
func failedFor(e evidence.Event) bool {
	return e.Reason == "Failed" && strings.HasPrefix(e.Message, "Error: ")
}

var (
	pullDenied      = regexp.MustCompile(`(?i)unauthorized|authentication required|denied|no basic auth|forbidden|\b401\b|\b403\b`)
	pullMissing     = regexp.MustCompile(`(?i)not found|manifest unknown|does not exist|no such image|name unknown|\b404\b|invalid reference|couldn't parse image|no match for platform`)
	pullUnreachable = regexp.MustCompile(`(?i)no such host|connection refused|i/o timeout|timeout|no route|lookup .* on|dial tcp|TLS handshake|x509|server misbehaving|EOF|too many requests|toomanyrequests`)
)

// imagePull tells a wrong name or tag, missing credentials and an unreachable
// registry apart.
func imagePull(c evidence.Case, f Finding) Finding {
	f.Cause = v1alpha1.CauseImagePullFailed
	text := waitingMessage(c)
	if e, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "Failed" && strings.Contains(strings.ToLower(e.Message), "pull") && !strings.HasPrefix(e.Message, "Error: ")
	}); ok {
		f.Evidence = append(f.Evidence, eventItem(e))
		text += " " + e.Message
	}
	image := c.Container.Image
	switch {
	case c.Container.Waiting.Reason == "InvalidImageName":
		f.Message = fmt.Sprintf("The image name %q is not valid.", image)
	case c.Container.Waiting.Reason == "ErrImageNeverPull":
		f.Message = fmt.Sprintf("The image %q is not on the node and imagePullPolicy Never forbids pulling it.", image)
	case pullUnreachable.MatchString(text):
		f.Message = fmt.Sprintf("The registry of image %q cannot be reached.", image)
		f.Subject.Beside = "Registry/" + registryOf(image)
	case pullDenied.MatchString(text) && !strings.Contains(text, "not found"):
		f.Message = fmt.Sprintf("The registry refuses image %q: credentials are missing or wrong, or the repository does not exist.", image)
	case pullMissing.MatchString(text):
		f.Message = fmt.Sprintf("The image %q does not exist: its name or tag is wrong.", image)
	default:
		f.Message = fmt.Sprintf("The image %q cannot be pulled.", image)
	}
	return f
}

// registryOf an image: what stands before the first slash, if that is a host, else
// Docker's (distribution/reference, splitDockerDomain).
func registryOf(image string) string {
	host, _, found := strings.Cut(image, "/")
	if !found || !strings.ContainsAny(host, ".:") && host != "localhost" {
		return "docker.io"
	}
	return text.Clip(printable(host), 255)
}

// The kubelet's messages (pkg/kubelet/kubelet_pods.go, kuberuntime/security_context.go).
var (
	missingKey    = regexp.MustCompile(`couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?:[^/\s]+/)?(?P<name>\S+)`)
	missingObject = regexp.MustCompile(`(?i)(?P<kind>secrets?|configmaps?) "(?P<name>[^"]+)" not found`)
	nonRoot       = regexp.MustCompile(`runAsNonRoot|run as root|non-numeric user|non-root policy`)
)

// configError reads the message of CreateContainerConfigError.
func configError(c evidence.Case, message string, f Finding) (Finding, bool) {
	if nonRoot.MatchString(message) {
		f.Cause = v1alpha1.CauseRunAsNonRootViolation
		f.Message = "The pod demands a user other than root (runAsNonRoot) and the image's user is root or has no number."
		return f, true
	}
	if strings.Contains(message, "subPath") {
		f.Cause = v1alpha1.CauseVolumeMountFailed
		f.Message = "The kubelet could not prepare a subPath of a volume: " + text.Clip(message, 200)
		return f, true
	}
	f.Cause = v1alpha1.CauseConfigRefMissing
	if m := missingKey.FindStringSubmatch(message); m != nil {
		f.Subject = Subject{Object: m[2] + "/" + m[3], Key: m[1]}
		f.Message = fmt.Sprintf("The container refers to key %q of %s %q, which has no such key.", m[1], m[2], m[3])
	} else if m := missingObject.FindStringSubmatch(message); m != nil {
		kind := "Secret"
		if strings.HasPrefix(strings.ToLower(m[1]), "config") {
			kind = "ConfigMap"
		}
		f.Subject = Subject{Object: kind + "/" + m[2]}
		f.Message = fmt.Sprintf("The container refers to %s %q, which does not exist.", kind, m[2])
	} else if strings.Contains(message, "non-existent") {
		f.Message = "The container's configuration cannot be put together: " + text.Clip(message, 200)
	} else {
		return Finding{}, false // The kubelet's caches, for example: nothing is known to be missing.
	}
	f.Subject.Variable = referring(c.Env, f.Subject)
	return f, true
}

// referring is the first variable that refers to what is missing.
func referring(env evidence.Env, missing Subject) string {
	for _, name := range slices.Sorted(maps.Keys(env.Variables)) {
		v := env.Variables[name]
		if v.Missing && strings.HasSuffix(missing.Object, "/"+v.Origin.Object) && (missing.Key == "" || missing.Key == v.Origin.Key) {
			return name
		}
	}
	return ""
}

var (
	execNotFound      = regexp.MustCompile(`(?i)executable file not found|no such file or directory|cannot find the file|stat .*: no such`)
	execNotExecutable = regexp.MustCompile(`(?i)permission denied|is a directory`)
	execFormat        = regexp.MustCompile(`(?i)exec format error`)
)

// byStart decides by why a container's process could not be started.
func byStart(c evidence.Case) (Finding, bool) {
	message, ok := startError(c)
	if !ok {
		return Finding{}, false
	}
	f, ok := startFailure(message, commandOf(c))
	if !ok {
		return Finding{}, false
	}
	f.Confidence = v1alpha1.ConfidenceHigh
	if ended := c.Container.Ended(); ended != nil {
		f.Evidence = append(f.Evidence, terminationItem(ended))
	}
	if c.Container.Waiting != nil {
		f.Evidence = append(f.Evidence, waitingItem(c.Container.Waiting))
	}
	return f, true
}

// startError is the runtime's message about a process that it could not start.
func startError(c evidence.Case) (string, bool) {
	message, found := "", false
	if ended := c.Container.Ended(); ended != nil {
		message = ended.Message
		found = ended.Reason == "StartError" || ended.Reason == "ContainerCannotRun"
	}
	if w := c.Container.Waiting; w != nil {
		switch w.Reason {
		case "RunContainerError", "CreateContainerError", "StartError", "PreCreateHookError", "PreStartHookError":
			message, found = message+" "+w.Message, true
		}
	}
	if e, ok := lastEvent(c, failedFor); found && ok && strings.TrimSpace(message) == "" {
		message = e.Message
	}
	return message, found
}

var (
	profileMissing = regexp.MustCompile(`(?i)seccomp profile|apparmor[^:]*(?:profile|failed)|apply (?:the )?apparmor|profile "[^"]+" is not loaded`)
	deviceMissing  = regexp.MustCompile(`(?i)nvidia-container|nvidia-smi|CDI device|select device driver|libnvidia|libcuda|gathering device information|/dev/\S+.*no such`)
	hookFailed     = regexp.MustCompile(`(?i)error running (?:\w+ )?hook|createRuntime hook|prestart hook|OCI hook`)
)

// startFailures are the runtime's messages (runc, containerd), the first that
// matches decides. In what is said of them %s is the command.
var startFailures = []struct {
	says, unless *regexp.Regexp
	cause        v1alpha1.Cause
	message      string
}{
	{says: profileMissing, cause: v1alpha1.CauseSecurityProfileMissing, message: "The seccomp or AppArmor profile that the pod asks for is not on the node."},
	{says: deviceMissing, cause: v1alpha1.CauseDeviceUnavailable, message: "A device, its driver or its runtime hook is not there."},
	{says: hookFailed, cause: v1alpha1.CauseSandboxFailed, message: "A hook of the container runtime failed."},
	{says: execFormat, cause: v1alpha1.CauseExecFormatError, message: "%s is no executable for this machine: wrong architecture, or a script without its interpreter."},
	{says: regexp.MustCompile(`mount`), unless: regexp.MustCompile(`exec:`), cause: v1alpha1.CauseVolumeMountFailed, message: "The runtime could not mount a volume into the container."},
	{says: regexp.MustCompile(`read-only file system`), cause: v1alpha1.CauseReadOnlyFilesystem, message: "The runtime could not prepare the container: its file system is read-only."},
	{says: regexp.MustCompile(`chdir to cwd.*permission denied`), cause: v1alpha1.CausePermissionDenied, message: "The container's user may not enter its working directory."},
	{says: execNotFound, cause: v1alpha1.CauseCommandNotFound, message: "There is no executable %s in the image, or its interpreter (#!) is not there."},
	{says: execNotExecutable, cause: v1alpha1.CauseCommandNotExecutable, message: "%s may not be executed: its mode or its directory forbids it."},
}

// startFailure reads the runtime's message.
func startFailure(message, command string) (Finding, bool) {
	for _, f := range startFailures {
		if f.says.MatchString(message) && (f.unless == nil || !f.unless.MatchString(message)) {
			return Finding{Cause: f.cause, Message: strings.Replace(f.message, "%s", command, 1)}, true
		}
	}
	return Finding{}, false
}

func commandOf(c evidence.Case) string {
	if len(c.Container.Command) > 0 {
		return fmt.Sprintf("%q", c.Container.Command[0])
	}
	return "the image's entry point"
}

// byShell decides by the exit codes that shells give (POSIX, 2.8.2) and what
// they print.
func byShell(c evidence.Case, r reading) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil || ended.ExitCode != 126 && ended.ExitCode != 127 {
		return Finding{}, false
	}
	line, found := lastMatching(c.Last(), shellSays)
	if r.saysMoreThanShell() || !found && ended.ExitCode == 127 && endsWith127.Match(c.Last()) {
		return Finding{}, false
	}
	f := Finding{Confidence: v1alpha1.ConfidenceMedium, Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)}}
	if found {
		f.Confidence = v1alpha1.ConfidenceHigh
		f.Evidence = append(f.Evidence, logItem(line))
	}
	f.Cause, f.Message = shellFailure(line, ended.ExitCode)
	return f, true
}

// saysMoreThanShell says that the log tells why a command could not be run.
func (r *reading) saysMoreThanShell() bool {
	k, ok := r.decisive()
	return ok && k.weight == weightDirect && !ofShell(k.cause)
}

// ofShell are the causes that a shell's own exit code tells as well.
func ofShell(cause v1alpha1.Cause) bool {
	switch cause {
	case v1alpha1.CauseCommandNotFound, v1alpha1.CauseCommandNotExecutable, v1alpha1.CausePermissionDenied,
		v1alpha1.CauseExecFormatError, v1alpha1.CauseApplicationError, v1alpha1.CauseArgumentsInvalid:
		return true
	default:
		return false
	}
}

// shellFailure tells what a shell's exit code and its last words mean.
func shellFailure(line string, code int32) (v1alpha1.Cause, string) {
	switch {
	case noExecutable.MatchString(line):
		return v1alpha1.CauseExecFormatError, "The file is no executable for this machine: wrong architecture, or its interpreter is missing."
	case strings.Contains(line, "loading shared libraries"):
		return v1alpha1.CauseBinaryIncompatible, "The program's shared libraries are not in the image."
	case code == 127:
		return v1alpha1.CauseCommandNotFound, "A command was not found: exit code 127."
	}
	return v1alpha1.CauseCommandNotExecutable, "A command could not be executed: exit code 126."
}

// endsWith127 is the last line of a shell that complains of a variable, under
// set -u or for ${NAME:?}, or escript's of what nobody caught.
var endsWith127 = regexp.MustCompile(`(?m)^\S+: (?:line )?\d+: [A-Za-z_]\w*: [^\n]+\n?\z|^escript: exception `)

// noExecutable: a shell that execvp falls back to reads the binary as a script.
var noExecutable = regexp.MustCompile(`(?i)exec format error|bad interpreter|cannot execute binary|cannot execute: required file not found|: 1: \W?ELF|\\r['"]?: No such file|\r['"]?: No such file`)

var shellSays = regexp.MustCompile(`(?i)not found|no such file or directory|permission denied|cannot execute|bad interpreter|exec format error|is a directory|loading shared libraries`)

// bySignal decides by the signal that ended the main process: 128 plus its number.
func bySignal(c evidence.Case) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil {
		return Finding{}, false
	}
	signal := ended.Signal
	if signal == 0 && ended.ExitCode > 128 && ended.ExitCode < 160 {
		signal = ended.ExitCode - 128
	}
	name, crash := crashSignals[signal]
	if !crash {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseSegfault, Confidence: v1alpha1.ConfidenceHigh,
		Message:  fmt.Sprintf("The main process ended by %s.", name),
		Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)},
	}
	return f, true
}

// crashSignals are those that a process gets for its own mistakes.
var crashSignals = map[int32]string{4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 11: "SIGSEGV"}

// byPodEvents decides by what kept the pod's containers from being made.
func byPodEvents(c evidence.Case) (Finding, bool) {
	if c.Container.Ended() != nil || !c.Container.RunningSince.IsZero() {
		return Finding{}, false
	}
	if e, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "FailedMount" || e.Reason == "FailedAttachVolume" || e.Reason == "FailedMapVolume"
	}); ok {
		return volumeMount(e), true
	}
	e, ok := lastEvent(c, func(e evidence.Event) bool {
		return e.Reason == "FailedCreatePodSandBox" || e.Reason == "FailedPodSandBoxStatus" || e.Reason == "SandboxFailed"
	})
	if !ok {
		return Finding{}, false
	}
	f := Finding{Confidence: v1alpha1.ConfidenceHigh, Evidence: []v1alpha1.EvidenceItem{eventItem(e)}}
	if atInit(e.Message) {
		f.Cause = v1alpha1.CauseOOMKilled
		f.Message = "The pod's sandbox was killed for memory: a memory limit is too small even for it."
		return f, true
	}
	if deviceMissing.MatchString(e.Message) {
		f.Cause = v1alpha1.CauseDeviceUnavailable
		f.Message = "A device, its driver or its runtime hook is not there: " + text.Clip(e.Message, 200)
		return f, true
	}
	f.Cause = v1alpha1.CauseSandboxFailed
	f.Message = "The node could not make the pod's sandbox (network plugin or runtime)."
	return f, true
}

// volumeMount reads a mount's failure: a Secret or ConfigMap that does not
// exist shows here too when it is a volume.
func volumeMount(e evidence.Event) Finding {
	f := Finding{
		Cause: v1alpha1.CauseVolumeMountFailed, Confidence: v1alpha1.ConfidenceHigh,
		Message:  "A volume cannot be mounted: " + text.Clip(e.Message, 300),
		Evidence: []v1alpha1.EvidenceItem{eventItem(e)},
	}
	if m := missingObject.FindStringSubmatch(e.Message); m != nil {
		kind := "Secret"
		if strings.HasPrefix(strings.ToLower(m[1]), "config") {
			kind = "ConfigMap"
		}
		f.Subject.Object = kind + "/" + m[2]
	}
	return f
}
