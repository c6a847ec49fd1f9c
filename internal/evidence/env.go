package evidence

import "log/slog"

// Redacted stands in the place of a secret wherever one is printed.
const Redacted = "[redacted]"

// Secret is a value that must not leave the operator's memory. However it is
// printed, logged or marshalled, Redacted comes out; Reveal is the only way to
// the value, and is for clients that must send it.
type Secret struct{ value string }

// NewSecret keeps a value.
func NewSecret(value string) Secret { return Secret{value: value} }

// Reveal is the value.
func (s Secret) Reveal() string { return s.value }

// IsSet says whether there is a value.
func (s Secret) IsSet() bool { return s.value != "" }

// String is Redacted, for fmt.
func (s Secret) String() string { return Redacted }

// GoString is Redacted, for fmt's %#v.
func (s Secret) GoString() string { return Redacted }

// LogValue is Redacted, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText is Redacted, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// Env is a container's effective environment.
type Env struct {
	// Variables by name.
	Variables map[string]Variable
	// Complete is false where a source could not be read: then a name that is
	// not in Variables is not known to be unset.
	Complete bool
}

// Variable is one environment variable.
type Variable struct {
	Name string
	// Value is empty where Secret is set.
	Value string
	// Secret holds the value where it comes from a Secret or its name or form
	// says that it is one.
	Secret Secret
	// Origin says where the value comes from.
	Origin Origin
	// Misplaced says that the value is a secret by another name, such as a
	// password whose Secret key was swapped with the host's. It is in Secret.
	Misplaced bool
	// Unresolved says that the reference could not be read; Missing that the
	// object or key does not exist.
	Unresolved, Missing bool
}

// Text is the value, secret or not. It is for clients and parsers only.
func (v Variable) Text() string {
	if v.Secret.IsSet() {
		return v.Secret.Reveal()
	}
	return v.Value
}

// OriginKind says where a variable's value stands.
type OriginKind string

// The origins.
const (
	OriginLiteral   OriginKind = "Literal"   // value in the pod template
	OriginSecret    OriginKind = "Secret"    // secretKeyRef or envFrom
	OriginConfigMap OriginKind = "ConfigMap" // configMapKeyRef or envFrom
	OriginField     OriginKind = "Field"     // fieldRef or resourceFieldRef
	OriginService   OriginKind = "Service"   // enableServiceLinks: Object is the Service, whose address the kubelet puts there
	OriginImage     OriginKind = "Image"     // not in the pod; known from elsewhere
)

// Origin says where a variable's value stands.
type Origin struct {
	Kind OriginKind
	// Object and Key for Secret and ConfigMap.
	Object, Key string
	// FromAll says that it came through envFrom.
	FromAll bool
}

// Lookup finds a set variable.
func (e Env) Lookup(name string) (Variable, bool) {
	v, ok := e.Variables[name]
	return v, ok && !v.Missing && !v.Unresolved
}

// Get is a set variable's value, secret or not; empty where it is not set.
func (e Env) Get(name string) string {
	v, ok := e.Lookup(name)
	if !ok {
		return ""
	}
	return v.Text()
}
