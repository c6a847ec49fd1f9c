package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// reading are projects that name files, each in another way. DIR is the
// directory's absolute path.
var reading = []string{
	"include: [other.yaml]\nservices: {a: {image: a}}",
	"include: [DIR/other.yaml]\nservices: {a: {image: a}}",
	"include: [{path: other.yaml, project_directory: DIR, env_file: DIR/x.env}]\nservices: {a: {image: a}}",
	"include: [{env_file: DIR/x.env}]\nservices: {a: {image: a}}",
	"include: [{path: [], env_file: [DIR/x.env]}]\nservices: {a: {image: a}}",
	"services: {a: {image: a, extends: {file: other.yaml, service: a}}}",
	"services: {a: {image: a, extends: {file: DIR/other.yaml, service: a}}}",
	"services: {a: {image: a, extends: {file: ../../x, service: a}}}",
	"services: {a: &a {image: a, extends: {file: \"${DIR}/other.yaml\", service: a}}}",
	"services: {a: {image: a, env_file: x.env}}",
	"services: {a: {image: a, env_file: [{path: DIR/x.env, required: false}]}}",
	"services: {a: {image: a, env_file: ~/x.env, volumes: ['~/x:/x', './x.env:/y']}}",
	"services: {a: {image: a, label_file: DIR/x.env}}",
	"services: {a: {image: a, pre_start: [{command: b, env_file: DIR/x.env}]}}",
	"services: {a: {build: {context: DIR, dockerfile: x.env, ssh: [default=DIR/x.env]}}}",
	"services: {a: {image: a, configs: [c], secrets: [s], credential_spec: {file: DIR/x.env}}}\nconfigs: {c: {file: DIR/x.env}}\nsecrets: {s: {file: x.env}}",
	"services: {a: {image: a, develop: {watch: [{path: DIR, action: rebuild}]}}}",
	"jobs: {j: {image: a, env_file: DIR/x.env}}\nservices: {a: {image: a}}",
}

// directory is one with the files that they name, and is where the test stands.
func directory(t testing.TB) string {
	dir := t.TempDir()
	for name, content := range map[string]string{"other.yaml": "services: {a: {image: CANARY}}", "x.env": "A=CANARY", ".env": "DIR=CANARY"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

// opened reports which files of a directory were opened while it was watched,
// by the kernel's own account.
func opened(t *testing.T, dir string, during func()) []string {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_OPEN|unix.IN_ACCESS); err != nil {
		t.Fatal(err)
	}
	during()
	buffer := make([]byte, 64<<10)
	n, err := unix.Read(fd, buffer)
	if err != nil { // EAGAIN: nothing happened
		return nil
	}
	return strings.FieldsFunc(string(buffer[:n]), func(r rune) bool { return r < ' ' || r > '~' })
}

func TestNoFileIsRead(t *testing.T) {
	dir := directory(t)
	for _, content := range reading {
		content = strings.ReplaceAll(content, "DIR", dir)
		t.Run(content, func(t *testing.T) {
			files := opened(t, dir, func() {
				p, err := load(t, Options{Environment: map[string]string{"DIR": dir}}, content)
				if err == nil {
					_, err = p.Facts()
				}
				if err != nil && strings.Contains(err.Error(), "no such file") {
					t.Errorf("it was looked for: %v", err)
				}
			})
			if len(files) > 0 {
				t.Errorf("opened %q", files)
			}
		})
	}
	// The account is one that notices.
	files := opened(t, dir, func() {
		if _, err := load(t, Options{Directory: dir}, reading[9]); err != nil {
			t.Fatal(err)
		}
	})
	if len(files) == 0 {
		t.Error("with a directory, the file is read")
	}
}

// Whatever is written, it is read or refused by an error that a person can use:
// no panic, and nothing of any file in it.
func FuzzLoad(f *testing.F) {
	for _, content := range reading {
		f.Add(content, "")
	}
	f.Add(shop, "services: {worker: !override {image: a}}")
	f.Add("services: {a: {image: '${A:-${B:?no}}', ports: ['1-3:1-3/udp', '::1:80:80']}}", "x-bridge: {topics: [a]}")
	f.Add("a: &a [*a]", "services:\n  a: !reset null\n")
	dir := directory(f)
	f.Fuzz(func(t *testing.T, first, second string) {
		files := []File{{"compose.yaml", []byte(strings.ReplaceAll(first, "DIR", dir))}}
		if second != "" {
			files = append(files, File{"override.yaml", []byte(second)})
		}
		p, err := Load(t.Context(), files, Options{Environment: map[string]string{"A": "1"}, Profiles: []string{"*"}})
		if err == nil {
			var facts Facts
			facts, err = p.Facts()
			for _, s := range facts.Services {
				s.Declared()
				if s.Image == "CANARY" {
					t.Error("a file was read")
				}
			}
		}
		if err != nil && (err.Error() == "" || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "no such file")) {
			t.Errorf("%q", err)
		}
	})
}
