package gitops

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// File is a file of the owner's repository.
type File struct {
	// Path from the top of the repository, with slashes.
	Path string
	Text []byte
}

// Value says where a chart's values have a field.
type Value struct {
	// Field as in Path.String, below the pod template's spec, such as
	// containers[app].resources.limits.memory.
	Field string
	// File of the values, and the keys that lead to the value there.
	File string
	Keys []string
}

// Target is the workload that a change is for.
type Target struct {
	Kind, Namespace, Name string
	// Owner of it, whose own manifest may be among the files and tell what it builds.
	Owner Owner
	// Template is the present one, for the places of containers in their list.
	Template *corev1.PodTemplateSpec
	// Values are the declared ones, for workloads that a chart renders.
	Values []Value
}

// ErrMade says that the files have all the changes already, and the cluster not yet.
var ErrMade = errors.New("the files have the change already")

// Rewrite makes the changes in the owner's files and returns those that it
// changed, or a Refusal: where a field is in no file or in more than one, where
// more than one place could be this cluster's workload, where a file says something
// else than the cluster, or where anything else would change. Which of several
// workloads of one name is meant is told by the namespaces of the documents and of
// the kustomizations that include them, and by nothing else.
func Rewrite(files []File, target Target, fields []Field) ([]File, error) {
	files = slices.Clone(files)
	changed := map[int]bool{}
	for _, f := range fields {
		if f.Because != "" {
			return nil, refuse("%s: %s", f.Path, f.Because)
		}
		if f.After == "" {
			return nil, refuse("%s: the removal of a field is for a person to write", f.Path)
		}
		i, text, err := rewriteOne(files, target, f)
		if errors.Is(err, ErrMade) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[i].Text, changed[i] = text, true
	}
	if len(changed) == 0 {
		return nil, ErrMade
	}
	var out []File
	for i := range files {
		if changed[i] {
			out = append(out, files[i])
		}
	}
	return out, nil
}

// place is one document that is about the field.
type place struct {
	file  int
	where string
	// set says that it has the field, with this value.
	set   bool
	value string
	// namespace that the document names, empty where it names none.
	namespace string
	// patch says that it changes what other documents say.
	patch bool
	// sharedWith are the other kustomizations that the file is a part of.
	sharedWith []string
	edit       func(after string) ([]byte, error)
}

func rewriteOne(files []File, target Target, f Field) (int, []byte, error) {
	if p := f.Path; p[len(p)-1].Name != "" {
		f.Path = p.with(Step{Key: "value"}) // of an env variable
	}
	places, err := search(files, target, f)
	if err != nil {
		return 0, nil, err
	}
	chosen, err := choose(places, f)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if len(chosen.sharedWith) > 0 {
		return 0, nil, refuse("%s: %s is a part of %s as well, which the change would reach", f.Path, chosen.where, strings.Join(chosen.sharedWith, ", "))
	}
	text, err := chosen.edit(f.After)
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", chosen.where, err)
	}
	return chosen.file, text, nil
}

// choose is the one place where the field is, or where it can be added.
func choose(places []place, f Field) (place, error) {
	has, lacks := settled(places)
	switch {
	case len(has) > 1:
		return place{}, refuse("it is set in more than one place, and which of them counts is not known: %s", wheres(has))
	case len(has) == 1 && equal(f.Path, has[0].value, f.Before):
		return has[0], nil
	case len(has) == 1 && equal(f.Path, has[0].value, f.After):
		return place{}, ErrMade
	case len(has) == 1:
		return place{}, refuse("%s says %q, and the cluster has %q", has[0].where, has[0].value, f.Before)
	case len(lacks) == 1:
		return lacks[0], nil
	case len(lacks) > 1:
		return place{}, refuse("it could be added in more than one place: %s", wheres(lacks))
	}
	return place{}, refuse("no file describes it")
}

// settled are the places that set a field, and those that could. A patch counts,
// whatever the document says that it changes.
func settled(places []place) (has, lacks []place) {
	for _, p := range places {
		if p.set {
			has = append(has, p)
		} else {
			lacks = append(lacks, p)
		}
	}
	if patches := slices.DeleteFunc(slices.Clone(has), func(p place) bool { return !p.patch }); len(patches) > 0 {
		has = patches
	}
	return has, lacks
}

