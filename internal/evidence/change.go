package evidence

import "time"

// ChangeKind says what was changed.
type ChangeKind string

// The kinds of changes.
const (
	// ChangeTemplate: the workload's pod template.
	ChangeTemplate ChangeKind = "Template"
	// ChangeImage: another image stands behind the tag that the template names.
	ChangeImage ChangeKind = "Image"
)

// Change is something that was changed in the cluster, whether or not a container ends
// for it.
type Change struct {
	Kind ChangeKind
	At   time.Time
	// Object that was changed, such as Deployment/api.
	Object string
	// Revision that it made of a template; By is the manager of fields who made it,
	// empty where that is not known.
	Revision, By string
	// Fields that differ, and MoreFields how many are not among them.
	Fields     []FieldChange
	MoreFields int
}

// FieldChange is a field that differs between two templates, or between a template and
// a pod that was made of it. No value of a variable or an argument is in it.
type FieldChange struct {
	// Path such as containers[app].image or containers[app].env[LOG_LEVEL].
	Path string
	// From and To are empty where there is none, or where it is not to be shown.
	From, To string
	// By is who is known to have set it in a pod.
	By string
}

// String is the field and what became of it.
func (f FieldChange) String() string {
	text := f.Path
	switch {
	case f.From != "" || f.To != "":
		text += " " + or(f.From, "unset") + " -> " + or(f.To, "unset")
	default:
		text += " differs"
	}
	if f.By != "" {
		text += " (" + f.By + ")"
	}
	return text
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// longestBackOff is the kubelet's longest pause between two runs, and what a start takes.
const longestBackOff = 6 * time.Minute

// Began is when the trouble began at the latest, as far as the pod tells: when it was
// made, where it has been restarted for as often as its back-off lets it since, or else
// when the run that ended last was started. Before is the time by which it had begun.
func (c Case) Began() (at, before time.Time) {
	ended := c.Container.Ended()
	if ended == nil || ended.StartedAt.IsZero() || ended.Finished.IsZero() {
		return c.Pod.Created, c.Pod.Created
	}
	runs := time.Duration(c.Container.Restarts + 1)
	if ended.Finished.Sub(c.Pod.Created) <= runs*(longestBackOff+ended.Ran()) {
		return c.Pod.Created, c.Pod.Created
	}
	return ended.StartedAt, ended.Finished
}
