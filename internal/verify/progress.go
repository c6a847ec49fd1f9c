package verify

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

// afterCrashes judges by what the container ends for now.
func afterCrashes(in Input, v Verdict, crashes int32) Verdict {
	was, is := in.Attempt.Finding, in.Finding
	times := fmt.Sprintf("the container ended %d times after the change", crashes)
	switch {
	case is.Cause == "", is.Cause == v1alpha1.CauseUnknown, !in.Confidence.AtLeast(v1alpha1.ConfidenceMedium):
		v.Outcome, v.Reason = Failed, times
	case remedy.SameTrouble(in.Attempt.Proposal.Remedy, was, is):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for the same trouble (%s)", times, is.Cause)
	case remedy.MayCause(in.Attempt.Proposal.Remedy, was, is):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for %s, which the change itself may have caused", times, is.Cause)
	case furtherAlong(in):
		v.Outcome, v.Reason = CauseGone, fmt.Sprintf("the cause it was for is gone; the container now ends for another one (%s)", is.Cause)
	case in.Now.After(in.Attempt.Deadline.Time):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for %s, and was not shown to help before the deadline", times, is.Cause)
	default:
		v.Reason = fmt.Sprintf("it ends for %s now, before it gets to where it ended for %s: that shows nothing of the remedy yet", is.Cause, was.Cause)
	}
	return v
}

// furtherAlong says that the container gets further now than it did. What shows
// itself while it runs, such as its memory, has no place among the steps of a
// start: there the length of the run tells.
func furtherAlong(in Input) bool {
	was, is := stages[in.Attempt.Finding.Cause], stages[in.Finding.Cause]
	if was == stageRun && is < stageRun {
		return in.Ran > 0 && in.Ran >= time.Duration(in.Attempt.LongestRunSeconds)*time.Second
	}
	return is >= was
}

// stage is how far a container has come when a cause shows itself.
type stage int

// The stages, in their order.
const (
	// stagePlace: the API server lets the pod in, and a node takes it.
	stagePlace stage = iota + 1
	// stageCreate: the kubelet makes the container.
	stageCreate
	// stageExec: the kernel starts its program.
	stageExec
	// stageConnect: the program reads its settings and connects to others, in an
	// order of its own.
	stageConnect
	// stageUse: the server let it in, and it uses what should be there.
	stageUse
	// stageRun: at any time of its run.
	stageRun
)

