package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bridgestack/operator/hack/images"
	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/progress"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

func load(ctx context.Context, printer *progress.Printer, tarballs []string) error {
	if len(tarballs) == 0 {
		return errors.New("there is no tarball to load; name one or more")
	}
	c, err := openCluster()
	if err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	for _, tarball := range tarballs {
		if err := c.importImage(ctx, printer, tarball); err != nil {
			return err
		}
	}
	return nil
}

// loadAll imports those of the cache's tarballs that the cluster hasn't got yet.
// Their names tell them apart.
func (c cluster) loadAll(ctx context.Context, printer *progress.Printer, tarballs []string) error {
	for _, tarball := range tarballs {
		loaded := c.state("loaded", filepath.Base(tarball))
		if _, err := os.Stat(loaded); err == nil {
			continue
		}
		if err := c.importImage(ctx, printer, tarball); err != nil {
			return err
		}
		if err := c.forgetOlder(tarball); err != nil {
			return err
		}
		if err := writeFile(loaded, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// forgetOlder makes loadAll import an older state of the same image again should
// it come back, since its name in the cluster now stands for the newer one.
func (c cluster) forgetOlder(tarball string) error {
	older, err := filepath.Glob(c.state("loaded", images.NameOf(tarball)+"@*"))
	if err != nil {
		return fmt.Errorf("look for older images: %w", err)
	}
	for _, path := range older {
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("forget an older image: %w", err)
		}
	}
	return nil
}

func (c cluster) importImage(ctx context.Context, printer *progress.Printer, tarball string) error {
	path, err := filepath.Abs(tarball)
	if err != nil {
		return fmt.Errorf("find %s: %w", tarball, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the image: %w", err)
	}
	defer func() { _ = file.Close() }()
	h, running := c.findHolder()
	if !running {
		return errNotRunning
	}
	return printer.Step("load "+filepath.Base(path), func() error {
		// By way of its input, since not every path leads to the same file inside.
		command := inside(ctx, h, "ctr", "--namespace", "k8s.io", "images", "import",
			"--snapshotter", snapshotter(string(c.Cache)), "-")
		command.Stdin = file
		if err := subprocess.Run(command); err != nil {
			return fmt.Errorf("load %s: %w", tarball, err)
		}
		return nil
	})
}

// printImages makes all images and prints their tarballs. Where the current
// kubeconfig is that of a kind or k3d cluster, it tells how to load them there.
func printImages(ctx context.Context, printer *progress.Printer, _ []string) error {
	folder, err := cache.Open()
	if err != nil {
		return err
	}
	sources, err := sourceFolder(ctx)
	if err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	if err := installPackages(ctx, printer); err != nil {
		return err
	}
	maker := images.Maker{Cache: folder, Sources: sources, Printer: printer}
	tarballs, err := maker.MakeAll(ctx, images.Workloads)
	if err != nil {
		return err
	}
	for _, tarball := range tarballs {
		fmt.Println(tarball)
	}
	if hint := loadingHint(currentContext(), tarballs); hint != "" {
		printer.Say("to load them into the current cluster:\n%s", hint)
	}
	return nil
}

// loadingHint is what a person types to load images into a cluster of another kind.
func loadingHint(kubeContext string, tarballs []string) string {
	var format string
	switch {
	case strings.HasPrefix(kubeContext, "kind-"):
		format = "kind load image-archive %s --name " + strings.TrimPrefix(kubeContext, "kind-")
	case strings.HasPrefix(kubeContext, "k3d-"):
		format = "k3d image import %s --cluster " + strings.TrimPrefix(kubeContext, "k3d-")
	default:
		return ""
	}
	var lines []string
	for _, tarball := range tarballs {
		lines = append(lines, fmt.Sprintf(format, tarball))
	}
	return strings.Join(lines, "\n")
}

// currentContext reads the one line of the kubeconfig that is of interest here.
func currentContext() string {
	for _, path := range filepath.SplitList(os.Getenv("KUBECONFIG")) {
		for line := range strings.Lines(readTrimmed(path)) {
			if value, found := strings.CutPrefix(line, "current-context:"); found {
				return strings.Trim(strings.TrimSpace(value), `"'`)
			}
		}
	}
	return ""
}
