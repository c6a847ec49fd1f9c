package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/bridgestack/operator/internal/vantage"
	"github.com/bridgestack/operator/internal/waitfor"
)

// subcommands are what the operator's image does in other pods than its own.
// Without one, the binary is the operator.
var subcommands = map[string]func(ctx context.Context, args []string) error{
	vantage.Command: probeFromPod,
	waitfor.Command: waitFor,
}

// waitFor is the init container that WaitForDependency adds, and those of the
// manifests that the plugin makes of a compose file.
func waitFor(ctx context.Context, args []string) error {
	w, err := waitfor.Parse(args)
	if err != nil {
		return err
	}
	if w.Job != "" {
		return waitForJob(ctx, w)
	}
	if w.Name != "" {
		return waitfor.RunName(ctx, os.Stdout, w, net.DefaultResolver)
	}
	resolvConf, err := resolvConf()
	if err != nil {
		return err
	}
	return waitfor.Run(ctx, os.Stdout, w, waitfor.NewProber(resolvConf))
}

// waitForJob asks with the rights of the pod's own ServiceAccount.
func waitForJob(ctx context.Context, w waitfor.Wait) error {
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("finding the API server: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	namespace, err := os.ReadFile(namespaceFile)
	if err != nil {
		return fmt.Errorf("reading the pod's namespace: %w", err)
	}
	return waitfor.RunJob(ctx, os.Stdout, w, clientset.BatchV1().Jobs(string(namespace)))
}

// namespaceFile is mounted into pods with the ServiceAccount's token.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// probeFromPod is the ephemeral container that asks from a failing pod's own network.
func probeFromPod(ctx context.Context, args []string) error {
	resolvConf, err := resolvConf()
	if err != nil {
		return err
	}
	return vantage.Run(ctx, os.Stdout, args, resolvConf)
}

// resolvConf is how the pod around the container resolves names.
func resolvConf() (string, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return "", fmt.Errorf("reading the pod's DNS settings: %w", err)
	}
	return string(text), nil
}

// subcommand runs the one that the arguments name; false where they name none.
func subcommand(ctx context.Context, args []string) (code int, found bool) {
	if len(args) == 0 || subcommands[args[0]] == nil {
		return 0, false
	}
	if err := subcommands[args[0]](ctx, args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", args[0], err)
		return 1, true
	}
	return 0, true
}
