package compose

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/template"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

const (
	// maxSubstituted bounds all values together once variables are put in.
	maxSubstituted = 4 * MaxBytes
	// maxNested bounds ${A:-${B:-...}}.
	maxNested = 8
	// maxUses bounds the variables, and escaped $, of one value.
	maxUses = 4096
	// maxPorts bounds what port ranges are written out to, and maxOwnPorts where
	// somebody's own files are read: those of a media server have 16,384.
	maxPorts    = 4096
	maxOwnPorts = 1 << 17
)

// substitution replaces ${VARIABLE}, notes those that are not set, and bounds
// what comes of it.
type substitution struct {
	unset, partial map[string]bool
	// longest value of a variable, in bytes.
	longest int
	// blanks that were put in, bytes and ports that came of it.
	blanks, bytes, ports int
	// maxPorts that ports may be.
	maxPorts int
}

var (
	variable = regexp.MustCompile(`[A-Za-z_]\w*`)
	// leading is a variable's name at the beginning.
	leading = regexp.MustCompile(`^[A-Za-z_]\w*`)
)

func newSubstitution(environment map[string]string, maxPorts int) *substitution {
	s := &substitution{unset: map[string]bool{}, partial: map[string]bool{}, maxPorts: maxPorts}
	for _, value := range environment {
		s.longest = max(s.longest, len(value))
	}
	return s
}

// portRange is a range of published or target ports, such as 3000-3005:3000-3005/tcp.
var portRange = regexp.MustCompile(`(?:^|:)(\d{1,5})-(\d{1,5})(?:/(?:tcp|udp|sctp))?$`)

func (s *substitution) substitute(text string, mapping template.Mapping) (string, error) {
	if nested(text) > maxNested {
		return "", fmt.Errorf("variables are nested more than %d deep", maxNested)
	}
	if uses := strings.Count(text, "$"); uses > maxUses || uses*s.longest > maxSubstituted {
		return "", fmt.Errorf("a value uses variables %d times, which is too often", uses)
	}
	before := s.blanks
	out, err := template.SubstituteWithOptions(text, mapping, template.WithoutLogging, template.WithReplacementFunction(s.replace))
	if err != nil {
		return out, err
	}
	if s.blanks > before {
		s.partial[out] = true
	}
	if s.bytes += len(out); s.bytes > maxSubstituted {
		return "", fmt.Errorf("the values have more than %d KiB together once variables are put in", maxSubstituted>>10)
	}
	if m := portRange.FindStringSubmatch(out); m != nil {
		first, _ := strconv.Atoi(m[1]) // digits
		last, _ := strconv.Atoi(m[2])
		if s.ports += max(last-first, 0); s.ports > s.maxPorts {
			return "", fmt.Errorf("port ranges of more than %d ports are not written out", s.maxPorts)
		}
	}
	return out, nil
}

func (s *substitution) replace(text string, mapping template.Mapping, c *template.Config) (string, error) {
	value, applied, err := template.DefaultReplacementAppliedFunc(text, mapping, c)
	if err == nil && !applied {
		s.unset[variable.FindString(text)] = true
		s.blanks++
	}
	if required, ok := errors.AsType[*template.MissingRequiredError](err); ok {
		text := "the required variable " + required.Variable + " is not set"
		if required.Reason != "" {
			text += ": " + required.Reason
		}
		return value, errors.New(text)
	}
	return value, err
}

// withoutSecrets stands in for the secrets that an environment does not have.
func withoutSecrets(lookup interpolation.LookupValue) interpolation.LookupValue {
	return func(name string) (string, bool) {
		value, set := lookup(name)
		if !set && redact.SensitiveName(name) {
			return evidence.Redacted, true
		}
		return value, set
	}
}

// nested is how deep ${ is nested.
func nested(text string) int {
	depth, deepest := 0, 0
	for i := range len(text) {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
			deepest = max(deepest, depth)
		case text[i] == '}' && depth > 0:
			depth--
		}
	}
	return deepest
}

func (s *substitution) names() []string { return slices.Sorted(maps.Keys(s.unset)) }
