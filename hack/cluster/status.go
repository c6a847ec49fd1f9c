package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// status tells what of the cluster works; its error is what doesn't.
func status(ctx context.Context, _ *progress.Printer, _ []string) error {
	c, err := openCluster()
	if err != nil {
		return err
	}
	h, running := c.findHolder()
	if !running {
		return errNotRunning
	}
	plan, err := readPlan(c.planFile())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	kubectl := kubectlCommand{plan.Binaries, c.kubeconfig()}
	checks := []struct {
		name string
		err  error
	}{
		{"API server", kubectl.run(ctx, "get", "--raw", "/readyz")},
		{"containerd", c.containerdReady(ctx)},
		{"node", nodeReady(ctx, kubectl, time.Now().Add(-leaseAge))},
		{"DNS", dnsReady(ctx)},
	}
	fmt.Printf("%-12s process %d\n", c.Name, h)
	var failed []error
	for _, check := range checks {
		word := "works"
		if check.err != nil {
			word = "doesn't work"
			failed = append(failed, fmt.Errorf("%s: %w", check.name, check.err))
		}
		fmt.Printf("%-12s %s\n", check.name, word)
	}
	fmt.Printf("%-12s %s\n%-12s %s\n", "kubeconfig", c.kubeconfig(), "logs", c.state("logs"))
	return errors.Join(failed...)
}
