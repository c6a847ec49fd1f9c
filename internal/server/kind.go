// Package server is what is known of each kind of server that a stack may depend
// on: its ports, the schemes of its URLs, its images, the names of the variables
// that configure its clients, where a stack declares it, what its codes mean.
// A kind is one file here, which registers it; its probe, the only part that does
// I/O, is one file of the same name in package probe, which looks the probe up by
// the kind's protocol. They are two packages because all that decides reads the facts
// and must see no driver and no socket: depguard holds that border.
//
// A further kind is those two files and a member of the API's Endpoint. No other
// room spells out a port of a kind or switches on its protocol.
package server

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Kind is one kind of server. What a kind does not have is left empty.
type Kind struct {
	Protocol evidence.Protocol
	// Rank orders the kinds where several would do: a lower one comes first.
	Rank int

	// Port that it listens on where nobody says otherwise, 0 where there is none.
	Port int32
	// OtherPorts are those that servers of the kind, and proxies before them, are
	// often found at.
	OtherPorts []int32
	// Schemes of URLs that lead to it, without jdbc: and what a driver adds after +.
	Schemes []string
	// TLSSchemes are those of them that ask for TLS, with the port that they mean, 0
	// where it is Port.
	TLSSchemes map[string]int32
	// Variables are the names of variables, in lower case, that are about it.
	Variables *regexp.Regexp
	// Images are the last parts of the names of repositories, without tag.
	Images *regexp.Regexp
	// Names that a service of the kind goes by where its image is one's own.
	Names []string
	// PortVariable is by which the image of the server is told another port.
	PortVariable string
	// DatabaseVariables are those by which it is told of a database to make.
	DatabaseVariables []string
	// Engines of a database are words in the names that frameworks give its drivers: they
	// tell for which kind variables such as DB_HOST are.
	Engines []string
	// OwnPrefixes are those of such variables that only clients of this kind have.
	OwnPrefixes []string
	// ListsServers says that its clients are told a list of host:port.
	ListsServers bool
	// Pooled says that its clients keep a pool of connections to it.
	Pooled bool
	// Connections is how many it accepts, and how it is told another number; zero for a
	// kind of which none is known.
	Connections ConnectionLimit
	// HasTopics says that it has topics and consumer groups, which remedies create
	// and delete.
	HasTopics bool
	// KeepsData says that what its pods hold is lost without a volume.
	KeepsData bool

	// Causes of what a client meets on its way to it, nil where those of any
	// upstream will do.
	Causes *Causes
	// CauseOfCode is the cause that the code of a probe's last stage shows.
	CauseOfCode func(evidence.Stage, evidence.Dependency) (v1alpha1.Cause, bool)
	// ClassOfCode sorts such codes for metrics.
	ClassOfCode func(code string) (Class, bool)
	// AnswersBeforeLogin says that a client of these settings gets an answer of the
	// protocol before it has to show any credentials.
	AnswersBeforeLogin func(evidence.Connection) bool

	// MakeEndpoint is the member of Endpoint for what a service offers.
	MakeEndpoint func(Offer) v1alpha1.Endpoint

	// declared is what a member of Endpoint says, false where another one is set.
	declared func(service string, e v1alpha1.Endpoint) (evidence.Connection, bool)
	// relocate puts an endpoint where at finds its ports; false where it is not
	// worth keeping if they are found nowhere. nil where it is left as it is.
	relocate func(e *v1alpha1.Endpoint, at Finder) bool
	// parse reads a connection string; nil where it is a URL of any scheme.
	parse func(string) (dsn, bool)
	// configured is Configured for the kind; nil where nothing is usual and only the
	// names count that a stack spells out.
	configured func(evidence.Env, Spelled) (evidence.Connection, bool)
	// implied are the connections that env names by the usual names.
	implied func(variables) []evidence.Connection
}

// ConnectionLimit is how many connections a server accepts.
type ConnectionLimit struct {
	// Default is the number where nobody says otherwise, of which Reserved are kept for
	// administrators.
	Default, Reserved int
	// Option sets it on the server's command line, before the number.
	Option string
	// Variables that set it, or hold options, by the usual images.
	Variables []string
}

