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
	cause  v1alpha1.Cause
	fault  fault
	family family
	weight weight
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
				cause: s.cause, fault: s.fault, family: s.family, weight: s.weight, named: s.family != familyAny,
				order: i, record: line.Record, level: line.Level, text: hit.Text,
				survived: line.Survived, trace: line.SurvivedTrace, subject: subjectOf(hit), guessed: s.guessed,
			}
			if s.context != nil && !k.matchContext(s, record()) && !k.matchContext(s, logscan.Context(log, line, 2)) {
				continue
			}
			if s.ofEnv && !k.quotesEnv(c.Env, record()) {
				continue
			}
			r.attribute(&k, record)
			r.clues = append(r.clues, k)
		}
	}
	r.forgetRecovered()
	return r
}

// unencrypted is how pg_hba.conf's rejection says that TLS may be the cure
// (auth.c; "SSL off" before version 12).
var unencrypted = regexp.MustCompile(`no encryption|SSL off`)

var sslDisabled = regexp.MustCompile(`(?i)sslmode=disable|ssl=false|ssl ?mode=(?:disable|none)`)

// tlsOff says whether the env explicitly turns TLS to Postgres off. Then "no
// encryption" in a rejection means that the server wants it.
func tlsOff(targets []target, env evidence.Env) bool {
	for _, t := range targets {
		if t.family == familyPostgres && t.tls == evidence.TLSDisable {
			return true
		}
	}
	for name, v := range env.Variables {
		upper, value := strings.ToUpper(name), strings.ToLower(v.Text())
		isMode := strings.HasSuffix(upper, "SSLMODE") || strings.HasSuffix(upper, "SSL_MODE")
		isSwitch := strings.HasSuffix(upper, "SSL_ENABLED") || strings.HasSuffix(upper, "_SSL") || upper == "PGSSL"
		if isMode && value == "disable" || isSwitch && (value == "false" || value == "0" || value == "off") || sslDisabled.MatchString(value) {
			return true
		}
	}
	return false
}

// matchContext checks the record and takes the subject from it.
func (k *clue) matchContext(s *compiled, record string) bool {
	hit, ok := s.context.Find(record)
	if !ok {
		return false
	}
	k.subject.Variable = firstOf(k.subject.Variable, hit.Group("var"))
	return true
}

// quoted is a value as messages quote it, and as node prints an error's input.
var quoted = regexp.MustCompile("\"([^\"\n]{1,200})\"|'([^'\n]{1,200})'|`([^`\n]{1,200})`")

