package diagnosis

import (
	"regexp"
	"strconv"
	"strings"
)

// maxAddressed is how much of a text's end is searched for an address.
const maxAddressed = 4 << 10

// addressIn is the last host and port that a text names.
func addressIn(text string) (string, int32) {
	text = text[max(0, len(text)-maxAddressed):]
	for i := strings.LastIndexByte(text, ':'); i >= 0; i = strings.LastIndexByte(text[:i], ':') {
		if host, port, ok := addressAt(text, i); ok {
			return host, port
		}
	}
	if host, port := addressFields(text); host != "" {
		return host, port
	}
	return lastAddress(socketAddress, text)
}

// socketAddress is how Python prints one: ('10.0.0.7', 5432), with two more numbers for IPv6.
var socketAddress = regexp.MustCompile(`\('([\w.:-]+)', (\d{2,5})(?:, \d+, \d+)?\)`)

// fields of an address, as runtimes print an error's: address: '10.0.0.7', port: 5432.
var fields = regexp.MustCompile(`(?:address|host|hostname)['"]?[:=] ?['"]([\w.:-]+)['"](?:[^{}]{0,120}?)\bport['"]?[:=] ?['"]?(\d{2,5})\b`)

// addressFields is the last host and port that a text has as fields.
func addressFields(text string) (string, int32) {
	if !strings.Contains(text, "port") {
		return "", 0
	}
	return lastAddress(fields, text)
}

// lastAddress is the last host and port that an expression finds in a text.
func lastAddress(expression *regexp.Regexp, text string) (string, int32) {
	all := expression.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return "", 0
	}
	last := all[len(all)-1]
	port, err := strconv.ParseInt(last[2], 10, 32)
	if err != nil || port > 65535 {
		return "", 0
	}
	return last[1], int32(port)
}

// addressAt is the host and port on both sides of the colon at i.
func addressAt(text string, i int) (string, int32, bool) {
	digits := len(text[i+1:]) - len(strings.TrimLeft(text[i+1:], "0123456789"))
	end := i + 1 + digits
	port, err := strconv.ParseInt(text[i+1:end], 10, 32)
	if err != nil || port < 10 || port == 53 || port > 65535 || !endsAddress(text[end:]) {
		return "", 0, false
	}
	start := hostStart(text, i)
	host := strings.Trim(text[start:i], ".-_")
	if start > 0 && strings.IndexByte(" \t\n\"'(/@=[<#,>", text[start-1]) < 0 || !isServer(host) {
		return "", 0, false
	}
	return strings.Trim(host, "[]"), int32(port), true
}

// endsAddress says that what follows a port does not make it something else: a
// time, the near end of a connection.
func endsAddress(rest string) bool {
	if rest == "" {
		return true
	}
	switch c := rest[0]; {
	case c == ':' || c == '.':
		return len(rest) == 1 || rest[1] == ' ' || rest[1] == '\n'
	case strings.HasPrefix(rest, "->"):
		return false
	default:
		return !isHostByte(c)
	}
}

// hostStart walks back over a host name or an address, in brackets or not.
func hostStart(text string, end int) int {
	if end > 0 && text[end-1] == ']' {
		return max(0, strings.LastIndexByte(text[:end], '['))
	}
	start := end
	for start > 0 && isHostByte(text[start-1]) {
		start--
	}
	return start
}

func isHostByte(c byte) bool {
	return c == '.' || c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isServer tells a host from a number, a source file and a word.
func isServer(host string) bool {
	if host == "" || strings.Trim(host, "0123456789") == "" || isSource(host) {
		return false
	}
	return strings.ContainsAny(host, ".:-") || looksLikeHost(host)
}

// isSource says that a name is a source file's: file:line looks like host:port.
func isSource(name string) bool {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return false
	}
	switch name[i+1:] {
	case "go", "js", "ts", "mjs", "cjs", "py", "rb", "java", "kt", "scala", "rs", "cs", "php", "c", "cc", "cpp", "h", "ex", "exs", "erl", "jsx", "tsx":
		return true
	}
	return false
}

// looksLikeHost tells a one-word host name from words before a colon and a number.
func looksLikeHost(word string) bool {
	switch strings.ToLower(word) {
	case "line", "port", "error", "code", "status", "attempt", "errno", "at", "node", "internal", "level", "time", "size", "pid", "version":
		return false
	}
	return true
}
