package gitops

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var (
	memory = v1alpha1.FieldChange{Path: "containers[app].resources.limits.memory", Before: "128Mi", After: "192Mi"}
	cpu    = v1alpha1.FieldChange{Path: "containers[app].resources.limits.cpu", Before: "500m", After: "750m"}
	host   = v1alpha1.FieldChange{Path: "containers[app].env[DB_HOST]", Before: "localhost", After: "postgres"}
	port   = v1alpha1.FieldChange{Path: "containers[app].env[DB_PORT]", Before: "15432", After: "5432"}
	probe  = v1alpha1.FieldChange{Path: "containers[app].startupProbe.failureThreshold", Before: "3", After: "12"}
)

func target() Target {
	return Target{Kind: "Deployment", Namespace: "shop", Name: "api", Template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "proxy"}, {Name: "app", Env: []corev1.EnvVar{{Name: "DB_HOST"}, {Name: "DB_PORT"}}}},
	}}}
}

// deployment is a manifest with a container's fields in it, in block style.
func deployment(fields string) string {
	return "apiVersion: apps/v1\nkind: Deployment # ours\nmetadata:\n  name: api\nspec:\n  template:\n    spec:\n      containers:\n      - name: proxy\n        image: proxy:1\n      - name: app\n" +
		indent(fields, "        ")
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(by + line)
	}
	return b.String()
}

// lines that are only in the first of two texts.
func lines(of, without string) []string {
	rest := strings.Split(without, "\n")
	var out []string
	for l := range strings.SplitSeq(of, "\n") {
		if i := slices.Index(rest, l); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		out = append(out, strings.TrimSpace(l))
	}
	return out
}

const overlay = `resources: [../base]
images:
- name: app
  newTag: "1.2" # by the pipeline
configMapGenerator:
- name: settings
  literals: [A=b]
patches:
`

