// Command demo shows the operator at work, in acts: what it repairs, what it hands
// to a person, what it leaves alone because another service is at the root, and
// what it takes back. It starts the local cluster, installs the operator and each
// act's stack, shows the diagnoses as they come and then how each of them went.
// Its exit code is 1 if one did not come to what it must in time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// useCurrentContext is an environment variable.
const useCurrentContext = "BRIDGESTACK_USE_CURRENT_CONTEXT"

type options struct {
	down, current   bool
	namespace, conf string
	project         string
	timeout         time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.down, "down", false, "remove what the demo made")
	flag.BoolVar(&o.current, "current-context", os.Getenv(useCurrentContext) == "1",
		"use the cluster of the current KUBECONFIG rather than a local one; "+useCurrentContext+"=1 says the same")
	flag.StringVar(&o.namespace, "namespace", "bridgestack-demo", "namespace of the first act's stack, the others' have a number behind it; they are deleted first")
	flag.StringVar(&o.conf, "config", "../config", "folder with default and testdata")
	flag.StringVar(&o.project, "project", "../internal/compose/testdata/projects/runbook/compose.yaml", "compose file of the first act's stack")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "for each act, from the stack being applied to what must become of it")
	flag.Parse()

	log.SetLogger(logr.Discard()) // the client's; what matters comes as an error
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, progress.NewPrinter(os.Stderr))
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, printer *progress.Printer) error {
	if o.down {
		return takeDown(ctx, o, printer)
	}
	t, err := openTarget(ctx, o.current)
	if err != nil {
		return err
	}
	if err := installOperator(ctx, t, o, printer); err != nil {
		return err
	}
	for i := range acts {
		if err := perform(ctx, t, o, i, printer); err != nil {
			return err
		}
	}
	if t.kubeconfig != "" {
		fmt.Printf("\nFor kubectl: export KUBECONFIG=%s\n", t.kubeconfig)
	}
	return nil
}

// perform shows one act.
func perform(ctx context.Context, t target, o options, i int, printer *progress.Printer) error {
	a, namespace := acts[i], o.namespaceOf(i)
	fmt.Printf("\n%d. %s\n\n", i+1, a.title)
	if a.scenario != "" {
		if err := installStack(ctx, t, o, a, namespace, printer); err != nil {
			return err
		}
	}
	begin := time.Now()
	if a.play != nil {
		if err := a.play(ctx, t, namespace); err != nil {
			return err
		}
	}
	seen, err := watch(ctx, t, o, namespace, a.expected)
	fmt.Print(reportOf(seen, commands{kubectl: t.kubectl, namespace: namespace}))
	if err == nil {
		fmt.Printf("\n%s, %s after it began.\n", a.moral, time.Since(begin).Round(time.Second))
	}
	return err
}
