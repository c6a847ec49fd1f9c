package attempt

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the diagram and the table into the documentation")

const (
	document   = "../../docs/architecture.md"
	beginsWith = "<!-- begin: generated from internal/attempt by `go test ./internal/attempt -update` -->\n"
	endsWith   = "<!-- end: generated -->\n"
)

// The documentation shows the table as it is.
func TestDocumentationIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), beginsWith)
	shown, after, ends := strings.Cut(rest, endsWith)
	if !found || !ends {
		t.Fatalf("%s has no place for the diagram: %q to %q", document, beginsWith, endsWith)
	}
	want := "```mermaid\n" + Diagram() + "```\n\n" + MarkdownTable()
	if shown == want {
		return
	}
	if !*update {
		t.Fatalf("%s does not show the table as it is: run `go test ./internal/attempt -update`", document)
	}
	if err := os.WriteFile(document, []byte(before+beginsWith+want+endsWith+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The diagram leads from the record to every outcome, and each final one ends it.
func TestDiagram(t *testing.T) {
	d := Diagram()
	for _, o := range outcomes {
		if o != "Recorded" && !strings.Contains(d, "--> "+string(o)+": ") {
			t.Errorf("nothing leads to %s:\n%s", o, d)
		}
		if ends := strings.Contains(d, "    "+string(o)+" --> [*]\n"); ends == o.InForce() {
			t.Errorf("%s ends the life: %t", o, ends)
		}
	}
}
