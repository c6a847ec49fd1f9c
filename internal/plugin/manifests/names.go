package manifests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

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

// renames are the hosts that cannot be reached here by what the project calls
// them, such as redis_cache, or an address of its network, and what they are here.
type renames struct {
	hosts map[string]string
	// Where a host stands: behind // or @, before a port, or by itself in a list.
	behind, before, listed *regexp.Regexp
}

func (b *builder) findRenames() renames {
	r := renames{hosts: map[string]string{}}
	for _, s := range b.Facts.Services {
		for _, old := range slices.Concat(s.Names, b.addresses(s.Name)) {
			if old == b.Project.Model.Services[s.Name].Hostname && strings.Contains(old, ".") {
				continue // the name of a machine to the world, and in no network of compose
			}
			if now := b.hostOf(s.Name, old); now != old && r.hosts[old] == "" && (old == s.Name || !b.isService(old)) {
				r.hosts[old] = now
			}
		}
	}
	if len(r.hosts) == 0 {
		return r
	}
	names := sortedKeys(r.hosts)
	slices.SortStableFunc(names, func(a, b string) int { return len(b) - len(a) }) // the longest first
	for i, n := range names {
		names[i] = regexp.QuoteMeta(n)
	}
	name := "(" + strings.Join(names, "|") + ")"
	r.behind = regexp.MustCompile(`(//|@)` + name + `($|[:/?#"'\s,;)}])`)
	r.before = regexp.MustCompile(`(^|[,=\s"'\[({|:])` + name + `(:\d)`)
	r.listed = regexp.MustCompile(`(^|[,=\s"'\[])` + name + `($|[,\s"'\]])`)
	return r
}

func (b *builder) isService(name string) bool {
	_, found := b.Project.Model.Services[name]
	return found
}

// addresses that a service is given in the project's networks. There are none of
// them here.
func (b *builder) addresses(service string) []string {
	var out []string
	networks := b.Project.Model.Services[service].Networks
	for _, name := range sortedKeys(networks) {
		if n := networks[name]; n != nil && n.Ipv4Address != "" {
			out = append(out, n.Ipv4Address)
		}
	}
	return out
}

// in a text, each host by its name here. In a list of hosts, whatever is whole is
// one.
func (r renames) in(text string, isList bool) string {
	if len(r.hosts) == 0 {
		return text
	}
	places := []*regexp.Regexp{r.behind, r.before}
	if isList {
		places = append(places, r.listed)
	}
	for _, place := range places {
		text = place.ReplaceAllStringFunc(text, func(found string) string {
			m := place.FindStringSubmatch(found)
			return m[1] + r.hosts[m[2]] + m[3]
		})
	}
	return text
}

func (b *builder) renamed(text string, isList bool) string { return b.renames.in(text, isList) }

// renamedFile is a file's text with hosts by their names here. What an upstream of
// the file is called is no host.
func (u *unit) renamedFile(name string, content []byte) []byte {
	if !utf8.Valid(content) || len(u.renames.hosts) == 0 {
		return content
	}
	r := u.renames
	for _, m := range upstream.FindAllSubmatch(content, -1) {
		if _, isHost := r.hosts[string(m[1])]; isHost {
			r.behind = regexp.MustCompile(`(//|@)(` + regexp.QuoteMeta(string(m[1])) + `)(:\d)`)
		}
	}
	now := r.in(string(content), false)
	if now != string(content) {
		u.note(u.Name, "volumes", fmt.Sprintf("hosts in %s are by the names that they have here: %s", name, u.changedHosts(string(content), now)))
	}
	return []byte(now)
}

// upstream is a group of servers in a file of nginx.
var upstream = regexp.MustCompile(`(?m)^\s*upstream\s+([\w.-]+)`)

// changedHosts are those of which a text has less than before.
func (b *builder) changedHosts(before, after string) string {
	var out []string
	for _, old := range sortedKeys(b.renames.hosts) {
		if strings.Count(after, old) < strings.Count(before, old) {
			out = append(out, old+" is "+b.renames.hosts[old])
		}
	}
	return strings.Join(out, ", ")
}

// renamedValue of a variable: its name tells whether a bare word is a host.
func (b *builder) renamedValue(service, variable, value string) string {
	s, _ := b.Facts.ByName(service)
	i := slices.IndexFunc(s.Env, func(v compose.Variable) bool { return v.Name == variable })
	refers := i >= 0 && len(s.Env[i].References) > 0 || slices.Contains(b.allAddresses(), value)
	return b.renamed(value, refers && !strings.Contains(value, "://"))
}

func (b *builder) allAddresses() []string {
	var out []string
	for _, s := range b.Facts.Services {
		out = append(out, b.addresses(s.Name)...)
	}
	return out
}

// hostOf is what one of a service's names became.
func (b *builder) hostOf(service, name string) string {
	if name == service {
		return b.names[service]
	}
	if isDNS(name) {
		return name
	}
	return b.names[service] // an address, or what no Service can be called
}

func isDNS(name string) bool { return len(name) <= 63 && dnsLabel.MatchString(name) }

var dnsLabel = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// aliases of a service that get a Service of their own.
func (u *unit) aliases() []string {
	var out []string
	for _, name := range u.Names[1:] {
		switch {
		case name == u.name || slices.Contains(out, name):
		case name == u.Project.Model.Services[u.Name].Hostname && !isDNS(name):
		case u.isTaken(name):
			u.note(u.Name, "networks", fmt.Sprintf("the name %s is another service's", name))
		case isDNS(name):
			out = append(out, name)
		default:
			attribute := "networks"
			if name == u.Project.Model.Services[u.Name].ContainerName {
				attribute = "container_name"
			}
			u.note(u.Name, attribute, fmt.Sprintf("%s cannot be a Service's name; it is reached as %s", name, u.name))
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
