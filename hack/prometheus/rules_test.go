package prometheus

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

// ruleFile is what config/prometheus/rules.yaml has for Prometheus.
type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Alert         string            `json:"alert"`
	Expr          string            `json:"expr"`
	For           string            `json:"for,omitempty"`
	KeepFiringFor string            `json:"keep_firing_for,omitempty"`
	Labels        map[string]string `json:"labels"`
	Annotations   map[string]string `json:"annotations"`
}

func alerts(t *testing.T) (ruleFile, []rule) {
	t.Helper()
	text, err := os.ReadFile("../../config/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec ruleFile `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range object.Spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no rule")
	}
	return object.Spec, all
}

// promtool takes the rules, and they do in its tests what is expected of them.
func TestPromtool(t *testing.T) {
	file, _ := alerts(t)
	text, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	tests, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"rules.yaml": text, "alerts.yaml": tests} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{{"check", "rules", "--lint-fatal", "rules.yaml"}, {"test", "rules", "alerts.yaml"}} {
		arguments[len(arguments)-1] = filepath.Join(folder, arguments[len(arguments)-1])
		run := exec.CommandContext(t.Context(), "go", append([]string{"tool", "promtool"}, arguments...)...)
		// Without what discovers targets in clouds it is built in a tenth of the time.
		run.Env = append(os.Environ(), "GOFLAGS=-tags=remove_all_sd")
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
}

// Each alert says what to do, and speaks of what there is.
func TestAlertsSpeakOfWhatIsExported(t *testing.T) {
	metrics := known(scrapes(t))
	_, all := alerts(t)
	for _, a := range all {
		speaksOf(t, a.Alert, a.Expr, metrics)
		for _, wanted := range []string{"summary", "description", "runbook"} {
			if a.Annotations[wanted] == "" {
				t.Errorf("%s has no %s", a.Alert, wanted)
			}
		}
	}
}

// timeline is how long each of the operator's scrapes lasts, in periods.
var timeline = map[string]int{"well": 24, "recovered": 24, "escalated": 24, "taken-back": 24, "unwell": 24, "well-again": 60}

// The alerts fire and end over what the operator exported while services failed
// and recovered.
func TestAlertsFireAndEnd(t *testing.T) {
	h := record(t, scrapes(t), timeline)
	_, all := alerts(t)
	fired := map[string][]string{} // alert to the scrapes at whose end or in whose course it fired
	for _, a := range all {
		expr, err := language.ParseExpr(a.Expr)
		if err != nil {
			t.Fatal(err)
		}
		alert := rules.NewAlertingRule(a.Alert, expr, duration(t, a.For), duration(t, a.KeepFiringFor), labels.FromMap(a.Labels),
			labels.FromMap(a.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
		query := rules.EngineQueryFunc(h.engine, h.storage)
		for now := began; !now.After(h.ends["well-again"]); now = now.Add(period) {
			if _, err := alert.Eval(context.WithoutCancel(t.Context()), 0, now, query, &url.URL{}, 0); err != nil {
				t.Fatalf("%s at %s: %v", a.Alert, now, err)
			}
			alert.SetEvaluationTimestamp(now) // as the group of a rule does; without it there is no state
			if during := h.at(now); alert.State() == rules.StateFiring && !slices.Contains(fired[a.Alert], during) {
				fired[a.Alert] = append(fired[a.Alert], during)
			}
		}
		if alert.State() == rules.StateFiring {
			fired[a.Alert] = append(fired[a.Alert], "to the end")
		}
	}
	for alert, want := range map[string]string{
		"BridgeStackRestartLoop":    "recovered escalated taken-back", // one service each
		"BridgeStackHealthDegraded": "unwell",
		"BridgeStackNeedsPerson":    "escalated taken-back unwell",
		// One of the receivers is never there.
		"BridgeStackNotificationUndeliverable": "escalated taken-back unwell well-again to the end",
		"BridgeStackOperatorDown":              "",
		"BridgeStackReconcileErrors":           "",
		"BridgeStackRemediesFail":              "",
		"BridgeStackStalled":                   "",
		"BridgeStackAwaitsApproval":            "",
		"BridgeStackNotAvailable":              "",
	} {
		if got := strings.Join(fired[alert], " "); got != want {
			t.Errorf("%s fires during %q, want %q", alert, got, want)
		}
		delete(fired, alert)
	}
	for alert := range fired {
		t.Errorf("%s fires, and nothing is expected of it here", alert)
	}
}

// at is the scrape that lasted at a time.
func (h history) at(now time.Time) string {
	var out string
	var until time.Time
	for name, end := range h.ends {
		if !now.After(end) && (out == "" || end.Before(until)) {
			out, until = name, end
		}
	}
	return out
}

func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(d)
}
