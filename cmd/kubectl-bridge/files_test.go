package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// projectIn makes a project's files in a directory beside a secret one.
func projectIn(t *testing.T, files map[string]string) (project, outside string) {
	t.Helper()
	top := t.TempDir()
	project, outside = filepath.Join(top, "shop"), filepath.Join(top, "private")
	for name, content := range files {
		path := filepath.Join(project, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(outside, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "x.env"), []byte("NAME=canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return project, outside
}

// TestNothingOutsideIsRead: neither by a name nor by a link.
func TestNothingOutsideIsRead(t *testing.T) {
	project, outside := projectIn(t, map[string]string{"compose.yaml": `
services:
  web: {image: w, volumes: ["./link:/a:ro", "./linked:/b:ro", "./dir:/c:ro", "../private/x.env:/d"], configs: [c], secrets: [s]}
configs: {c: {file: ./link}}
secrets: {s: {file: ./link}}
`, "dir/fine.conf": "fine\n"})
	for link, to := range map[string]string{"link": filepath.Join(outside, "x.env"), "linked": outside, "dir/x": "../../private/x.env"} {
		if err := os.Symlink(to, filepath.Join(project, link)); err != nil {
			t.Fatal(err)
		}
	}
	out, notes, err := plugin(t, "init", "--manifests", "--with-secrets", filepath.Join(project, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "canary") || strings.Contains(notes, "canary") {
		t.Errorf("what is outside is in\n%s\n%s", out, notes)
	}
}

// TestNamedFilesAreGuarded: each way in which a project names a file is refused
// with the place where what is named is outside, a FIFO, a device or too large.
func TestNamedFilesAreGuarded(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"env_file outside":        {"services:\n  a:\n    image: a\n    env_file: ../private/x.env\n", ":4: ../private/x.env cannot be read: it is outside of "},
		"env_file absolute":       {"services:\n  a:\n    image: a\n    env_file: [/etc/hostname]\n", ":4: /etc/hostname cannot be read: it is outside of "},
		"env_file by a link":      {"services:\n  a:\n    image: a\n    env_file: link\n", ":4: link cannot be read: a link leads out of "},
		"env_file FIFO":           {"services:\n  a:\n    image: a\n    env_file:\n    - path: fifo\n      required: false\n", ":5: fifo cannot be read: it is no regular file"},
		"env_file, large":         {"services:\n  a:\n    image: a\n    env_file: large\n", ":4: large cannot be read: it has more than 1024 KiB"},
		"env_file directory":      {"services:\n  a:\n    image: a\n    env_file: dir\n", ":4: dir cannot be read: it is a directory"},
		"env_file absent":         {"services:\n  a:\n    image: a\n    env_file: absent.env\n", ":4: absent.env is not there"},
		"env_file by a variable":  {"services:\n  a:\n    image: a\n    env_file: ${WHERE:-fifo}\n", "fifo} cannot be read: it is no regular file"},
		"label_file":              {"services:\n  a:\n    image: a\n    label_file: fifo\n", ":4: fifo cannot be read"},
		"extends device":          {"services:\n  a:\n    extends:\n      file: /dev/zero\n      service: b\n", ":4: /dev/zero cannot be read"},
		"extends FIFO":            {"services:\n  a:\n    extends: {file: fifo, service: b}\n", ":3: fifo cannot be read"},
		"include device":          {"include: [/dev/zero]\nservices: {a: {image: a}}\n", ":1: /dev/zero cannot be read"},
		"include outside":         {"include:\n- path: ../private/x.env\nservices: {a: {image: a}}\n", ":2: ../private/x.env cannot be read"},
		"include's env_file":      {"include:\n- path: other.yaml\n  env_file: fifo\nservices: {a: {image: a}}\n", ":3: fifo cannot be read"},
		"in what is included":     {"include: [deep.yaml]\nservices: {a: {image: a}}\n", "deep.yaml:1: fifo cannot be read"},
		"extends in a circle":     {"include: [circle.yaml]\nservices: {a: {image: a}}\n", "in a circle"},
		"included and broken":     {"include: [broken.yaml]\nservices: {a: {image: a}}\n", "broken.yaml:2: no valid YAML"},
		"what is allowed is read": {"include: [other.yaml]\nservices: {a: {image: a, env_file: [fine.env]}}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			project, outside := projectIn(t, map[string]string{
				"compose.yaml": c.text, "other.yaml": "services: {b: {image: b}}\n", "fine.env": "A=b\n", "dir/x": "", "large": strings.Repeat("A", 2<<20),
				"deep.yaml": "services: {c: {image: c, env_file: fifo}}\n", "circle.yaml": "include: [circle.yaml]\nservices: {c: {image: c}}\n", "broken.yaml": "services: [\n",
			})
			if err := unix.Mkfifo(filepath.Join(project, "fifo"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Join(outside, "x.env"), filepath.Join(project, "link")); err != nil {
				t.Fatal(err)
			}
			started := time.Now()
			_, _, err := plugin(t, "init", "--manifests", filepath.Join(project, "compose.yaml"))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || time.Since(started) > 5*time.Second {
				t.Errorf("after %s: %v, want %q", time.Since(started), err, c.says)
			}
			if err != nil && (exitCode(err) != exitBadInput || strings.Contains(err.Error(), "canary")) {
				t.Errorf("exit code %d: %v", exitCode(err), err)
			}
		})
	}
}

// TestRoot: the repository around the project is read from, or what is named.
func TestRoot(t *testing.T) {
	project, outside := projectIn(t, map[string]string{"deploy/compose.yaml": "services: {a: {image: a, env_file: ../../private/x.env}}\n"})
	file := filepath.Join(project, "deploy/compose.yaml")
	if _, _, err := plugin(t, "init", file); err == nil {
		t.Error("what is outside was read")
	}
	if _, _, err := plugin(t, "init", "--root", filepath.Dir(outside), file); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(filepath.Dir(project), ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := plugin(t, "init", file); err != nil {
		t.Error(err)
	}
}
