package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// changeWindow is how long before the trouble began a change may have been made to be
// told of: who is called asks what was changed of late.
const changeWindow = time.Hour

// maxChanges bounds what is told of changes.
const maxChanges = 6

// changedBefore is what was changed before the container began to end, the latest
// first: nothing where nothing was. It accuses nobody, and decides nothing.
func changedBefore(c evidence.Case) []v1alpha1.EvidenceItem {
	began, before := c.Began()
	if began.IsZero() {
		return nil
	}
	var items []v1alpha1.EvidenceItem
	tell := func(at time.Time, format string, args ...any) {
		// Clocks differ, and a status tells whole seconds.
		if at.IsZero() || at.Before(began.Add(-changeWindow)) || at.After(before.Add(2*time.Second)) {
			return
		}
		items = append(items, item(v1alpha1.SourceChange, at, fmt.Sprintf(format, args...)))
	}
	for _, change := range c.Changes {
		tell(change.At, "%s", changeSaid(change))
	}
	for _, o := range c.Config {
		tell(o.Changed, "%s/%s was written", o.Kind, o.Name)
	}
	switch n := c.Node; {
	case n.Ready && n.ReadySince.After(n.Created.Add(changeWindow)):
		tell(n.ReadySince, "node %s, which the pod is on, answers again", n.Name)
	default:
		tell(n.Created, "node %s, which the pod is on, joined the cluster", n.Name)
	}
	for _, d := range c.Dependencies {
		tell(d.Workload.NewestPod, "the newest pod of %s, which it depends on, was made", d.Service)
	}
	slices.SortStableFunc(items, func(a, b v1alpha1.EvidenceItem) int { return b.Time.Compare(a.Time.Time) })
	return items[:min(len(items), maxChanges)]
}

func changeSaid(change evidence.Change) string {
	var b strings.Builder
	switch change.Kind {
	case evidence.ChangeTemplate:
		b.WriteString(change.Object + ": its pod template was changed")
	case evidence.ChangeImage:
		b.WriteString(change.Object + ": another image than in the other pods stands behind the same tag")
	}
	if change.Revision != "" {
		b.WriteString(" (revision " + change.Revision + ")")
	}
	if change.By != "" {
		b.WriteString(" by " + change.By)
	}
	if len(change.Fields) > 0 {
		b.WriteString(": " + fieldsSaid(change.Fields, change.MoreFields))
	}
	return b.String()
}

func fieldsSaid(fields []evidence.FieldChange, more int) string {
	var said []string
	for _, f := range fields {
		said = append(said, f.String())
	}
	if more > 0 {
		said = append(said, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(said, "; ")
}