func TestRewrite(t *testing.T) {
	limits := "resources:\n  limits: # see the dashboard\n    memory: 128Mi   # measured in May\n    cpu: 500m\nimage: app:1\n"
	for name, c := range map[string]struct {
		file, text string
		change     v1alpha1.FieldChange
		gone, came []string
	}{
		"a plain value with a comment": {text: deployment(limits), change: memory,
			gone: []string{"memory: 128Mi   # measured in May"}, came: []string{"memory: 192Mi   # measured in May"}},
		"another one beside it": {text: deployment(limits), change: cpu, gone: []string{"cpu: 500m"}, came: []string{"cpu: 750m"}},
		"an amount said another way": {text: deployment("resources: {limits: {cpu: 0.5}}\n"), change: cpu,
			gone: []string{"resources: {limits: {cpu: 0.5}}"}, came: []string{"resources: {limits: {cpu: 750m}}"}},
		"single quotes": {text: deployment("resources:\n    limits:\n        memory: '128Mi'\n"), change: memory, gone: []string{"memory: '128Mi'"}, came: []string{"memory: '192Mi'"}},
		"double quotes, a flow": {text: deployment(`resources: { "limits": { "memory": "128Mi", "cpu": 1 } }` + "\n"), change: memory,
			gone: []string{`resources: { "limits": { "memory": "128Mi", "cpu": 1 } }`}, came: []string{`resources: { "limits": { "memory": "192Mi", "cpu": 1 } }`}},
		"characters of more than a byte before it": {text: deployment("resources: {note: \"größer → später\", limits: {memory: 128Mi}}\n"), change: memory,
			gone: []string{`resources: {note: "größer → später", limits: {memory: 128Mi}}`}, came: []string{`resources: {note: "größer → später", limits: {memory: 192Mi}}`}},
		"JSON": {text: `{"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory":"128Mi"}}}]}}}}`, change: memory,
			gone: []string{`{"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory":"128Mi"}}}]}}}}`},
			came: []string{`{"kind": "Deployment", "metadata": {"name": "api"}, "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory":"192Mi"}}}]}}}}`}},
		"Windows' line ends": {text: strings.ReplaceAll(deployment(limits), "\n", "\r\n"), change: memory,
			gone: []string{"memory: 128Mi   # measured in May"}, came: []string{"memory: 192Mi   # measured in May"}},
		"no line end at the end": {text: strings.TrimSuffix(deployment("resources:\n  limits:\n    memory: 128Mi\n"), "\n"), change: memory, gone: []string{"memory: 128Mi"}, came: []string{"memory: 192Mi"}},
		"the second of several documents": {text: "# first\nkind: Service\nmetadata: {name: api}\n---\n" + deployment(limits) + "---\nkind: Deployment\nmetadata: {name: other}\n", change: memory,
			gone: []string{"memory: 128Mi   # measured in May"}, came: []string{"memory: 192Mi   # measured in May"}},
		"a variable": {text: deployment("env:\n- name: DB_HOST\n  value: localhost\n- {name: DB_PORT, value: \"15432\"}\n"), change: host, gone: []string{"value: localhost"}, came: []string{"value: postgres"}},
		"a variable that is listed twice: the last is the one that counts": {text: deployment("env:\n- name: DB_HOST\n  value: default\n- name: DB_HOST\n  value: localhost\n"), change: host,
			gone: []string{"value: localhost"}, came: []string{"value: postgres"}},
		"text that looks like a number": {text: deployment("env:\n  - {name: DB_PORT, value: \"15432\"}\n"), change: port,
			gone: []string{`- {name: DB_PORT, value: "15432"}`}, came: []string{`- {name: DB_PORT, value: "5432"}`}},
		"a probe's number": {text: deployment("startupProbe:\n  tcpSocket: {port: 80}\n  failureThreshold: 3\n"), change: probe, gone: []string{"failureThreshold: 3"}, came: []string{"failureThreshold: 12"}},

		"absent, beside others":     {text: deployment("resources:\n  limits:\n    cpu: 500m\n  # none yet\nimage: app:1\n"), change: memory, came: []string{"memory: 192Mi"}},
		"absent, with all above it": {text: deployment("image: app:1\nargs:\n- --config\n"), change: memory, came: []string{"resources:", "limits:", "memory: 192Mi"}},
		"absent, an empty key":      {text: deployment("image: app:1\nresources: # soon\nargs: [a]\n"), change: memory, came: []string{"limits:", "memory: 192Mi"}},
		"absent, empty braces":      {text: deployment("resources: {}\n"), change: memory, gone: []string{"resources: {}"}, came: []string{"resources: {limits: {memory: 192Mi}}"}},
		"absent, in braces":         {text: deployment("resources: { limits: { cpu: 1 } }\n"), change: memory, gone: []string{"resources: { limits: { cpu: 1 } }"}, came: []string{"resources: { limits: { memory: 192Mi, cpu: 1 } }"}},
		"an absent probe number":    {text: deployment("startupProbe:\n  tcpSocket:\n    port: 80\n"), change: probe, came: []string{"failureThreshold: 12"}},
		"an absent variable": {text: deployment("env:\n- name: A\n  valueFrom:\n    secretKeyRef:\n      name: a\n      key: b # last\nimage: app:1\n"), change: port,
			came: []string{"- name: DB_PORT", `value: "5432"`}},
		"an absent variable after a block of text": {text: deployment("env:\n  - name: A\n    value: |\n      one\n\n      two\nimage: app:1\n"), change: port,
			came: []string{"- name: DB_PORT", `value: "5432"`}},
		"the first variable":         {text: deployment("image: app:1\n"), change: port, came: []string{"env:", "- name: DB_PORT", `value: "5432"`}},
		"a variable in braces":       {text: deployment("env: [{name: A, value: b}]\n"), change: port, gone: []string{"env: [{name: A, value: b}]"}, came: []string{`env: [{name: DB_PORT, value: "5432"}, {name: A, value: b}]`}},
		"absent, no line end":        {text: strings.TrimSuffix(deployment("image: app:1\n"), "\n"), change: memory, came: []string{"resources:", "limits:", "memory: 192Mi"}},
		"absent, Windows' line ends": {text: strings.ReplaceAll(deployment("image: app:1\n"), "\n", "\r\n"), change: memory, came: []string{"resources:", "limits:", "memory: 192Mi"}},

		"an inline strategic merge patch": {file: "kustomization.yaml", text: overlay + "- patch: |-\n" + indent(deployment(limits), "    ") + "- path: other.yaml\n", change: memory,
			gone: []string{"memory: 128Mi   # measured in May"}, came: []string{"memory: 192Mi   # measured in May"}},
		"an inline JSON patch": {file: "kustomization.yaml", text: overlay + "- target: {kind: Deployment, name: api}\n  patch: |\n    # more\n    - op: replace\n      path: /spec/template/spec/containers/1/resources/limits/memory\n      value: 128Mi\n", change: memory,
			gone: []string{"value: 128Mi"}, came: []string{"value: 192Mi"}},
		"a JSON patch of what it is in": {file: "kustomization.yaml", text: overlay + "- target: {name: api}\n  patch: |\n    - op: add\n      path: /spec/template/spec/containers/1/resources\n      value:\n        limits: {memory: 128Mi}\n", change: memory,
			gone: []string{"limits: {memory: 128Mi}"}, came: []string{"limits: {memory: 192Mi}"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.file == "" {
				c.file = "api.yaml"
			}
			got, err := Rewrite([]File{{c.file, []byte(c.text)}, {"README.md", []byte("# memory: 128Mi\n")}}, target(), Fields(target().Template, []v1alpha1.FieldChange{c.change}))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Path != c.file {
				t.Fatalf("changed %v", got)
			}
			after := string(got[0].Text)
			if gone, came := lines(c.text, after), lines(after, c.text); !slices.Equal(gone, c.gone) || !slices.Equal(came, c.came) {
				t.Errorf("gone %q\ncame %q\nin\n%s", gone, came, after)
			}
			if strings.Count(c.text, "\r") > 0 && strings.Count(after, "\r") != strings.Count(after, "\n") {
				t.Error("its line ends are mixed now")
			}
		})
	}
}

