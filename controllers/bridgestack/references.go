package bridgestack

import (
	"context"
	"maps"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/requeue"
)

// references remembers, for the time of a round, which objects exist that policies
// name: a stack's status is written often, and stacks name the same Secrets. What
// does not exist is looked up each time, as a person waits for it to be found. The
// zero value is empty; it is safe for concurrent use.
type references struct {
	mu    sync.Mutex
	known map[reference]time.Time
	swept time.Time
}

type reference struct{ namespace, kind, name string }

// lookup in one namespace at one time.
func (r *references) lookup(reader client.Reader, namespace string, now time.Time) *referenceLookup {
	return &referenceLookup{references: r, reader: reader, namespace: namespace, now: now, missing: map[reference]bool{}}
}

// referenceLookup asks for each object once.
type referenceLookup struct {
	references *references
	reader     client.Reader
	namespace  string
	now        time.Time
	missing    map[reference]bool
}

// exists tells whether there is an object, without reading what it holds.
func (l *referenceLookup) exists(ctx context.Context, kind, name string) (bool, error) {
	of := reference{l.namespace, kind, name}
	if l.missing[of] {
		return false, nil
	}
	if l.references.fresh(of, l.now) {
		return true, nil
	}
	object := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: kind}}
	err := l.reader.Get(ctx, client.ObjectKey{Namespace: l.namespace, Name: name}, object)
	if apierrors.IsNotFound(err) {
		l.missing[of] = true
		return false, nil
	}
	if err == nil {
		l.references.saw(of, l.now)
	}
	return err == nil, err
}

// referencesFresh is a little less than a round, so that each round looks anew.
const referencesFresh = requeue.References * 9 / 10

func (r *references) fresh(of reference, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.known[of]
	return known && now.Sub(at) < referencesFresh
}

func (r *references) saw(of reference, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[reference]time.Time{}
	}
	if now.Sub(r.swept) > requeue.References {
		maps.DeleteFunc(r.known, func(_ reference, at time.Time) bool { return now.Sub(at) >= referencesFresh })
		r.swept = now
	}
	r.known[of] = now
}
