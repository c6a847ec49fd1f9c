package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// down ends the cluster and removes all that it left. The namespaces and all
// mounts go with its processes.
func down(ctx context.Context, printer *progress.Printer, _ []string) error {
	c, err := openCluster()
	if err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	h, running := c.findHolder()
	if running {
		err := printer.Step("stop the cluster's processes", func() error { return c.kill(h) })
		if err != nil {
			return err
		}
	}
	if err := c.removeCgroups(); err != nil {
		return err
	}
	if err := printer.Step("remove the cluster's files", func() error { return os.RemoveAll(c.state()) }); err != nil {
		return fmt.Errorf("remove the cluster's files: %w", err)
	}
	if left := mountsBelow(readTrimmed("/proc/self/mounts"), c.state()); len(left) > 0 {
		return fmt.Errorf("these mounts are left; unmount them by hand: %s", strings.Join(left, " "))
	}
	printer.Say("the cluster %s is down", c.Name)
	return nil
}

func mountsBelow(mounts, folder string) []string {
	var below []string
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1]+"/", folder+"/") {
			below = append(below, fields[1])
		}
	}
	return below
}
