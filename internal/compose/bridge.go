package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// extension is where a compose file carries policy for the operator.
const extension = "x-bridge"

// Bridge is the policy that a compose file may carry for the operator, under
// x-bridge. What the BridgeStack says itself wins over all of it.
//
// At the top of the file:
//
//	x-bridge:
//	  topics:            # of the project's only broker
//	    - name: orders.v1
//	      partitions: 3
//
// In a service:
//
//	services:
//	  worker:
//	    x-bridge:
//	      workload: {kind: StatefulSet, name: shop-worker}  # or just its name
//	      memoryCeiling: 1Gi
//	      cpuCeiling: "2"
//	      allowRestart: true
//	      liveness: true                                    # the health check restarts it
//	      env:                                              # beside environment
//	        LOG_LEVEL: info
//	        API_KEY: {secretKeyRef: {name: api, key: key}}
//	  broker:
//	    x-bridge:
//	      role: Kafka                                       # or Postgres, Redis, ...; default: by image
//	      topics: [orders.v1, {name: payments.v1, partitions: 3, replicationFactor: 3}]
//	  importer:
//	    x-bridge: {oneShot: true}                           # it runs to its end
//	  adminer:
//	    x-bridge: {ignore: true}                            # no part of the stack
//
// Unknown keys are errors: a misspelt ceiling is none.
type Bridge struct {
	// Workload is what runs the service. Default: found by its names.
	Workload *v1alpha1.WorkloadReference `json:",omitempty"`
	// MemoryCeiling and CPUCeiling are those of a BridgeStack's service.
	MemoryCeiling *resource.Quantity `json:",omitempty"`
	CPUCeiling    *resource.Quantity `json:",omitempty"`
	// AllowRestart is that of a BridgeStack's service.
	AllowRestart bool `json:",omitempty"`
	// Env is declared beside environment, and wins over it. Unlike there, values
	// may be references to Secrets and ConfigMaps of the namespace. By name.
	Env []v1alpha1.DeclaredEnv `json:",omitempty"`
	// Topics that this broker should have; where the service is none, the
	// project's only broker.
	Topics []v1alpha1.DeclaredTopic `json:",omitempty"`
	// Role is what the service is, where its image does not tell: the protocol of a
	// kind of server, or Redpanda.
	Role Role `json:",omitempty"`
	// Liveness makes of the health check a liveness probe as well, where manifests
	// are made of the project. Default: a container that is ill is not restarted.
	Liveness bool `json:",omitempty"`
	// OneShot says whether the service runs to its end, where manifests are made of
	// the project. Default: nil, what the project lets one think.
	OneShot *bool `json:",omitempty"`
	// Ignore leaves the service out of the stack.
	Ignore bool `json:",omitempty"`
}

// bridge is x-bridge as it is written.
type bridge struct {
	Workload      workloadOrName           `json:"workload"`
	MemoryCeiling *resource.Quantity       `json:"memoryCeiling"`
	CPUCeiling    *resource.Quantity       `json:"cpuCeiling"`
	AllowRestart  bool                     `json:"allowRestart"`
	Env           map[string]declaredValue `json:"env"`
	Topics        []topic                  `json:"topics"`
	Role          Role                     `json:"role"`
	Liveness      bool                     `json:"liveness"`
	OneShot       *bool                    `json:"oneShot"`
	Ignore        bool                     `json:"ignore"`
}

// workloadOrName is a name, or kind and name.
type workloadOrName struct{ v1alpha1.WorkloadReference }

func (w *workloadOrName) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &w.Name) == nil {
		return nil
	}
	return strict(data, &w.WorkloadReference)
}

// topic is a name, or name, partitions and replicationFactor.
type topic struct{ v1alpha1.DeclaredTopic }

func (t *topic) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &t.Name) != nil {
		if err := strict(data, &t.DeclaredTopic); err != nil {
			return err
		}
	}
	if !topicName.MatchString(t.Name) {
		return fmt.Errorf("%q is no name of a topic", t.Name)
	}
	if t.Partitions < 0 || t.Partitions > 10000 || t.ReplicationFactor < 0 || t.ReplicationFactor > 100 {
		return fmt.Errorf("topic %s: partitions are 1 to 10000, replicationFactor is 1 to 100", t.Name)
	}
	return nil
}

// declaredValue is a text, number or boolean, or a reference.
type declaredValue struct {
	text string
	from *v1alpha1.EnvSource
}

