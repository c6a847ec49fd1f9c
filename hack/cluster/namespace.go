package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bridgestack/operator/hack/internal/progress"
)

const resolveCommand = "resolve"

var errNotRunning = errors.New("the cluster isn't running; start it with make cluster-up")

// inside is a command that sees the cluster's files and network, as its
// processes do.
func inside(ctx context.Context, h holder, name string, arguments ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(int(h)), "--mount", "--net", "--", name}
	return exec.CommandContext(ctx, "nsenter", append(enter, arguments...)...)
}

// execInside turns into another program in the cluster's network and with its
// DNS, but with the files and processes of the host.
func execInside(_ context.Context, _ *progress.Printer, arguments []string) error {
	if len(arguments) > 0 && arguments[0] == "--" {
		arguments = arguments[1:]
	}
	if len(arguments) == 0 {
		return errors.New("there is no command; usage: exec -- COMMAND")
	}
	c, err := openCluster()
	if err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	h, running := c.findHolder()
	if !running {
		return errNotRunning
	}
	plan, err := readPlan(c.planFile())
	if err != nil {
		return err
	}
	path, err := lookPath(arguments[0])
	if err != nil {
		path, err = exec.LookPath(plan.Binaries + "/" + arguments[0])
	}
	if err != nil {
		return fmt.Errorf("find the command: %w", err)
	}
	// Namespaces belong to a thread, and the new program goes on with this one.
	runtime.LockOSThread()
	if err := enterNetwork(c, h); err != nil {
		return err
	}
	environment := append(os.Environ(),
		"KUBECONFIG="+c.kubeconfig(),
		"PATH="+os.Getenv("PATH")+":"+plan.Binaries)
	return fmt.Errorf("start %s: %w", path, unix.Exec(path, arguments, environment))
}

func enterNetwork(c cluster, h holder) error {
	network, err := os.Open(h.namespace("net"))
	if err != nil {
		return fmt.Errorf("find the cluster's network: %w", err)
	}
	defer func() { _ = network.Close() }()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the cluster's network: %w", err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	return errors.Join(
		mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE),
		mount(c.state("config", "resolv.conf"), "/etc/resolv.conf", "", unix.MS_BIND),
	)
}

// resolve asks the cluster's DNS for the address of the API server's Service.
// It is run by way of exec.
func resolve(ctx context.Context, _ *progress.Printer, _ []string) error {
	addresses, err := net.DefaultResolver.LookupHost(ctx, "kubernetes.default.svc."+clusterDomain+".")
	if err != nil {
		return err
	}
	if strings.Join(addresses, " ") != apiService {
		return fmt.Errorf("the cluster's DNS says that the API server is at %v, not at %s", addresses, apiService)
	}
	return nil
}

// lookPath finds a program also where only root's PATH leads.
func lookPath(name string) (string, error) {
	path, err := exec.LookPath(name)
	for _, folder := range []string{"/usr/sbin/", "/sbin/"} {
		if err != nil && !strings.Contains(name, "/") {
			path, err = exec.LookPath(folder + name)
		}
	}
	return path, err
}
