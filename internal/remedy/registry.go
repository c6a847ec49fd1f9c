package remedy

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// lookup finds a remedy by its name. What is none, such as Escalate, is the zero remedy.
func lookup(name v1alpha1.RemedyName) remedy {
	for _, r := range registry {
		if r.name == name {
			return r
		}
	}
	return remedy{}
}

// Allowed reports whether a policy lets a remedy be used: as its switch says,
// else unless it is opt-in.
func Allowed(policy stack.Policy, name v1alpha1.RemedyName) bool {
	return lookup(name).allowedBy(policy)
}

func (r remedy) allowedBy(policy stack.Policy) bool {
	if enabled, set := policy.Switch(r.name); set {
		return enabled
	}
	return !r.optIn
}

// Final reports whether a remedy has no way back.
func Final(name v1alpha1.RemedyName) bool { return lookup(name).final }

// Repeatable reports whether a remedy may be used again where it was tried before.
func Repeatable(name v1alpha1.RemedyName) bool { return lookup(name).repeatable }

// AsksForRoom reports whether a pod requests more of its node with what a remedy
// changed: no node may have it.
func AsksForRoom(name v1alpha1.RemedyName) bool { return lookup(name).asksForRoom }

// Approvable reports whether a remedy writes anything that a person could approve.
func Approvable(name v1alpha1.RemedyName) bool { return lookup(name).writes != "" }

// SettlesBy is how a remedy that acts on something else than the looping
// workload comes to its end, empty for one that does not.
func SettlesBy(name v1alpha1.RemedyName) Settlement { return lookup(name).settles }

// For is the remedy that is looked at first for a cause, Escalate where none
// is known that is on by default. Whether it may be used is for Propose to say.
func For(cause v1alpha1.Cause) v1alpha1.RemedyName {
	for _, r := range registry {
		if slices.Contains(r.causes, cause) && !r.optIn {
			return r.name
		}
	}
	return v1alpha1.RemedyEscalate
}

// Needs reports whether any remedy that the policy allows for a cause needs
// something to be read.
func Needs(policy stack.Policy, cause v1alpha1.Cause, what Need) bool {
	return slices.ContainsFunc(registry, func(r remedy) bool {
		return slices.Contains(r.causes, cause) && slices.Contains(r.needs, what) && r.allowedBy(policy)
	})
}
