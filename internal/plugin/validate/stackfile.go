package validate

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/stack"
)

// stackFile is a BridgeStack in a file.
type stackFile struct {
	file   string
	node   *yaml.Node
	object map[string]any
	// problems of the API's schema, as its server would tell them.
	problems field.ErrorList
	// spec is the policy where it could be decoded.
	spec *v1alpha1.BridgeStackSpec
}

// Stacks looks at the BridgeStacks in a file of YAML documents, as an API server
// and the operator would. Documents of other kinds are passed over.
func Stacks(ctx context.Context, f compose.File) []Finding {
	var found findings
	report := func(r rule) report { return found.of(r, []compose.File{f}) }
	decoder := yaml.NewDecoder(bytes.NewReader(f.Content))
	for {
		var root yaml.Node
		err := decoder.Decode(&root)
		if err != nil {
			if len(found) == 0 && !isEnd(err) {
				report(stackInvalid)(yamlFinding(f.Name, err))
			}
			return found.sorted()
		}
		s, isStack := stackIn(ctx, f.Name, &root)
		if !isStack {
			continue
		}
		for _, r := range rules {
			if r.stack != nil {
				r.stack(s, report(r))
			}
		}
	}
}

func stackIn(ctx context.Context, file string, root *yaml.Node) (*stackFile, bool) {
	s := &stackFile{file: file, node: root}
	if err := root.Decode(&s.object); err != nil || s.object["kind"] != "BridgeStack" {
		return nil, false
	}
	s.object, _ = plainMap(s.object)
	s.problems = schema().problems(ctx, s.object)
	var decoded v1alpha1.BridgeStack
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(s.object, &decoded); err == nil {
		s.spec = &decoded.Spec
	}
	return s, true
}

// at is the place of a field such as spec.services[1].name, or of the nearest
// one above it.
func (s *stackFile) at(path, message, cure string) Finding {
	f := Finding{File: s.file, Message: message, Cure: cure, Line: 1, Column: 1}
	n := s.node
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
		f.Line, f.Column = n.Line, n.Column
	}
	for _, m := range steps.FindAllStringSubmatch(path, -1) {
		next, place := step(n, m[1], m[2])
		if place == nil {
			break
		}
		n, f.Line, f.Column = next, place.Line, place.Column
	}
	return f
}

// steps of a path: names, and indexes.
var steps = regexp.MustCompile(`([A-Za-z_][\w-]*)|\[(\d+)\]`)

func step(n *yaml.Node, name, index string) (next, place *yaml.Node) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if i, err := strconv.Atoi(index); err == nil && n.Kind == yaml.SequenceNode && i < len(n.Content) {
		return n.Content[i], n.Content[i]
	}
	for i := 0; name != "" && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1], n.Content[i]
		}
	}
	return nil, nil
}

// stackInvalid: what an API server would refuse, or silently drop.
var stackInvalid = rule{
	Rule: Rule{"stack-invalid", "A BridgeStack is not as its schema demands"},
	stack: func(s *stackFile, report report) {
		for _, p := range s.problems {
			report(s.at(p.Field, strings.TrimPrefix(p.Field+": ", "<nil>: ")+p.ErrorBody(), "`kubectl explain bridgestack."+unindexed(p.Field)+"` tells what it should be"))
		}
	},
}

func unindexed(path string) string { return indexes.ReplaceAllString(path, "") }

var indexes = regexp.MustCompile(`\[[^\]]*\]`)

// ofThePolicy are reasons that the operator gives for a policy by itself,
// whatever runs.
var ofThePolicy = []string{v1alpha1.ReasonDependencyCycle, v1alpha1.ReasonInvalidSelector, v1alpha1.ReasonInvalidMaintenanceWindow, v1alpha1.ReasonDependencyUnknown}

// stackProblem: what the operator would report as Stalled.
var stackProblem = rule{
	Rule: Rule{"stack-problem", "A BridgeStack cannot be followed in full"},
	stack: func(s *stackFile, report report) {
		if s.spec == nil || len(s.problems) > 0 {
			return
		}
		for _, p := range stack.Resolve(*s.spec, nil).Problems {
			if slices.Contains(ofThePolicy, p.Reason) {
				report(s.at(p.Field, p.Field+": "+p.Message, "put it right: until then the stack would be Stalled, "+p.Reason))
			}
		}
	},
}

// yamlFinding is a file that is no YAML.
func yamlFinding(file string, err error) Finding {
	f := Finding{File: file, Line: 1, Column: 1, Message: "no valid YAML: " + err.Error(), Cure: "put the indentation and the quotes right"}
	if m := errorLine.FindStringSubmatch(err.Error()); m != nil {
		_, _ = fmt.Sscan(m[1], &f.Line) // digits
	}
	return f
}
