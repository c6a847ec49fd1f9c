package diagnosis

import (
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// attribute finds out whose fault of a connection a clue tells of.
func (r *reading) attribute(k *clue, record func() string) {
	switch k.fault {
	case faultNone, faultProgram, faultRecovered:
		if r.wantsTLS(k) {
			k.cause = v1alpha1.CausePostgresTLSMismatch
		}
		r.bind(k)
		return
	default:
	}
	if k.noAddress() {
		k.subject.Host, k.subject.Port = addressIn(k.text)
	}
	if k.family == familyAny {
		k.family, k.named = r.whose(k, record)
	}
	if k.noAddress() && k.fault != faultResolver && !k.survived {
		k.subject.Host, k.subject.Port = addressIn(record())
	}
	r.bind(k)
	k.cause = causeOf[k.family][k.fault]
	if k.family == familyKafka {
		r.kafka(k, record)
	}
}

// wantsTLS says that pg_hba.conf has no entry for a client that is told not to
// speak TLS. An entry that rejects is meant so.
func (r *reading) wantsTLS(k *clue) bool {
	return k.cause == v1alpha1.CausePostgresAccessRejected && r.tlsOff &&
		unencrypted.MatchString(k.text) && !strings.Contains(k.text, "pg_hba.conf rejects")
}

func (k *clue) noAddress() bool { return k.subject.Host == "" && k.subject.Port == 0 }

// bind finds the target that the clue's address belongs to.
func (r *reading) bind(k *clue) {
	if t, ok := find(r.targets, k.subject.Host, k.subject.Port); ok && (k.family == familyAny || t.family == k.family) && t.mayBe(k) {
		k.target = &t
	}
	if k.target == nil && k.family != familyAny && k.subject.Host == "" {
		i := slices.IndexFunc(r.targets, func(t target) bool { return t.family == k.family && !t.declared && t.mayBe(k) })
		if i >= 0 {
			k.target = &r.targets[i]
		}
	}
	if k.target != nil {
		k.subject.Dependency = k.target.service
		return
	}
	if services := r.servicesOf(k); len(services) == 1 {
		k.subject.Dependency = services[0]
	}
}

// mayBe says that a target may be the server whose words the clue is in: among the
// kinds without a family of their own, MySQL's words are not about Redis.
func (t target) mayBe(k *clue) bool {
	if t.conn == nil || k.server == "" || k.family != familyUpstream {
		return true
	}
	kind := server.Of(t.conn.Protocol)
	return kind.Port == 0 || string(kind.Protocol) == k.server
}

// servicesOf are the stack's services that the clue may be about.
func (r *reading) servicesOf(k *clue) []string {
	var services []string
	for _, t := range r.targets {
		if t.family == k.family && t.mayBe(k) && t.service != "" && (len(services) == 0 || services[len(services)-1] != t.service) {
			services = append(services, t.service)
		}
	}
	return services
}

// whose says whose connection it was, and whether the log shows it rather than
// that it is a guess.
func (r *reading) whose(k *clue, record func() string) (family, bool) {
	for _, shows := range []func(*clue) (family, bool){
		r.byName,
		func(k *clue) (family, bool) { return wordsOfRecord(k.text) },
		r.byAddress,
		r.byMention,
		r.sameFault,
		func(k *clue) (family, bool) { return r.byRecord(k, record()) },
	} {
		if f, ok := shows(k); ok {
			return f, true
		}
	}
	return r.guess(k), false
}

// byName goes by a host name that the container is configured with.
func (r *reading) byName(k *clue) (family, bool) {
	if k.subject.Host == "" || isLoopback(k.subject.Host) {
		return familyAny, false
	}
	t, ok := find(r.targets, k.subject.Host, 0)
	return t.family, ok
}

func (r *reading) byAddress(k *clue) (family, bool) {
	t, ok := find(r.targets, k.subject.Host, k.subject.Port)
	return t.family, ok
}

func (r *reading) byMention(k *clue) (family, bool) {
	t, ok := r.mentioned(k.text)
	return t.family, ok
}

// byRecord goes by the address and the words of the record around the line.
func (r *reading) byRecord(k *clue, record string) (family, bool) {
	if host, port := addressIn(record); k.subject.Host == "" && host != "" {
		if t, ok := find(r.targets, host, port); ok {
			k.subject.Host, k.subject.Port = host, port
			return t.family, true
		}
	}
	return wordsOfRecord(record)
}

// frame is a call in a stack trace of the JVM or of .NET, innermost first, each
// on its line or, in JSON, one after another.
var frame = regexp.MustCompile(`(?:(?m:^)\s+|\s{2,})at [^()\n]+\([^)\n]*\)?`)

// wordsOfRecord is the family that a record's words are of: those of its
// messages before those of stack frames, of which the first is the innermost
// and the last are the program's own.
func wordsOfRecord(record string) (family, bool) {
	if f, ok := wordsOf(frame.ReplaceAllString(record, "")); ok {
		return f, true
	}
	for _, call := range frame.FindAllString(record, -1) {
		if f, ok := wordsOf(call); ok {
			return f, true
		}
	}
	return familyAny, false
}

// guess goes by what is usual.
func (r *reading) guess(k *clue) family {
	if f := familyOfPort(k.subject.Port); f != familyAny {
		return f
	}
	if f, ok := r.only(); ok && k.subject.Host == "" {
		return f
	}
	if f, ok := r.before(k); ok {
		return f
	}
	return familyUpstream
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
	for _, earlier := range slices.Backward(r.clues) {
		if earlier.family != familyAny && !earlier.survived && earlier.named {
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

// unencrypted is how pg_hba.conf's rejection says that TLS may be the cure
// (auth.c; "SSL off" before version 12).
var unencrypted = regexp.MustCompile(`no encryption|SSL off`)

var (
	sslSetting  = regexp.MustCompile(`(?i)(?:ssl_?mode|ssl_enabled|_ssl|^pgssl)$`)
	sslOff      = regexp.MustCompile(`(?i)^(?:disable|false|0|off)$`)
	sslDisabled = regexp.MustCompile(`(?i)sslmode=disable|ssl=false|ssl ?mode=(?:disable|none)`)
)

// tlsOff says whether the env explicitly turns TLS to Postgres off. Then "no
// encryption" in a rejection means that the server wants it.
func tlsOff(targets []target, env evidence.Env) bool {
	for _, t := range targets {
		if t.family == familyPostgres && t.tls == evidence.TLSDisable {
			return true
		}
	}
	for name, v := range env.Variables {
		if sslSetting.MatchString(name) && sslOff.MatchString(v.Text()) || sslDisabled.MatchString(v.Text()) {
			return true
		}
	}
	return false
}
