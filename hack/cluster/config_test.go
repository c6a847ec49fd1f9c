package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bridgestack/operator/hack/internal/cache"
)

func testCluster(t *testing.T) cluster {
	return cluster{Name: "test", Cache: cache.Folder(t.TempDir()), Backoff: 10 * time.Second}
}

func TestConfigurationIsComplete(t *testing.T) {
	rendered, err := renderConfiguration(testCluster(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range configurationFiles {
		if text := rendered[name]; text == "" || strings.Contains(text, "{{") {
			t.Errorf("%s is %q", name, text)
		}
	}
	if !json.Valid([]byte(rendered["cni/network.conflist"])) {
		t.Error("the network's configuration isn't JSON")
	}
	if !strings.Contains(rendered["kubelet.yaml"], "maxContainerRestartPeriod: 10s") {
		t.Error("the kubelet doesn't get the back-off")
	}
}

func TestPlanFollowsTheSettings(t *testing.T) {
	c := testCluster(t)
	encode := func(c cluster) string {
		t.Helper()
		plan, err := makePlan(c, "/bin")
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := plan.encode()
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	other := c
	other.Backoff = 2 * time.Second
	if again := encode(c); again != encode(c) {
		t.Error("the same settings make different plans")
	}
	if encode(c) == encode(other) {
		t.Error("other settings make the same plan")
	}
}

func TestClustersShareNothing(t *testing.T) {
	one := testCluster(t)
	two := one
	two.Name = "other"
	if one.state() == two.state() || one.cgroup() == two.cgroup() || one.planFile() == two.planFile() {
		t.Error("two clusters share a folder or a cgroup")
	}
}

func TestClusterNames(t *testing.T) {
	t.Setenv("BRIDGESTACK_CACHE", t.TempDir())
	for name, valid := range map[string]bool{
		"bridgestack": true, "e2e-1": true, "../other": false, "Big": false, "a b": false, "-a": false, "a-": false,
	} {
		t.Setenv("BRIDGESTACK_CLUSTER", name)
		if _, err := openCluster(); (err == nil) != valid {
			t.Errorf("%q: got %v, want it to be valid: %t", name, err, valid)
		}
	}
}

func TestMissingPackages(t *testing.T) {
	missing := missingPackages(func(file string) bool { return file != "runc" && !strings.HasSuffix(file, "/bridge") })
	if got := strings.Join(missing, " "); got != "runc containernetworking-plugins" {
		t.Errorf("got %q", got)
	}
	elsewhere := missingPackages(func(file string) bool { return file != "/usr/lib/cni/bridge" })
	if len(elsewhere) > 0 {
		t.Errorf("got %v, want the plugins in /opt to do", elsewhere)
	}
}

func TestMountsBelow(t *testing.T) {
	mounts := "proc /proc proc rw 0 0\ntmpfs /state/run tmpfs rw 0 0\ntmpfs /state-of-another tmpfs rw 0 0"
	if got := strings.Join(mountsBelow(mounts, "/state"), " "); got != "/state/run" {
		t.Errorf("got %q", got)
	}
}

func TestLoadingHint(t *testing.T) {
	for kubeContext, want := range map[string]string{
		"kind-dev":    "kind load image-archive a.tar --name dev\nkind load image-archive b.tar --name dev",
		"k3d-dev":     "k3d image import a.tar --cluster dev\nk3d image import b.tar --cluster dev",
		"bridgestack": "",
	} {
		if got := loadingHint(kubeContext, []string{"a.tar", "b.tar"}); got != want {
			t.Errorf("%s: got %q, want %q", kubeContext, got, want)
		}
	}
}
