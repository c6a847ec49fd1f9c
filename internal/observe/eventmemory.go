package observe

import (
	"slices"
	"sync"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// What is remembered of events, at most: some 10 MiB, whatever a cluster, or a tenant
// who may write events, makes of them.
const (
	maxRemembered     = 16384
	maxRememberedOfIt = 64  // of one object
	maxEventText      = 512 // of one message, in bytes
	maxEventWord      = 256 // of names, kinds, reasons: no object of Kubernetes has longer ones
)

// eventMemory remembers the newest events on each object, and longer than the API
// server does: what it drops after an hour may be all that tells why a container is
// killed. Where there is no room left, the namespace with the most gives up the oldest
// half of its own. It is safe for concurrent use.
type eventMemory struct {
	mu         sync.RWMutex
	namespaces map[string]map[string][]remembered // by namespace, and by UID of the object
	total      int
}

// remembered is an event with the name under which it is counted up.
type remembered struct {
	name string
	evidence.Event
}

// put remembers an event, in the place of what was known under its name. It tells
// whether that is news, and whether it was known under its name before. One with longer
// words than Kubernetes has is passed over: the API server bounds none of them.
func (m *eventMemory) put(namespace, name string, e evidence.Event) (news, again bool) {
	if slices.ContainsFunc([]string{name, e.Reason, e.Type, e.Container, e.About.Kind, e.About.Namespace, e.About.Name, e.About.UID},
		func(word string) bool { return len(word) > maxEventWord }) {
		return false, false
	}
	e.Message = text.Clip(e.Message, maxEventText)
	e.Reason, e.Type, e.Container = shared(e.Reason), shared(e.Type), shared(e.Container)
	e.About.Kind, e.About.Namespace, e.About.Name, e.About.UID = shared(e.About.Kind), shared(e.About.Namespace), shared(e.About.Name), shared(e.About.UID)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.namespaces == nil {
		m.namespaces = map[string]map[string][]remembered{}
	}
	objects := m.namespaces[namespace]
	if objects == nil {
		objects = map[string][]remembered{}
		m.namespaces[namespace] = objects
	}
	known := objects[e.About.UID]
	i := slices.IndexFunc(known, func(r remembered) bool { return r.name == name })
	switch {
	case i >= 0 && known[i].Event == e:
		return false, true
	case i >= 0:
		known[i].Event = e
	case len(known) < maxRememberedOfIt:
		known = append(known, remembered{name, e})
		m.total++
	default:
		known[oldest(known)] = remembered{name, e}
	}
	objects[e.About.UID] = known
	if m.total > maxRemembered {
		m.makeRoom()
	}
	return true, i >= 0
}

func oldest(of []remembered) int {
	at := 0
	for i := range of {
		if of[i].Last.Before(of[at].Last) {
			at = i
		}
	}
	return at
}

// makeRoom takes the older half from the namespace with the most.
func (m *eventMemory) makeRoom() {
	most, count := "", 0
	for name, objects := range m.namespaces {
		if n := countOf(objects); n > count || n == count && name < most {
			most, count = name, n
		}
	}
	objects := m.namespaces[most]
	var times []time.Time
	for _, known := range objects {
		for i := range known {
			times = append(times, known[i].Last)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	middle := times[len(times)/2]
	left := count - count/2 // of equal age, some go and some stay
	for uid, known := range objects {
		kept := slices.DeleteFunc(known, func(r remembered) bool {
			if r.Last.Before(middle) || left == 0 {
				return true
			}
			left--
			return false
		})
		if objects[uid] = kept; len(kept) == 0 {
			delete(objects, uid)
		}
	}
	m.total += countOf(objects) - count
}

func countOf(objects map[string][]remembered) int {
	n := 0
	for _, known := range objects {
		n += len(known)
	}
	return n
}

// about are the events on an object, newest last.
func (m *eventMemory) about(namespace, uid string) []evidence.Event {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var out []evidence.Event
	for _, r := range m.namespaces[namespace][uid] {
		out = append(out, r.Event)
	}
	inOrderOfTime(out)
	return out
}

func inOrderOfTime(events []evidence.Event) {
	slices.SortStableFunc(events, func(a, b evidence.Event) int { return a.Last.Compare(b.Last) })
}
