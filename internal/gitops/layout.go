package gitops

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// rendering is one way in which a file comes into a cluster.
type rendering struct {
	// root is the folder of the kustomization.yaml that is built: one that no other
	// one of the files includes. It is the file itself where none includes that.
	root string
	// namespace that the build puts its objects into, empty where it leaves that to
	// the objects: of several on the way the outermost counts, as kustomize applies it
	// last.
	namespace string
	// patch says that the file changes objects of other files there.
	patch bool
}

// layout is how the files of a repository come into clusters, by file.
type layout [][]rendering

// kustomization is a kustomization.yaml as far as it tells where objects go.
type kustomization struct {
	file               int
	dir, namespace     string
	resources, patches []string
}

// layoutOf follows the kustomizations among the files. One that names what is not
// among them, such as another repository, is followed no further there.
// Where the owner's own manifest is there and says what it builds, only that comes
// into this cluster.
func layoutOf(files []File, owner Owner) layout {
	t := tree{builds: map[string]kustomization{}, file: map[string]int{}, folder: map[string][]int{}, out: make(layout, len(files))}
	for i, f := range files {
		t.file[f.Path] = i
		if isYAML(f.Path) {
			t.folder[path.Dir(f.Path)] = append(t.folder[path.Dir(f.Path)], i)
		}
		if k, ok := kustomizationOf(i, f); ok {
			t.builds[k.dir] = k
		}
	}
	for _, dir := range t.roots() {
		t.follow(rendering{root: dir}, dir, map[string]bool{})
	}
	for i, f := range files {
		if len(t.out[i]) == 0 {
			t.out[i] = []rendering{{root: f.Path}}
		}
	}
	if built := builtBy(files, owner); len(built) == 1 {
		t.out.only(built[0])
	}
	return t.out
}

// tree is what is followed: the kustomizations and the files by their paths, and
// the YAML files of each folder.
type tree struct {
	builds map[string]kustomization
	file   map[string]int
	folder map[string][]int
	out    layout
}

