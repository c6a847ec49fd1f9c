package prometheus

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// dashboard is what of config/grafana matters here.
type dashboard struct {
	UID        string  `json:"uid"`
	Panels     []panel `json:"panels"`
	Templating struct {
		List []struct {
			Name  string `json:"name"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	Title   string `json:"title"`
	Type    string `json:"type"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// variables in Grafana's place.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$namespace", ".*", "$stack", ".*")

// Each query of the dashboard speaks of what is exported, and Prometheus answers it
// with something, at the time when services fail.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile("../../config/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	all := scrapes(t)
	metrics := known(all)
	h := record(t, all, timeline)
	asked := 0
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			asked++
			query := variables.Replace(target.Expr)
			if speaksOf(t, p.Title, query, metrics) == nil {
				continue
			}
			q, err := h.engine.NewInstantQuery(t.Context(), h.storage, nil, query, h.ends["unwell"])
			if err != nil {
				t.Errorf("%s: %v", p.Title, err)
				continue
			}
			result := q.Exec(t.Context())
			if result.Err != nil || len(result.Warnings) > 0 {
				t.Errorf("%s: %s: %v %v", p.Title, query, result.Err, result.Warnings)
			} else if vector, err := result.Vector(); err != nil || len(vector) == 0 {
				t.Errorf("%s: nothing is shown by %s: %v", p.Title, query, err)
			}
			q.Close()
		}
	}
	if asked < 10 {
		t.Errorf("only %d queries", asked)
	}
}
