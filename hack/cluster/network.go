package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// The node's network: an address that isn't the loopback's, on a bridge without
// ports (not every kernel has dummy devices), and no way out. Services need a
// route, wherever to: without one, connecting fails before kube-proxy's rules
// replace the address.
var networkSetup = []string{
	"link set lo up",
	"link add node0 type bridge",
	"address add " + nodeAddress + "/24 dev node0",
	"link set node0 up",
	"route add " + serviceRange + " dev node0",
	"route add unreachable default",
}

// isolateNetwork is called in a new network namespace.
func isolateNetwork(ctx context.Context) error {
	for _, step := range networkSetup {
		if err := subprocess.Run(exec.CommandContext(ctx, "ip", strings.Fields(step)...)); err != nil {
			return fmt.Errorf("set up the cluster's network: %w", err)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the node forward packets between pods: %w", err)
	}
	return nil
}
