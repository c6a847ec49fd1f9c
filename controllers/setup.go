// Package controllers runs the phases: one thin file per kind says in which
// order, the packages below internal/ say what each does. It is the only place
// that sees everything.
package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/report"
)

// Operator is what the controllers share.
type Operator struct {
	// Cached reads and writes; Live reads from the API server only.
	Cached client.Client
	Live   client.Reader
	// Observer gathers evidence, Prober asks dependencies.
	Observer *observe.Reader
	Prober   *probe.Prober
	// Applier and Reporter are the only writers.
	Applier  *apply.Applier
	Reporter *report.Reporter
	// Metrics count what is seen; nil counts nothing.
	Metrics *metrics.Metrics
	// Accounts in whose stead it acts.
	Accounts Accounts
	// Notifier tells receivers. Its guard is not that of the probes: an admin
	// allows hosts for one or the other.
	Notifier *notify.Sender
	// Git commits what a GitOps controller would take back; nil suggests it only.
	Git *gitrepo.Client
	// Now is the clock.
	Now func() time.Time
	// Image is the operator's own, for init containers that wait; empty where
	// it is not known.
	Image string
	// Concurrency is how many incidents are worked on at once. Default: 8.
	Concurrency int

	// endpoints is what was last seen of health endpoints.
	endpoints endpoints
	// projects is what was last made of compose projects.
	projects composeProjects
}

// SetupWithManager starts the controllers with the manager.
func (o *Operator) SetupWithManager(mgr ctrl.Manager) error {
	for name, setup := range map[string]func(ctrl.Manager) error{
		"BridgeStack":      (&BridgeStackReconciler{Operator: o}).SetupWithManager,
		"Pod":              NewPodReconciler(o).SetupWithManager,
		"Health":           (&HealthReconciler{Operator: o}).SetupWithManager,
		"BridgeDiagnosis":  (&BridgeDiagnosisReconciler{Operator: o}).SetupWithManager,
		"notification":     (&NotificationReconciler{Operator: o}).SetupWithManager,
		"Deployment hold":  (&HoldReconciler{o, v1alpha1.Deployment}).SetupWithManager,
		"StatefulSet hold": (&HoldReconciler{o, v1alpha1.StatefulSet}).SetupWithManager,
		"DaemonSet hold":   (&HoldReconciler{o, v1alpha1.DaemonSet}).SetupWithManager,
	} {
		if err := setup(mgr); err != nil {
			return fmt.Errorf("setting up the %s controller: %w", name, err)
		}
	}
	return nil
}

// diagnosesOf lists a stack's diagnoses by name: a cache has no order, and what is
// written must not depend on it. They are for reading only: they may be the cache's.
func diagnosesOf(ctx context.Context, from client.Reader, namespace, stack string) ([]v1alpha1.BridgeDiagnosis, error) {
	var list v1alpha1.BridgeDiagnosisList
	if err := from.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelStack: stack}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the diagnoses of stack %s/%s: %w", namespace, stack, err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.BridgeDiagnosis) int { return cmp.Compare(a.Name, b.Name) })
	return list.Items, nil
}

// about reports whether a diagnosis is of a workload.
func about(d *v1alpha1.BridgeDiagnosis, w observe.Workload) bool {
	return d.Namespace == w.Namespace && d.Spec.Workload.Kind == w.Kind && d.Spec.Workload.Name == w.Name
}

// owned reports, for the probes' guard, which addresses belong to a namespace:
// its pods' and those of its Services that select pods.
func (o *Operator) scope(ctx context.Context, namespace string) (egress.Scope, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	if err := o.Cached.List(ctx, &services, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return egress.Scope{}, fmt.Errorf("listing Services for the probes' guard: %w", err)
	}
	if err := o.Cached.List(ctx, &pods, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return egress.Scope{}, fmt.Errorf("listing Pods for the probes' guard: %w", err)
	}
	return egress.Scope{Namespace: namespace, Owned: ownedAddresses(services.Items, pods.Items)}, nil
}
