package classify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/bridgestack/operator/internal/diagnosis"
)

// Gathered is what people have of an incident: pods as kubectl prints them,
// events, logs, what docker tells. It is put together piece by piece, and then
// taken apart into one document for each container.
type Gathered struct {
	pods   []corev1.Pod
	events []corev1.Event
	logs   []log
	// env of containers, where it is known otherwise than from the pod.
	env map[string]map[string]string
	// documents that came as such.
	documents []Document
	// exitCode that the user gave for a log alone, nil where none was.
	exitCode *int32
}

// log is what a container wrote. Names that are empty are not known.
type log struct {
	pod, container string
	previous       bool
	text           string
}

// ExitCode tells how the program ended whose log is all that there is.
func (g *Gathered) ExitCode(code int32) { g.exitCode = &code }

// Add takes in one file, or standard input, in whatever form it is.
func (g *Gathered) Add(content []byte) error {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	text := strings.TrimSpace(string(content))
	switch {
	case text == "":
		return nil
	case text[0] == '{' || text[0] == '[' && !strings.HasPrefix(text, "[2"):
		if ok, err := g.addJSON([]byte(text)); ok || err != nil {
			return err
		}
	case isDescription.MatchString(text):
		g.addDescription(string(content))
		return nil
	case isYAML.MatchString(text):
		return g.addYAML(text)
	case isComposePS.MatchString(text):
		g.addComposePS(text)
		return nil
	}
	g.addLog(string(content))
	return nil
}

var (
	isYAML        = regexp.MustCompile(`(?m)\A(?:---\n)?(?:apiVersion|kind|items): ?\S*$`)
	isDescription = regexp.MustCompile(`(?m)^Name: +\S+\n(?s:.*?)^(?:Init )?Containers:`)
)

