package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
)

// ErrForm says that the form of a value is not understood well enough to change
// the address in it.
var ErrForm = errors.New("the form in which the address is written is not understood")

// Relocate is an address as a client's variable has it, with the host and the
// port replaced by those of other servers and everything else, such as a scheme,
// quotes, a path or the separators of a list, left as it is. A port that the
// value does not name is not added: portElsewhere says that another variable has
// it, otherwise it has to be the client's default. It returns ErrForm for what is
// no address, or none in a form that can be written back.
func Relocate(value string, to []evidence.HostPort, defaultPort int32, portElsewhere bool) (string, error) {
	if len(to) == 0 {
		return "", fmt.Errorf("%w: no server to go to", ErrForm)
	}
	r := relocation{to: to, defaultPort: defaultPort, portElsewhere: portElsewhere}
	out, err := r.quoted(value)
	if err != nil {
		return "", err
	}
	if got := r.read(out); !r.arrived(got) {
		return "", fmt.Errorf("%w: it would be read as %v", ErrForm, got)
	}
	return out, nil
}

type relocation struct {
	to            []evidence.HostPort
	defaultPort   int32
	portElsewhere bool
}

// quoted keeps blanks and quotes around the whole value.
func (r relocation) quoted(value string) (string, error) {
	inner := strings.TrimSpace(value)
	if n := len(inner); n >= 2 && (inner[0] == '"' || inner[0] == '\'') && inner[n-1] == inner[0] && strings.Count(inner, inner[:1]) == 2 {
		inner = inner[1 : n-1]
	}
	start := strings.Index(value, inner)
	out, err := r.list(inner)
	return value[:start] + out + value[start+len(inner):], err
}

// separator of a list that is no JSON.
var separator = regexp.MustCompile(`\s*[,;]\s*|\s+`)

// list is one element, or several in JSON's form or with separators.
func (r relocation) list(text string) (string, error) {
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		return r.jsonList(text)
	}
	if m := goMySQL.FindStringSubmatchIndex(text); m != nil {
		return r.goMySQL(text, m)
	}
	if strings.Contains(text, "://") && strings.Count(text, "://") == 1 {
		return r.element(text, r.to) // its list, if any, is in the authority
	}
	glue := separator.FindString(text)
	elements := []string{text}
	if glue != "" {
		elements = separator.Split(text, -1)
	} else if len(r.to) > 1 && !r.portElsewhere {
		glue = ","
	}
	if slices.Contains(elements, "") {
		return "", fmt.Errorf("%w: an empty element of a list", ErrForm)
	}
	if glue == "" {
		return r.element(text, r.to[:1])
	}
	replaced, err := r.elements(elements)
	return strings.Join(replaced, glue), err
}

// goMySQL is the form of Go's MySQL driver: the address between the brackets.
func (r relocation) goMySQL(text string, m []int) (string, error) {
	if user := text[:max(m[3], 0)]; strings.Contains(user, ":") {
		return "", fmt.Errorf("%w: credentials before the host", ErrForm)
	}
	host, err := r.host(text[m[4]:m[5]], r.to[0], true)
	return text[:m[4]] + host + text[m[5]:], err
}

// jsonList is a JSON list of texts.
func (r relocation) jsonList(text string) (string, error) {
	var elements []string
	if err := json.Unmarshal([]byte(text), &elements); err != nil || len(elements) == 0 {
		return "", fmt.Errorf("%w: a list that is no JSON list of texts", ErrForm)
	}
	replaced, err := r.elements(elements)
	if err != nil {
		return "", err
	}
	glue := ","
	if strings.Contains(text, `", "`) {
		glue = ", "
	}
	for i, e := range replaced {
		encoded, err := json.Marshal(e)
		if err != nil {
			return "", fmt.Errorf("writing a list: %w", err)
		}
		replaced[i] = string(encoded)
	}
	return "[" + strings.Join(replaced, glue) + "]", nil
}

// elements are as many as there are servers, in the form of the present ones.
func (r relocation) elements(present []string) ([]string, error) {
	var out []string
	for i, server := range r.to {
		e, err := r.element(present[min(i, len(present)-1)], []evidence.HostPort{server})
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

var (
	// scheme before an address, JDBC's and R2DBC's doubled ones too.
	scheme = regexp.MustCompile(`^(?:jdbc:|r2dbc:)?[A-Za-z][A-Za-z0-9_+.-]*://`)
	// hostName is a DNS name or an IPv4 address.
	hostName = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)
)

// element is scheme://user@host:port,host:port/path?query, or a part of it.
func (r relocation) element(text string, to []evidence.HostPort) (string, error) {
	prefix := scheme.FindString(text)
	rest := text[len(prefix):]
	tail := ""
	if prefix != "" {
		if cut := strings.IndexAny(rest, "/?#"); cut >= 0 {
			rest, tail = rest[:cut], rest[cut:]
		}
	}
	user := ""
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if prefix == "" || strings.Contains(rest[:at], ":") {
			return "", fmt.Errorf("%w: credentials before the host", ErrForm)
		}
		user, rest = rest[:at+1], rest[at+1:]
	}
	hosts := strings.Split(rest, ",")
	if len(hosts) == 1 {
		to = to[:1]
	}
	var out []string
	for i, server := range to {
		host, err := r.host(hosts[min(i, len(hosts)-1)], server, prefix != "")
		if err != nil {
			return "", err
		}
		out = append(out, host)
	}
	return prefix + user + strings.Join(out, ",") + tail, nil
}

