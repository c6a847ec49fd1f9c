package diagnosis

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	address = regexp.MustCompile(`(?:^|[\s"'(/@=\[<#])((?:\[[0-9A-Fa-f:]+\])|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?):(\d{2,5})(?:[^\d:.]|\.?$|[.:] |: )`)
	// localPort is the near end of a connection, which tells nothing of the far one.
	localPort = regexp.MustCompile(`\b[\d.]+:\d+->`)
	// sourcePlace is file:line, which looks like host:port.
	sourcePlace = regexp.MustCompile(`\.(?:go|js|ts|mjs|cjs|py|rb|java|kt|scala|rs|cs|php|c|cc|cpp|h|ex|exs|erl|jsx|tsx)$`)
)

// addressIn is the last host and port that a text names.
func addressIn(text string) (string, int32) {
	text = localPort.ReplaceAllString(text, " ")
	var host string
	var port int32
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		if sourcePlace.MatchString(m[1]) || strings.Trim(m[1], "0123456789") == "" {
			continue
		}
		p, err := strconv.ParseInt(m[2], 10, 32)
		if err != nil || p == 53 || p > 65535 || !strings.ContainsAny(m[1], ".:-") && m[1] != "localhost" && !looksLikeHost(m[1]) {
			continue
		}
		host, port = strings.Trim(m[1], "[]"), int32(p)
	}
	return host, port
}

// looksLikeHost tells a one-word host name from words before a colon and a number.
func looksLikeHost(word string) bool {
	switch strings.ToLower(word) {
	case "line", "port", "error", "code", "status", "attempt", "errno", "at", "node", "internal", "level", "time", "size", "pid", "version":
		return false
	}
	return true
}

// clip shortens a text to at most n bytes, at a rune's border.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-1], "") + "…"
}
