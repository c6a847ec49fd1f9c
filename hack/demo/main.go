// Command demo shows the operator at work: a stack with five faults, of which it
// repairs four and hands the fifth to a person. It starts the local cluster,
// installs the operator and the stack, shows the diagnoses as they come and then
// how each of them went. Its exit code is 1 if it did not come to that in time.
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
	timeout         time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.down, "down", false, "remove what the demo made")
	flag.BoolVar(&o.current, "current-context", os.Getenv(useCurrentContext) == "1",
		"use the cluster of the current KUBECONFIG rather than a local one; "+useCurrentContext+"=1 says the same")
	flag.StringVar(&o.namespace, "namespace", "bridgestack-demo", "namespace of the stack; it is deleted first")
	flag.StringVar(&o.conf, "config", "../config", "folder with default and testdata/demo")
	flag.DurationVar(&o.timeout, "timeout", 10*time.Minute, "from the stack being applied to its being repaired")
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
	if err := installStack(ctx, t, o, printer); err != nil {
		return err
	}
	printer.Say("the stack runs, with five faults in it")
	begin := time.Now()
	incidents, err := watch(ctx, t, o)
	fmt.Print(reportOf(incidents, commands{kubectl: t.kubectl, namespace: o.namespace}))
	if t.kubeconfig != "" {
		fmt.Printf("\nFor kubectl: export KUBECONFIG=%s\n", t.kubeconfig)
	}
	if err == nil {
		fmt.Printf("\nFour services were repaired and the fifth was left to a person, %s after the stack was applied.\n",
			time.Since(begin).Round(time.Second))
	}
	return err
}
