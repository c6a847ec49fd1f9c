// Command cluster runs a real Kubernetes cluster of one node on this machine:
// etcd, the control plane, containerd and the kubelet, made from their sources,
// without Docker and without a registry, in namespaces of their own that have no
// route out.
//
// There is nothing in it that enforces a NetworkPolicy: policies can be applied,
// but they stop no packet here.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/bridgestack/operator/hack/internal/progress"
)

const usage = `usage: go run ./cluster COMMAND

  up               start the cluster, or do nothing if it is up and healthy
  down             stop it and remove everything of it but the cache
  status           tell what runs, exit 1 if the cluster isn't healthy
  kubeconfig       print the path of the kubeconfig
  exec -- COMMAND  run a command in the cluster's network, with its DNS
  load TAR...      import images into the cluster
  images           make the images and print the paths of their tarballs
  binaries         make the Kubernetes binaries and print their folder,
                   which envtest can use as BinaryAssetsDirectory

BRIDGESTACK_CLUSTER          name of the cluster (bridgestack)
BRIDGESTACK_CLUSTER_BACKOFF  longest pause between restarts of a container (10s)
BRIDGESTACK_CACHE            folder for what takes long to make
`

type command func(ctx context.Context, printer *progress.Printer, arguments []string) error

var commands = map[string]command{
	"up":         up,
	"down":       down,
	"status":     status,
	"kubeconfig": printKubeconfig,
	"exec":       execInside,
	"load":       load,
	"images":     printImages,
	"binaries":   printBinaries,

	superviseCommand: supervise,
	resolveCommand:   resolve,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := commands[os.Args[1]](ctx, progress.NewPrinter(os.Stderr), os.Args[2:])
	stop()
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "cluster %s: %v\n", os.Args[1], err)
	os.Exit(1)
}
