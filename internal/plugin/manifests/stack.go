package manifests

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// stackDocument is the BridgeStack. With owned workloads, which the manifests
// make, it selects them by label and declares where their secrets are.
func (b *builder) stackDocument(owned bool) Document {
	o := &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Name: b.project}}
	o.Kind, o.APIVersion = "BridgeStack", v1alpha1.GroupVersion.String()
	if owned {
		o.Labels = b.labels()
		o.Spec.Selector = &metav1.LabelSelector{MatchLabels: b.labels()}
	}
	var ended, inside []string
	for _, s := range b.Facts.Services {
		switch {
		case owned && b.joins(s.Name) != "":
			inside = append(inside, s.Name+" in "+b.home(s.Name))
			continue
		case b.oneShot(s):
			ended = append(ended, s.Name)
			continue
		}
		o.Spec.Services = append(o.Spec.Services, b.service(s, owned))
	}
	comment := "What the compose project " + b.Facts.Project + " tells. Fields that are left out have the defaults that\n" +
		"`kubectl explain bridgestack.spec --recursive` shows."
	if len(ended) > 0 {
		comment += "\nNot watched, as they run to their end: " + strings.Join(ended, ", ") + "."
	}
	if len(inside) > 0 {
		comment += "\nA part of the pods of others, whose network they have: " + strings.Join(inside, ", ") + "."
	}
	return Document{Object: o, Comment: comment, After: stackHint}
}

// stackHint is what its owner decides.
const stackHint = `  # Suggest is the default: each remedy is shown, and nothing is touched.
  # remediation:
  #   mode: Auto                 # or Approve
  #   memory: {ceiling: 1Gi}     # without a ceiling no memory limit is raised
  # notifications:               # who is told when a person is needed
  # - name: team
  #   slack: {urlFrom: {name: slack, key: url}}`

func (b *builder) service(s compose.Service, owned bool) v1alpha1.Service {
	out := v1alpha1.Service{
		Name: s.Name, Workload: s.Bridge.Workload, Endpoint: b.endpoint(s, owned), Env: slices.Clone(s.Bridge.Env),
		MemoryCeiling: s.Bridge.MemoryCeiling, CPUCeiling: s.Bridge.CPUCeiling, AllowRestart: s.Bridge.AllowRestart,
	}
	if owned {
		out.Workload = nil // what is made is found by its labels
	}
	if owned {
		out.DependsOn = b.podDependencies(s)
	}
	if !owned {
		for _, d := range s.DependsOn {
			if target, known := b.Facts.ByName(d.Service); known && !b.oneShot(target) {
				out.DependsOn = append(out.DependsOn, dependencyOf(d))
			}
		}
		out.Env = slices.DeleteFunc(out.Env, func(e v1alpha1.DeclaredEnv) bool {
			_, secret := b.secretOfBridge(s, e)
			if secret {
				b.note(s.Name, "x-bridge", e.Name+" may be a secret and is left out: name the key of a Secret instead of its value")
			}
			return secret
		})
		return out
	}
	b.keepSecrets(s, out.Env)
	for _, name := range sortedKeys(b.Project.Model.Services[s.Name].Environment) {
		key, secret := b.secrets.keys[[2]string{s.Name, name}]
		declared := slices.ContainsFunc(out.Env, func(e v1alpha1.DeclaredEnv) bool { return e.Name == name })
		if secret && !declared {
			ref := &v1alpha1.KeyReference{Name: b.secretName(), Key: key}
			out.Env = append(out.Env, v1alpha1.DeclaredEnv{Name: name, ValueFrom: &v1alpha1.EnvSource{SecretKeyRef: ref}})
		}
	}
	return out
}

// keepSecrets names the Secret's keys in the place of secrets.
func (b *builder) keepSecrets(s compose.Service, env []v1alpha1.DeclaredEnv) {
	for i, e := range env {
		if key, secret := b.secretOfBridge(s, e); secret {
			env[i].Value, env[i].ValueFrom = nil, &v1alpha1.EnvSource{SecretKeyRef: &v1alpha1.KeyReference{Name: b.secretName(), Key: key}}
		}
	}
}

// secretOfBridge is the key of a variable of x-bridge into which a secret was put.
func (b *builder) secretOfBridge(s compose.Service, e v1alpha1.DeclaredEnv) (string, bool) {
	parts, written := b.partsAt("services", s.Name, "x-bridge", "env", e.Name)
	if e.Value == nil || !written || !slices.ContainsFunc(parts, b.isSecret) {
		return "", false
	}
	v := secretValue{value: *e.Value, open: defaultOf(parts) == *e.Value, from: "the environment, as " + strings.Join(variablesIn(parts), ", ")}
	return b.secrets.put(e.Name, v), true
}

// dependencyOf leaves out what is the API's default.
func dependencyOf(d compose.Dependency) v1alpha1.Dependency {
	out := v1alpha1.Dependency{Service: d.Service, Condition: d.Condition}
	if d.Condition == v1alpha1.ServiceStarted {
		out.Condition = ""
	}
	if !d.Required {
		out.Required = new(false)
	}
	if c := d.Connection; c.Host != "" || c.URL != "" || c.BootstrapServers != "" {
		out.Connection = &c
	}
	return out
}

// endpoint is what a service offers and how to ask whether it is well. Where its
// names in the cluster are known, it says so if they are not the service's own.
func (b *builder) endpoint(s compose.Service, owned bool) *v1alpha1.Endpoint {
	host := ""
	if owned && b.names[s.Name] != s.Name {
		host = b.names[s.Name]
	}
	port := b.mainPort(s, b.portsOf(s))
	offer := server.Offer{Service: s.Name, Host: host, Port: port, Database: s.Database, Topics: s.Topics}
	kind, known := s.Role.Kind()
	switch {
	case known:
	case s.Health != nil && s.Health.HTTP != nil && s.Health.HTTP.Scheme == "http" && !b.isSecretCheck(s):
		kind, offer.Port = server.Of(evidence.HTTP), s.Health.HTTP.Port
		offer.Path, _, _ = strings.Cut(s.Health.HTTP.Path, "?")
	case port == 0:
		return nil
	}
	endpoint := kind.MakeEndpoint(offer)
	return &endpoint
}

// Describe is a note for a person, on one line.
func (n Note) Describe() string {
	if place := n.Position.String(); place != "" {
		return fmt.Sprintf("%s: %s: %s", place, n.Path, n.Text)
	}
	return n.Path + ": " + n.Text
}
