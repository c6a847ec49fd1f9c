// Package validate looks at compose projects, env files and BridgeStacks before
// they are deployed, and finds what would keep their services from working. Each
// rule has a file of its own and one line in the list of rules.
//
// It is pure but for the files that compose.Load reads for a project of a
// directory.
package validate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// Severity of a finding.
type Severity string

// The severities.
const (
	// Error: a service cannot work, or must not run like that.
	Error Severity = "error"
	// Warning: it may work, and probably not for long or not safely.
	Warning Severity = "warning"
)

// Finding is something that a person should put right.
type Finding struct {
	// Rule is the id of the rule, such as unknown-host.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	// Line and Column count from 1; 0 where they are not known.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Message says what is wrong. It tells no secret.
	Message string `json:"message"`
	// Cure says what to do.
	Cure string `json:"cure,omitempty"`
	// variable that it is about, empty where it is about none: several may have one place,
	// which is that of an env_file.
	variable string
}

// Rule describes a rule to tools.
type Rule struct{ ID, Summary string }

// rule finds one sort of mistake. It has one of the three.
type rule struct {
	Rule
	// source is asked before a project is loaded, and sees files as written.
	source func(*source, report)
	// project is asked about a project that could be loaded.
	project func(*project, report)
	// stack is asked about a BridgeStack.
	stack func(*stackFile, report)
	// env is asked about an env file.
	env func(*envFile, report)
}

// report adds a finding; the rule's id is filled in.
type report func(f Finding)

// Rules in the order in which they are asked.
func Rules() []Rule {
	var out []Rule
	for _, r := range rules {
		out = append(out, r.Rule)
	}
	return out
}

// Options of a validation.
type Options struct {
	compose.Options
	// Production takes every service for one in production. Default: those whose
	// environment says so, by ENVIRONMENT, NODE_ENV and the like.
	Production bool
	// Elsewhere are services of compose files beside these, which may be meant to
	// run together with them.
	Elsewhere []string
	// Look says what is at an absolute path of the project. Default: files that are
	// mounted are not looked for.
	Look func(path string) (exists, isDirectory bool)
}

// Project looks at compose files that are merged into one project.
func Project(ctx context.Context, files []compose.File, o Options) []Finding {
	var found findings
	if total := bytesOf(files); total > compose.MaxBytes { // what reads them first has no limit of its own
		found.of(invalid, files)(Finding{File: files[0].Name, Message: fmt.Sprintf("the compose files have more than %d KiB together", compose.MaxBytes>>10)})
		return found
	}
	environment := map[string]string{}
	maps.Copy(environment, o.Environment)
	s := &source{files: files, environment: environment, scalars: scalarsOf(files)}
	for _, r := range rules {
		if r.source != nil {
			r.source(s, found.of(r, files))
		}
	}
	o.Environment = environment
	loaded, err := compose.Load(ctx, files, o.Options)
	if err != nil {
		found.addErrors(err, files)
		return found.sorted()
	}
	facts, err := loaded.Facts()
	found.addErrors(err, files)
	p := &project{Project: loaded, facts: facts, files: files, production: o.Production, scalars: s.scalars, given: o.Environment, elsewhere: o.Elsewhere, read: o.Read, look: o.Look}
	for _, r := range rules {
		if r.project != nil {
			r.project(p, found.of(r, files))
		}
	}
	return found.sorted()
}

func bytesOf(files []compose.File) int {
	total := 0
	for _, f := range files {
		total += len(f.Content)
	}
	return total
}

type findings []Finding

// of is the report of a rule, which knows the files' columns.
func (fs *findings) of(r rule, files []compose.File) report {
	return func(f Finding) {
		f.Rule = r.ID
		f.Severity = cmp.Or(f.Severity, Error)
		f.Column = cmp.Or(f.Column, column(files, f.File, f.Line))
		if !slices.Contains(*fs, f) {
			*fs = append(*fs, f)
		}
	}
}

// addErrors makes findings of why a project cannot be loaded.
func (fs *findings) addErrors(err error, files []compose.File) {
	if err == nil {
		return
	}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		for _, e := range several.Unwrap() {
			fs.addErrors(e, files)
		}
		return
	}
	var e *compose.Error
	if !errors.As(err, &e) {
		e = &compose.Error{Message: err.Error()}
	}
	r, f := invalid, Finding{File: e.File, Line: e.Line, Message: e.Message}
	if isCycle(e.Message) {
		r, f = dependencyCycle, cycleFinding(e.Message, files)
	}
	if f.File == "" && len(files) > 0 {
		f.File = files[0].Name
	}
	fs.of(r, files)(f)
}

// sorted by place. What several services have from one line is told once.
func (fs findings) sorted() []Finding {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Message, b.Message))
	})
	var out []Finding
	for i := 0; i < len(fs); {
		same := i + 1
		for same < len(fs) && fs[same].isLike(fs[i]) {
			same++
		}
		f := fs[i]
		if same-i > 1 {
			f.Message += fmt.Sprintf(" (and so in %d more services)", same-i-1)
		}
		if HasErrors(fs[i:same]) {
			f.Severity = Error
		}
		out, i = append(out, f), same
	}
	return out
}

// isLike says that two findings are of one rule at one place, about the same.
func (f Finding) isLike(o Finding) bool {
	return f.Line > 0 && f.Rule == o.Rule && f.File == o.File && f.Line == o.Line && f.Column == o.Column && f.Cure == o.Cure && f.variable == o.variable
}

// HasErrors reports whether one of the findings is an error.
func HasErrors(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity == Error })
}
