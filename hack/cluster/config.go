package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bridgestack/operator/hack/images"
)

//go:embed config
var templates embed.FS

// configurationFiles are rendered into the folder config of the state.
var configurationFiles = []string{
	"containerd.toml", "kubelet.yaml", "cni/network.conflist", "resolv.conf", "addons.yaml",
}

func renderConfiguration(c cluster) (map[string]string, error) {
	values := map[string]string{
		"PKI":           c.state("pki"),
		"NodeAddress":   nodeAddress,
		"DNSService":    dnsService,
		"ClusterDomain": clusterDomain,
		"PodRange":      podRange,
		"ResolvConf":    c.state("config", "resolv.conf"),
		"CgroupRoot":    c.cgroup(),
		"Backoff":       c.Backoff.Round(time.Second).String(),
		"PauseImage":    images.Pause,
		"CoreDNSImage":  images.CoreDNS,
		"VolumesImage":  images.Volumes,
		"CNIFolder":     cniFolder(),
		"CNIConfig":     c.state("config", "cni"),
		"Snapshotter":   snapshotter(string(c.Cache)),
	}
	rendered := map[string]string{}
	for _, name := range configurationFiles {
		text, err := render(filepath.Base(name), values)
		if err != nil {
			return nil, err
		}
		rendered[name] = text
	}
	return rendered, nil
}

func render(name string, values map[string]string) (string, error) {
	parsed, err := template.New(name).Option("missingkey=error").ParseFS(templates, "config/"+name)
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", name, err)
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, values); err != nil {
		return "", fmt.Errorf("render %s: %w", name, err)
	}
	return text.String(), nil
}

func writeConfiguration(c cluster) error {
	rendered, err := renderConfiguration(c)
	if err != nil {
		return err
	}
	for name, text := range rendered {
		if err := writeFile(c.state("config", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writeKubeconfigs writes the credentials of the cluster's processes, and those
// of its users, who reach the API server at the given port of the loopback address.
func writeKubeconfigs(c cluster, port string) error {
	for _, name := range []string{"kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet"} {
		err := writeKubeconfig(c, c.state("credentials", name), name, "https://"+nodeAddress+":"+apiPort)
		if err != nil {
			return err
		}
	}
	return writeKubeconfig(c, c.kubeconfig(), "admin", "https://127.0.0.1:"+port)
}

func writeKubeconfig(c cluster, path, user, server string) error {
	values := map[string]string{
		"Cluster": c.Name, "Context": c.Name, "User": user, "Server": server,
	}
	for key, file := range map[string]string{"Authority": "ca.crt", "Certificate": user + ".crt", "Key": user + ".key"} {
		content, err := os.ReadFile(c.state("pki", file))
		if err != nil {
			return fmt.Errorf("write a kubeconfig: %w", err)
		}
		values[key] = base64.StdEncoding.EncodeToString(content)
	}
	text, err := render("kubeconfig.yaml", values)
	if err != nil {
		return err
	}
	return writeFile(path, []byte(text), 0o600)
}

// snapshotter is overlayfs where the cache's file system can carry one, which an
// overlay itself (as in a container) can't.
func snapshotter(folder string) string {
	var status unix.Statfs_t
	if err := unix.Statfs(folder, &status); err == nil && status.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return "native"
	}
	return "overlayfs"
}

// writeFile replaces a file in one step, so that a kill leaves the old or the new one.
func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	making := path + ".making"
	if err := os.WriteFile(making, content, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(making, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func readTrimmed(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