var stages = map[v1alpha1.Cause]stage{
	v1alpha1.CausePodsNotCreated: stagePlace,
	v1alpha1.CauseUnschedulable:  stagePlace,
	v1alpha1.CauseVolumePending:  stagePlace,
	v1alpha1.CauseNodeLost:       stagePlace,
	v1alpha1.CauseInitWaiting:    stageConnect,
	v1alpha1.CauseNotReady:       stageRun,

	v1alpha1.CauseConfigRefMissing:       stageCreate,
	v1alpha1.CauseRunAsNonRootViolation:  stageCreate,
	v1alpha1.CauseImagePullFailed:        stageCreate,
	v1alpha1.CauseVolumeMountFailed:      stageCreate,
	v1alpha1.CauseSandboxFailed:          stageCreate,
	v1alpha1.CauseDeviceUnavailable:      stageCreate,
	v1alpha1.CauseSecurityProfileMissing: stageCreate,
	v1alpha1.CauseCommandNotFound:        stageExec,
	v1alpha1.CauseCommandNotExecutable:   stageExec,
	v1alpha1.CauseExecFormatError:        stageExec,
	v1alpha1.CauseArgumentsInvalid:       stageExec,
	v1alpha1.CauseBinaryIncompatible:     stageExec,
	v1alpha1.CauseLifecycleHookFailed:    stageExec,
	v1alpha1.CauseEnvVarMissing:          stageConnect,
	v1alpha1.CauseEnvVarInvalid:          stageConnect,
	v1alpha1.CauseConfigStale:            stageConnect,
	v1alpha1.CauseTLSConfigInvalid:       stageConnect,
	v1alpha1.CausePermissionDenied:       stageConnect,
	v1alpha1.CauseReadOnlyFilesystem:     stageConnect,
	v1alpha1.CausePortInUse:              stageConnect,
	v1alpha1.CauseDNSUnavailable:         stageConnect,
	v1alpha1.CauseDependencyUnhealthy:    stageConnect,
	v1alpha1.CauseUpstreamUnreachable:    stageConnect,
	v1alpha1.CauseUpstreamAuthFailed:     stageConnect,
	v1alpha1.CauseUpstreamOverloaded:     stageConnect,
	v1alpha1.CausePostgresHostNotFound:   stageConnect,
	v1alpha1.CausePostgresUnreachable:    stageConnect,
	v1alpha1.CausePostgresStarting:       stageConnect,
	v1alpha1.CausePostgresAuthFailed:     stageConnect,
	v1alpha1.CausePostgresAccessRejected: stageConnect,
	v1alpha1.CausePostgresTLSMismatch:    stageConnect,
	v1alpha1.CauseKafkaHostNotFound:      stageConnect,
	v1alpha1.CauseKafkaUnreachable:       stageConnect,
	v1alpha1.CauseKafkaAuthFailed:        stageConnect,
	v1alpha1.CauseKafkaTLSMismatch:       stageConnect,

	v1alpha1.CauseConfigFileInvalid:   stageConnect,
	v1alpha1.CauseLicenseInvalid:      stageConnect,
	v1alpha1.CauseNodeSettingTooLow:   stageConnect,
	v1alpha1.CauseDataLocked:          stageConnect,
	v1alpha1.CauseDataIncompatible:    stageConnect,
	v1alpha1.CauseDataCorrupt:         stageConnect,
	v1alpha1.CauseUpstreamStarting:    stageConnect,
	v1alpha1.CauseUpstreamTLSMismatch: stageConnect,
	v1alpha1.CauseAPIForbidden:        stageConnect,

	v1alpha1.CausePostgresConnectionsExhausted:    stageConnect,
	v1alpha1.CauseKafkaAdvertisedListenerMismatch: stageConnect,

	v1alpha1.CausePostgresDatabaseMissing:     stageUse,
	v1alpha1.CausePostgresSchemaMissing:       stageUse,
	v1alpha1.CausePostgresPermissionDenied:    stageUse,
	v1alpha1.CausePostgresReadOnly:            stageUse,
	v1alpha1.CausePostgresDiskFull:            stageUse,
	v1alpha1.CauseKafkaAuthorizationDenied:    stageUse,
	v1alpha1.CauseKafkaTopicMissing:           stageUse,
	v1alpha1.CauseKafkaCoordinatorUnavailable: stageUse,
	v1alpha1.CauseKafkaNotEnoughReplicas:      stageUse,
	v1alpha1.CauseKafkaMessageTooLarge:        stageUse,
	v1alpha1.CauseKafkaGroupUnstable:          stageUse,
	v1alpha1.CauseKafkaDiskFull:               stageUse,
	v1alpha1.CauseMigrationFailed:             stageUse,
	v1alpha1.CauseUpstreamRejectsWrites:       stageUse,
	v1alpha1.CauseUpstreamIncompatible:        stageUse,

	v1alpha1.CausePostgresPoolExhausted:    stageRun,
	v1alpha1.CausePostgresConnectionLost:   stageRun,
	v1alpha1.CauseUpstreamConnectionLost:   stageRun,
	v1alpha1.CauseOOMKilled:                stageRun,
	v1alpha1.CauseChildOOMKilled:           stageRun,
	v1alpha1.CauseHeapExhausted:            stageRun,
	v1alpha1.CauseDiskFull:                 stageRun,
	v1alpha1.CauseEphemeralStorageExceeded: stageRun,
	v1alpha1.CauseFileDescriptorsExhausted: stageRun,
	v1alpha1.CauseThreadsExhausted:         stageRun,
	v1alpha1.CauseCPUStarved:               stageRun,
	v1alpha1.CauseLivenessProbeFailed:      stageRun,
	v1alpha1.CauseStartupProbeFailed:       stageRun,
	v1alpha1.CauseSegfault:                 stageRun,
	v1alpha1.CauseApplicationError:         stageRun,
	v1alpha1.CauseCompletedExit:            stageRun,
	v1alpha1.CauseLeaderElectionLost:       stageRun,
}
