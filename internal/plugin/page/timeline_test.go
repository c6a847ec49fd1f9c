package page_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
)

func timeline() page.Timeline {
	t := page.Timeline{Namespace: "shop", Stack: "bridge", Until: metav1.NewTime(now), Services: []string{"postgres", "redpanda", "hook-receiver", "workflow-coordinator", "model-metrics"}}
	long := recovered()
	long.Name, long.Status.Times.Recovered = "forgotten", microBefore(30*time.Hour)
	t.Add(now.Add(-24*time.Hour), []v1alpha1.BridgeDiagnosis{awaiting(), escalated(), symptom("workflow-coordinator"), recovered(), long}, []page.Moment{
		{At: before(13 * time.Minute), Service: "redpanda", Kind: page.KindDeploy, What: "revision 4: image registry.example/redpanda:v24"},
		{At: before(12*time.Minute + 30*time.Second), Service: "redpanda", Kind: page.KindEnded, What: "redpanda-0 ended with exit code 137 (OOMKilled)"},
		{At: before(5 * time.Minute), Service: "hook-receiver", Kind: page.KindEvent, What: "Unhealthy: <script>alert('&')</script>\x1b[31m"},
		{At: before(48 * time.Hour), Service: "redpanda", Kind: page.KindDeploy, What: "too long ago"},
	})
	return t
}

func TestTimeline(t *testing.T) {
	line := timeline()
	golden(t, "timeline.txt", line.Text(page.Style{}))
	golden(t, "timeline.svg", line.SVG())
	golden(t, "timeline.html", line.HTML())
	golden(t, "timeline-empty.txt", page.Timeline{Namespace: "shop", Stack: "bridge", Until: metav1.NewTime(now)}.Text(page.Style{}))
}

// What does not restart is told as what it is.
func TestTimelineOfWhatDoesNotRestart(t *testing.T) {
	line := page.Timeline{Namespace: "shop", Stack: "bridge", Until: metav1.NewTime(now)}
	line.Add(now.Add(-time.Hour), []v1alpha1.BridgeDiagnosis{refused()}, nil)
	if text := line.Text(page.Style{}); strings.Contains(text, "restart") || !strings.Contains(text, "pods are wanting or not ready") {
		t.Errorf("got %s", text)
	}
	failing := refused()
	failing.Spec.Symptom, failing.Status.Loop.Reason = v1alpha1.SymptomHealthEndpointFailing, "HealthEndpointFailing"
	for want, d := range map[string]v1alpha1.BridgeDiagnosis{"a run failed": runFailed(), "the health endpoint fails": failing} {
		line := page.Timeline{Namespace: "shop", Stack: "bridge", Until: metav1.NewTime(now)}
		line.Add(now.Add(-time.Hour), []v1alpha1.BridgeDiagnosis{d}, nil)
		if text := line.Text(page.Style{}); strings.Contains(text, "loop") || !strings.Contains(text, want) {
			t.Errorf("got %s", text)
		}
	}
}

// TestPicturesAreWellFormed: and what a container wrote is no markup in them.
func TestPicturesAreWellFormed(t *testing.T) {
	for name, text := range map[string]string{"svg": timeline().SVG(), "html": timeline().HTML()} {
		if strings.Contains(text, "<script") || strings.Contains(text, "\x1b") || !strings.Contains(text, "&lt;script&gt;") {
			t.Errorf("%s: markup of a message was taken over", name)
		}
	}
	decoder := xml.NewDecoder(strings.NewReader(timeline().SVG()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
