package validate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bridgestack/operator/internal/compose"
)

// FuzzValidate: whatever a file holds, each finding has a rule, a message and a
// place within the file, and nothing panics or reads another file.
func FuzzValidate(f *testing.F) {
	projects, err := filepath.Glob("../../compose/testdata/projects/*/*.y*ml")
	if err != nil || len(projects) < 30 {
		f.Fatalf("%d projects: %v", len(projects), err)
	}
	for _, name := range projects {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("compose.yaml", content)
	}
	f.Add(".env", []byte("A=b\nexport C='d\n"))
	f.Add("stack.yaml", []byte(stackHead+"  services: [{name: a, dependsOn: [{service: b}]}]\n"))
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		file := compose.File{Name: name, Content: content}
		var found []Finding
		switch KindOf(file) {
		case KindEnv:
			found = EnvFile(file, true)
		case KindObjects:
			found = Stacks(t.Context(), file)
		default:
			found = Project(t.Context(), []compose.File{file}, Options{Production: true})
		}
		lines := 2
		for _, b := range content {
			if b == '\n' || b == '\r' || b == 0x85 || b == 0xa8 || b == 0xa9 {
				lines++
			}
		}
		for _, x := range found {
			if x.Rule == "" || x.Message == "" || x.Line < 0 || x.Line > lines || x.Column < 0 {
				t.Errorf("%+v in a file of %d lines", x, lines)
			}
		}
	})
}
