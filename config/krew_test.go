package config_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"sigs.k8s.io/yaml"
)

// TestKrewManifest: what a release makes of the template is a plugin as krew
// wants it.
func TestKrewManifest(t *testing.T) {
	text, err := os.ReadFile("krew/bridge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// krew-release-bot renders the address within, then adds the checksum.
	functions := template.FuncMap{
		"addURIAndSha": func(address, tag string) string {
			return "uri: " + strings.ReplaceAll(address, "{{ .TagName }}", tag) + "\nsha256: " + strings.Repeat("ab", 32)
		},
		"indent": func(n int, text string) string { return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", n)) },
	}
	var rendered bytes.Buffer
	if err := template.Must(template.New("").Funcs(functions).Parse(string(text))).Execute(&rendered, map[string]string{"TagName": "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		Metadata struct{ Name string }
		Spec     struct {
			Version, ShortDescription, Homepage string
			Platforms                           []struct{ URI, SHA256, Bin string }
		}
	}
	if err := yaml.Unmarshal(rendered.Bytes(), &plugin); err != nil {
		t.Fatalf("%v\n%s", err, &rendered)
	}
	if plugin.Metadata.Name != "bridge" || plugin.Spec.Version != "v1.2.3" || len(plugin.Spec.ShortDescription) == 0 || len(plugin.Spec.ShortDescription) > 50 || plugin.Spec.Homepage == "" {
		t.Errorf("plugin %+v", plugin)
	}
	archive := regexp.MustCompile(`/v1\.2\.3/kubectl-bridge_[a-z]+_[a-z0-9]+\.tar\.gz$`)
	for _, p := range plugin.Spec.Platforms {
		if !archive.MatchString(p.URI) || len(p.SHA256) != 64 || p.Bin != "kubectl-bridge" {
			t.Errorf("platform %+v", p)
		}
	}
	if len(plugin.Spec.Platforms) != 3 {
		t.Errorf("%d platforms", len(plugin.Spec.Platforms))
	}
}
