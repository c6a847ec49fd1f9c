package apply

import (
	"context"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
)

// holds is what the change does to a hold, there or back.
func (c change) holds(object client.Object, at v1alpha1.Attempt) []operation {
	switch {
	case c.back:
		return letGo(object)
	case at.HeldUntil != nil:
		return hold(object, at.HeldUntil.Time)
	}
	return nil
}

// hold keeps Flux from an object, in the write that Flux would take back. One
// that its owner keeps Flux from is not ours to let go.
func hold(object client.Object, until time.Time) []operation {
	annotations := object.GetAnnotations()
	if _, ours := annotations[v1alpha1.AnnotationHeldUntil]; !ours && annotations[gitops.AnnotationReconcile] == gitops.Disabled {
		return nil
	}
	var out []operation
	if annotations == nil {
		out = append(out, operation{"op": "add", "path": "/metadata/annotations", "value": map[string]string{}})
	}
	return append(out,
		operation{"op": "add", "path": annotation(gitops.AnnotationReconcile), "value": gitops.Disabled},
		operation{"op": "add", "path": annotation(v1alpha1.AnnotationHeldUntil), "value": until.UTC().Format(time.RFC3339)})
}

// letGo takes the hold away where it is ours.
func letGo(object client.Object) []operation {
	annotations := object.GetAnnotations()
	if _, ours := annotations[v1alpha1.AnnotationHeldUntil]; !ours {
		return nil
	}
	out := []operation{{"op": "remove", "path": annotation(v1alpha1.AnnotationHeldUntil)}}
	if annotations[gitops.AnnotationReconcile] == gitops.Disabled {
		out = append(out, operation{"op": "remove", "path": annotation(gitops.AnnotationReconcile)})
	}
	return out
}

func annotation(key string) string {
	return "/metadata/annotations/" + strings.ReplaceAll(key, "/", "~1")
}

// LetGo lets Flux go on with an object that was read. A conflict means that it
// is to be read again.
func (a *Applier) LetGo(ctx context.Context, object client.Object) error {
	operations := letGo(object)
	if len(operations) == 0 {
		return nil
	}
	return a.send(ctx, object, append(preconditions(object), operations...), "letting Flux go on with "+object.GetName())
}
