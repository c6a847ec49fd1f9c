package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/progress"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// The names under which hack/kubernetes is started.
var programNames = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
}

func printBinaries(ctx context.Context, printer *progress.Printer, _ []string) error {
	folder, err := cache.Open()
	if err != nil {
		return err
	}
	binaries, err := makeBinaries(ctx, folder, printer)
	if err != nil {
		return err
	}
	fmt.Println(binaries)
	return nil
}

// makeBinaries returns the folder with the binaries of Kubernetes, etcd and
// CoreDNS, which it builds if the cache doesn't have them.
func makeBinaries(ctx context.Context, folder cache.Folder, printer *progress.Printer) (string, error) {
	sources, err := sourceFolder(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(sources, "kubernetes")
	sourceKey, err := cache.SourceKey(module)
	if err != nil {
		return "", err
	}
	flags, err := linkerFlags(ctx, module)
	if err != nil {
		return "", err
	}
	key := cache.Key(sourceKey, flags, runtime.GOARCH)
	return folder.Make(ctx, "bin", key, func(making string) error {
		return buildBinaries(ctx, printer, module, flags, making)
	})
}

func buildBinaries(ctx context.Context, printer *progress.Printer, module, flags, target string) error {
	printer.Say("the cache has no Kubernetes binaries: building them from their Go modules, which takes about 10 minutes the first time")
	for name, source := range map[string]string{"kubernetes": ".", "coredns": "./coredns"} {
		err := printer.Step("build "+name, func() error {
			build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", flags,
				"-o", filepath.Join(target, name), source)
			build.Dir = module
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
			return subprocess.Run(build)
		})
		if err != nil {
			return fmt.Errorf("build %s: %w", name, err)
		}
	}
	for _, name := range programNames {
		if err := os.Symlink("kubernetes", filepath.Join(target, name)); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	return nil
}

// linkerFlags sets the version that Kubernetes tells. Without it, it is a
// version 0, which clients and the kubelet take for too old.
func linkerFlags(ctx context.Context, module string) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	list.Dir = module
	version, err := subprocess.Output(list)
	if err != nil {
		return "", fmt.Errorf("find the version of Kubernetes: %w", err)
	}
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	if len(parts) != 3 {
		return "", fmt.Errorf("find the version of Kubernetes: %q isn't a version", version)
	}
	flags := []string{"-s", "-w"}
	for _, holder := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X", holder+".gitVersion="+version,
			"-X", holder+".gitMajor="+parts[0],
			"-X", holder+".gitMinor="+parts[1])
	}
	return strings.Join(flags, " "), nil
}

// sourceFolder is the folder hack of this checkout.
func sourceFolder(ctx context.Context) (string, error) {
	folder, err := subprocess.Output(exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/bridgestack/operator/hack"))
	if err != nil {
		return "", fmt.Errorf("find the sources: %w; run this in the folder hack", err)
	}
	return folder, nil
}
