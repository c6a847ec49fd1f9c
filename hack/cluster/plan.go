package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bridgestack/operator/hack/internal/cache"
)

// plan is what the supervisor runs. It is complete, so that two plans that are
// equal make the same cluster.
type plan struct {
	Cluster   cluster
	Binaries  string
	Processes []process
	// Configuration is a key of the rendered configuration files.
	Configuration string
}

// process is one long-running program of the cluster.
type process struct {
	Name      string
	Arguments []string
}

func makePlan(c cluster, binaries string) (plan, error) {
	rendered, err := renderConfiguration(c)
	if err != nil {
		return plan{}, err
	}
	var ingredients []string
	for _, name := range configurationFiles {
		ingredients = append(ingredients, name, rendered[name])
	}
	return plan{Cluster: c, Binaries: binaries, Processes: processes(c), Configuration: cache.Key(ingredients...)}, nil
}

// processes are all started at once: each of them waits for what it needs, or
// ends and is started again.
func processes(c cluster) []process {
	pki := func(file string) string { return c.state("pki", file) }
	credentials := func(name string) string { return c.state("credentials", name) }
	return []process{
		{"etcd", []string{
			"--data-dir", c.state("etcd"),
			"--listen-client-urls", "http://127.0.0.1:2379",
			"--advertise-client-urls", "http://127.0.0.1:2379",
			"--listen-peer-urls", "http://127.0.0.1:2380",
			"--unsafe-no-fsync",
			"--log-level", "warn",
		}},
		{"kube-apiserver", []string{
			"--etcd-servers", "http://127.0.0.1:2379",
			"--advertise-address", nodeAddress,
			"--secure-port", apiPort,
			"--authorization-mode", "Node,RBAC",
			"--enable-admission-plugins", "NodeRestriction",
			"--allow-privileged",
			"--service-cluster-ip-range", serviceRange,
			"--client-ca-file", pki("ca.crt"),
			"--tls-cert-file", pki("apiserver.crt"),
			"--tls-private-key-file", pki("apiserver.key"),
			"--kubelet-certificate-authority", pki("ca.crt"),
			"--kubelet-client-certificate", pki("apiserver-kubelet-client.crt"),
			"--kubelet-client-key", pki("apiserver-kubelet-client.key"),
			"--kubelet-preferred-address-types", "InternalIP",
			"--proxy-client-cert-file", pki("front-proxy-client.crt"),
			"--proxy-client-key-file", pki("front-proxy-client.key"),
			"--requestheader-client-ca-file", pki("front-proxy-ca.crt"),
			"--requestheader-allowed-names", "front-proxy-client",
			"--requestheader-username-headers", "X-Remote-User",
			"--requestheader-group-headers", "X-Remote-Group",
			"--requestheader-extra-headers-prefix", "X-Remote-Extra-",
			"--service-account-issuer", "https://kubernetes.default.svc." + clusterDomain,
			"--service-account-key-file", pki("service-accounts.key"),
			"--service-account-signing-key-file", pki("service-accounts.key"),
		}},
		{"kube-controller-manager", []string{
			"--kubeconfig", credentials("kube-controller-manager"),
			"--authentication-kubeconfig", credentials("kube-controller-manager"),
			"--authorization-kubeconfig", credentials("kube-controller-manager"),
			"--bind-address", "127.0.0.1",
			"--leader-elect=false",
			"--use-service-account-credentials",
			"--service-account-private-key-file", pki("service-accounts.key"),
			"--root-ca-file", pki("ca.crt"),
			"--cluster-signing-cert-file", pki("ca.crt"),
			"--cluster-signing-key-file", pki("ca.key"),
		}},
		{"kube-scheduler", []string{
			"--kubeconfig", credentials("kube-scheduler"),
			"--authentication-kubeconfig", credentials("kube-scheduler"),
			"--authorization-kubeconfig", credentials("kube-scheduler"),
			"--bind-address", "127.0.0.1",
			"--leader-elect=false",
		}},
		{"containerd", []string{"--config", c.state("config", "containerd.toml")}},
		{"kubelet", []string{
			"--config", c.state("config", "kubelet.yaml"),
			"--kubeconfig", credentials("kubelet"),
			"--hostname-override", nodeName,
			"--node-ip", nodeAddress,
		}},
		{"kube-proxy", []string{
			"--kubeconfig", credentials("kube-proxy"),
			"--hostname-override", nodeName,
			"--proxy-mode", "nftables",
			"--cluster-cidr", podRange,
			// These settings are the host's, so that they stay as they are.
			"--conntrack-max-per-core", "0",
			"--conntrack-tcp-timeout-established", "0",
			"--conntrack-tcp-timeout-close-wait", "0",
		}},
	}
}

// environment is the whole environment of the cluster's processes: nothing of
// the caller's, such as a proxy or a KUBECONFIG, gets into the cluster.
func (p plan) environment() []string {
	path := []string{p.Binaries, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	return []string{"PATH=" + strings.Join(path, ":"), "HOME=/root", clusterMarker + "=" + p.Cluster.Name}
}

func (p plan) encode() ([]byte, error) {
	encoded, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the plan: %w", err)
	}
	return encoded, nil
}

func readPlan(path string) (plan, error) {
	encoded, err := os.ReadFile(path)
	if err != nil {
		return plan{}, fmt.Errorf("read the plan: %w", err)
	}
	var p plan
	if err := json.Unmarshal(encoded, &p); err != nil {
		return plan{}, fmt.Errorf("read the plan in %s: %w", filepath.Base(path), err)
	}
	return p, nil
}
