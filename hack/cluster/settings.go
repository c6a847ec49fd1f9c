package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/progress"
)

// The addresses inside the cluster's network namespace. Each cluster has its own
// namespace, so that they can be the same for all.
const (
	nodeName      = "node"
	nodeAddress   = "10.89.0.1"
	apiPort       = "6443"
	serviceRange  = "10.96.0.0/16"
	apiService    = "10.96.0.1"
	dnsService    = "10.96.0.10"
	podRange      = "10.244.0.0/16"
	clusterDomain = "cluster.local"
)

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// cluster is one cluster on this machine, running or not.
type cluster struct {
	Name  string
	Cache cache.Folder
	// Backoff is the longest pause between restarts of a container.
	Backoff time.Duration
}

func openCluster() (cluster, error) {
	folder, err := cache.Open()
	if err != nil {
		return cluster{}, err
	}
	c := cluster{Name: envOr("BRIDGESTACK_CLUSTER", "bridgestack"), Cache: folder}
	if !validName.MatchString(c.Name) {
		return cluster{}, fmt.Errorf("BRIDGESTACK_CLUSTER is %q; take up to 40 small letters, digits and dashes", c.Name)
	}
	backoff := envOr("BRIDGESTACK_CLUSTER_BACKOFF", "10s")
	c.Backoff, err = time.ParseDuration(backoff)
	if err != nil || c.Backoff < time.Second || c.Backoff > 300*time.Second {
		return cluster{}, fmt.Errorf("BRIDGESTACK_CLUSTER_BACKOFF is %q; take a duration from 1s to 300s", backoff)
	}
	return c, nil
}

// state is the path of something of this cluster; all of it goes with the cluster.
func (c cluster) state(elements ...string) string {
	return c.Cache.Path(append([]string{"clusters", c.Name}, elements...)...)
}

func (c cluster) kubeconfig() string { return c.state("kubeconfig") }

// lock keeps two commands from starting or stopping the same cluster at once.
// It lies beside the state, which down removes.
func (c cluster) lock(ctx context.Context) (func(), error) {
	return c.Cache.Lock(ctx, filepath.Join("locks", c.Name))
}

func printKubeconfig(context.Context, *progress.Printer, []string) error {
	c, err := openCluster()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.kubeconfig()); err != nil {
		return fmt.Errorf("find the kubeconfig: %w; start the cluster first, with make cluster-up", err)
	}
	fmt.Println(c.kubeconfig())
	return nil
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
