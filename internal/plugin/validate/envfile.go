package validate

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/redact"
)

// envFile is one by itself.
type envFile struct {
	name       string
	production bool
	variables  []assignment
	err        error
}

// assignment is a line of an env file.
type assignment struct {
	name, value string
	line        int
}

// EnvFile looks at a file of NAME=value lines.
func EnvFile(f compose.File, production bool) []Finding {
	e := &envFile{name: f.Name, production: production}
	var values map[string]string
	values, e.err = dotenv.ParseWithLookup(bytes.NewReader(f.Content), func(string) (string, bool) { return "", false })
	if e.err == nil {
		e.variables = assignments(f.Content, values)
	}
	var found findings
	for _, r := range rules {
		if r.env != nil {
			r.env(e, found.of(r, []compose.File{f}))
		}
	}
	return found.sorted()
}

var assigned = regexp.MustCompile(`^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*[=:]`)

// assignments with their lines. A name that is assigned twice has its last value.
func assignments(content []byte, values map[string]string) []assignment {
	var out []assignment
	for i, line := range strings.Split(string(content), "\n") {
		if m := assigned.FindStringSubmatch(line); m != nil {
			if value, known := values[m[1]]; known {
				out = append(out, assignment{m[1], value, i + 1})
			}
		}
	}
	return out
}

func (e *envFile) graver() Severity {
	stage := slices.ContainsFunc(e.variables, func(v assignment) bool { return slices.Contains(stages, v.name) && isProduction(v.value) })
	if e.production || stage {
		return Error
	}
	return Warning
}

func (e *envFile) secrets() []assignment {
	var out []assignment
	for _, v := range e.variables {
		if redact.SensitiveName(v.name) && !isSwitch(v.name, v.value) {
			out = append(out, v)
		}
	}
	return out
}

// envFileSyntax: what compose cannot read.
var envFileSyntax = rule{
	Rule: Rule{"env-file-invalid", "An env file cannot be read"},
	env: func(e *envFile, report report) {
		if e.err == nil {
			return
		}
		f := Finding{File: e.name, Line: 1, Column: 1, Message: "no valid env file: " + withoutValue(e.err.Error()), Cure: "write NAME=value lines; quote values with blanks or #"}
		if m := errorLine.FindStringSubmatch(e.err.Error()); m != nil {
			_, _ = fmt.Sscan(m[1], &f.Line) // digits
		}
		report(f)
	},
}

// IsReadable says that an env file with these findings can be read.
func IsReadable(found []Finding) bool {
	return !slices.ContainsFunc(found, func(f Finding) bool { return f.Rule == envFileSyntax.ID })
}

var errorLine = regexp.MustCompile(`line (\d+)`)

// withoutValue leaves out the text that the library quotes: it may be a secret.
func withoutValue(message string) string {
	if i := strings.IndexAny(message, "'\"`"); i >= 0 {
		message = message[:i]
	}
	return strings.TrimSpace(message)
}

// duplicateVariable: the last one wins, and nobody sees it.
var duplicateVariable = rule{
	Rule: Rule{"duplicate-variable", "An env file assigns a variable twice"},
	env: func(e *envFile, report report) {
		first := map[string]int{}
		for _, v := range e.variables {
			if before, again := first[v.name]; again {
				report(Finding{Severity: Warning, File: e.name, Line: v.line, Column: 1, Message: fmt.Sprintf("%s is assigned in line %d already; this one wins", v.name, before), Cure: "leave one of them"})
				continue
			}
			first[v.name] = v.line
		}
	},
}
