package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/bridgestack/operator/hack/internal/progress"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// cniFolders are where distributions put the network plugins.
var cniFolders = []string{"/usr/lib/cni", "/opt/cni/bin"}

// requirement is a file that is needed, any of those named, and the Debian
// package that has it. The file counts, since it may come from elsewhere.
type requirement struct {
	debianPackage string
	anyOf         []string
}

var requirements = []requirement{
	{"containerd", []string{"containerd"}},
	{"runc", []string{"runc"}},
	{"containernetworking-plugins", []string{"/usr/lib/cni/bridge", "/opt/cni/bin/bridge"}},
	{"nftables", []string{"nft"}},
	{"iptables", []string{"iptables"}},
	{"iproute2", []string{"ip"}},
	{"util-linux", []string{"nsenter"}},
	{"mmdebstrap", []string{"mmdebstrap"}},
	{"python3-pip", []string{"pip3"}},
}

// installPackages installs the Debian packages that are missing, or tells which
// ones when it may not.
func installPackages(ctx context.Context, printer *progress.Printer) error {
	missing := missingPackages(fileExists)
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("these programs are missing and there is no apt-get to install them: %s", list)
	}
	return printer.Step("install "+list, func() error {
		// An old list is often good enough, so that only the installation's error counts.
		updated := subprocess.Run(aptGet(ctx, "update"))
		installed := subprocess.Run(aptGet(ctx, append([]string{"install", "-y", "--no-install-recommends"}, missing...)...))
		if installed != nil {
			return fmt.Errorf("install Debian packages: %w; install them by hand: apt-get install %s",
				errors.Join(updated, installed), list)
		}
		return nil
	})
}

// requireRoot tells a person who isn't root all that is in the way at once.
func requireRoot() error {
	if os.Geteuid() == 0 {
		return nil
	}
	message := "a cluster needs root, for namespaces, mounts and cgroups: run this as root"
	if missing := missingPackages(fileExists); len(missing) > 0 {
		message += "; these Debian packages are missing too: apt-get install " + strings.Join(missing, " ")
	}
	return errors.New(message)
}

func missingPackages(exists func(file string) bool) []string {
	var missing []string
	for _, requirement := range requirements {
		found := false
		for _, file := range requirement.anyOf {
			found = found || exists(file)
		}
		if !found {
			missing = append(missing, requirement.debianPackage)
		}
	}
	return missing
}

// fileExists looks for a program also where only root's PATH leads.
func fileExists(file string) bool {
	if filepath.IsAbs(file) {
		_, err := os.Stat(file)
		return err == nil
	}
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		if _, err := os.Stat(filepath.Join(folder, file)); err == nil {
			return true
		}
	}
	return false
}

func cniFolder() string {
	for _, folder := range cniFolders {
		if fileExists(filepath.Join(folder, "bridge")) {
			return folder
		}
	}
	return cniFolders[0]
}

func aptGet(ctx context.Context, arguments ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, "apt-get", arguments...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return command
}
