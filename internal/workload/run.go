package workload

import "time"

// RunState is how what runs to an end stands.
type RunState string

// The states.
const (
	// RunWaiting: it has not run yet, as a CronJob before its first time.
	RunWaiting RunState = "Waiting"
	// RunSuspended: nothing of it runs until a person resumes it.
	RunSuspended RunState = "Suspended"
	// RunRunning: its first run is under way.
	RunRunning RunState = "Running"
	// RunSucceeded: the last run that came to an end succeeded.
	RunSucceeded RunState = "Succeeded"
	// RunFailed: it did not.
	RunFailed RunState = "Failed"
)

// Run is how a workload that runs to an end stands: a Job, a CronJob by the last of its
// Jobs that came to an end, a bare pod that is not always started again.
type Run struct {
	State RunState
	// Object that ran, as Kind/name.
	Object string
	// Reason and Message of a run that failed, as the Job controller or the kubelet
	// gives them, such as BackoffLimitExceeded.
	Reason, Message string
	// Began and Ended are when the run did, zero where it has not.
	Began, Ended time.Time
	// Active says that a run is under way, Failures are how many pods of it have failed so
	// far, and Well how many have succeeded or are ready.
	Active         bool
	Failures, Well int32
	// Next is when a CronJob runs next, and Missed when it should have run and did not;
	// zero where it does not, or that is not known.
	Next, Missed time.Time
}

// Over says that nothing of it runs and nothing will by itself: it came to its end.
func (r *Run) Over() bool {
	return r != nil && !r.Active && r.Next.IsZero() && (r.State == RunSucceeded || r.State == RunFailed)
}

// Resting says that nothing of it has to run now, and nothing went wrong: it succeeded,
// waits for its time, or is suspended.
func (r *Run) Resting() bool {
	return r != nil && !r.Active && (r.State == RunSucceeded || r.State == RunSuspended || r.State == RunWaiting)
}