func TestRewriteRefuses(t *testing.T) {
	limits := "resources:\n  limits:\n    memory: 128Mi\n"
	for name, c := range map[string]struct {
		files  []File
		change v1alpha1.FieldChange
		says   string
	}{
		"nowhere":              {[]File{{"a.yaml", []byte("kind: Service\nmetadata: {name: api}\n")}}, memory, "no file describes it"},
		"of another namespace": {[]File{{"a.yaml", []byte(strings.Replace(deployment(limits), "name: api", "name: api\n  namespace: prod", 1))}}, memory, "no file describes it"},
		"twice":                {[]File{{"a.yaml", []byte(deployment(limits))}, {"b/a.yaml", []byte(deployment(limits))}}, memory, "a.yaml, b/a.yaml"},
		"something else there": {[]File{{"a.yaml", []byte(deployment("resources: {limits: {memory: 1Gi}}\n"))}}, memory, `says "1Gi", and the cluster has "128Mi"`},
		"an anchor":            {[]File{{"a.yaml", []byte(deployment("resources: &small\n  limits:\n    memory: 128Mi\n"))}}, memory, "anchor"},
		"an anchor on it":      {[]File{{"a.yaml", []byte(deployment("resources:\n  limits:\n    memory: &m 128Mi\n"))}}, memory, "anchor"},
		"an alias":             {[]File{{"a.yaml", []byte("x: &r {limits: {memory: 128Mi}}\n" + deployment("resources: *r\n"))}}, memory, "alias"},
		"a merge key":          {[]File{{"a.yaml", []byte("x: &r {memory: 128Mi}\n" + deployment("resources:\n  limits:\n    <<: *r\n"))}}, memory, "merge key"},
		"a block of text":      {[]File{{"a.yaml", []byte(deployment("env:\n- name: DB_HOST\n  value: >-\n    localhost\n"))}}, host, "not a plain or quoted value"},
		"a tag":                {[]File{{"a.yaml", []byte(deployment("env:\n- name: DB_HOST\n  value: !!str localhost\n"))}}, host, "not a plain or quoted value"},
		"a Secret's variable":  {[]File{{"a.yaml", []byte(deployment("env: []\n"))}}, v1alpha1.FieldChange{Path: "containers[app].env[A]", AfterFrom: &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromSecret, Name: "b", Key: "a"}}, "drawn from"},
		"a folded patch": {[]File{{"kustomization.yaml", []byte(overlay + "- target: {kind: Deployment, name: api}\n  patch: \"- op: replace\\n  path: /spec/template/spec/containers/1/resources/limits/memory\\n  value: 128Mi\\n\"\n")}},
			memory, "literal block"},
		"a chart's template": {[]File{{"a.yaml", []byte("{{ if .Values.x }}\n" + deployment(limits) + "{{ end }}\n")}}, memory, "no file describes it"},
		"a restart":          {[]File{{"a.yaml", []byte(deployment(limits))}}, v1alpha1.FieldChange{Kind: v1alpha1.ChangeRestart, Path: "metadata.annotations[kubectl.kubernetes.io/restartedAt]"}, "restart"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Rewrite(c.files, target(), Fields(target().Template, []v1alpha1.FieldChange{c.change}))
			var refusal *Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want a refusal that says %q", got, err, c.says)
			}
		})
	}
}

