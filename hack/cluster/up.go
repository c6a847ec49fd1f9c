package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bridgestack/operator/hack/images"
	"github.com/bridgestack/operator/hack/internal/progress"
)

func up(ctx context.Context, printer *progress.Printer, _ []string) error {
	c, err := openCluster()
	if err != nil {
		return err
	}
	if err := requireRoot(); err != nil {
		return err
	}
	var unlock func()
	err = printer.Step("wait for another up or down of this cluster", func() (err error) {
		unlock, err = c.lock(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer unlock()
	if err := installPackages(ctx, printer); err != nil {
		return err
	}
	sources, err := sourceFolder(ctx)
	if err != nil {
		return err
	}
	var booting errgroup.Group
	booting.Go(func() error { return c.boot(ctx, printer) })
	maker := images.Maker{Cache: c.Cache, Sources: sources, Printer: printer}
	tarballs, imagesErr := maker.MakeAll(ctx, images.Workloads)
	if err := booting.Wait(); err != nil {
		return errors.Join(err, imagesErr)
	}
	// A program that doesn't compile doesn't keep the other images from the cluster.
	if err := errors.Join(c.loadAll(ctx, printer, tarballs), imagesErr); err != nil {
		return err
	}
	printer.Say("the cluster %s is up; for kubectl: export KUBECONFIG=%s", c.Name, c.kubeconfig())
	fmt.Println(c.kubeconfig())
	return nil
}

// boot brings the cluster to the state in which it runs pods.
func (c cluster) boot(ctx context.Context, printer *progress.Printer) error {
	binaries, err := makeBinaries(ctx, c.Cache, printer)
	if err != nil {
		return err
	}
	wanted, err := makePlan(c, binaries)
	if err != nil {
		return err
	}
	since := time.Now().Add(-leaseAge)
	if !c.runs(wanted) {
		since = time.Now()
		if err := c.restart(printer, wanted); err != nil {
			return err
		}
	}
	return c.awaitReady(ctx, printer, binaries, since)
}

// runs tells whether the running cluster, if there is one, is as wanted.
func (c cluster) runs(wanted plan) bool {
	if _, running := c.findHolder(); !running {
		return false
	}
	encoded, err := wanted.encode()
	current, readErr := os.ReadFile(c.planFile())
	return err == nil && readErr == nil && bytes.Equal(encoded, current)
}

// restart starts the cluster's processes. What the cluster holds stays, but for
// a reboot: without fsync, etcd may have lost anything then.
func (c cluster) restart(printer *progress.Printer, wanted plan) error {
	if h, running := c.findHolder(); running {
		printer.Say("the cluster runs with other settings or binaries: starting it again")
		if err := c.kill(h); err != nil {
			return err
		}
	}
	if err := c.removeCgroups(); err != nil {
		return err
	}
	if booted := readTrimmed(c.state("boot")); booted != "" && booted != bootID() {
		printer.Say("this machine was restarted since: starting with an empty cluster")
		if err := os.RemoveAll(c.state()); err != nil {
			return fmt.Errorf("remove the state from before the reboot: %w", err)
		}
	}
	listener, err := c.listen()
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	if err := c.prepare(wanted, listener.Addr().(*net.TCPAddr).Port); err != nil {
		return err
	}
	return c.startSupervisor(listener)
}

// listen takes the port that the cluster had before if it is free, so that
// kubeconfigs that were copied stay good.
func (c cluster) listen() (*net.TCPListener, error) {
	port := readTrimmed(c.state("port"))
	if port != "" {
		if listener, err := net.Listen("tcp4", "127.0.0.1:"+port); err == nil {
			return listener.(*net.TCPListener), nil
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for clients of the API server: %w", err)
	}
	return listener.(*net.TCPListener), nil
}

func (c cluster) prepare(wanted plan, port int) error {
	if err := makeCertificates(c.state("pki")); err != nil {
		return err
	}
	if err := writeConfiguration(c); err != nil {
		return err
	}
	if err := writeKubeconfigs(c, fmt.Sprint(port)); err != nil {
		return err
	}
	if err := c.makeCgroups(); err != nil {
		return err
	}
	if err := c.keepPreviousLogs(); err != nil {
		return err
	}
	encoded, err := wanted.encode()
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(c.state("port"), fmt.Append(nil, port), 0o644),
		writeFile(c.state("boot"), []byte(bootID()), 0o644),
		writeFile(c.planFile(), encoded, 0o600),
	)
}

func (c cluster) keepPreviousLogs() error {
	if err := os.RemoveAll(c.state("logs.previous")); err != nil {
		return fmt.Errorf("remove old logs: %w", err)
	}
	if err := os.Rename(c.state("logs"), c.state("logs.previous")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("keep the previous logs: %w", err)
	}
	if err := os.MkdirAll(c.state("logs"), 0o755); err != nil {
		return fmt.Errorf("make a folder for logs: %w", err)
	}
	return nil
}

// startSupervisor starts this program again as the first process of new
// namespaces. It outlives this one.
func (c cluster) startSupervisor(listener *net.TCPListener) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	socket, err := listener.File()
	if err != nil {
		return fmt.Errorf("pass on the listener: %w", err)
	}
	defer func() { _ = socket.Close() }()
	logFile, err := os.Create(c.logFile("supervisor"))
	if err != nil {
		return fmt.Errorf("open the supervisor's log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	supervisor := exec.Command(self, superviseCommand, c.planFile())
	supervisor.Dir = "/"
	supervisor.Stdout, supervisor.Stderr = logFile, logFile
	supervisor.ExtraFiles = []*os.File{socket}
	supervisor.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
	}
	if err := supervisor.Start(); err != nil {
		return fmt.Errorf("start the supervisor in namespaces of its own: %w", err)
	}
	return supervisor.Process.Release()
}

func (c cluster) planFile() string { return filepath.Join(c.state(), "plan.json") }

func bootID() string { return readTrimmed("/proc/sys/kernel/random/boot_id") }
