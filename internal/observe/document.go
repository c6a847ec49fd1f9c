package observe

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// Document is a case in a file: what the API server and the kubelet say of one
// container, as kubectl prints it. Every field but Container may be missing.
type Document struct {
	ID  string     `json:"id"`
	Pod corev1.Pod `json:"pod"`
	// Container that is looked at.
	Container string `json:"container"`
	// Log of the instance that ended.
	Log    string         `json:"log"`
	Events []corev1.Event `json:"events"`
	// Env is the container's effective environment.
	Env map[string]string `json:"env"`
	// EnvIncomplete says that a variable that is not in Env may be set all the same.
	EnvIncomplete bool `json:"envIncomplete,omitempty"`
}

// Case is the evidence in the document, redacted as a Reader redacts it. What
// only a cluster knows, such as its nodes, is missing in it.
func (d *Document) Case() evidence.Case {
	c, known := caseOf(&d.Pod, d.Container)
	if !known {
		c.Container = evidence.Container{Name: d.Container, Role: evidence.RoleMain}
	}
	c.Log = evidence.Log{Previous: []byte(d.Log)}
	c.Events = EventsOf(d.Events)
	var secrets []evidence.Secret
	c.Env, secrets = d.env()
	secrets = append(secrets, literals(&d.Pod)...)
	redactCase(&c, redact.New(secrets...))
	return c
}

// literals are the secrets that stand in a pod itself.
func literals(pod *corev1.Pod) []evidence.Secret {
	values := namedValues{}
	for _, c := range specsOf(pod) {
		values.addContainer(c)
		for _, e := range c.Env {
			if e.Value != "" && redact.Sensitive(e.Name, e.Value) {
				values.add("env "+e.Name, e.Name, e.Value)
			}
		}
	}
	return values.secrets()
}

func (d *Document) env() (evidence.Env, []evidence.Secret) {
	env := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: d.Env != nil && !d.EnvIncomplete}
	var secrets []evidence.Secret
	for name, value := range d.Env {
		v := evidence.Variable{Name: name, Value: value, Origin: evidence.Origin{Kind: evidence.OriginLiteral}}
		if redact.Sensitive(name, value) {
			v.Value, v.Secret = "", evidence.NewSecret(value)
			secrets = append(secrets, v.Secret)
		}
		env.Variables[name] = v
	}
	return env, secrets
}