// wheres names places, always in the same order: what is said of them is persisted.
func wheres(places []place) string {
	var out []string
	for _, p := range places {
		out = append(out, p.where)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// equal compares amounts as amounts: 0.5 is 500m.
func equal(p Path, a, b string) bool {
	if a == b {
		return true
	}
	if !isAmount(p) {
		return false
	}
	x, errX := resource.ParseQuantity(a)
	y, errY := resource.ParseQuantity(b)
	return errX == nil && errY == nil && x.Cmp(y) == 0
}

func isAmount(p Path) bool {
	return len(p) > 2 && (p[len(p)-2].Key == "limits" || p[len(p)-2].Key == "requests")
}

// isText is true of what Kubernetes wants to be a string.
func isText(p Path) bool { return p[len(p)-1].Key == "value" }

// search finds all the places that a field is at, or could be added at.
func search(files []File, target Target, f Field) ([]place, error) {
	if i := slices.IndexFunc(target.Values, func(v Value) bool {
		return "spec.template.spec."+v.Field == strings.TrimSuffix(f.Path.String(), ".value")
	}); i >= 0 {
		return searchValues(files, target.Values[i])
	}
	var out []place
	for i := range files {
		if !isYAML(files[i].Path) {
			continue
		}
		s, err := parse(files[i].Text)
		if err != nil {
			continue // a template, or nothing of ours
		}
		found, err := s.places(target, f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i].Path, err)
		}
		if isKustomization(files[i].Path) {
			patches, err := s.patches(files, path.Dir(files[i].Path), target, f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", files[i].Path, err)
			}
			for _, p := range patches {
				if p.file < 0 {
					p.file, p.where = i, files[i].Path+p.where
				}
				out = append(out, p)
			}
		}
		for _, p := range found {
			p.file, p.where = i, files[i].Path+p.where
			out = append(out, p)
		}
	}
	return layoutOf(files, target.Owner).rendered(out, target.Namespace)
}

func isYAML(name string) bool {
	ext := path.Ext(name)
	return ext == ".yaml" || ext == ".yml" || path.Base(name) == "Kustomization"
}

func isKustomization(name string) bool {
	base := path.Base(name)
	return base == "kustomization.yaml" || base == "kustomization.yml" || base == "Kustomization"
}

func searchValues(files []File, v Value) ([]place, error) {
	i := slices.IndexFunc(files, func(f File) bool { return f.Path == path.Clean(v.File) })
	if i < 0 {
		return nil, refuse("%s: the repository has no such file of values", v.File)
	}
	s, err := parse(files[i].Text)
	if err != nil || len(s.docs) != 1 {
		return nil, refuse("%s: not one document of YAML", v.File)
	}
	p, err := s.place(0, keys(v.Keys...), strings.Contains(v.Field, ".env[") || strings.HasSuffix(v.Field, "]"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.File, err)
	}
	p.file, p.where = i, v.File+p.where
	return []place{p}, nil
}

// places are the documents of a text that are the workload, or a strategic
// merge patch of it.
func (s source) places(target Target, f Field) ([]place, error) {
	var out []place
	for i, doc := range s.docs {
		if !isWorkload(doc, target) {
			continue
		}
		if w := walk(doc, f.Path); w.err == nil && slices.ContainsFunc(w.left, func(st Step) bool { return st.Name != "" && st.Key != "env" }) {
			continue // a patch of something else of it
		}
		p, err := s.place(i, f.Path, isText(f.Path))
		if err != nil {
			return nil, err
		}
		p.namespace = namespaceOf(doc)
		out = append(out, p)
	}
	return out, nil
}

// place is the field at a path of one document.
func (s source) place(doc int, p Path, text bool) (place, error) {
	w := walk(s.docs[doc], p)
	if w.err != nil {
		return place{}, w.err
	}
	at := place{file: -1, edit: func(after string) ([]byte, error) { return s.splice(doc, p, after, text) }}
	if len(s.docs) > 1 {
		at.where = fmt.Sprintf(" (document %d)", doc+1)
	}
	if len(w.left) == 0 {
		if w.at.Kind != yaml.ScalarNode {
			return place{}, refuse("line %d: not a single value", w.at.Line)
		}
		at.set, at.value = true, w.at.Value
	}
	return at, nil
}

func isWorkload(doc *yaml.Node, target Target) bool {
	_, kind := entry(doc, "kind")
	_, metadata := entry(doc, "metadata")
	if kind == nil || metadata == nil || kind.Value != target.Kind {
		return false
	}
	_, name := entry(metadata, "name")
	return name != nil && name.Value == target.Name
}

// namespaceOf is what a document names itself, empty where it names none.
func namespaceOf(doc *yaml.Node) string {
	_, metadata := entry(doc, "metadata")
	if _, namespace := entry(metadata, "namespace"); namespace != nil {
		return namespace.Value
	}
	return ""
}
