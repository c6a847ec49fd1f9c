package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/logscan"
)

// knowledge is what one source tells of how programs speak: a protocol, a
// runtime, a library, a kind of server. It has a file of its own, and adding to
// it touches no other.
type knowledge struct {
	// server is the kind of server whose words these are, empty where they are of none.
	server string
	// source says where the words stand: a registry of codes, a program's own source.
	source     string
	signatures []signature
}

// sources are all that is known, in the order in which lines are held against it.
var sources = slices.Concat(registered, []knowledge{
	postgresServer, postgresClients, kafkaCodes, kafkaClients, resolver, connections, tlsPeers, recovered,
	redis, mysql, amqp, mongodb, elasticsearch, coordination, httpStatuses, grpc, cloud, databases, kubernetes,
	transfers, languages, environment, pydantic, nodeConfig, spring, dotnet, servers, parsers, jvmLauncher, certificates, arguments,
	files, licenses, storage, migrations, devices, nodeSettings, limits, kernel, binaries, crashes, runtimes,
})

// signature is one way in which clients, servers, runtimes or the kernel say a
// thing. Either it names the cause by itself, or it tells a fault of the
// network of which it is yet to be found out whose it is.
type signature struct {
	// id names the signature: unique, and kept.
	id    string
	cause v1alpha1.Cause
	fault fault
	// family whose words these are: that of the cause, unless it says otherwise;
	// familyAny where they are anybody's.
	family family
	// weight is that of the kind of signature, unless it says otherwise.
	weight weight
	// words are alternatives, in package regexp's syntax, of which one must match
	// the plain line. Their named groups become the finding's subject: host,
	// port, var, topic, group, object, key.
	words []string
	// within are alternatives of which one must be found in the whole record besides.
	within []string
	// unless one of these is found in the line.
	unless []string
	// codes is the registry whose table says what the code means that the words' group
	// of that name holds; where it means nothing, nothing is found.
	codes string
	// ofEnv: only where the line or its record quotes the value of a variable.
	ofEnv bool
	// guessed: it may well mean something else.
	guessed bool
	// match is a record in which it is found, not one in which it is not.
	match, not string
	// source where it is not that of the whole file.
	source string
}

// ignoreCase makes patterns ignore case.
func ignoreCase(patterns ...string) []string {
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = "(?i)" + p
	}
	return out
}

// oneOf is a pattern that one of several matches.
func oneOf(patterns ...string) string { return "(?:" + strings.Join(patterns, "|") + ")" }

// seq is a pattern that several match one after the other: one that is too long
// for a line.
func seq(patterns ...string) string { return strings.Join(patterns, "") }

// weight is how much a signature tells.
type weight int

const (
	// weightOfKind: that of the kind of signature.
	weightOfKind weight = iota
	// weightNone: not a cause: it marks something else, such as a recovery.
	weightNone
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
	// server is the kind of server whose words these are, empty where they are of none.
	server string
	within *logscan.Matcher
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
	c, err := newCatalogue(sources)
	if err != nil {
		panic("diagnosis: " + err.Error()) // A mistake in the tables: no test passes with it.
	}
	return c
})

// newCatalogue compiles what is known.
func newCatalogue(all []knowledge) (*catalogue, error) {
	c := &catalogue{}
	var scan []logscan.Signature
	for _, k := range all {
		for _, s := range k.signatures {
			scanned, done, err := compileSignature(s)
			if err != nil {
				return nil, fmt.Errorf("signature %s: %w", s.id, err)
			}
			done.server = k.server
			scan = append(scan, scanned)
			c.signatures = append(c.signatures, done)
		}
	}
	scanner, err := logscan.NewScanner(scan)
	if err != nil {
		return nil, err
	}
	c.scanner = scanner
	return c, nil
}

func compileSignature(s signature) (logscan.Signature, compiled, error) {
	var parts [3]*logscan.Matcher
	for i, patterns := range [3][]string{s.words, s.within, s.unless} {
		if len(patterns) == 0 {
			continue
		}
		m, err := logscan.NewMatcher(patterns...)
		if err != nil {
			return logscan.Signature{}, compiled{}, err
		}
		parts[i] = m
	}
	return logscan.Signature{Pattern: parts[0], Unless: parts[2]}, compiled{signature: s.complete(), within: parts[1]}, nil
}

// complete fills in what follows from the kind of signature.
func (s signature) complete() signature {
	if s.cause != "" && s.family == familyAny {
		s.family = familyOf(s.cause)
	}
	if s.fault == faultProgram && s.cause == "" {
		s.cause = v1alpha1.CauseApplicationError
	}
	if s.weight == weightOfKind {
		s.weight = weightOf(s.fault)
	}
	return s
}

// weightOf is the weight of a kind of signature.
func weightOf(f fault) weight {
	switch f {
	case faultNone, faultProgram:
		return weightDirect
	case faultClosed, faultTimeout:
		return weightConsequence
	case faultGaveUp:
		return weightGeneric
	case faultRecovered:
		return weightNone
	default:
		return weightNetwork
	}
}
