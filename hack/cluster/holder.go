package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clusterMarker is in the environment of a cluster's processes, for a person who
// wonders where they come from.
const clusterMarker = "BRIDGESTACK_CLUSTER"

// holder is the supervisor's process, the first one of the cluster's namespaces.
// The kernel ends all other processes of the cluster together with it, and with
// the last of them go the namespaces and all mounts in them.
type holder int

// findHolder looks for the cluster's supervisor among all processes. A file with
// its process id would lie after a reboot, and miss a supervisor whose starter
// was killed before it wrote the file.
func (c cluster) findHolder() (holder, bool) {
	return findSupervisor("/proc", c.planFile())
}

func findSupervisor(proc, planFile string) (holder, bool) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return 0, false
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && isSupervisor(proc, pid, planFile) {
			return holder(pid), true
		}
	}
	return 0, false
}

// isSupervisor goes by the command line, and by its owner, as anyone may choose
// a command line.
func isSupervisor(proc string, pid int, planFile string) bool {
	folder := filepath.Join(proc, strconv.Itoa(pid))
	info, err := os.Stat(folder)
	if err != nil {
		return false
	}
	if status, ok := info.Sys().(*syscall.Stat_t); !ok || int(status.Uid) != os.Geteuid() {
		return false
	}
	commandLine, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	return err == nil && strings.HasSuffix(string(commandLine), "\x00"+superviseCommand+"\x00"+planFile+"\x00")
}

// namespace is the path of one of the cluster's namespaces.
func (h holder) namespace(kind string) string {
	return fmt.Sprintf("/proc/%d/ns/%s", h, kind)
}

// kill ends the whole cluster and waits until nothing of it is left.
func (c cluster) kill(h holder) error {
	// A descriptor, unlike an id, can't come to mean another process.
	process, err := unix.PidfdOpen(int(h), 0)
	if errors.Is(err, unix.ESRCH) || err == nil && !isSupervisor("/proc", int(h), c.planFile()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find the supervisor, process %d: %w", h, err)
	}
	defer func() { _ = unix.Close(process) }()
	if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill the supervisor, process %d: %w", h, err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		polled := []unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}
		if ended, err := unix.Poll(polled, 1000); err == nil && ended == 1 {
			return nil
		}
	}
	return fmt.Errorf("process %d is still there 30 s after it was killed; see what holds it: cat /proc/%[1]d/stack", h)
}