func (v *declaredValue) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		v.from = &v1alpha1.EnvSource{}
		if err := strict(data, v.from); err != nil {
			return err
		}
		if (v.from.SecretKeyRef == nil) == (v.from.ConfigMapKeyRef == nil) {
			return fmt.Errorf("set exactly one of secretKeyRef and configMapKeyRef")
		}
		return nil
	}
	if bytes.HasPrefix(data, []byte("[")) || bytes.Equal(data, []byte("null")) {
		return fmt.Errorf("a value is a text, a number, a boolean or a reference")
	}
	if json.Unmarshal(data, &v.text) != nil {
		v.text = string(data)
	}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// read decodes an extension; nothing is fine.
func read(value, into any) error {
	if value == nil {
		return nil
	}
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return strict(data, into)
}

// projectBridge is x-bridge at the top of the files.
func (p *Project) projectBridge() ([]v1alpha1.DeclaredTopic, error) {
	var top struct {
		Topics []topic `json:"topics"`
	}
	if err := read(p.Model.Extensions[extension], &top); err != nil {
		return nil, p.bridgeError(err, extension)
	}
	return topicsOf(top.Topics), nil
}

func topicsOf(list []topic) []v1alpha1.DeclaredTopic {
	var out []v1alpha1.DeclaredTopic
	for _, t := range list {
		out = append(out, t.DeclaredTopic)
	}
	return out
}

// serviceBridge is x-bridge of a service.
func (p *Project) serviceBridge(s types.ServiceConfig) (Bridge, error) {
	var b bridge
	if err := read(s.Extensions[extension], &b); err != nil {
		return Bridge{}, p.bridgeError(err, "services", s.Name, extension)
	}
	out := Bridge{
		MemoryCeiling: b.MemoryCeiling, CPUCeiling: b.CPUCeiling, AllowRestart: b.AllowRestart,
		Topics: topicsOf(b.Topics), Role: b.Role, Liveness: b.Liveness, OneShot: b.OneShot, Ignore: b.Ignore,
	}
	if b.Workload.Name != "" {
		out.Workload = &b.Workload.WorkloadReference
	}
	for _, name := range slices.Sorted(maps.Keys(b.Env)) {
		v := v1alpha1.DeclaredEnv{Name: name, ValueFrom: b.Env[name].from}
		if v.ValueFrom == nil {
			text := b.Env[name].text
			v.Value = &text
		}
		out.Env = append(out.Env, v)
	}
	if err := out.check(); err != nil {
		return Bridge{}, p.bridgeError(err, "services", s.Name, extension)
	}
	return out, nil
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,252}$`)

// check holds it to what the API's schema demands of the same fields.
func (b Bridge) check() error {
	if w := b.Workload; w != nil {
		if _, err := workload.New(w.Kind); err != nil {
			return fmt.Errorf("workload: kind: %w", err)
		}
	}
	if b.Role != "" && !slices.Contains(roles(), b.Role) {
		return fmt.Errorf("role: is one of %v", roles())
	}
	for name, q := range map[string]*resource.Quantity{"memoryCeiling": b.MemoryCeiling, "cpuCeiling": b.CPUCeiling} {
		if q != nil && q.Sign() <= 0 {
			return fmt.Errorf("%s: must be more than 0", name)
		}
	}
	for _, e := range b.Env {
		if !variableName.MatchString(e.Name) {
			return fmt.Errorf("env: %q is no name of a variable", e.Name)
		}
		if e.Value != nil && len(*e.Value) > mostValue {
			return fmt.Errorf("env: the value of %s is longer than %d bytes", e.Name, mostValue)
		}
	}
	return nil
}

// mostValue is the longest value that the API takes of a declared variable.
const mostValue = 4096

// unknownField is what encoding/json says of one.
var unknownField = regexp.MustCompile(`unknown field ("[^"]*")`)

// bridgeError tells the place of what is wrong with x-bridge.
func (p *Project) bridgeError(err error, path ...string) error {
	text := strings.TrimPrefix(err.Error(), "json: ")
	place := path
	if m := unknownField.FindStringSubmatch(text); m != nil {
		if name, errName := strconv.Unquote(m[1]); errName == nil {
			place = append(slices.Clone(path), name)
		}
		text = "there is no field " + m[1]
	}
	return &Error{p.At(place...), "x-bridge: " + text}
}