// host is host, host:port, [v6] or [v6]:port. In a URL an IPv6 address always
// has brackets.
func (r relocation) host(text string, to evidence.HostPort, inURL bool) (string, error) {
	bracketed := strings.HasPrefix(text, "[")
	hasPort, err := hostAndPort(text, bracketed)
	if err != nil {
		return "", err
	}
	written := to.Host
	if strings.Contains(written, ":") && (hasPort || inURL || bracketed) {
		written = "[" + written + "]"
	}
	switch {
	case hasPort:
		return written + ":" + strconv.Itoa(int(to.Port)), nil
	case r.portElsewhere || to.Port == r.defaultPort:
		return written, nil
	}
	return "", fmt.Errorf("%w: it names no port, and the client's default is not %d", ErrForm, to.Port)
}

// hostAndPort reports whether an address names a port; an error says that it is
// of no form that is understood.
func hostAndPort(text string, bracketed bool) (hasPort bool, err error) {
	host, port := text, ""
	switch {
	case bracketed:
		inner, rest, closed := strings.Cut(text[1:], "]")
		if !closed || rest != "" && !strings.HasPrefix(rest, ":") {
			return false, fmt.Errorf("%w: brackets of an IPv6 address", ErrForm)
		}
		host, port, hasPort = inner, strings.TrimPrefix(rest, ":"), rest != ""
	case strings.Count(text, ":") == 1:
		host, port, hasPort = strings.Cut(text, ":")
	}
	isV6 := strings.Contains(host, ":") && net.ParseIP(host) != nil
	if !isV6 && (bracketed || !hostName.MatchString(host)) || hasPort && portNumber(port) == 0 {
		return false, ErrForm
	}
	return hasPort, nil
}

// read is what a client makes of a value.
func (r relocation) read(value string) []evidence.HostPort {
	if prefix := scheme.FindString(strings.Trim(strings.TrimSpace(value), `"'`)); prefix != "" && strings.Count(value, "://") == 1 {
		d, _ := parseAnyURL(strings.Trim(strings.TrimSpace(value), `"'`))
		return withPort(d.servers, r.defaultPort)
	}
	if m := goMySQL.FindStringSubmatch(strings.Trim(strings.TrimSpace(value), `"'`)); m != nil {
		return withPort(parseGoMySQL(m).servers, r.defaultPort)
	}
	return servers(value, r.defaultPort)
}

// arrived reports whether a client that reads a value so goes to the servers, or
// to the first of them where the form has room for one.
func (r relocation) arrived(read []evidence.HostPort) bool {
	if len(read) != len(r.to) && len(read) != 1 {
		return false
	}
	for i, s := range read {
		rightPort := s.Port == r.to[i].Port || r.portElsewhere && s.Port == r.defaultPort
		if s.Host != r.to[i].Host || !rightPort {
			return false
		}
	}
	return true
}

// ServersOf are the servers that a client goes to whose settings stand in these
// variables: the read-back of what is about to be written. get is a variable's
// value. Nil where the values are in no form that is understood.
func ServersOf(protocol evidence.Protocol, v evidence.ConnectionVariables, get func(name string) string) []evidence.HostPort {
	k := Of(protocol)
	switch {
	case v.BootstrapServers != "":
		return servers(get(v.BootstrapServers), k.Port)
	case v.URL != "":
		return k.serversIn(get(v.URL))
	case v.Host == "":
		return nil
	}
	out := servers(get(v.Host), 0)
	if !k.ListsServers {
		out = out[:min(1, len(out))]
	}
	if port := portNumber(get(v.Port)); v.Port != "" && port > 0 {
		for i := range out {
			out[i].Port = port
		}
	}
	return withPort(out, k.Port)
}

// serversIn are those of a connection string, of which clients take the first.
func (k *Kind) serversIn(text string) []evidence.HostPort {
	parse := k.parse
	if parse == nil {
		parse = parseAnyURL
	}
	d, _ := parse(text)
	return withPort(d.servers[:min(1, len(d.servers))], orPort(k.TLSSchemes[d.scheme], k.Port))
}
