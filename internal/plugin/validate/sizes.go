package validate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// size is a number of bytes such as 512m, 1G or 1073741824; 0 where it is none.
// A unit is binary, as Java, Postgres and Redpanda have it.
func size(text string) int64 {
	m := sized.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := map[string]int{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[strings.ToLower(m[2])]
	if err != nil || n > 1<<(62-shift) {
		return 0
	}
	return n << shift
}

var sized = regexp.MustCompile(`^(\d+)\s*([kKmMgGtT]?)(?:i?[bB])?$`)

// mebibytes prints a size for a person.
func mebibytes(n int64) string { return strconv.FormatInt(n>>20, 10) + " MiB" }

// setting is a size somewhere in a service: in a variable, or in its command.
type setting struct {
	// variable is empty for the command.
	variable string
	bytes    int64
}

// settings are the sizes that a pattern finds in a service, its first group being
// the size. In each text the last one counts.
func (p *project) settings(s compose.Service, pattern *regexp.Regexp, variables func(name string) bool) []setting {
	var out []setting
	add := func(variable, text string) {
		if found := pattern.FindAllStringSubmatch(text, -1); len(found) > 0 {
			if n := size(found[len(found)-1][1]); n > 0 {
				out = append(out, setting{variable, n})
			}
		}
	}
	for _, v := range s.Env {
		if variables(v.Name) {
			add(v.Name, p.value(s, v.Name))
		}
	}
	add("", p.command(s))
	return out
}

// where a setting is written.
func (p *project) where(s compose.Service, of setting, message, cure string) Finding {
	if of.variable != "" {
		return p.variable(s.Name, of.variable, message, cure)
	}
	return p.at(message, cure, "services", s.Name, "command")
}

// named returns a test for the end of a variable's name.
func named(suffixes ...string) func(string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(strings.ToUpper(name), s) })
	}
}

// anything is a size that is all of a value.
var anything = regexp.MustCompile(`^(\d+\s*[kKmMgGtT]?i?[bB]?)$`)
