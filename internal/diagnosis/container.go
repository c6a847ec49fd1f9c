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

// containerSignatures are what the kernel says to a program that runs.
var containerSignatures = []signature{
	says(v1alpha1.CausePermissionDenied, `(?i)\bEACCES\b|\bEPERM\b|permission denied|operation not permitted|PermissionError|AccessDeniedException|UnauthorizedAccessException|access to the path .* is denied|os error 13|os error 1\b|\(13: |Errno::EACCES`,
		"EACCES", "EPERM", "ermission denied", "peration not permitted", "PermissionError", "AccessDeniedException", "UnauthorizedAccess", "is denied", "os error 13", "os error 1)", "(13: ", "Errno::EACCES", "Permission Denied").
		but(`(?i)permission denied (?:for|to) (?:table|relation|schema|sequence|database|function|view|type|column|create|set|copy|role|procedure)|InsufficientPrivilege|vault|publickey|HTTP|\b403\b|rpc error|Access denied for user|code = PermissionDenied|^exec /\S+: permission denied$|^\[dumb-init\]`),
	// The runtime's and an init's words, in the log where exec itself fails.
	says(v1alpha1.CauseCommandNotExecutable, `^exec /\S+: permission denied$|^\[dumb-init\] \S+: Permission denied$`, "permission denied"),
	says(v1alpha1.CauseCommandNotFound, `^exec /\S+: no such file or directory$|^\[dumb-init\] \S+: No such file or directory$`, "no such file or directory"),
	says(v1alpha1.CauseReadOnlyFilesystem, `(?i)read-only file ?system|\bEROFS\b|os error 30`, "ead-only file", "EROFS", "os error 30", "ead-Only file", "ReadOnlyFileSystem"),
	says(v1alpha1.CausePortInUse, `(?i)address (?:is )?already in use|\bEADDRINUSE\b|port \d+ (?:(?:was|is) already|seems to be) in use|port \d+,? (?:it )?is in use|only one usage of each socket address|eaddrinuse|os error 98|Failed to bind to address .*in use|address in use`,
		"already in use", "EADDRINUSE", "nly one usage of each", "eaddrinuse", "os error 98", "ddress in use", "to be in use", "is in use"),
	says(v1alpha1.CauseExecFormatError, `(?i)exec format error|cannot execute binary file|bad interpreter|os error 8\)|ENOEXEC`, "xec format error", "cannot execute binary", "ad interpreter", "os error 8)", "ENOEXEC", "xec Format Error").but(`(?i)Permission denied`),
	// A helper program that is not in the image.
	says(v1alpha1.CauseCommandNotFound, `\bspawn \S+ ENOENT|exec: "[^"]+": executable file not found in \$PATH|Cannot run program "[^"]+".*error=2\b|in [\x60'](?:exec|spawn|popen|system|\x60)': No such file or directory`,
		" ENOENT", "executable file not found", "Cannot run program", "No such file or directory"),
	says(v1alpha1.CauseCommandNotFound, `FileNotFoundError: \[Errno 2\]`, "FileNotFoundError").within(`_execute_child|_posix_spawn|create_subprocess`),
	says(v1alpha1.CauseCommandNotFound, `returned non-zero exit status 127\b|^(?:/bin/)?\w*sh: (?:line )?(?:\d+: )?\S+: (?:command )?not found$`, "exit status 127", "not found").within(`non-zero exit status 127|Command failed: |execSync|CalledProcessError`),
	// PHP goes on after a short write; what the program makes of it ends it.
	says(v1alpha1.CauseDiskFull, `PHP Fatal error: |Fatal error: Uncaught`, "Fatal error: ").within(`(?:Notice|Warning): .*errno=28 No space left`),
	// A sanitizer's word for what a kernel would end by a signal; it exits with 1.
	says(v1alpha1.CauseSegfault, `ERROR: \w*Sanitizer: (?:heap|stack|global|dynamic|container|use-|double|attempting|SEGV|BUS|ILL|FPE|ABRT|bad-free|alloc-dealloc|memcpy|negative|unknown-crash|wild|null)`, "Sanitizer: "),
	says(v1alpha1.CauseSegfault, `A fatal error has been detected by the Java Runtime Environment|SIGSEGV \(0xb\)|^Segmentation fault|Fatal Python error: (?:Segmentation fault|Bus error|Illegal instruction)|core dumped`, "Java Runtime Environment", "SIGSEGV (0x", "egmentation fault", "Fatal Python error", "core dumped").weighing(weightConsequence),
}

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
		return configError(c, w.Message, f)
	}
	return Finding{}, false
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
	case pullDenied.MatchString(text) && !strings.Contains(text, "not found"):
		f.Message = fmt.Sprintf("The registry refuses image %q: credentials are missing or wrong, or the repository does not exist.", image)
	case pullMissing.MatchString(text):
		f.Message = fmt.Sprintf("The image %q does not exist: its name or tag is wrong.", image)
	default:
		f.Message = fmt.Sprintf("The image %q cannot be pulled.", image)
	}
	return f
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
		case "RunContainerError", "CreateContainerError", "StartError":
			return message + " " + w.Message, true
		}
	}
	return message, found
}

