package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// fieldManager is the demo's name in managedFields.
const fieldManager = "bridgestack-demo"

// target is the cluster that the demo runs on.
type target struct {
	client.Client
	// kubeconfig of the local cluster, empty where it is the current one.
	kubeconfig string
	// kubectl to tell the person about.
	kubectl string
}

func openTarget(ctx context.Context, current bool) (target, error) {
	t := target{kubectl: "kubectl"}
	if !current {
		if err := t.startLocal(ctx); err != nil {
			return target{}, fmt.Errorf("start the local cluster, or set %s=1 to use that of the current KUBECONFIG: %w", useCurrentContext, err)
		}
	}
	config, err := t.restConfig()
	if err != nil {
		return target{}, fmt.Errorf("read the kubeconfig: %w", err)
	}
	// A person waits: no limit of the client's own.
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return target{}, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return target{}, err
	}
	if t.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return target{}, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return t, nil
}

func (t target) restConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = t.kubeconfig
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{}).ClientConfig()
}

// startLocal starts the cluster with the images of this checkout in it.
func (t *target) startLocal(ctx context.Context) error {
	path, err := cluster(ctx, "up")
	if err != nil {
		return err
	}
	t.kubeconfig = path
	if _, err := exec.LookPath(t.kubectl); err == nil {
		return nil
	}
	binaries, err := cluster(ctx, "binaries")
	if err != nil {
		return err
	}
	t.kubectl = filepath.Join(binaries, "kubectl")
	return nil
}

// cluster runs a command of the local cluster and returns the last line that it
// prints, which is a path; what it tells a person is shown.
func cluster(ctx context.Context, command string) (string, error) {
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "go", "run", "./cluster", command)
	c.Stdout, c.Stderr = &out, os.Stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("cluster %s: %w", command, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return lines[len(lines)-1], nil
}
