package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const cgroupFolder = "/sys/fs/cgroup"

// cgroup is the root of the cgroups of the cluster's pods.
func (c cluster) cgroup() string { return "/bridgestack-" + c.Name }

// makeCgroups makes the root of the pods' cgroups, which the kubelet expects to
// find: one folder with cgroup v2, one for each controller with v1.
func (c cluster) makeCgroups() error {
	hierarchies, err := hierarchies(cgroupFolder)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := os.MkdirAll(filepath.Join(hierarchy, c.cgroup()), 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
	}
	return nil
}

// removeCgroups removes what the pods of a cluster that has ended left.
func (c cluster) removeCgroups() error {
	hierarchies, err := hierarchies(cgroupFolder)
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := removeCgroup(filepath.Join(hierarchy, c.cgroup())); err != nil {
			return err
		}
	}
	return nil
}

func hierarchies(root string) ([]string, error) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil {
		return []string{root}, nil
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("find the cgroups: %w", err)
	}
	var found []string
	for _, entry := range entries {
		folder := filepath.Join(root, entry.Name())
		// Some are links to others (cpu to cpu,cpuacct): those are left out.
		if _, err := os.Stat(filepath.Join(folder, "cgroup.procs")); err == nil && entry.IsDir() {
			found = append(found, folder)
		}
	}
	return found, nil
}

// removeCgroup removes a cgroup and those below it, the innermost first. The
// kernel lets go of one a little after its last process has ended.
func removeCgroup(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look for cgroups: %w", err)
	}
	for _, folder := range slices.Backward(folders) {
		for range 50 {
			err = os.Remove(folder)
			if err == nil || errors.Is(err, fs.ErrNotExist) {
				err = nil
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("remove a cgroup: %w; see what is in it: cat %s/cgroup.procs", err, folder)
		}
	}
	return nil
}
