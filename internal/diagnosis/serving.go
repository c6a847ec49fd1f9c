package diagnosis

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// serving is how a server logs the trouble of its clients, or of a peer that it does
// without: that never ends the server. A database that was killed did not lose its
// database, and a client with a wrong password is no fault of the server's.
type serving struct {
	// up are words that only this server says of itself; nil where the line is enough.
	up *regexp.Regexp
	// holds is what each match of up holds: looking for it costs a fraction.
	holds string
	// of is a line about a client or a peer.
	of *regexp.Regexp
}

// ownLogs are servers by the formats of their own logs.
var ownLogs = []serving{
	{ // PostgreSQL's default log_line_prefix has the process in brackets; no client of it has.
		up:    regexp.MustCompile(`\] LOG:  (?:starting PostgreSQL|database system (?:is ready|was))`),
		holds: `] LOG:  `,
		of:    regexp.MustCompile(`\[\d+\][^\n]{0,80}? (?:FATAL|ERROR|WARNING|LOG|DETAIL|STATEMENT):  `),
	},
	{
		up:    regexp.MustCompile(`(?:mysqld|mariadbd)\b.{0,60}\bready for connections`),
		holds: "ready for connections",
		of:    regexp.MustCompile(`Access denied for user|Aborted connection \d|Too many connections|Got (?:an error|timeout) (?:reading|writing) communication`),
	},
	{
		up:    regexp.MustCompile(`Server startup complete; \d+ plugins`),
		holds: "Server startup complete; ",
		of:    regexp.MustCompile(`\(\S+:\d+ -> \S+:\d+|login refused: user|AMQP connection <`),
	},
	{
		up:    regexp.MustCompile(`\[Kafka(?:Raft)?Server (?:id|nodeId)=\d+\] started`),
		holds: "] started",
		of:    regexp.MustCompile(`Failed authentication with /|\[GroupCoordinator \d+\]|\[SocketServer `),
	},
	{
		up:    regexp.MustCompile(`\bReady to accept connections\b`),
		holds: "Ready to accept connections",
		of:    regexp.MustCompile(`SECURITY ATTACK|MASTER (?:aborted replication|<-> REPLICA)|Error condition on socket for SYNC`),
	},
	{
		up:    regexp.MustCompile(`"msg":"Waiting for connections"`),
		holds: `"msg":"Waiting for connections"`,
		of:    regexp.MustCompile(`"ctx":"conn\d+"`),
	},
	{of: regexp.MustCompile(`http: TLS handshake error from `)}, // net/http
	{of: regexp.MustCompile(`\d+#\d+: \*\d+ [^\n]*\bclient: `)}, // nginx, of one request
	{of: regexp.MustCompile(`\bC-0x[0-9a-f]+: \S+@\S+:\d+ `)},   // PgBouncer
	{of: regexp.MustCompile(`\bconn=\d+ (?:op|fd)=\d+ `)},       // slapd
}

// aboutClients are the formats that the log's server uses for others' trouble.
func aboutClients(log []byte) []*regexp.Regexp {
	var lines []*regexp.Regexp
	for _, s := range ownLogs {
		if s.up == nil || bytes.Contains(log, []byte(s.holds)) && s.up.Match(log) {
			lines = append(lines, s.of)
		}
	}
	return lines
}

// ofOthers says that a raw line tells of a client's trouble.
func (r *reading) ofOthers(line string) bool {
	return slices.ContainsFunc(r.clients, func(of *regexp.Regexp) bool { return of.MatchString(line) })
}

// forgetClients drops what a server says of its clients.
func (r *reading) forgetClients() {
	r.clues = slices.DeleteFunc(r.clues, func(k clue) bool {
		return speaksOfAServer(k) && r.ofOthers(r.rawLine(k))
	})
}

// speaksOfAServer says that the clue is of a connection and not of the program's own
// files, memory or data.
func speaksOfAServer(k clue) bool {
	if k.cause == v1alpha1.CausePostgresDiskFull || k.cause == v1alpha1.CauseKafkaDiskFull {
		return false
	}
	return k.family != familyAny || strings.HasPrefix(string(k.cause), "Upstream") || k.fault != faultNone && k.fault != faultProgram
}

// forgetFarewell drops what comes after the program was told to stop: connections that
// break while it stops did not end it.
func (r *reading) forgetFarewell() {
	from := max(0, len(r.log)-farewell)
	if !stoppedWords.MatchString(string(r.log[from:])) {
		return
	}
	told := stopped.FindIndex(r.log[from:])
	if told == nil {
		return
	}
	r.clues = slices.DeleteFunc(r.clues, func(k clue) bool {
		return k.order < len(r.lines) && r.lines[k.order].Offset > from+told[0] && bytes.IndexByte(r.log[from+told[0]:r.lines[k.order].Offset], '\n') >= 0
	})
}

// farewell is how much of a log's end may be a program's stopping, in bytes.
const farewell = 4 << 10
