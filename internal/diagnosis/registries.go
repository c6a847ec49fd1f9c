package diagnosis

import (
	"embed"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// registryFiles are the registries of codes that others keep, one table each: a code, its
// name, the cause that it tells or why it tells none, and what clients print beside it.
//
//go:embed registries/*.tsv
var registryFiles embed.FS

// registryRow is a code of a registry.
type registryRow struct {
	code, name string
	// cause is empty where the code tells none.
	cause v1alpha1.Cause
	// rest are the columns behind the reason.
	rest []string
}

// more is a column behind the reason, empty where there is none.
func (r registryRow) more(i int) string {
	if i < len(r.rest) {
		return r.rest[i]
	}
	return ""
}

// registryRows are the rows of a registry, in its order.
func registryRows(name string) []registryRow {
	text, err := registryFiles.ReadFile("registries/" + name + ".tsv")
	if err != nil {
		panic("diagnosis: " + err.Error()) // No test passes with it.
	}
	var rows []registryRow
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		rows = append(rows, registryRow{
			code: columns[0], name: columns[1], cause: v1alpha1.Cause(strings.Trim(columns[2], "-")), rest: columns[4:],
		})
	}
	return rows
}
