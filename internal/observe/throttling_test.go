package observe

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// cadvisor is how a kubelet 1.37 answers, of a pod whose container ran for the
// second time.
const cadvisor = `# HELP container_cpu_cfs_periods_total Number of elapsed enforcement period intervals.
# TYPE container_cpu_cfs_periods_total counter
container_cpu_cfs_periods_total{container="",id="/kubepods/burstable/pod7031",image="",name="",namespace="shop",pod="starved-1"} 325 1795516983658
container_cpu_cfs_periods_total{container="starved",id="/kubepods/burstable/pod7031/d1b2",image="x",name="d1b2",namespace="shop",pod="starved-1"} %d 1795516975197
container_cpu_cfs_periods_total{container="starved",id="/kubepods/burstable/pod9/d1b2",image="x",name="d1b2",namespace="other",pod="starved-1"} 999 1795516975197
# TYPE container_cpu_cfs_throttled_periods_total counter
container_cpu_cfs_throttled_periods_total{container="",id="/kubepods/burstable/pod7031",image="",name="",namespace="shop",pod="starved-1"} 317 1795516983658
container_cpu_cfs_throttled_periods_total{container="starved",id="/kubepods/burstable/pod7031/d1b2",image="x",name="d1b2",namespace="shop",pod="starved-1"} %d 1795516975197
container_cpu_cfs_throttled_seconds_total{container="starved",id="/kubepods/burstable/pod7031/d1b2",image="x",name="d1b2",namespace="shop",pod="starved-1"} 7 1795516975197
`

const starvedPod = `
metadata: {name: starved-1, namespace: shop}
spec:
  containers:
  - {name: starved, resources: {limits: {cpu: 10m}}}
status: {hostIP: 127.0.0.1}
`

func TestThrottledIn(t *testing.T) {
	withSidecar := strings.Replace(starvedPod, "  containers:", "  containers:\n  - {name: metrics}", 1)
	for _, test := range []struct {
		name, pod, metrics string
		want               string
	}{
		{"by the container's own cgroup", starvedPod, fmt.Sprintf(cadvisor, 200, 50), "0.25"},
		{"by the pod's, while its container's is new", starvedPod, fmt.Sprintf(cadvisor, 3, 0), "0.98"},
		{"not by a pod's that others share", withSidecar, fmt.Sprintf(cadvisor, 3, 0), "0.00"},
		{"not told", starvedPod, "container_memory_rss{pod=\"starved-1\"} 1\n", "0.00"},
	} {
		got, err := throttledIn(strings.NewReader(test.metrics), podFrom(t, test.pod), "starved")
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if share := fmt.Sprintf("%.2f", got); share != test.want {
			t.Errorf("%s: %s, want %s", test.name, share, test.want)
		}
	}
	if _, err := throttledIn(strings.NewReader(periodsMetric+`{pod="starved-1"} x`), podFrom(t, starvedPod), "starved"); err == nil {
		t.Error("what is no number was read")
	}
}

// TestKubelets asks a real HTTPS server.
func TestKubelets(t *testing.T) {
	var asked []string
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Authorization"))
		fmt.Fprintf(w, cadvisor, 200, 50)
	}))
	defer kubelet.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: kubelet.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	toServer := func(ctx context.Context, network, address string) (net.Conn, error) {
		if _, port, _ := net.SplitHostPort(address); port != kubeletPort {
			return nil, fmt.Errorf("port %s is not the kubelet's", port)
		}
		return (&net.Dialer{}).DialContext(ctx, network, kubelet.Listener.Addr().String())
	}
	config := &rest.Config{Host: "https://10.96.0.1", BearerToken: "service-account", Dial: toServer}

	trusting, err := NewKubelets(config, ca)
	if err != nil {
		t.Fatal(err)
	}
	got, err := trusting.throttled(t.Context(), podFrom(t, starvedPod), "starved")
	if err != nil || got != 0.25 {
		t.Errorf("share %v, %v", got, err)
	}
	if len(asked) != 1 || asked[0] != "/metrics/cadvisor Bearer service-account" {
		t.Errorf("asked %v", asked)
	}

	wary, err := NewKubelets(config, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wary.throttled(t.Context(), podFrom(t, starvedPod), "starved"); err == nil || len(asked) != 1 {
		t.Errorf("a kubelet that nobody vouches for was shown the token: %v, %v", err, asked)
	}
}

// TestNoLimitNoQuestion: what is not limited is not throttled, and a reader
// without kubelets asks nobody.
func TestNoLimitNoQuestion(t *testing.T) {
	pod := podFrom(t, starvedPod)
	c, _ := ContainerOf(pod, "starved")
	err := (&Reader{Options: Options{}}).setThrottled(t.Context(), pod, &c)
	c.Resources.CPULimit = 0
	err = errors.Join(err, (&Reader{Options: Options{Kubelets: &Kubelets{client: &http.Client{Transport: refusing{t}}}}}).setThrottled(t.Context(), pod, &c))
	if c.Throttled != 0 || err != nil {
		t.Error(c.Throttled, err)
	}
}

// A kubelet that does not answer is no news at each look: whoever asked is told, and
// tells it on once.
func TestKubeletThatDoesNotAnswer(t *testing.T) {
	pod := podFrom(t, starvedPod)
	c, _ := ContainerOf(pod, "starved")
	var logged bytes.Buffer
	ctx := ctrl.LoggerInto(t.Context(), funcr.New(func(_, line string) { logged.WriteString(line) }, funcr.Options{}))
	err := (&Reader{Options: Options{Kubelets: &Kubelets{client: &http.Client{Transport: silent{}}}}}).setThrottled(ctx, pod, &c)
	if err == nil || !strings.Contains(err.Error(), "container starved is throttled on node") || c.Throttled != 0 || logged.Len() > 0 {
		t.Errorf("%v, throttled %v, logged %q", err, c.Throttled, logged.String())
	}
}

type silent struct{}

func (silent) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

type refusing struct{ *testing.T }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.Error("a kubelet was asked")
	return nil, io.EOF
}
