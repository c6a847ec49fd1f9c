package stack_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
)

// defaults are what the code takes where a field is absent.
func defaults() map[string]any {
	p := stack.PolicyOf(v1alpha1.BridgeStackSpec{})
	return map[string]any{
		"Detection.restarts":            p.Restarts,
		"Detection.window":              p.Window,
		"Detection.startGrace":          p.StartGrace,
		"Detection.healthFailures":      p.HealthFailures,
		"Detection.healthWindow":        p.HealthWindow,
		"Remediation.mode":              p.Mode,
		"Remediation.minimumConfidence": p.MinimumConfidence,
		"Remediation.maxAttempts":       p.MaxAttempts,
		"Remediation.cooldown":          p.Cooldown,
		"Remediation.soak":              p.Soak,
		"Remediation.timeout":           p.Timeout,
		"Remediation.escalateAfter":     p.EscalateAfter,
		"MemoryBounds.factorPercent":    p.MemoryFactorPercent,
		"CPUBounds.factorPercent":       p.CPUFactorPercent,
		"ProbeBounds.startupCeiling":    p.StartupCeiling,
		"Budget.remediesPerHour":        p.RemediesPerHour,
		"Budget.concurrent":             p.Concurrent,
		"Budget.stormPercent":           p.StormPercent,
		"WorkloadReference.kind":        string(v1alpha1.DefaultWorkloadKind),
		"PostgresEndpoint.port":         server.Of(evidence.Postgres).Port,
		"MySQLEndpoint.port":            server.Of(evidence.MySQL).Port,
		"RedisEndpoint.port":            server.Of(server.Redis).Port,
		"RabbitMQEndpoint.port":         server.Of(server.RabbitMQ).Port,
		"MemcachedEndpoint.port":        server.Of(server.Memcached).Port,
		"HTTPEndpoint.path":             server.HealthPath,
		"DiagnosisOptions.historyLimit": incident.RetentionOf(v1alpha1.DiagnosisOptions{}).HistoryLimit,
		"DiagnosisOptions.ttl":          incident.RetentionOf(v1alpha1.DiagnosisOptions{}).TTL,
		"GitRepository.branch":          gitcommit.BaseOf(&v1alpha1.GitRepository{}),
	}
}

// heldElsewhere are fields whose absence is no value that one could ask the code
// for: the tests of what reads them hold what they say.
var heldElsewhere = map[string]string{
	"Dependency.condition":            "package compose",
	"Dependency.required":             "package server",
	"DeclaredTopic.partitions":        "package remedy",
	"DeclaredTopic.replicationFactor": "package remedy",
	"Remediation.onDelete":            "package bridgediagnosis",
	"Detection.unavailableGrace":      "package detect",
	"BridgeDiagnosisSpec.symptom":     "package incident",
	"FieldChange.kind":                "package remedy",
	"FieldChange.operation":           "package remedy",
	"MaintenanceWindow.timeZone":      "TestMaintenanceAt",
}

// A default is written where people read it, and once in the code.
func TestDefaultsAreAsDocumented(t *testing.T) {
	documented := documentedDefaults(t)
	code := defaults()
	for field, text := range documented {
		value, known := code[field]
		switch {
		case known && stated(value) != text:
			t.Errorf("%s is documented to be %s, and is %s", field, text, stated(value))
		case !known && heldElsewhere[field] == "":
			t.Errorf("%s is documented to be %s, and nothing compares that with the code", field, text)
		}
	}
	for field := range code {
		if documented[field] == "" {
			t.Errorf("the default of %s is not documented", field)
		}
	}
}

// A policy that says nothing detects as package detect does by itself.
func TestDetectionHasOneSetOfDefaults(t *testing.T) {
	got := stack.PolicyOf(v1alpha1.BridgeStackSpec{}).Detection()
	want := detect.Settings{Restarts: detect.DefaultRestarts, Window: detect.DefaultWindow, StartGrace: detect.DefaultStartGrace,
		HealthFailures: detect.DefaultHealthFailures, HealthWindow: detect.DefaultHealthWindow}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// stated is a value as the API's comments write it, such as 5m for 5m0s.
func stated(value any) string {
	if d, ok := value.(time.Duration); ok {
		text := d.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
		return text
	}
	return fmt.Sprint(value)
}

var (
	defaultIs = regexp.MustCompile(`Default: ([^\s,;]+?)[.,;]?(?:\s|$)`)
	// aValue tells a default that is a value from one that is described.
	aValue = regexp.MustCompile(`^(\d+[smh]?|true|[A-Z]\w*|/\w+|main|service_started)$`)
)

// documentedDefaults reads the API's comments: Type.field -> value.
func documentedDefaults(t *testing.T) map[string]string {
	files, err := filepath.Glob("../../api/v1alpha1/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no API types: %v", err)
	}
	out := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, f := range fields.Fields.List {
				if m := defaultIs.FindStringSubmatch(f.Doc.Text()); m != nil && aValue.MatchString(m[1]) {
					out[spec.Name.Name+"."+jsonName(f)] = m[1]
				}
			}
			return true
		})
	}
	return out
}

func jsonName(f *ast.Field) string {
	_, tag, _ := strings.Cut(f.Tag.Value, `json:"`)
	name, _, _ := strings.Cut(tag, `"`)
	name, _, _ = strings.Cut(name, ",")
	return name
}
