package remedy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// step is one step of a path: a key of an object and, where its value is a list
// of named items, the name of the item. Of items with the same name the last is
// the one that counts for the kubelet; the others are told apart by their place.
type step struct {
	key, name string
	// entry is the place of an item that a later one of its name replaces, counted
	// from 1; 0 is the one that counts.
	entry int
}

// path leads from the top of a pod template to one of its fields.
type path []step

// plainKey are keys that stand in a path as they are; others stand in brackets.
var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// String is such as containers[app].resources.limits.memory: spec is left out.
func (p path) String() string {
	var b strings.Builder
	for i, s := range p {
		switch {
		case i == 0 && s.key == "spec" && len(p) > 1:
			continue
		case !plainKey.MatchString(s.key):
			b.WriteString("[" + s.key + "]")
		case b.Len() > 0:
			b.WriteString("." + s.key)
		default:
			b.WriteString(s.key)
		}
		if s.name != "" {
			b.WriteString("[" + s.name + "]")
		}
		if s.entry > 0 {
			b.WriteString("(entry " + strconv.Itoa(s.entry) + ")")
		}
	}
	return b.String()
}

// below is what is left of a path below an item of one of the lists of
// containers, and the item's name; false where it leads elsewhere.
func (p path) below(list string) (name string, rest path, ok bool) {
	if len(p) < 2 || p[0].key != "spec" || p[1].key != list || p[1].name == "" || p[1].entry > 0 {
		return "", nil, false
	}
	return p[1].name, p[2:], true
}

// inContainer is below for containers and init containers alike.
func (p path) inContainer() (name string, rest path, ok bool) {
	for _, list := range []string{"containers", "initContainers"} {
		if name, rest, ok = p.below(list); ok {
			return name, rest, true
		}
	}
	return "", nil, false
}

// is reports whether a path consists of these keys.
func (p path) is(keys ...string) bool {
	return slices.EqualFunc(p, keys, func(s step, key string) bool { return s == step{key: key} })
}

// difference is one place at which two pod templates differ, as decoded JSON;
// nil is absent.
type difference struct {
	path          path
	before, after any
}

// differences are all of them, in a fixed order: two templates without any are
// the same to the API server. A variable of env counts as one value, and an item
// that is added to or removed from a list as one.
func differences(before, after *corev1.PodTemplateSpec) ([]difference, error) {
	a, errA := decoded(before)
	b, errB := decoded(after)
	if err := errors.Join(errA, errB); err != nil {
		return nil, fmt.Errorf("comparing pod templates: %w", err)
	}
	var out []difference
	compare(nil, a, b, &out)
	return out, nil
}

func decoded(template *corev1.PodTemplateSpec) (any, error) {
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encoding the pod template: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	var out any
	if err := decoder.Decode(&out); err != nil {
		return nil, fmt.Errorf("decoding the pod template: %w", err)
	}
	return out, nil
}

func compare(at path, a, b any, out *[]difference) {
	if reflect.DeepEqual(a, b) {
		return
	}
	if objectA, objectB, both := objects(a, b); both {
		keys := maps.Clone(objectA)
		if keys == nil {
			keys = map[string]any{}
		}
		maps.Copy(keys, objectB)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			compare(append(slices.Clip(at), step{key: key}), objectA[key], objectB[key], out)
		}
		return
	}
	itemsA, namedA := namedItems(a)
	itemsB, namedB := namedItems(b)
	if !namedA || !namedB || len(at) == 0 {
		*out = append(*out, difference{at, a, b})
		return
	}
	compareItems(at, itemsA, itemsB, out)
}

// objects are two values that can be compared key by key: one of them may be
// absent, unless the other one is empty, which is a value as well.
func objects(a, b any) (objectA, objectB map[string]any, both bool) {
	objectA, isA := a.(map[string]any)
	objectB, isB := b.(map[string]any)
	switch {
	case isA && isB:
		return objectA, objectB, true
	case isA && b == nil:
		return objectA, nil, len(objectA) > 0
	case isB && a == nil:
		return nil, objectB, len(objectB) > 0
	}
	return nil, nil, false
}

// item of a list whose items have names.
type item struct {
	name  string
	entry int
	value map[string]any
}

// namedItems are those of a list, or of none; false where any lacks a name.
func namedItems(value any) ([]item, bool) {
	list, isList := value.([]any)
	if !isList && value != nil {
		return nil, false
	}
	var out []item
	for _, v := range list {
		object, _ := v.(map[string]any)
		name, _ := object["name"].(string)
		if name == "" {
			return nil, false
		}
		out = append(out, item{name: name, value: object})
	}
	for i := range out { // the last of a name has no entry
		later := slices.ContainsFunc(out[i+1:], func(o item) bool { return o.name == out[i].name })
		if later {
			out[i].entry = i + 1
		}
	}
	return out, true
}

func compareItems(at path, a, b []item, out *[]difference) {
	find := func(in []item, like item) (any, bool) {
		i := slices.IndexFunc(in, func(o item) bool { return o.name == like.name && o.entry == like.entry })
		if i < 0 {
			return nil, false
		}
		return in[i].value, true
	}
	below := func(o item) path {
		list := at[len(at)-1].key
		return append(slices.Clone(at[:len(at)-1]), step{list, o.name, o.entry})
	}
	var commonA, commonB []any
	for _, o := range a {
		other, found := find(b, o)
		switch {
		case !found:
			*out = append(*out, difference{below(o), o.value, nil})
			continue
		case at[len(at)-1].key != "env":
			compare(below(o), o.value, other, out)
		case !reflect.DeepEqual(any(o.value), other):
			*out = append(*out, difference{below(o), o.value, other})
		}
		commonA = append(commonA, o.name)
	}
	for _, o := range b {
		if _, found := find(a, o); found {
			commonB = append(commonB, o.name)
			continue
		}
		*out = append(*out, difference{below(o), nil, o.value})
	}
	if !slices.Equal(commonA, commonB) { // their order decides, such as that of init containers
		*out = append(*out, difference{append(slices.Clip(at), step{key: "order"}), commonA, commonB})
	}
}
