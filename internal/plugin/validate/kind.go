package validate

import (
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/bridgestack/operator/internal/compose"
)

// Kind of a file.
type Kind int

// The kinds.
const (
	// KindCompose is a compose file, or what claims to be one.
	KindCompose Kind = iota
	// KindEnv is a file of NAME=value lines.
	KindEnv
	// KindObjects are Kubernetes objects, BridgeStacks among them or not.
	KindObjects
)

// KindOf a file, by its name and by what is in it.
func KindOf(f compose.File) Kind {
	base := strings.ToLower(path.Base(strings.ReplaceAll(f.Name, `\`, "/")))
	switch {
	case strings.HasSuffix(base, ".yaml"), strings.HasSuffix(base, ".yml"), strings.HasSuffix(base, ".json"):
	case strings.HasSuffix(base, ".env"), strings.HasPrefix(base, ".env"), strings.HasPrefix(base, "env."):
		return KindEnv
	}
	var top struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string `yaml:"kind"`
	}
	if err := yaml.Unmarshal(f.Content, &top); err == nil && top.APIVersion != "" && top.Kind != "" {
		return KindObjects
	}
	if object.Match(f.Content) {
		return KindObjects // several documents, or one that is broken
	}
	return KindCompose
}

// object is a line that no compose file has at its top.
var object = regexp.MustCompile(`(?m)^apiVersion:\s`)
