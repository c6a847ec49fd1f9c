package observe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/bridgestack/operator/internal/evidence"
)

const (
	// kubeletPort is where kubelets serve HTTPS.
	kubeletPort = "10250"
	// kubeletTimeout is for one answer. A node that does not answer must not hold up a diagnosis.
	kubeletTimeout = 2 * time.Second
	// maxMetrics is how much of an answer is read, in bytes: that of a node with
	// 500 containers is about 10 MiB.
	maxMetrics = 32 << 20
	// fewPeriods are too few to tell anything, in CPU periods of 100 ms.
	fewPeriods = 20
)

// The kubelet's metrics of the kernel's CPU quota (cpu.stat of the cgroup), as
// its cAdvisor names them.
const (
	periodsMetric   = "container_cpu_cfs_periods_total"
	throttledMetric = "container_cpu_cfs_throttled_periods_total"
)

// Kubelets answers what kubelets count of their containers: /metrics/cadvisor,
// which takes the right to get nodes/metrics.
type Kubelets struct{ client *http.Client }

// NewKubelets makes one that shows the service account's token to kubelets whose
// certificates are of the CA in a file. Without one, the cluster's CA is asked for.
func NewKubelets(config *rest.Config, caFile string) (*Kubelets, error) {
	own := rest.AnonymousClientConfig(config)
	own.BearerToken, own.BearerTokenFile = config.BearerToken, config.BearerTokenFile
	own.Timeout = kubeletTimeout
	own.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } // nodes are near
	if caFile != "" {
		own.TLSClientConfig = rest.TLSClientConfig{CAFile: caFile}
	}
	client, err := rest.HTTPClientFor(own)
	if err != nil {
		return nil, fmt.Errorf("making a client for kubelets: %w", err)
	}
	// Nobody but the kubelet is shown the token.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Kubelets{client}, nil
}

// setThrottled fills in how much the container was throttled. Where that cannot
// be read it is not known.
func (r *Reader) setThrottled(ctx context.Context, pod *corev1.Pod, c *evidence.Container) error {
	if r.Kubelets == nil || c.Resources.CPULimit == 0 || pod.Status.HostIP == "" {
		return nil
	}
	share, err := r.Kubelets.throttled(ctx, pod, c.Name)
	if err != nil {
		return fmt.Errorf("how much container %s is throttled on node %s is not known: %w", c.Name, pod.Spec.NodeName, err)
	}
	c.Throttled = share
	return nil
}

func (k *Kubelets) throttled(ctx context.Context, pod *corev1.Pod, container string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, kubeletTimeout)
	defer cancel()
	address := url.URL{Scheme: "https", Host: net.JoinHostPort(pod.Status.HostIP, kubeletPort), Path: "/metrics/cadvisor"}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return 0, fmt.Errorf("ask the kubelet at %s: %w", address.Host, err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the kubelet: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the kubelet at %s answers %s to GET %s, which takes the right to get nodes/metrics", address.Host, response.Status, address.Path)
	}
	share, err := throttledIn(io.LimitReader(response.Body, maxMetrics), pod, container)
	if err != nil {
		return 0, fmt.Errorf("read the metrics of the kubelet at %s: %w", address.Host, err)
	}
	return share, nil
}

// throttledIn is the share of CPU periods in which a container was throttled, by
// its cgroup. That is a new one with each restart, and of a run of seconds
// cAdvisor sees next to nothing; the pod's cgroup stays, and tells of the
// container where it is the only one that runs in it. 0 where neither tells.
func throttledIn(metrics io.Reader, pod *corev1.Pod, container string) (float64, error) {
	lines, err := linesOf(metrics, pod)
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(lines))
	if err != nil {
		return 0, err
	}
	counted := map[string]map[string]float64{} // by container, by metric
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["namespace"] != pod.Namespace || labels["pod"] != pod.Name {
				continue
			}
			of := labels["container"]
			if counted[of] == nil {
				counted[of] = map[string]float64{}
			}
			counted[of][name] += metric.GetUntyped().GetValue()
		}
	}
	if share, ok := share(counted[container]); ok {
		return share, nil
	}
	if !isAlone(pod) {
		return 0, nil
	}
	share, _ := share(counted[""])
	return share, nil
}

func share(counted map[string]float64) (float64, bool) {
	periods := counted[periodsMetric]
	if periods < fewPeriods {
		return 0, false
	}
	return min(counted[throttledMetric]/periods, 1), true
}

// isAlone says that no other container runs beside the pod's main one.
func isAlone(pod *corev1.Pod) bool {
	n := 0
	for _, c := range Containers(pod) {
		if c.Role != evidence.RoleInit {
			n++
		}
	}
	return n == 1
}

// linesOf are the lines that count CPU periods and name the pod.
func linesOf(metrics io.Reader, pod *corev1.Pod) ([]byte, error) {
	var out bytes.Buffer
	scanner := bufio.NewScanner(metrics)
	for scanner.Scan() {
		line := scanner.Text()
		name, rest, _ := strings.Cut(line, "{")
		if (name == periodsMetric || name == throttledMetric) && strings.Contains(rest, `"`+pod.Name+`"`) {
			out.WriteString(line + "\n")
		}
	}
	if err := scanner.Err(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out.Bytes(), nil
}