// quotesEnv finds the variable whose value the line, or its record, quotes.
func (k *clue) quotesEnv(env evidence.Env, record string) bool {
	names := slices.Sorted(maps.Keys(env.Variables))
	for _, text := range []string{k.text, record} {
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			value := firstOf(m[1], m[2], m[3])
			if len(value) < 2 || value == k.subject.Variable {
				continue
			}
			for _, name := range names {
				if env.Variables[name].Value == value {
					k.subject.Variable = name
					return true
				}
			}
		}
	}
	if !strings.Contains(k.text, "Invalid URL") {
		return false
	}
	for _, name := range names {
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

// attribute finds out whose fault of a connection a clue tells of.
func (r *reading) attribute(k *clue, record func() string) {
	if k.cause == v1alpha1.CausePostgresAccessRejected && r.tlsOff && unencrypted.MatchString(k.text) {
		k.cause = v1alpha1.CausePostgresTLSMismatch
	}
	if k.fault == faultNone || k.fault == faultProgram || k.fault == faultRecovered {
		if k.fault == faultRecovered && k.family == familyAny {
			k.family, _ = wordsOf(k.text)
		}
		r.bind(k)
		return
	}
	if k.subject.Host == "" && k.subject.Port == 0 {
		k.subject.Host, k.subject.Port = addressIn(k.text)
	}
	if k.family == familyAny {
		k.family, k.named = r.whose(k, record)
	}
	if k.subject.Host == "" && k.subject.Port == 0 && k.fault != faultResolver && !k.survived {
		k.subject.Host, k.subject.Port = addressIn(record())
	}
	r.bind(k)
	k.cause = causeOf[k.family][k.fault]
	if k.family == familyKafka {
		r.kafka(k, record)
	}
}

// bind finds the target that the clue's address belongs to.
func (r *reading) bind(k *clue) {
	if t, ok := find(r.targets, k.subject.Host, k.subject.Port); ok && (k.family == familyAny || t.family == k.family) {
		k.target = &t
	}
	if k.target == nil && k.family != familyAny && k.subject.Host == "" {
		for i := range r.targets {
			if r.targets[i].family == k.family && !r.targets[i].declared {
				k.target = &r.targets[i]
				break
			}
		}
	}
	if k.target != nil {
		k.subject.Dependency = k.target.service
		return
	}
	if services := r.servicesOf(k.family); len(services) == 1 {
		k.subject.Dependency = services[0]
	}
}

// servicesOf are the stack's services of a family.
func (r *reading) servicesOf(f family) []string {
	var services []string
	for _, t := range r.targets {
		if t.family == f && t.service != "" && (len(services) == 0 || services[len(services)-1] != t.service) {
			services = append(services, t.service)
		}
	}
	return services
}

// whose says whose connection it was, and whether the log shows it rather than
// that it is a guess.
func (r *reading) whose(k *clue, record func() string) (family, bool) {
	if t, ok := find(r.targets, k.subject.Host, 0); ok && k.subject.Host != "" && !isLoopback(k.subject.Host) {
		return t.family, true
	}
	if f, ok := wordsOf(k.text); ok {
		return f, true
	}
	if t, ok := find(r.targets, k.subject.Host, k.subject.Port); ok {
		return t.family, true
	}
	if t, ok := r.mentioned(k.text); ok {
		return t.family, true
	}
	if f, ok := r.sameFault(k); ok {
		return f, true
	}
	if host, port := addressIn(record()); k.subject.Host == "" && host != "" {
		if t, ok := find(r.targets, host, port); ok {
			k.subject.Host, k.subject.Port = host, port
			return t.family, true
		}
	}
	if f, ok := wordsOf(record()); ok {
		return f, true
	}
	if f, ok := wellKnown[k.subject.Port]; ok {
		return f, false
	}
	if f, ok := r.only(); ok && k.subject.Host == "" {
		return f, false
	}
	if f, ok := r.before(k); ok {
		return f, false
	}
	return familyUpstream, false
}

// mentioned is the target whose host a text names.
func (r *reading) mentioned(text string) (target, bool) {
	text = strings.ToLower(text)
	for _, t := range r.targets {
		if len(t.host) > 3 && !isLoopback(t.host) && strings.Contains(text, t.host) {
			return t, true
		}
	}
	return target{}, false
}

// sameFault is the family of an earlier line of the same record, or with the
// same address, that tells of the same fault and shows whose it is: a last line
// often repeats only the error itself.
func (r *reading) sameFault(k *clue) (family, bool) {
	for _, earlier := range slices.Backward(r.clues) {

		if earlier.fault != k.fault || !earlier.named || earlier.survived && earlier.record != k.record || k.subject.Host != "" && earlier.subject.Host != k.subject.Host {
			continue
		}
		if k.subject.Host == "" {
			k.subject.Host, k.subject.Port = earlier.subject.Host, earlier.subject.Port
		}
		return earlier.family, true
	}
	return familyAny, false
}

// before is the family that the log spoke of last, for a fault that names no
// address at all.
func (r *reading) before(k *clue) (family, bool) {
	if k.subject.Host != "" {
		return familyAny, false
	}
	for _, v := range slices.Backward(r.clues) {
		if earlier := v; earlier.family != familyAny && !earlier.survived && earlier.named {
			return earlier.family, true
		}
	}
	return familyAny, false
}

// only is the family of all targets, if they have but one.
func (r *reading) only() (family, bool) {
	if len(r.targets) == 0 {
		return familyAny, false
	}
	for _, t := range r.targets[1:] {
		if t.family != r.targets[0].family {
			return familyAny, false
		}
	}
	return r.targets[0].family, true
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
