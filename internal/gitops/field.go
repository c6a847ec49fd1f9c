package gitops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Step is one step of a Path: a key of a map and, where its value is a list,
// the name of the item.
type Step struct{ Key, Name string }

// Path leads from the top of an object to one of its fields.
type Path []Step

// String is such as spec.template.spec.containers[app].image.
func (p Path) String() string {
	var b strings.Builder
	for i, s := range p {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.Key)
		if s.Name != "" {
			b.WriteString("[" + s.Name + "]")
		}
	}
	return b.String()
}

// keys of a map, one below the other.
func keys(names ...string) Path {
	p := make(Path, 0, len(names))
	for _, n := range names {
		p = append(p, Step{Key: n})
	}
	return p
}

func (p Path) with(steps ...Step) Path { return append(slices.Clone(p), steps...) }

// managed is the path in the terms of managedFields.
func (p Path) managed() fieldpath.Path {
	var out fieldpath.Path
	for _, s := range p {
		key := s.Key
		out = append(out, fieldpath.PathElement{FieldName: &key})
		if s.Name != "" {
			out = append(out, fieldpath.PathElement{Key: fieldpath.KeyByFields("name", s.Name)})
		}
	}
	return out
}

// Field is one field of a workload that a remedy changes.
type Field struct {
	// Path of the field, or of the list item that it is the value of.
	Path Path
	// Before and After are the values, empty where the field is absent.
	Before, After string
	// Because says why the change cannot be written as one scalar, empty where
	// it can.
	Because string
	// removed says that the field is taken away, rather than set to an empty value.
	removed bool
}

// template leads to a workload's pod template.
var template = keys("spec", "template")

// Fields are those that a proposal's changes are of. Of changes that are no
// field, such as a topic to be created, there is none.
func Fields(of *corev1.PodTemplateSpec, changes []v1alpha1.FieldChange) []Field {
	var out []Field
	for _, c := range changes {
		switch c.Kind {
		case v1alpha1.ChangeRevision: // and with it all that follows
			return []Field{{Path: template, After: c.After, Because: "an earlier revision is more than one value"}}
		case v1alpha1.ChangeRestart:
			out = append(out, Field{Path: parsePath(of, c.Path), Because: "a restart is no setting"})
		case v1alpha1.ChangeField, "":
			out = append(out, fieldOf(of, c))
		case v1alpha1.ChangePod, v1alpha1.ChangeTopic, v1alpha1.ChangeConsumerGroup, v1alpha1.ChangeJob:
		}
	}
	return out
}

func fieldOf(of *corev1.PodTemplateSpec, c v1alpha1.FieldChange) Field {
	f := Field{Path: parsePath(of, c.Path), Before: c.Before, After: c.After}
	_, set := c.AfterText()
	f.removed = !set
	last := f.Path[len(f.Path)-1]
	switch {
	case last.Name != "" && last.Key != listEnv:
		f.Because = "a container is more than one value"
	case c.BeforeFrom != nil || c.AfterFrom != nil:
		f.Because = "the variable is drawn from a Secret, a ConfigMap or the pod"
	case last.Key == listEnv && c.After == "":
		f.Because = "an empty value, or the removal of a variable, is for a person to write"
	}
	return f
}

// The lists whose items have names in a path.
const (
	listContainers     = "containers"
	listInitContainers = "initContainers"
	listEnv            = "env"
)

// parsePath reads a path as FieldChange has it, such as containers[app].env[A] or
// metadata.annotations[example.com/a].
func parsePath(of *corev1.PodTemplateSpec, text string) Path {
	p := slices.Clone(template)
	for text != "" {
		end := strings.IndexAny(text, ".[")
		switch {
		case end < 0:
			p, text = append(p, Step{Key: text}), ""
		case end > 0 && text[end] == '.':
			p, text = append(p, Step{Key: text[:end]}), text[end+1:]
		case end > 0:
			p, text = append(p, Step{Key: text[:end]}), text[end:]
		case text[0] == '.':
			text = text[1:]
		default:
			name, rest, _ := strings.Cut(text[1:], "]")
			if last := &p[len(p)-1]; last.Name == "" && slices.Contains([]string{listContainers, listInitContainers, listEnv}, last.Key) {
				last.Name = name
			} else {
				p = append(p, Step{Key: name})
			}
			text = rest
		}
	}
	return inSpec(of, p)
}

// inSpec puts what is not the template's metadata into its spec, and a container
// into the list that it is in.
func inSpec(of *corev1.PodTemplateSpec, p Path) Path {
	if len(p) == len(template) || p[len(template)].Key == "metadata" {
		return p
	}
	if first := &p[len(template)]; first.Key == listContainers && isInit(of, first.Name) {
		first.Key = listInitContainers
	}
	return slices.Insert(p, len(template), Step{Key: "spec"})
}

func isInit(of *corev1.PodTemplateSpec, name string) bool {
	named := func(c corev1.Container) bool { return c.Name == name }
	return of != nil && !slices.ContainsFunc(of.Spec.Containers, named) && slices.ContainsFunc(of.Spec.InitContainers, named)
}

// errManaged says that the API server's record of who owns what can't be read.
var errManaged = errors.New("managedFields cannot be read")

// owns are the paths that an entry of managedFields says its manager set.
func owns(fields *metav1.FieldsV1) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if err := set.FromJSON(fields.GetRawReader()); err != nil {
		return nil, fmt.Errorf("%w: %w", errManaged, err)
	}
	return set, nil
}

// touches is true where the set has the path or anything below it.
func touches(set *fieldpath.Set, p fieldpath.Path) bool {
	if set.Has(p) {
		return true
	}
	for _, element := range p {
		child, found := set.Children.Get(element)
		if !found {
			return false
		}
		set = child
	}
	return !set.Empty()
}

// Holds reports whether a pod template has a field as the remedy set it. Of
// what is more than one value, that it is there is all that is asked.
func (f Field) Holds(of *corev1.PodTemplateSpec) bool {
	value, found := lookUp(map[string]any{"spec": map[string]any{"template": of}}, f.Path)
	if !found || f.Because != "" {
		return found != f.removed
	}
	if item, ok := value.(map[string]any); ok {
		value = item["value"] // of an env variable
	}
	return fmt.Sprint(value) == f.After
}

// lookUp follows a path through what encodes to JSON.
func lookUp(in any, p Path) (any, bool) {
	encoded, err := json.Marshal(in)
	if err != nil {
		return nil, false
	}
	var at any
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	if decoder.Decode(&at) != nil {
		return nil, false
	}
	for _, s := range p {
		object, _ := at.(map[string]any)
		if at = object[s.Key]; at == nil {
			return nil, false
		}
		if s.Name == "" {
			continue
		}
		list, _ := at.([]any)
		i := itemNamed(list, s.Name)
		if i < 0 {
			return nil, false
		}
		at = list[i]
	}
	return at, true
}