// Offer is what a service of a kind offers inside.
type Offer struct {
	// Service is its name, and Host where that is another one.
	Service, Host string
	// Port that it listens on, 0 where that is not known.
	Port     int32
	Database string
	Path     string
	Topics   []v1alpha1.DeclaredTopic
}

// Finder is where the cluster offers a container's port, false where nowhere.
type Finder func(port int32) (evidence.HostPort, bool)

// kinds by their protocol, as their files registered them.
var kinds = map[evidence.Protocol]*Kind{}

// register is called by the variable of each kind's file.
func register(k Kind) *Kind { //nolint:unparam // a variable takes it, so that its file registers
	if _, taken := kinds[k.Protocol]; taken {
		panic("server: two kinds speak " + string(k.Protocol))
	}
	kinds[k.Protocol] = &k
	return &k
}

// Kinds are all that are known, by their rank.
func Kinds() []*Kind {
	var out []*Kind
	for _, k := range kinds {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *Kind) int { return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Protocol, b.Protocol)) })
	return out
}

// Protocols are those of all kinds.
func Protocols() []evidence.Protocol {
	var out []evidence.Protocol
	for _, k := range Kinds() {
		out = append(out, k.Protocol)
	}
	return out
}

// Of is the kind that speaks a protocol; TCP, of which nothing more is known, for
// one that is unknown.
func Of(p evidence.Protocol) *Kind {
	if k, known := kinds[p]; known {
		return k
	}
	return kinds[evidence.TCP]
}

// OfEndpoint is the kind of a declared endpoint, false where none is declared.
func OfEndpoint(e *v1alpha1.Endpoint) (*Kind, bool) {
	if e == nil {
		return nil, false
	}
	for _, k := range Kinds() {
		if _, is := k.declared("", *e); is {
			return k, true
		}
	}
	return nil, false
}

// OfImage is the kind of server that an image is known for, by the last part of its
// repository's name.
func OfImage(repository string) (*Kind, bool) {
	return one(func(k *Kind) bool { return k.Images != nil && k.Images.MatchString(repository) })
}

// OfScheme is the kind that a URL's scheme leads to.
func OfScheme(scheme string) (*Kind, bool) {
	scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
	return one(func(k *Kind) bool { return slices.Contains(k.Schemes, scheme) })
}

// OfVariable is the kind that a variable's name is about: of several, the one that
// it begins with.
func OfVariable(name string) (*Kind, bool) {
	lower := strings.ToLower(name)
	var found *Kind
	first := len(lower)
	for _, k := range Kinds() {
		if k.Variables == nil {
			continue
		}
		if at := k.Variables.FindStringIndex(lower); at != nil && at[0] < first {
			found, first = k, at[0]
		}
	}
	return found, found != nil
}

// OfPort is the kind whose servers are found at a port.
func OfPort(port int32) (*Kind, bool) {
	return one(func(k *Kind) bool { return port > 0 && (k.Port == port || slices.Contains(k.OtherPorts, port)) })
}

func one(matches func(*Kind) bool) (*Kind, bool) {
	for _, k := range Kinds() {
		if matches(k) {
			return k, true
		}
	}
	return nil, false
}

// PortOf a URL's scheme where it names none, 0 where that is not known.
func PortOf(scheme string) int32 {
	if port, known := schemePorts[strings.ToLower(scheme)]; known {
		return port
	}
	if k, known := OfScheme(scheme); known {
		return orPort(k.TLSSchemes[strings.ToLower(scheme)], k.Port)
	}
	return 0
}

// schemePorts are those of schemes that no kind has.
var schemePorts = map[string]int32{"http": 80, "https": 443, "mongodb": 27017, "nats": 4222}

// upstreamPorts are those that servers listen on of which no kind is known.
var upstreamPorts = []int32{27017, 9200, 8500, 8200, 80, 443, 8080, 8443, 2379, 4222, 9042, 389, 25, 587}

// IsUpstreamPort says that a port is one of a known server of no known kind.
func IsUpstreamPort(port int32) bool { return slices.Contains(upstreamPorts, port) }

// Topics that a declared endpoint should have; nil for a kind without any.
func Topics(e *v1alpha1.Endpoint) []v1alpha1.DeclaredTopic {
	if e == nil || e.Kafka == nil {
		return nil
	}
	return e.Kafka.Topics
}
