package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// Capture makes a document of a live container, redacted, for others to read:
// Document.Case makes the same case of it as Reader.Case, without what only the
// cluster knows. What is missing in it is in the second result. There is no
// document where a Secret of the pod cannot be read: its values could not be
// found in the log then.
func (r *Reader) Capture(ctx context.Context, pod *corev1.Pod, container string) (d Document, missing, err error) {
	c, ok := caseOf(pod, container)
	if !ok {
		return d, nil, fmt.Errorf("pod %s/%s has no container %q; it has %s", pod.Namespace, pod.Name, container, strings.Join(containerNames(pod), ", "))
	}
	environment, errEnv := r.environment(ctx, pod, container)
	if len(environment.unreadSecrets) > 0 {
		return d, nil, fmt.Errorf("without the values of Secret %s they cannot be kept out of the document: %w",
			strings.Join(environment.unreadSecrets, ", "), errEnv)
	}
	log, errLog := r.readLogs(ctx, pod, c.Container)
	c.Log = log
	events, errEvents := r.Events(ctx, pod.Namespace, pod.UID)

	m := mask{redact.New(environment.Secrets...)}
	d = Document{
		ID:            m.Text(pod.Namespace + "/" + pod.Name + "/" + container),
		Container:     m.Text(container),
		Log:           string(redactedLog(c.Last(), m.Redactor)),
		Events:        m.events(events),
		Env:           m.env(environment),
		EnvIncomplete: !environment.Env.Complete,
	}
	d.Pod, err = m.pod(pod)
	return d, errors.Join(errLog, errEnv, errEvents), err
}

func containerNames(pod *corev1.Pod) []string {
	var names []string
	for _, c := range specsOf(pod) {
		names = append(names, c.Name)
	}
	return names
}

// mask keeps secrets out of a document.
type mask struct{ *redact.Redactor }

// env shows a secret variable only where the redactor, too, takes its value for
// a coordinate, and of a URL where it leads.
func (m mask) env(e Environment) map[string]string {
	out := map[string]string{}
	for name, v := range e.Env.Variables {
		switch {
		case v.Missing, v.Unresolved:
		case v.Secret.IsSet() && slices.Contains(e.Secrets, v.Secret):
			out[name] = masked(v.Text())
		default:
			out[name] = m.Text(v.Text())
		}
	}
	return out
}

// servers are the schemes of URLs whose hosts, ports and paths are no secrets,
// as they are in those of webhooks.
var servers = []string{"postgres", "postgresql", "mysql", "redis", "rediss", "amqp", "amqps", "mongodb", "kafka"}

// masked is what is left of a secret value: of a URL where it leads.
func masked(value string) string {
	text, isJDBC := strings.CutPrefix(value, "jdbc:")
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || !slices.Contains(servers, u.Scheme) {
		return evidence.Redacted
	}
	left := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		left.User = url.UserPassword("redacted", "redacted")
	}
	if mode := u.Query().Get("sslmode"); mode != "" {
		left.RawQuery = url.Values{"sslmode": {mode}}.Encode()
	}
	if isJDBC {
		return "jdbc:" + left.String()
	}
	return left.String()
}

// events as a document holds them: what EventsOf reads, and no more.
func (m mask) events(events []evidence.Event) []corev1.Event {
	out := make([]corev1.Event, len(events))
	for i, e := range events {
		out[i] = corev1.Event{Type: e.Type, Reason: e.Reason, Message: m.Clean(e.Message, maxMessage), Count: e.Count, FirstTimestamp: metav1.NewTime(e.First), LastTimestamp: metav1.NewTime(e.Last)}
		if e.Container != "" {
			out[i].InvolvedObject.FieldPath = "spec.containers{" + m.Text(e.Container) + "}"
		}
	}
	return out
}

// pod without secrets, and without what says only where and by whom it is run.
func (m mask) pod(pod *corev1.Pod) (corev1.Pod, error) {
	kept := pod.DeepCopy()
	kept.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
	kept.ManagedFields = nil
	kept.Annotations = keptAnnotations(pod) // others hold whole manifests
	kept.Spec.NodeName = ""
	kept.Status.HostIP, kept.Status.HostIPs, kept.Status.PodIP, kept.Status.PodIPs = "", nil, "", nil
	text, err := json.Marshal(kept)
	if err != nil {
		return corev1.Pod{}, fmt.Errorf("writing pod %s/%s as JSON: %w", pod.Namespace, pod.Name, err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return corev1.Pod{}, fmt.Errorf("reading pod %s/%s from JSON: %w", pod.Namespace, pod.Name, err)
	}
	var out corev1.Pod
	if text, err = json.Marshal(m.tree(tree)); err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return corev1.Pod{}, fmt.Errorf("pod %s/%s is no pod any more once its secrets are out: %w", pod.Namespace, pod.Name, err)
	}
	return out, nil
}

// tree redacts every text in a JSON value. Pairs of name and value are env
// variables and HTTP headers, whose names tell of secrets.
func (m mask) tree(node any) any {
	switch node := node.(type) {
	case string:
		return m.Text(node)
	case []any:
		for i := range node {
			node[i] = m.tree(node[i])
		}
	case map[string]any:
		for _, key := range []string{"args", "command"} {
			if words, ok := node[key].([]any); ok {
				maskOptions(words)
			}
		}
		for _, key := range free {
			if pairs, ok := node[key].(map[string]any); ok {
				maskPairs(pairs)
			}
		}
		name, _ := node["name"].(string)
		value, named := node["value"].(string)
		for key := range node {
			node[key] = m.tree(node[key])
		}
		if named && value != "" && redact.Sensitive(name, value) {
			node["value"] = masked(value)
		}
	}
	return node
}

// free are maps whose keys are anyone's own: what they are called tells of secrets.
var free = []string{"labels", "annotations", "volumeAttributes", "options", "nodeSelector", "matchLabels"}

func maskPairs(pairs map[string]any) {
	for key, value := range pairs {
		if text, ok := value.(string); ok && text != "" && redact.Sensitive(key, text) {
			pairs[key] = masked(text)
		}
	}
}

// maskOptions masks the words of a command after options such as --password.
func maskOptions(words []any) {
	for i := 1; i < len(words); i++ {
		option, _ := words[i-1].(string)
		value, ok := words[i].(string)
		if ok && strings.HasPrefix(option, "-") && !strings.Contains(option, "=") && !strings.HasPrefix(value, "-") && redact.SensitiveName(strings.TrimLeft(option, "-")) {
			words[i] = masked(value)
		}
	}
}
