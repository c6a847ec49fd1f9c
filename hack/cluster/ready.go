package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/bridgestack/operator/hack/images"
	"github.com/bridgestack/operator/hack/internal/progress"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

const (
	bootTimeout = 3 * time.Minute
	// leaseAge is how old a living node's lease may be: it is renewed every 10 s.
	leaseAge = 45 * time.Second
)

// awaitReady waits for each part of the cluster and tells which one it waits for.
// since is the time after which the node must have been heard of.
func (c cluster) awaitReady(ctx context.Context, printer *progress.Printer, binaries string, since time.Time) error {
	sources, err := sourceFolder(ctx)
	if err != nil {
		return err
	}
	maker := images.Maker{Cache: c.Cache, Sources: sources, Printer: printer}
	tarballs, err := maker.MakeAll(ctx, images.System(binaries))
	if err != nil {
		return err
	}
	// Compiling takes as long as it takes on a busy machine.
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	kubectl := kubectlCommand{binaries, c.kubeconfig()}
	steps := []struct {
		name    string
		process string
		check   func() error
	}{
		{"wait for the API server", "kube-apiserver", func() error { return kubectl.run(ctx, "get", "--raw", "/readyz") }},
		{"wait for containerd", "containerd", func() error { return c.containerdReady(ctx) }},
		{"load the system's images", "containerd", func() error { return c.loadAll(ctx, printer, tarballs) }},
		{"apply CoreDNS and the storage class", "kube-apiserver", func() error { return c.applyAddons(ctx, kubectl) }},
		{"wait for the node", "kubelet", func() error { return nodeReady(ctx, kubectl, since) }},
		{"wait for the cluster's DNS", "kubelet", func() error { return dnsReady(ctx) }},
	}
	for _, step := range steps {
		err := printer.Step(step.name, func() error { return eventually(ctx, step.check) })
		if err != nil {
			return fmt.Errorf("%s: %w\nthe end of %s:\n%s", step.name, err, c.logFile(step.process),
				subprocess.LastLines(readTrimmed(c.logFile(step.process)), 10))
		}
	}
	return nil
}

// eventually repeats a check until it succeeds or the context ends.
func eventually(ctx context.Context, check func() error) error {
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (c cluster) containerdReady(ctx context.Context) error {
	h, running := c.findHolder()
	if !running {
		return fmt.Errorf("the supervisor has ended: %s", subprocess.LastLines(readTrimmed(c.logFile("supervisor")), 10))
	}
	return subprocess.Run(inside(ctx, h, "ctr", "version"))
}

func (c cluster) applyAddons(ctx context.Context, kubectl kubectlCommand) error {
	manifest, err := os.ReadFile(c.state("config", "addons.yaml"))
	if err != nil {
		return fmt.Errorf("read the manifests of CoreDNS and the storage class: %w", err)
	}
	apply := kubectl.command(ctx, "apply", "--server-side", "--force-conflicts", "-f", "-")
	apply.Stdin = bytes.NewReader(manifest)
	return subprocess.Run(apply)
}

// nodeReady goes by the node's lease too: after a crash, the API server still
// has the node's last condition.
func nodeReady(ctx context.Context, kubectl kubectlCommand, since time.Time) error {
	renewed, err := subprocess.Output(kubectl.command(ctx, "get", "lease", nodeName, "-n", "kube-node-lease", "-o", "jsonpath={.spec.renewTime}"))
	if err != nil {
		return err
	}
	renewedAt, err := time.Parse(time.RFC3339Nano, renewed)
	if err != nil {
		return fmt.Errorf("read when the node was last heard of: %w", err)
	}
	if renewedAt.Before(since) {
		return fmt.Errorf("the node was last heard of %s ago", time.Since(renewedAt).Round(time.Second))
	}
	ready, err := subprocess.Output(kubectl.command(ctx, "get", "node", nodeName, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")]}`))
	if err != nil {
		return err
	}
	if !strings.Contains(ready, `"status":"True"`) {
		return fmt.Errorf("the node isn't ready: %s", ready)
	}
	return nil
}

// dnsReady asks the cluster's DNS by way of its Service, which takes a running
// pod and a working kube-proxy.
func dnsReady(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return subprocess.Run(exec.CommandContext(ctx, self, "exec", "--", self, resolveCommand))
}

// kubectlCommand is kubectl as the cluster's administrator.
type kubectlCommand struct {
	binaries   string
	kubeconfig string
}

func (k kubectlCommand) command(ctx context.Context, arguments ...string) *exec.Cmd {
	return exec.CommandContext(ctx, k.binaries+"/kubectl", append([]string{"--kubeconfig", k.kubeconfig}, arguments...)...)
}

func (k kubectlCommand) run(ctx context.Context, arguments ...string) error {
	return subprocess.Run(k.command(ctx, arguments...))
}
