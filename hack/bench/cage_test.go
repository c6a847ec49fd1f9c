package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// manifested is what config/manager gives the operator's container.
type manifested struct {
	memory   int64
	goMemory string
}

func manifestOf(t *testing.T) manifested {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "manager", "manager.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.Deployment
	if err := yaml.Unmarshal(text, &d); err != nil || len(d.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("the manager's manifest has %d containers: %v", len(d.Spec.Template.Spec.Containers), err)
	}
	c := d.Spec.Template.Spec.Containers[0]
	out := manifested{memory: c.Resources.Limits.Memory().Value()}
	for _, e := range c.Env {
		if e.Name == "GOMEMLIMIT" {
			out.goMemory = e.Value
		}
	}
	if out.memory == 0 || out.goMemory == "" {
		t.Fatalf("the manager's manifest limits its memory to %d, Go's to %q", out.memory, out.goMemory)
	}
	return out
}

// cage is a cgroup by which the kernel bounds a process' memory, as that of a
// container.
type cage struct {
	folder string
	// limit and events are the names of its files.
	limit, events string
}

// newCage fails where this user, or this machine, may make no cgroup.
func newCage(t *testing.T, bytes int64) (*cage, error) {
	t.Helper()
	const root = "/sys/fs/cgroup"
	name := fmt.Sprintf("bridgestack-bench-%d", os.Getpid())
	c := &cage{filepath.Join(root, "memory", name), "memory.limit_in_bytes", "memory.oom_control"}
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err == nil { // version 2
		c = &cage{filepath.Join(root, name), "memory.max", "memory.events"}
	}
	if err := os.Mkdir(c.folder, 0o755); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) { // until its last process is gone
			if err := os.Remove(c.folder); err == nil || errors.Is(err, fs.ErrNotExist) || time.Now().After(deadline) {
				return
			}
		}
	})
	return c, os.WriteFile(filepath.Join(c.folder, c.limit), []byte(strconv.FormatInt(bytes, 10)), 0)
}

// hold lets a command begin inside.
func (c *cage) hold(command *exec.Cmd) {
	command.Args = append([]string{"sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(c.folder, "cgroup.procs")}, command.Args...)
	command.Path = "/bin/sh"
}

// killed is how often the kernel killed a process for the limit.
func (c *cage) killed() (int64, error) {
	text, err := os.ReadFile(filepath.Join(c.folder, c.events))
	if err != nil {
		return 0, err
	}
	return lineNumber(string(text), "oom_kill ")
}

// resident is what a process has had of the machine's memory at the most, and what
// it has that is its own and no file's, in bytes.
func resident(pid int) (most, own int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	status := strings.ReplaceAll(string(text), " kB", "")
	most, errMost := lineNumber(status, "VmHWM:")
	own, errOwn := lineNumber(status, "RssAnon:")
	return most << 10, own << 10, errors.Join(errMost, errOwn)
}

// secretVolume mounts a Secret.
func secretVolume(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}
}
