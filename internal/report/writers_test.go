package report_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gate is the one room in which what is told of incidents is written.
const gate = "internal/report/"

// writers are the calls by which something is told to people, with the rooms that may
// make them: each gets what it tells from a status that passed the gate, or tells of
// names and numbers only.
var writers = map[string][]string{
	"Status":              {gate},                                                                 // client.Status().Update and Patch
	"SubResource":         {gate, "internal/apply/", "internal/vantage/", "internal/permission/"}, // evictions, ephemeral containers, reviews: no status
	"Eventf":              {gate},
	"Event":               {gate},
	"GetEventRecorder":    {"main.go"},
	"GetEventRecorderFor": {},
	"WithLabelValues":     {"internal/metrics/"},
	"MustNewConstMetric":  {"internal/metrics/"},
	"MessageOf":           {"controllers/notification/"}, // of a diagnosis as it was persisted
	"SetLogger":           {"main.go", "subcommands.go", "cmd/"},
}

// No other room writes a status, an event, a label of a metric or a message: whoever
// adds a way to tell something has to pass the gate.
func TestNoOtherRoomTells(t *testing.T) {
	const top = "../.."
	seen := map[string]bool{}
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, top+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && name != top || name == "hack" || name == "test"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, isCall := n.(*ast.CallExpr)
			if !isCall {
				return true
			}
			selected, isMethod := call.Fun.(*ast.SelectorExpr)
			if !isMethod {
				return true
			}
			called := selected.Sel.Name
			if of, isCall := selected.X.(*ast.CallExpr); isCall {
				if status, isMethod := of.Fun.(*ast.SelectorExpr); isMethod && status.Sel.Name == "Status" {
					called = "Status"
				}
			}
			rooms, writes := writers[called]
			if !writes || called == "Status" && selected.Sel.Name == "Status" {
				return true
			}
			seen[called] = true
			if !slices.ContainsFunc(rooms, func(room string) bool { return strings.HasPrefix(name, room) }) {
				t.Errorf("%s calls %s: what is told of incidents is written by %s, which keeps secrets out of it", name, called, gate)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []string{"Status", "Eventf", "WithLabelValues", "MessageOf", "SetLogger"} {
		if !seen[call] {
			t.Errorf("nobody calls %s any more: this test looks at nothing", call)
		}
	}
}
