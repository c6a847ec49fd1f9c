package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// operatorProcess is the operator, as it is installed, but for its address.
type operatorProcess struct {
	command *exec.Cmd
	// pprof is the URL of its profiles.
	pprof string
	log   *os.File
}

// buildOperator of this checkout into a folder.
func buildOperator(ctx context.Context, folder, hack string) (string, error) {
	binary := filepath.Join(folder, "operator")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, ".")
	build.Dir, build.Env = filepath.Join(hack, ".."), append(os.Environ(), "CGO_ENABLED=0")
	if err := subprocess.Run(build); err != nil {
		return "", fmt.Errorf("build the operator: %w", err)
	}
	return binary, nil
}

// startOperator starts it and waits until its caches are filled. change is what is
// different of its process.
func startOperator(ctx context.Context, binary, kubeconfig, folder string, change ...func(*exec.Cmd)) (*operatorProcess, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	health, pprof := addresses[0], addresses[1]
	p := &operatorProcess{pprof: "http://" + pprof + "/debug/pprof/"}
	if p.log, err = os.Create(filepath.Join(folder, "operator.log")); err != nil {
		return nil, fmt.Errorf("make the operator's log: %w", err)
	}
	p.command = exec.CommandContext(ctx, binary, "--kubeconfig="+kubeconfig, "--health-probe-bind-address="+health, "--pprof-bind-address="+pprof)
	p.command.Stdout, p.command.Stderr = p.log, p.log
	for _, c := range change {
		c(p.command)
	}
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if response, err := http.Get("http://" + health + "/readyz"); err == nil {
			_ = response.Body.Close()
			return p, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("the operator is not ready; it says:\n%s", p.says()), p.stop())
		}
	}
}

// freeAddresses on loopback.
func freeAddresses(n int) ([]string, error) {
	var out []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // not before there are all
		out = append(out, listener.Addr().String())
	}
	return out, nil
}

func (p *operatorProcess) stop() error {
	defer func() { _ = p.log.Close() }()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the operator: %w", err)
	}
	return p.command.Wait()
}

// says is the end of its log.
func (p *operatorProcess) says() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return subprocess.LastLines(string(text), 10)
}

// memory of the operator, in bytes.
type memory struct {
	// heap is what is alive after a collection.
	heap int64
	// resident is what the process has of the machine's.
	resident int64
}

// memory after a collection.
func (p *operatorProcess) memory(ctx context.Context) (memory, error) {
	var m memory
	for range 2 { // what has a finalizer goes with the second
		text, err := p.get(ctx, "heap?gc=1&debug=1")
		if err != nil {
			return m, err
		}
		if m.heap, err = lineNumber(string(text), "# HeapAlloc = "); err != nil {
			return m, err
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return m, fmt.Errorf("read the operator's memory: %w", err)
	}
	m.resident, err = lineNumber(strings.ReplaceAll(string(status), " kB", ""), "VmRSS:")
	m.resident <<= 10
	return m, err
}

// lineNumber is the number behind a prefix.
func lineNumber(text, prefix string) (int64, error) {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, prefix); found {
			return strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
		}
	}
	return 0, fmt.Errorf("there is no line %q", prefix)
}

func (p *operatorProcess) get(ctx context.Context, what string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.pprof+what, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the operator for a profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, text)
	}
	if err != nil {
		return nil, fmt.Errorf("get the operator's %s: %w", what, err)
	}
	return text, nil
}

// profile keeps one in a folder.
func (p *operatorProcess) profile(ctx context.Context, folder, what, file string) error {
	text, err := p.get(ctx, what)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
		return fmt.Errorf("keep a profile: %w", err)
	}
	return nil
}
