package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/bridgestack/operator/hack/internal/subprocess"
)

const (
	namespace = "bridgestack-system"
	manager   = "deployment/bridgestack-manager"
)

// reader is who may read the metrics, as an admin sets Prometheus up.
const reader = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: scrape, namespace: ` + namespace + `}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bridgestack-scrape}
rules: [{nonResourceURLs: ["/metrics"], verbs: ["get"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bridgestack-scrape}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bridgestack-scrape}
subjects: [{kind: ServiceAccount, name: scrape, namespace: ` + namespace + `}]
`

// options of the scrapes.
type options struct {
	kubeconfig, kubectl string
	every               time.Duration
}

// withDefaults are those of the local cluster.
func (o options) withDefaults(ctx context.Context) (options, error) {
	if o.kubectl == "" {
		folder, err := subprocess.Output(exec.CommandContext(ctx, "go", "run", "./cluster", "binaries"))
		if err != nil {
			return o, err
		}
		o.kubectl = folder + "/kubectl"
	}
	if o.kubeconfig == "" {
		path, err := subprocess.Output(exec.CommandContext(ctx, "go", "run", "./cluster", "kubeconfig"))
		if err != nil {
			return o, err
		}
		o.kubeconfig = path
	}
	return o, nil
}

func (o options) run(ctx context.Context, stdin string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, o.kubectl, append([]string{"--kubeconfig", o.kubeconfig, "-n", namespace}, arguments...)...)
	command.Stdin = strings.NewReader(stdin)
	return subprocess.Output(command)
}

// scrape until it is over. There may be no cluster and no operator yet, and the
// operator may be replaced: then it is tried again.
func (o options) scrape(ctx context.Context, to *recorder) error {
	for ctx.Err() == nil {
		err := o.scrapeOne(ctx, to)
		if _, lost := errors.AsType[keepError](err); lost {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// keepError is one that trying again does not help against.
type keepError struct{ error }

// scrapeOne scrapes one process of the operator, while it is there.
func (o options) scrapeOne(ctx context.Context, to *recorder) error {
	if _, err := o.run(ctx, reader, "apply", "-f", "-"); err != nil {
		return err
	}
	token, err := o.run(ctx, "", "create", "token", "scrape", "--duration=1h")
	if err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(address)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	forward := exec.CommandContext(ctx, o.kubectl, "--kubeconfig", o.kubeconfig, "-n", namespace, "port-forward", "--address=127.0.0.1", manager, port+":8443")
	forward.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	forward.Stderr = os.Stderr
	if err := forward.Start(); err != nil {
		return fmt.Errorf("forward a port to the operator: %w", err)
	}
	defer func() { stop(); _ = forward.Wait() }()
	// The manager makes its certificate at start; the token proves the client.
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}}
	ticker := time.NewTicker(o.every)
	defer ticker.Stop()
	for failed := 0; failed < 3; {
		if text, err := get(ctx, client, "https://"+address+"/metrics", token); err != nil {
			failed++
		} else if err := to.add(time.Now(), text); err != nil {
			return keepError{err}
		} else {
			failed = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return errors.New("the operator does not answer any more")
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

func get(ctx context.Context, client *http.Client, url, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("scrape the operator: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("scrape the operator: %s", response.Status)
	}
	return string(text), err
}
