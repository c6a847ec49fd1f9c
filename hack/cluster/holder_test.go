package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindSupervisor(t *testing.T) {
	const planFile = "/cache/clusters/one/plan.json"
	tests := map[string]struct {
		commandLine string
		found       bool
	}{
		"the supervisor":             {"/tmp/cluster supervise " + planFile, true},
		"another cluster's":          {"/tmp/cluster supervise /cache/clusters/two/plan.json", false},
		"another program":            {"sleep 1000", false},
		"one that reads the plan":    {"cat " + planFile, false},
		"a zombie":                   {"", false},
		"one with further arguments": {"/tmp/cluster supervise " + planFile + " more", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			proc := t.TempDir()
			if err := os.MkdirAll(filepath.Join(proc, "4711"), 0o755); err != nil {
				t.Fatal(err)
			}
			commandLine := ""
			if test.commandLine != "" {
				commandLine = strings.ReplaceAll(test.commandLine, " ", "\x00") + "\x00"
			}
			if err := os.WriteFile(filepath.Join(proc, "4711", "cmdline"), []byte(commandLine), 0o644); err != nil {
				t.Fatal(err)
			}
			found, ok := findSupervisor(proc, planFile)
			if ok != test.found || ok && found != 4711 {
				t.Errorf("got %d, %t, want %t", found, ok, test.found)
			}
		})
	}
}
