// Package controllers wires the controllers: one package for each is below this one,
// and each has only the clients that it uses.
package controllers

import (
	"fmt"
	"slices"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/bridgestack/operator/controllers/availability"
	"github.com/bridgestack/operator/controllers/bridgediagnosis"
	"github.com/bridgestack/operator/controllers/bridgestack"
	"github.com/bridgestack/operator/controllers/gitopshold"
	"github.com/bridgestack/operator/controllers/health"
	"github.com/bridgestack/operator/controllers/notification"
	"github.com/bridgestack/operator/controllers/perservice"
	"github.com/bridgestack/operator/controllers/podwatch"
	"github.com/bridgestack/operator/controllers/runs"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/healthcheck"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/workload"
)

// Options are what the controllers are made of.
type Options struct {
	// Client reads from the cache and writes; APIReader reads from the API server.
	Client    client.Client
	APIReader client.Reader
	// Observer gathers evidence, Prober asks dependencies.
	Observer *observe.Reader
	Prober   *probe.Prober
	// Applier and Reporter are the only writers.
	Applier  *apply.Applier
	Reporter *report.Reporter
	// Metrics count what is seen; nil counts nothing.
	Metrics *metrics.Metrics
	// Accounts in whose stead the operator acts.
	Accounts permission.Accounts
	// Excluded are namespaces in which nothing is looked at, whatever their stacks say.
	Excluded []string
	// Sender tells receivers. Its guard is not that of the probes: an admin allows
	// hosts for one or the other.
	Sender *notify.Sender
	// Git commits what a GitOps controller would take back; nil suggests it only.
	Git   *gitrepo.Client
	Clock clock.PassiveClock
	// Image is the operator's own, for init containers that wait; empty where it is
	// not known.
	Image string
	// Concurrency is how many incidents are worked on at once. Default: 8.
	Concurrency int
}

// controller is what each of the packages below has one of.
type controller interface {
	SetupWithManager(ctrl.Manager) error
}

// SetupWithManager starts the controllers with the manager.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	for _, c := range o.controllers() {
		if err := c.SetupWithManager(mgr); err != nil {
			return fmt.Errorf("setting up %T: %w", c, err)
		}
	}
	return nil
}

func (o Options) controllers() []controller {
	resolver := &resolve.Resolver{Client: o.Client, APIReader: o.APIReader, Clock: o.Clock}
	opener := incident.Opener{Client: o.Client, Clock: o.Clock}
	stacks := perservice.Stacks{Client: o.Client, Resolver: resolver, Opener: opener}
	answers := &healthcheck.Memory{}
	permissions := permission.Reviewer{Accounts: o.Accounts, Client: o.Client}
	targets := notify.Targets{APIReader: o.APIReader, MayRead: permissions.MayReadSecret}
	within := predicate.NewPredicateFuncs(func(object client.Object) bool { return !slices.Contains(o.Excluded, object.GetNamespace()) })
	var committer *gitcommit.Committer
	var git *gitcommit.Queue
	if o.Git != nil {
		committer = &gitcommit.Committer{APIReader: o.APIReader, MayRead: permissions.MayReadSecret, Resolver: resolver, Git: o.Git}
		git = gitcommit.NewQueue(o.Clock, 0)
	}
	out := []controller{
		&bridgestack.Reconciler{Client: o.Client, APIReader: o.APIReader, Resolver: resolver, Reporter: o.Reporter, Targets: targets, Accounts: o.Accounts, Excluded: o.Excluded, Clock: o.Clock, Concurrency: o.Concurrency},
		&podwatch.Reconciler{
			Within: within, Client: o.Client, Observer: o.Observer, Resolver: resolver, Opener: opener,
			Metrics: o.Metrics, Clock: o.Clock, Concurrency: o.Concurrency,
		},
		&health.Reconciler{
			Within: within, Client: o.Client, Observer: o.Observer, Prober: o.Prober, Resolver: resolver, Opener: opener, Memory: answers,
			Metrics: o.Metrics, Clock: o.Clock, Concurrency: o.Concurrency,
		},
		&availability.Reconciler{
			Within: within, Client: o.Client, Observer: o.Observer, Stacks: stacks, Clock: o.Clock, Concurrency: o.Concurrency,
		},
		&runs.Reconciler{
			Within: within, Client: o.Client, Observer: o.Observer, Stacks: stacks, Concurrency: o.Concurrency,
		},
		&bridgediagnosis.Reconciler{
			Within: within, Client: o.Client, APIReader: o.APIReader, Observer: o.Observer, Prober: o.Prober, Applier: o.Applier, Reporter: o.Reporter,
			Resolver: resolver, Permissions: permissions, Health: answers, Committer: committer, Commits: git,
			Clock: o.Clock, Image: o.Image, Concurrency: o.Concurrency,
		},
		&notification.Reconciler{
			Within: within, Client: o.Client, APIReader: o.APIReader, Resolver: resolver, Reporter: o.Reporter, Targets: targets, Sender: o.Sender,
			Clock: o.Clock, Concurrency: o.Concurrency,
		},
	}
	for _, kind := range workload.Kinds() {
		if workload.TraitsOf(kind).Lock != "" {
			continue // nothing of it is written that would have to be held
		}
		out = append(out, &gitopshold.Reconciler{Client: o.Client, APIReader: o.APIReader, Applier: o.Applier, Committer: committer, Asks: git, Clock: o.Clock, Kind: kind})
	}
	if git != nil {
		out = append(out, git)
	}
	return out
}
