package diagnosis

import (
	"fmt"
	"slices"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/logscan"
)

// signature is one way in which clients, servers, runtimes or the kernel say a
// thing. Either it names the cause by itself, or it tells a fault of the
// network of which it is yet to be found out whose it is.
type signature struct {
	cause v1alpha1.Cause
	fault fault
	// family whose words these are; familyAny where they are anybody's.
	family family
	weight weight
	// literals of which one stands in the raw line.
	literals []string
	// pattern on the plain line. Its named groups become the finding's subject:
	// host, port, var, topic, group, user.
	pattern string
	// context that must be found in the whole record besides.
	context string
	// unless this is found in the line.
	unless string
	// ofEnv: only where the line or its record quotes the value of a variable.
	ofEnv bool
	// guessed: it may well mean something else.
	guessed bool
}

// weight is how much a signature tells.
type weight int

const (
	// weightNone: not a cause: it marks something else, such as a recovery.
	weightNone weight = iota
	// weightGeneric: a client gave up and does not say why.
	weightGeneric
	// weightConsequence: what other faults also lead to, such as a pool that
	// times out because the server refuses.
	weightConsequence
	// weightNetwork: a fault of a connection.
	weightNetwork
	// weightDirect: a server's or the kernel's answer, or a message that means one thing only.
	weightDirect
)

// fault is what happened to a connection.
type fault int

const (
	faultNone fault = iota
	faultHostNotFound
	faultResolver
	faultRefused
	faultTimeout
	faultNoRoute
	faultClosed      // the peer closed or reset it
	faultTLS         // one side speaks TLS and the other does not
	faultCertificate // the peer's certificate does not verify
	faultAuth
	faultBusy
	faultGaveUp // the client gave up and does not say why
	faultProgram
	faultRecovered
)

// family is whose connection it was.
type family string

const (
	familyAny      family = ""
	familyPostgres family = "Postgres"
	familyKafka    family = "Kafka"
	familyUpstream family = "Upstream"
)

// compiled is a signature with its patterns ready.
type compiled struct {
	signature
	context *logscan.Matcher
}

// catalogue is all signatures and the scanner for them.
type catalogue struct {
	scanner    *logscan.Scanner
	signatures []compiled
}

// Prepare does what the first diagnosis would otherwise wait for.
func Prepare() {
	signatures()
	familyWords()
}

// signatures are compiled once.
var signatures = sync.OnceValue(func() *catalogue {
	c, err := newCatalogue(slices.Concat(
		postgresSignatures,
		kafkaSignatures,
		networkSignatures,
		upstreamSignatures,
		configSignatures,
		resourceSignatures,
		containerSignatures,
		applicationSignatures,
	))
	if err != nil {
		panic("diagnosis: " + err.Error()) // A mistake in the tables: no test passes with it.
	}
	return c
})

// newCatalogue compiles signatures.
func newCatalogue(list []signature) (*catalogue, error) {
	c := &catalogue{}
	scan := make([]logscan.Signature, len(list))
	for i, s := range list {
		parts := [3]*logscan.Matcher{}
		for j, expression := range [3]string{s.pattern, s.context, s.unless} {
			if expression == "" {
				continue
			}
			m, err := logscan.NewMatcher(expression)
			if err != nil {
				return nil, fmt.Errorf("signature %q of %s: %w", s.literals, s.cause, err)
			}
			parts[j] = m
		}
		scan[i] = logscan.Signature{Literals: s.literals, Pattern: parts[0], Unless: parts[2]}
		c.signatures = append(c.signatures, compiled{signature: s, context: parts[1]})
	}
	scanner, err := logscan.NewScanner(scan)
	if err != nil {
		return nil, err
	}
	c.scanner = scanner
	return c, nil
}

// says is a signature that names a cause by itself.
func says(cause v1alpha1.Cause, pattern string, literals ...string) signature {
	return signature{cause: cause, family: familyOf(cause), weight: weightDirect, pattern: pattern, literals: literals}
}

// hints is a signature of what other faults may also lead to.
func hints(cause v1alpha1.Cause, pattern string, literals ...string) signature {
	s := says(cause, pattern, literals...)
	s.weight = weightConsequence
	return s
}

// network is a signature of a fault of a connection.
func network(f fault, whose family, pattern string, literals ...string) signature {
	s := signature{fault: f, family: whose, weight: weightNetwork, pattern: pattern, literals: literals}
	switch f {
	case faultClosed, faultTimeout:
		s.weight = weightConsequence
	case faultGaveUp:
		s.weight = weightGeneric
	default:
	}
	return s
}

// within narrows a signature to records that hold a pattern.
func (s signature) within(context string) signature {
	s.context = context
	return s
}

// but excludes lines with a pattern.
func (s signature) but(unless string) signature {
	s.unless = unless
	return s
}

// weighing changes a signature's weight.
func (s signature) weighing(w weight) signature {
	s.weight = w
	return s
}

// guess makes a signature's findings Low.
func (s signature) guess() signature {
	s.guessed = true
	return s
}
