package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// isolateMounts gives the cluster's processes a /run, /var/lib and /var/log of
// their own, so that all of them can use their usual paths, and a /proc of their
// process namespace. It is called in a new mount namespace, which forgets it all
// when its last process ends.
func isolateMounts(c cluster) error {
	// The cache may lie under one of the paths that are covered below.
	cacheFolder, err := os.Open(string(c.Cache))
	if err != nil {
		return fmt.Errorf("open the cache: %w", err)
	}
	defer func() { _ = cacheFolder.Close() }()
	covered := fmt.Sprintf("/proc/self/fd/%d", cacheFolder.Fd())

	return errors.Join(
		mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE),
		bind(c.state("var-lib"), "/var/lib"),
		bind(c.state("var-log"), "/var/log"),
		mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV),
		uncover(covered, string(c.Cache)),
		mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC),
		coverKernelSettings(),
	)
}

// uncover makes a folder reachable again under its path if it was covered.
func uncover(folder, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("uncover %s: %w", path, err)
	}
	return mount(folder, path, "", unix.MS_BIND)
}

func bind(folder, target string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for %s: %w", target, err)
	}
	return mount(folder, target, "", unix.MS_BIND)
}

// kernelSettings are those that the kubelet would set for the whole host if they
// were different.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// coverKernelSettings shows the kubelet the settings that it wants, so that it
// leaves those of the host alone.
func coverKernelSettings() error {
	var failed []error
	for setting, value := range kernelSettings {
		shown := filepath.Join("/run/kernel-settings", setting)
		failed = append(failed,
			writeFile(shown, []byte(value), 0o644),
			mount(shown, filepath.Join("/proc/sys", setting), "", unix.MS_BIND))
	}
	return errors.Join(failed...)
}

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}