// The place that counts is the one that says what the cluster has.
func TestRewriteTakesThePatchThatCounts(t *testing.T) {
	base, patch := deployment("resources: {limits: {memory: 64Mi}}\n"), deployment("resources: {limits: {memory: 128Mi}}\n")
	operations := "- op: replace\n  path: /spec/template/spec/containers/1/resources/limits/memory\n  value: 128Mi\n"
	for name, files := range map[string][]File{
		"strategic merge": {{"base/api.yaml", []byte(base)}, {"prod/patch.yaml", []byte(patch)}, {"prod/kustomization.yaml", []byte(overlay + "- path: patch.yaml\n")}},
		"JSON patch":      {{"base/api.yaml", []byte(base)}, {"prod/patch.yaml", []byte(operations)}, {"prod/kustomization.yaml", []byte(overlay + "- path: patch.yaml\n  target: {kind: Deployment, name: api}\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Rewrite(files, target(), Fields(target().Template, []v1alpha1.FieldChange{memory}))
			if err != nil || len(got) != 1 || got[0].Path != "prod/patch.yaml" || !strings.Contains(string(got[0].Text), "192Mi") {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

// Once the commit is merged, and before the owner has applied it.
func TestRewriteSeesWhatIsMade(t *testing.T) {
	_, err := Rewrite([]File{{"a.yaml", []byte(deployment("resources: {limits: {memory: 192Mi}}\n"))}}, target(), Fields(target().Template, []v1alpha1.FieldChange{memory}))
	if !errors.Is(err, ErrMade) {
		t.Errorf("got %v", err)
	}
}

func TestRewriteValues(t *testing.T) {
	to := target()
	to.Values = []Value{{Field: "containers[app].resources.limits.memory", File: "chart/values.yaml", Keys: []string{"api", "resources", "limits", "memory"}}}
	files := []File{{"chart/values.yaml", []byte("# sizes\napi:\n  resources:\n    limits:\n      memory: 128Mi # api\nweb:\n  resources:\n    limits:\n      memory: 128Mi\n")}}
	got, err := Rewrite(files, to, Fields(to.Template, []v1alpha1.FieldChange{memory}))
	if err != nil || len(got) != 1 || !strings.Contains(string(got[0].Text), "memory: 192Mi # api\nweb:") {
		t.Errorf("got %s, %v", got, err)
	}
}

// Whatever the file: what comes out differs in the one field, or nothing does.
func FuzzSplice(f *testing.F) {
	for _, text := range []string{
		deployment("resources:\n  limits:\n    memory: 128Mi\n"), deployment("image: a\n"), deployment("resources: { limits: {} }\n"),
		deployment("resources: # a\n"), "kind: Deployment\nmetadata: {name: api}\nspec: {template: {spec: {containers: [{name: app}]}}}\n",
	} {
		f.Add([]byte(text), "192Mi")
		f.Add([]byte(text), "a: b # c\n'\"")
	}
	f.Fuzz(func(t *testing.T, text []byte, after string) {
		s, err := parse(text)
		if err != nil || after == "" {
			return
		}
		where := keys("spec", "template", "spec").with(Step{"containers", "app"}).with(keys("resources", "limits", "memory")...)
		for i, doc := range s.docs {
			out, err := s.splice(i, where, after, true)
			if err != nil {
				continue
			}
			again, err := parse(out)
			if err != nil || len(again.docs) != len(s.docs) {
				t.Fatalf("%v\n%s", err, out)
			}
			w := walk(again.docs[i], where)
			if w.at.Value != after || len(w.left) > 0 {
				t.Fatalf("%q is read as %q", after, w.at.Value)
			}
			for j := range s.docs {
				if j != i && !sameBut(s.docs[j], again.docs[j], nil, "") {
					t.Fatalf("document %d changed as well", j)
				}
			}
			if comments(doc) != comments(again.docs[i]) {
				t.Fatalf("comments were %q and are %q", comments(doc), comments(again.docs[i]))
			}
		}
	})
}

// comments of a document, all together.
func comments(n *yaml.Node) string {
	var all []string
	var collect func(*yaml.Node)
	collect = func(n *yaml.Node) {
		all = append(all, n.HeadComment, n.LineComment, n.FootComment)
		for _, c := range n.Content {
			collect(c)
		}
	}
	collect(n)
	slices.Sort(all)
	return strings.TrimSpace(strings.Join(all, "\n"))
}
