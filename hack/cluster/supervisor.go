package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bridgestack/operator/hack/internal/progress"
)

const (
	superviseCommand = "supervise"
	restartPause     = time.Second
	// listenerFile is the file descriptor of the socket on the host's loopback
	// address, which the supervisor inherits.
	listenerFile = 3
)

// supervisor is process 1 of the cluster's process namespace: it starts the
// cluster's processes, again when they end, and reaps all that lose their parent.
type supervisor struct {
	plan    plan
	mutex   sync.Mutex
	running map[int]chan unix.WaitStatus
}

// supervise is started by up in new namespaces. It never returns.
func supervise(ctx context.Context, _ *progress.Printer, arguments []string) error {
	if os.Getpid() != 1 || len(arguments) != 1 {
		return fmt.Errorf("this is for up to call")
	}
	plan, err := readPlan(arguments[0])
	if err != nil {
		return err
	}
	if err := isolateMounts(plan.Cluster); err != nil {
		return err
	}
	if err := isolateNetwork(ctx); err != nil {
		return err
	}
	if err := serveForwarders(); err != nil {
		return err
	}
	go func() {
		<-ctx.Done() // asked to end: the kernel ends all others
		os.Exit(0)
	}()
	s := &supervisor{plan: plan, running: map[int]chan unix.WaitStatus{}}
	for _, process := range plan.Processes {
		go s.keepRunning(process)
	}
	return s.reap()
}

// serveForwarders lets clients reach the API server at the same address of the
// loopback from the host and from inside, so that one kubeconfig does for both.
func serveForwarders() error {
	file := os.NewFile(listenerFile, "listener")
	outside, err := net.FileListener(file)
	if err != nil {
		return fmt.Errorf("take over the listener: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("take over the listener: %w", err)
	}
	inside, err := net.Listen("tcp", outside.Addr().String())
	if err != nil {
		return fmt.Errorf("listen inside the cluster: %w", err)
	}
	go forward(outside)
	go forward(inside)
	return nil
}

func (s *supervisor) keepRunning(process process) {
	for {
		ended, err := s.start(process)
		if err != nil {
			log.Printf("start %s: %v", process.Name, err)
		} else {
			status := <-ended
			log.Printf("%s ended: exit code %d, signal %d", process.Name, status.ExitStatus(), status.Signal())
		}
		time.Sleep(restartPause)
	}
}

func (s *supervisor) start(process process) (<-chan unix.WaitStatus, error) {
	path, err := s.find(process.Name)
	if err != nil {
		return nil, err
	}
	logFile, err := os.OpenFile(s.plan.Cluster.logFile(process.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logFile.Close() }()
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = nothing.Close() }()

	// The reaper waits for the mutex, so that it can't miss a process that ends at once.
	s.mutex.Lock()
	defer s.mutex.Unlock()
	started, err := os.StartProcess(path, append([]string{process.Name}, process.Arguments...), &os.ProcAttr{
		Dir: "/", Env: s.plan.environment(), Files: []*os.File{nothing, logFile, logFile},
	})
	if err != nil {
		return nil, err
	}
	ended := make(chan unix.WaitStatus, 1)
	s.running[started.Pid] = ended
	return ended, started.Release()
}

func (s *supervisor) find(name string) (string, error) {
	path := filepath.Join(s.plan.Binaries, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return lookPath(name)
}

func (s *supervisor) reap() error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch err {
		case nil:
			s.ended(pid, status)
		case unix.ECHILD: // between an end and a restart
			time.Sleep(restartPause / 10)
		case unix.EINTR:
		default:
			return fmt.Errorf("wait for processes: %w", err)
		}
	}
}

func (s *supervisor) ended(pid int, status unix.WaitStatus) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if waiting, found := s.running[pid]; found {
		delete(s.running, pid)
		waiting <- status
	}
}

func (c cluster) logFile(process string) string { return c.state("logs", process+".log") }
