package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHierarchies(t *testing.T) {
	tests := map[string]struct {
		files []string
		want  string
	}{
		"version 2": {[]string{"cgroup.controllers", "cgroup.procs", "system.slice/cgroup.procs"}, "."},
		"version 1": {[]string{"memory/cgroup.procs", "cpu/cgroup.procs", "unrelated/file"}, "cpu memory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range test.files {
				if err := writeFile(filepath.Join(root, file), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			found, err := hierarchies(root)
			if err != nil {
				t.Fatal(err)
			}
			var relative []string
			for _, folder := range found {
				name, err := filepath.Rel(root, folder)
				if err != nil {
					t.Fatal(err)
				}
				relative = append(relative, name)
			}
			if got := strings.Join(relative, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestRemoveCgroupGoesInwards(t *testing.T) {
	root := filepath.Join(t.TempDir(), "bridgestack-test")
	if err := os.MkdirAll(filepath.Join(root, "kubepods", "pod1", "container"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // nothing to remove is fine too
		if err := removeCgroup(root); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Error("it is still there")
	}
}