// startFailure reads the runtime's message (runc, containerd).
func startFailure(message, command string) (Finding, bool) {
	switch {
	case execFormat.MatchString(message):
		return Finding{Cause: v1alpha1.CauseExecFormatError, Message: command + " is no executable for this machine: wrong architecture, or a script without its interpreter."}, true
	case strings.Contains(message, "mount") && !strings.Contains(message, "exec:"):
		return Finding{Cause: v1alpha1.CauseVolumeMountFailed, Message: "The runtime could not mount a volume into the container."}, true
	case strings.Contains(message, "read-only file system"):
		return Finding{Cause: v1alpha1.CauseReadOnlyFilesystem, Message: "The runtime could not prepare the container: its file system is read-only."}, true
	case strings.Contains(message, "chdir to cwd") && strings.Contains(message, "permission denied"):
		return Finding{Cause: v1alpha1.CausePermissionDenied, Message: "The container's user may not enter its working directory."}, true
	case execNotFound.MatchString(message):
		return Finding{Cause: v1alpha1.CauseCommandNotFound, Message: "There is no executable " + command + " in the image, or its interpreter (#!) is not there."}, true
	case execNotExecutable.MatchString(message):
		return Finding{Cause: v1alpha1.CauseCommandNotExecutable, Message: command + " may not be executed: its mode or its directory forbids it."}, true
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
func byShell(c evidence.Case) (Finding, bool) {
	ended := c.Container.Ended()
	if ended == nil || ended.ExitCode != 126 && ended.ExitCode != 127 {
		return Finding{}, false
	}
	f := Finding{Confidence: v1alpha1.ConfidenceHigh, Evidence: []v1alpha1.EvidenceItem{terminationItem(ended)}}
	line, found := lastMatching(c.Last(), shellSays)
	if found {
		f.Evidence = append(f.Evidence, logItem(line))
	}
	if !found && ended.ExitCode == 127 && (unsetInShell.Match(c.Last()) || uncaughtInScript.Match(c.Last())) {
		return Finding{}, false // bash ends so for set -u and ${NAME:?}, escript for exceptions.
	}
	f.Cause, f.Message = shellFailure(line, ended.ExitCode)
	if !found {
		f.Confidence = v1alpha1.ConfidenceMedium
	}
	return f, true
}

// shellFailure tells what a shell's exit code and its last words mean.
func shellFailure(line string, code int32) (v1alpha1.Cause, string) {
	switch {
	case noExecutable.MatchString(line):
		return v1alpha1.CauseExecFormatError, "The file is no executable for this machine: wrong architecture, or its interpreter is missing."
	case strings.Contains(line, "loading shared libraries"):
		return v1alpha1.CauseCommandNotFound, "The program's shared libraries are not in the image."
	case code == 127:
		return v1alpha1.CauseCommandNotFound, "A command was not found: exit code 127."
	}
	return v1alpha1.CauseCommandNotExecutable, "A command could not be executed: exit code 126."
}

// unsetInShell is a shell's complaint of a variable as the last line.
var unsetInShell = regexp.MustCompile(`(?m)^\S+: (?:line )?\d+: [A-Za-z_]\w*: [^\n]+\n?\z`)

// uncaughtInScript is escript's complaint of what nobody caught.
var uncaughtInScript = regexp.MustCompile(`(?m)^escript: exception `)

// noExecutable: a shell that execvp falls back to reads the binary as a script.
var noExecutable = regexp.MustCompile(`(?i)exec format error|bad interpreter|cannot execute binary|: 1: \W?ELF`)

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