// roots are the folders of the kustomizations that no other one includes.
func (t tree) roots() []string {
	included := map[string]bool{}
	for _, k := range t.builds {
		for _, r := range k.resources {
			if at := path.Join(k.dir, r); at != k.dir {
				included[at] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(t.builds)), func(dir string) bool { return included[dir] })
}

// follow goes from one kustomization to those that it includes. What was seen of a
// folder under one namespace is the same by every way that leads there.
func (t tree) follow(as rendering, dir string, seen map[string]bool) {
	k := t.builds[dir]
	as.namespace = cmp.Or(as.namespace, k.namespace)
	at := dir + "\x00" + as.namespace
	if seen[at] {
		return
	}
	seen[at] = true
	t.out.add(k.file, as, true)
	for _, r := range k.resources {
		at := path.Join(dir, r)
		if _, built := t.builds[at]; built {
			t.follow(as, at, seen)
			continue
		}
		if i, is := t.file[at]; is {
			t.out.add(i, as, false)
		}
		for _, i := range t.folder[at] {
			t.out.add(i, as, false)
		}
	}
	for _, p := range k.patches {
		if i, is := t.file[path.Join(dir, p)]; is {
			t.out.add(i, as, true)
		}
	}
}

// only leaves the renderings of what is built of one folder.
func (l layout) only(built rendering) {
	for i := range l {
		l[i] = slices.DeleteFunc(l[i], func(r rendering) bool { return !within(r.root, built.root) })
		for j := range l[i] {
			l[i][j].namespace = cmp.Or(built.namespace, l[i][j].namespace)
		}
	}
}

func within(name, dir string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}

// ownerManifest is where the manifest of a GitOps tool's object says what is built,
// and into which namespace.
type ownerManifest struct {
	kind, group     string
	path, namespace []string
}

var ownerManifests = map[Tool]ownerManifest{
	// https://fluxcd.io/flux/components/kustomize/kustomizations/: spec.path,
	// spec.targetNamespace.
	FluxKustomization: {"Kustomization", "kustomize.toolkit.fluxcd.io", []string{"spec", "path"}, []string{"spec", "targetNamespace"}},
	// https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml:
	// spec.source.path. The namespace of the destination is only for objects that
	// name none.
	ArgoCD: {"Application", "argoproj.io", []string{"spec", "source", "path"}, nil},
}

// builtBy are the folders that manifests of the owner's name say it builds: more
// than one where several clusters have one of that name.
func builtBy(files []File, owner Owner) []rendering {
	m, known := ownerManifests[owner.Tool]
	if !known || owner.Name == "" {
		return nil
	}
	var out []rendering
	for _, f := range files {
		if !isYAML(f.Path) {
			continue
		}
		s, err := parse(f.Text)
		if err != nil {
			continue
		}
		for _, doc := range s.docs {
			if built, is := m.builds(doc, owner); is && !slices.Contains(out, built) {
				out = append(out, built)
			}
		}
	}
	return out
}

// builds is what a document says that the owner builds, false where it is not the
// owner's manifest.
func (m ownerManifest) builds(doc *yaml.Node, owner Owner) (rendering, bool) {
	namespace, at := textAt(doc, "metadata", "namespace"), textAt(doc, m.path...)
	switch {
	case textAt(doc, "kind") != m.kind, !strings.HasPrefix(textAt(doc, "apiVersion"), m.group+"/"), textAt(doc, "metadata", "name") != owner.Name, at == "":
		return rendering{}, false
	case namespace != "" && owner.Namespace != "" && namespace != owner.Namespace:
		return rendering{}, false
	}
	built := rendering{root: path.Clean(strings.TrimPrefix(at, "/"))}
	if len(m.namespace) > 0 {
		built.namespace = textAt(doc, m.namespace...)
	}
	return built, true
}

// textAt is the text at a path of keys, empty where there is none.
func textAt(n *yaml.Node, keys ...string) string {
	for _, key := range keys {
		if n == nil || n.Kind != yaml.MappingNode {
			return ""
		}
		_, n = entry(n, key)
	}
	if n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

func (l layout) add(file int, as rendering, patch bool) {
	as.patch = patch
	if !slices.Contains(l[file], as) {
		l[file] = append(l[file], as)
	}
}

func kustomizationOf(file int, f File) (kustomization, bool) {
	if !isKustomization(f.Path) {
		return kustomization{}, false
	}
	s, err := parse(f.Text)
	if err != nil || len(s.docs) == 0 {
		return kustomization{}, false
	}
	doc := s.docs[0]
	k := kustomization{file: file, dir: path.Dir(f.Path)}
	if _, n := entry(doc, "namespace"); n != nil {
		k.namespace = n.Value
	}
	for _, key := range []string{"resources", "bases", "components"} {
		k.resources = append(k.resources, scalars(doc, key)...)
	}
	k.patches = scalars(doc, "patchesStrategicMerge")
	for _, key := range []string{"patches", "patchesJson6902"} {
		for _, item := range items(doc, key) {
			if _, at := entry(item, "path"); at != nil {
				k.patches = append(k.patches, at.Value)
			}
		}
	}
	return k, true
}

func items(doc *yaml.Node, key string) []*yaml.Node {
	if _, list := entry(doc, key); list != nil && list.Kind == yaml.SequenceNode {
		return list.Content
	}
	return nil
}

func scalars(doc *yaml.Node, key string) []string {
	var out []string
	for _, item := range items(doc, key) {
		if item.Kind == yaml.ScalarNode && !strings.Contains(item.Value, "\n") {
			out = append(out, item.Value)
		}
	}
	return out
}

// rendered are the places among some that come into a namespace, all by one way: a
// refusal where there are several ways, as which of them leads into this cluster is
// not written there.
func (l layout) rendered(places []place, namespace string) ([]place, error) {
	byRoot := map[string][]place{}
	for _, p := range places {
		for _, r := range l[p.file] {
			if into := cmp.Or(r.namespace, p.namespace); into != "" && into != namespace {
				continue
			}
			p.patch = p.patch || r.patch
			byRoot[r.root] = append(byRoot[r.root], p)
		}
	}
	roots := slices.Sorted(maps.Keys(byRoot))
	switch len(roots) {
	case 0:
		return nil, nil
	case 1:
		return l.shared(byRoot[roots[0]], roots[0]), nil
	}
	var all []string
	for _, root := range roots {
		where := wheres(byRoot[root])
		if !strings.HasPrefix(where, root) {
			where += " (by way of " + root + ")"
		}
		all = append(all, where)
	}
	return nil, refuse("more than one place could be the workload of this cluster: %s; spec.gitOps.repository.path says in which folder to look", strings.Join(all, ", "))
}

// shared notes at places that are built by one root by which others they are, too.
func (l layout) shared(places []place, root string) []place {
	for i := range places {
		p := &places[i]
		for _, r := range l[p.file] {
			if r.root != root && !slices.Contains(p.sharedWith, r.root) {
				p.sharedWith = append(p.sharedWith, r.root)
			}
		}
	}
	return places
}
