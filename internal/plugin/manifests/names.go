package manifests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// dnsName is an RFC 1035 label for any name: what a Service may be called.
func dnsName(name string, most int) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	out = strings.TrimLeft(out, "-")
	if out == "" || out[0] >= '0' && out[0] <= '9' {
		out = "s-" + out
	}
	return strings.TrimRight(out[:min(len(out), most)], "-")
}

// unused tells names apart that became the same.
func unused(name string, taken map[string]bool) string {
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	taken[out] = true
	return out
}

// keyOf is a name as a key of a Secret or ConfigMap.
func keyOf(name string) string {
	out := notInKey.ReplaceAllString(name, "-")
	if out == "." || out == ".." || out == "" {
		return "file"
	}
	return out[:min(len(out), 253)]
}

var notInKey = regexp.MustCompile(`[^-._a-zA-Z0-9]+`)

func joined(path []string) string { return strings.Join(path, ".") }

// renamed is a text with the hosts in it that cannot be a Service's name as they
// are, such as redis_cache, under the names that they have here. A host is what
// follows on // or @, or has a port; in a list of hosts, whatever is whole.
func (b *builder) renamed(text string, isList bool) string {
	for _, s := range b.Facts.Services {
		for _, old := range s.Names {
			now := b.hostOf(s.Name, old)
			if now == old || !strings.Contains(text, old) {
				continue
			}
			name := regexp.QuoteMeta(old)
			text = regexp.MustCompile(`(//|@)`+name+`($|[:/?#"'\s,])`).ReplaceAllString(text, "${1}"+now+"${2}")
			text = regexp.MustCompile(`(^|[,=\s"'\[])`+name+`(:\d)`).ReplaceAllString(text, "${1}"+now+"${2}")
			if isList {
				text = regexp.MustCompile(`(^|[,=\s"'\[])`+name+`($|[,\s"'\]])`).ReplaceAllString(text, "${1}"+now+"${2}")
			}
		}
	}
	return text
}

// renamedValue of a variable: its name tells whether a bare word is a host.
func (b *builder) renamedValue(service, variable, value string) string {
	s, _ := b.Facts.ByName(service)
	i := slices.IndexFunc(s.Env, func(v compose.Variable) bool { return v.Name == variable })
	refers := i >= 0 && len(s.Env[i].References) > 0
	return b.renamed(value, refers && !strings.Contains(value, "://"))
}

// hostOf is what one of a service's names became.
func (b *builder) hostOf(service, name string) string {
	if name == service {
		return b.names[service]
	}
	if isDNS(name) {
		return name
	}
	return b.names[service]
}

func isDNS(name string) bool { return len(name) <= 63 && dnsLabel.MatchString(name) }

var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// aliases of a service that get a Service of their own.
func (u *unit) aliases() []string {
	var out []string
	for _, name := range u.Names[1:] {
		switch {
		case name == u.name || slices.Contains(out, name):
		case u.isTaken(name):
			u.note(u.Name, "networks", fmt.Sprintf("the name %s is another service's", name))
		case isDNS(name):
			out = append(out, name)
		default:
			u.note(u.Name, "networks", fmt.Sprintf("%s cannot be a Service's name; it is reached as %s", name, u.name))
		}
	}
	return out
}

func (u *unit) isTaken(alias string) bool {
	for _, other := range u.Facts.Services {
		if other.Name != u.Name && (u.builder.names[other.Name] == alias || other.Name < u.Name && slices.Contains(other.Names, alias)) {
			return true
		}
	}
	return false
}