// IsDocuments says that what begins so are evidence documents as JSON Lines, or
// what was meant to be: nothing else that is read has one JSON object a line
// and no kind.
func IsDocuments(start []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(start, " \t\r\n"), []byte("\n"))
	if len(line) == 0 {
		return false
	}
	var head struct {
		Kind      string          `json:"kind"`
		Container *string         `json:"container"`
		Pod       json.RawMessage `json:"pod"`
		Log       *string         `json:"log"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		// A first document that is longer than what was looked at.
		return len(line) == len(start) && bytes.HasPrefix(line, []byte(`{"id":`))
	}
	return head.Kind == "" && (head.Container != nil || head.Pod != nil)
}

// addYAML takes in objects, separated as YAML separates documents.
func (g *Gathered) addYAML(text string) error {
	for _, part := range regexp.MustCompile(`(?m)^---\s*$`).Split(text, -1) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		object, err := yaml.YAMLToJSON([]byte(part))
		if err != nil {
			return fmt.Errorf("reading YAML: %w", err)
		}
		if _, err := g.addJSON(object); err != nil {
			return err
		}
	}
	return nil
}

// addJSON takes in what kubectl and docker print as JSON, and says whether it was any of that.
func (g *Gathered) addJSON(text []byte) (bool, error) {
	if text[0] == '[' {
		var all []json.RawMessage
		if err := json.Unmarshal(text, &all); err != nil {
			return false, nil // a log that begins with a bracket
		}
		return g.addEach(all)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var all []json.RawMessage
	for decoder.More() {
		var one json.RawMessage
		if err := decoder.Decode(&one); err != nil {
			return false, nil // a log of JSON records, cut at its end
		}
		all = append(all, one)
	}
	return g.addEach(all)
}

// addEach takes in objects. None of a kind that is known makes the whole a log.
func (g *Gathered) addEach(all []json.RawMessage) (bool, error) {
	known := false
	for _, one := range all {
		ok, err := g.addObject(one)
		if err != nil {
			return false, err
		}
		known = known || ok
	}
	return known, nil
}

func (g *Gathered) addObject(text json.RawMessage) (bool, error) {
	var head struct {
		Kind      string            `json:"kind"`
		Items     []json.RawMessage `json:"items"`
		Container *string           `json:"container"`
		Pod       json.RawMessage   `json:"pod"`
	}
	if json.Unmarshal(text, &head) != nil {
		return false, nil
	}
	switch {
	case len(head.Items) > 0:
		return g.addEach(head.Items)
	case head.Kind == "Pod":
		return addTo(&g.pods, text)
	case head.Kind == "Event":
		return addTo(&g.events, text)
	case strings.HasSuffix(head.Kind, "List"):
		return true, nil
	case head.Kind == "" && (head.Container != nil || head.Pod != nil):
		return addTo(&g.documents, text)
	}
	return g.addItem(text)
}

// addItem takes in an item of a list in a support bundle, which has no kind of
// its own, or what docker prints.
func (g *Gathered) addItem(text json.RawMessage) (bool, error) {
	var item struct {
		Spec           *struct{ Containers []any } `json:"spec"`
		InvolvedObject json.RawMessage             `json:"involvedObject"`
	}
	if json.Unmarshal(text, &item) == nil {
		switch {
		case item.InvolvedObject != nil:
			return addTo(&g.events, text)
		case item.Spec != nil && len(item.Spec.Containers) > 0:
			return addTo(&g.pods, text)
		}
	}
	return g.addDocker(text)
}

func addTo[T any](all *[]T, text json.RawMessage) (bool, error) {
	var one T
	if err := json.Unmarshal(text, &one); err != nil {
		return false, fmt.Errorf("reading a %T: %w", one, err)
	}
	*all = append(*all, one)
	return true, nil
}

var (
	// dumped is how `kubectl cluster-info dump` and `kubectl logs --prefix` tell whose a log is.
	dumped = regexp.MustCompile(`(?m)^==== START logs for container (\S+) of pod (?:\S+/)?(\S+) ====\n`)
	// composed is how docker compose tells whose a line is.
	composed = regexp.MustCompile(`^(?:\x1b\[[0-9;]*m)?([A-Za-z0-9][\w.-]*?)(?:-\d+|_\d+)? +\| ?(?:\x1b\[0m)?`)
)

// addLog takes in a log, or several that are told apart by what stands before them.
func (g *Gathered) addLog(text string) {
	if starts := dumped.FindAllStringSubmatchIndex(text, -1); starts != nil {
		for i, m := range starts {
			end := len(text)
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			body, _, _ := strings.Cut(text[m[1]:end], "==== END logs for container ")
			g.logs = append(g.logs, log{container: text[m[2]:m[3]], pod: text[m[4]:m[5]], text: body})
		}
		return
	}
	if byService, ok := ofCompose(text); ok {
		for _, service := range sortedKeys(byService) {
			g.logs = append(g.logs, log{container: service, text: byService[service]})
		}
		return
	}
	g.logs = append(g.logs, log{text: text})
}

// ofCompose splits what docker compose logs prints by service.
func ofCompose(text string) (map[string]string, bool) {
	all := map[string]string{}
	matched, lines := 0, 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		lines++
		if m := composed.FindStringSubmatchIndex(line); m != nil {
			matched++
			all[line[m[2]:m[3]]] += line[m[1]:]
		}
	}
	return all, lines > 0 && matched*10 >= lines*9
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Documents are one for each container that is in trouble or has been, in the
// order in which the pods were given.
func (g *Gathered) Documents() []Document {
	out := slices.Clone(g.documents)
	for i := range g.pods {
		pod := &g.pods[i]
		for _, name := range troubled(pod) {
			_, whole := g.env[name] // docker tells all of it
			d := Document{ID: idOf(pod, name), Pod: *pod, Container: name, EnvIncomplete: !whole}
			d.Env = g.envOf(pod, name)
			d.Log = g.logOf(pod.Name, name)
			for _, e := range g.events {
				if e.InvolvedObject.Name == pod.Name {
					d.Events = append(d.Events, e)
				}
			}
			out = append(out, d)
		}
	}
	return append(out, g.alone(out)...)
}

// alone are documents of logs that belong to no pod that is known, and gives a
// log without a name to the only container that has none.
func (g *Gathered) alone(known []Document) []Document {
	var out []Document
	for i := range g.logs {
		l := &g.logs[i]
		if l.text == "" || slices.ContainsFunc(g.pods, func(p corev1.Pod) bool { return has(&p, l.container) }) {
			continue
		}
		if l.container == "" && l.pod == "" {
			if j := slices.IndexFunc(known, func(d Document) bool { return d.Log == "" }); j >= 0 {
				known[j].Log = l.text
				continue
			}
		}
		name := l.container
		if name == "" {
			name = "app"
		}
		d := Document{ID: name, Container: name, Log: l.text}
		if g.exitCode != nil {
			d.Pod = exited(d.Container, *g.exitCode)
		}
		out = append(out, d)
	}
	return out
}

func idOf(pod *corev1.Pod, container string) string {
	id := pod.Name + "/" + container
	if pod.Namespace != "" {
		id = pod.Namespace + "/" + id
	}
	return id
}

func has(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool { return s.Name == container })
}

func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// troubled are a pod's containers that loop; where none does, those that were
// restarted.
func troubled(pod *corev1.Pod) []string {
	var looping, restarted []string
	for _, s := range statuses(pod) {
		d := Document{Pod: *pod, Container: s.Name}
		c := d.Case()
		c.Now = c.Newest()
		switch {
		case diagnosis.Looping(c):
			looping = append(looping, s.Name)
		case s.RestartCount > 0:
			restarted = append(restarted, s.Name)
		}
	}
	if len(looping) > 0 {
		return looping
	}
	return restarted
}

// envOf is the environment as far as it stands in the pod, or docker tells it.
func (g *Gathered) envOf(pod *corev1.Pod, container string) map[string]string {
	if env, ok := g.env[container]; ok {
		return env
	}
	env := map[string]string{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		if c.Name != container {
			continue
		}
		for _, v := range c.Env {
			if v.ValueFrom == nil {
				env[v.Name] = v.Value
			}
		}
	}
	return env
}

// logOf is the log of the run that ended: the previous one's before the current.
func (g *Gathered) logOf(pod, container string) string {
	best := ""
	for _, l := range g.logs {
		if l.container != container || l.pod != "" && l.pod != pod || l.text == "" {
			continue
		}
		if best == "" || l.previous {
			best = l.text
		}
	}
	return best
}

// exited is a pod of which only the exit code is known.
func exited(container string, code int32) corev1.Pod {
	reason := "Error"
	if code == 0 {
		reason = "Completed"
	}
	var pod corev1.Pod
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name:  container,
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}},
	}}
	pod.Spec.Containers = []corev1.Container{{Name: container}}
	return pod
}

// unseen says what is missing in a document that a diagnosis could have used.
func unseen(d Document) []string {
	out := []string{}
	_, docker := d.Pod.Annotations[ofDocker]
	ended := slices.ContainsFunc(statuses(&d.Pod), func(s corev1.ContainerStatus) bool {
		return s.Name == d.Container && (s.State.Terminated != nil || s.LastTerminationState.Terminated != nil || s.State.Waiting != nil)
	})
	if !ended {
		out = append(out, "how the container ended: give its pod (kubectl get pod -o json), or --exit-code")
	}
	if strings.TrimSpace(d.Log) == "" {
		give := "kubectl logs --previous"
		if docker {
			give = "docker compose logs"
		}
		out = append(out, "its log: give "+give)
	}
	if len(d.Events) == 0 && !docker {
		out = append(out, "events: give kubectl describe pod, or kubectl get events -o json")
	}
	if d.Env == nil || d.EnvIncomplete {
		out = append(out, "all of its environment: whether a variable is set cannot be told for each")
	}
	return out
}
