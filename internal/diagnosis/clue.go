package diagnosis

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/logscan"
)

// clue is something that the log says, and of whom.
type clue struct {
	// id of the signature, and the kind of server whose words it is.
	id, server string
	cause      v1alpha1.Cause
	fault      fault
	family     family
	weight     weight
	// order of the clue in the log; record is that of the log record.
	order, record int
	level         logscan.Level
	text          string
	subject       Subject
	// survived: the program went on; trace: only the line above the stack trace says so.
	survived, trace bool
	// named says that the log itself names the server or shows whose words they
	// are; otherwise the family is a guess.
	named bool
	// target that host and port belong to, nil where that is not known.
	target *target
	// guessed: the words may well mean something else.
	guessed bool
}

// reading is what was read from a log.
type reading struct {
	log     []byte
	targets []target
	// securityProtocol of the Kafka client.
	securityProtocol string
	// tlsOff says that the Postgres client is told not to speak TLS.
	tlsOff bool
	clues  []clue
	lines  []logscan.Line
	// clients are the formats of lines about clients of the server that logs.
	clients []*regexp.Regexp
}

// read finds the clues in a log.
func read(c evidence.Case, log []byte) reading {
	r := reading{log: log, targets: targets(c), securityProtocol: securityProtocol(c.Env)}
	r.tlsOff = tlsOff(r.targets, c.Env)
	all := signatures()
	r.lines = all.scanner.Scan(log)
	for i, line := range r.lines {
		record := sync.OnceValue(func() string { return logscan.Context(log, line, 0) })
		for _, hit := range line.Hits {
			s := &all.signatures[hit.Signature]
			k := clue{
				id: s.id, server: s.server,
				cause: s.cause, fault: s.fault, family: s.family, weight: s.weight, named: s.family != familyAny,
				order: i, record: line.Record, level: line.Level, text: hit.Text,
				survived: line.Survived, trace: line.SurvivedTrace, subject: subjectOf(hit), guessed: s.guessed,
			}
			if s.codes != "" && !k.meant(s.codes, hit.Group("code")) {
				continue
			}
			if s.within != nil && !k.matchContext(s, record()) && !k.matchContext(s, logscan.Context(log, line, 2)) {
				continue
			}
			if s.ofEnv && !k.quotesEnv(c.Env, record()) {
				continue
			}
			r.attribute(&k, record)
			r.clues = append(r.clues, k)
		}
	}
	r.clients = aboutClients(log)
	r.forgetClients()
	if toldToStop(c, log) {
		r.forgetFarewell()
	}
	r.forgetRecovered()
	r.forgetHelp()
	return r
}

var (
	// usageStarts is where the help begins that follows a rejected command line.
	usageStarts = regexp.MustCompile(`(?im)^\s*(?:usage|options|flags|arguments|(?:available |global )?commands)\b[^\n]{0,80}?:?`)
	// helpLine is a line of such a text: an option, or what is indented beneath it.
	helpLine = regexp.MustCompile(`^(?:\s{2,}|\t|\s*--?\w)`)
)

// forgetHelp drops what the help text says of hosts, files and passwords: it is
// no event.
func (r *reading) forgetHelp() {
	rejected := slices.ContainsFunc(r.clues, func(k clue) bool { return k.cause == v1alpha1.CauseArgumentsInvalid })
	if !rejected {
		return
	}
	help := usageStarts.FindIndex(r.log)
	if help == nil {
		return
	}
	r.clues = slices.DeleteFunc(r.clues, func(k clue) bool {
		return k.cause != v1alpha1.CauseArgumentsInvalid && r.lines[k.order].Offset >= help[0] && helpLine.MatchString(r.rawLine(k))
	})
}

// matchContext checks the record and takes the subject from it.
func (k *clue) matchContext(s *compiled, record string) bool {
	hit, ok := s.within.Find(record)
	if !ok {
		return false
	}
	k.subject.Variable = firstOf(k.subject.Variable, hit.Group("var"))
	return true
}

// quoted is a value as messages quote it, and as node prints an error's input.
var quoted = regexp.MustCompile("\"([^\"\n]{1,200})\"|'([^'\n]{1,200})'|`([^`\n]{1,200})`|(?:: |was |handle |value |got |number \\()([^\\s\"'`()]{3,200})\\)?\\.?$|[Ff]ile ([^\\s\"'`()]{3,200}) (?:was|is|does|not|could|cannot)")

// quotesEnv finds the variable whose value the line, or its record, quotes.
func (k *clue) quotesEnv(env evidence.Env, record string) bool {
	for _, text := range []string{k.text, record} {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			value := firstOf(m[1:]...)
			if name, ok := withValue(env, value); ok && value != k.subject.Variable {
				k.subject.Variable = name
				return true
			}
		}
	}
	return strings.Contains(k.text, "Invalid URL") && k.isNoURL(env)
}

// withValue is the first variable that has a value.
func withValue(env evidence.Env, value string) (string, bool) {
	if len(value) < 2 {
		return "", false
	}
	for _, name := range slices.Sorted(maps.Keys(env.Variables)) {
		if env.Variables[name].Value == value {
			return name, true
		}
	}
	return "", false
}

// isNoURL finds a variable that should hold a URL and does not.
func (k *clue) isNoURL(env evidence.Env) bool {
	for _, name := range slices.Sorted(maps.Keys(env.Variables)) {
		if value := env.Variables[name].Value; strings.HasSuffix(name, "_URL") && value != "" && !strings.Contains(value, "://") {
			k.subject.Variable, k.guessed = name, true
			return true
		}
	}
	return false
}

// subjectOf takes the subject from a pattern's named groups.
func subjectOf(hit logscan.Hit) Subject {
	port, _ := strconv.ParseInt(hit.Group("port"), 10, 32)
	host := strings.Trim(hit.Group("host"), "[]")
	if port == 0 {
		host, port = splitPort(host)
	}
	if port < 0 || port > 65535 {
		port = 0
	}
	return Subject{
		Variable: hit.Group("var"), Host: host, Port: int32(port),
		Topic: strings.TrimRight(hit.Group("topic"), ".,:;"), Group: strings.TrimRight(hit.Group("group"), ".,:;"),
		Object: hit.Group("object"), Key: hit.Group("key"),
	}
}

func splitPort(host string) (string, int64) {
	h, port := splitHostPort(host)
	if port == 0 {
		return host, 0
	}
	return h, int64(port)
}

// forgetRecovered marks what came before a success of the same family as
// survived: a connection that was made in the end did not end the process.
func (r *reading) forgetRecovered() {
	for _, success := range r.clues {
		if success.fault != faultRecovered || success.family == familyAny {
			continue
		}
		for i := range r.clues {
			k := &r.clues[i]
			if k.order < success.order && k.family == success.family && isConnecting(k) {
				k.survived = true
			}
		}
	}
}

// isConnecting says that the clue is of making a connection and not of using it.
func isConnecting(k *clue) bool {
	switch k.cause {
	case v1alpha1.CausePostgresSchemaMissing, v1alpha1.CausePostgresPermissionDenied, v1alpha1.CausePostgresReadOnly,
		v1alpha1.CausePostgresDiskFull, v1alpha1.CauseKafkaTopicMissing, v1alpha1.CauseKafkaAuthorizationDenied:
		return false
	default:
		return true
	}
}
