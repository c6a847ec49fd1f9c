// Package resolve reads a stack's services, workloads, dependencies and compose project,
// and the bounds that others set on its workloads, from the cluster.
package resolve

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Resolver reads the cluster. It remembers compose projects and must not be copied.
type Resolver struct {
	// Client reads from the cache, APIReader what is never watched.
	Client    client.Reader
	APIReader client.Reader
	Clock     clock.PassiveClock

	projects projects
}

// Forget what is remembered of a stack that is gone.
func (r *Resolver) Forget(stack types.NamespacedName) { r.projects.forget(stack) }
