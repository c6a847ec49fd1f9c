package probe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/IBM/sarama"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// taken is all that a hostile listener was sent.
type taken struct {
	sync.Mutex
	bytes []byte
}

func (k *taken) Write(p []byte) (int, error) {
	k.Lock()
	defer k.Unlock()
	k.bytes = append(k.bytes, p...)
	return len(p), nil
}

func (k *taken) text() string {
	k.Lock()
	defer k.Unlock()
	return string(k.bytes)
}

// listener hears all that comes and answers as a hostile server does.
func listener(t *testing.T, serve func(r io.Reader, c net.Conn)) (evidence.HostPort, *taken) {
	t.Helper()
	heard := &taken{}
	return serving(t, func(c net.Conn) {
		defer func() { _ = c.Close() }()
		serve(io.TeeReader(c, heard), c)
	}), heard
}

// asking is a PostgreSQL server that asks every client for a login.
func asking(first []byte, then func(answer []byte) []byte) func(io.Reader, net.Conn) {
	return func(r io.Reader, c net.Conn) {
		for {
			head := make([]byte, 4)
			if _, err := io.ReadFull(r, head); err != nil {
				return
			}
			body := make([]byte, binary.BigEndian.Uint32(head)-4)
			if _, err := io.ReadFull(r, body); err != nil {
				return
			}
			if len(body) > 4 {
				break
			}
			_, _ = c.Write([]byte("N")) // no TLS, says who wants to listen
		}
		_, _ = c.Write(first)
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil || then == nil {
			return
		}
		answer := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		_, _ = io.ReadFull(r, answer)
		_, _ = c.Write(then(answer))
		_, _ = io.Copy(io.Discard, r)
	}
}

func authentication(code uint32, data string) []byte {
	body := append(binary.BigEndian.AppendUint32(nil, code), data...)
	return append(binary.BigEndian.AppendUint32([]byte{'R'}, uint32(len(body)+4)), body...)
}

// scramOf continues SCRAM with that many iterations.
func scramOf(iterations int) func([]byte) []byte {
	return func(answer []byte) []byte {
		nonce := string(answer[bytes.Index(answer, []byte("r="))+2:])
		return authentication(11, fmt.Sprintf("r=%sxyz,s=c2FsdHNhbHRzYWx0,i=%d", nonce, iterations))
	}
}

var hostilePostgres = map[string]func(io.Reader, net.Conn){
	"cleartext":          asking(authentication(3, ""), nil),
	"MD5":                asking(authentication(5, "SALT"), nil),
	"SCRAM, 1 iteration": asking(authentication(10, "SCRAM-SHA-256\x00\x00"), scramOf(1)),
	"SCRAM, 10,000,000":  asking(authentication(10, "SCRAM-SHA-256\x00\x00"), scramOf(10_000_000)),
}

// kafkaRequests reads a client's requests and answers what it can.
func kafkaRequests(answer func(key uint16, request []byte) []byte) func(io.Reader, net.Conn) {
	return func(r io.Reader, c net.Conn) {
		for {
			head := make([]byte, 4)
			if _, err := io.ReadFull(r, head); err != nil {
				return
			}
			length := binary.BigEndian.Uint32(head)
			if length < 8 || length > 1<<20 { // a greeting of TLS, say
				return
			}
			request := make([]byte, length)
			if _, err := io.ReadFull(r, request); err != nil {
				return
			}
			body := answer(binary.BigEndian.Uint16(request), request)
			if body == nil {
				return
			}
			out := append(append([]byte{}, request[4:8]...), body...)
			if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(out))), out...)); err != nil {
				return
			}
		}
	}
}

// offering answers SaslHandshake (17) with the mechanism, and SaslAuthenticate
// (36) with the challenge.
func offering(mechanism string, challenge func(request []byte) string) func(io.Reader, net.Conn) {
	return kafkaRequests(func(key uint16, request []byte) []byte {
		switch key {
		case 17:
			out := binary.BigEndian.AppendUint16([]byte{0, 0, 0, 0, 0, 1}, uint16(len(mechanism)))
			return append(out, mechanism...)
		case 36:
			if challenge == nil {
				return nil
			}
			// Version 2, in the flexible form: tags, error, message, text, lifetime, tags.
			text := challenge(request)
			out := binary.AppendUvarint([]byte{0, 0, 0, 0}, uint64(len(text)+1))
			return append(append(out, text...), make([]byte, 9)...)
		case 18: // ApiVersions: none, in the flexible form of version 3
			if binary.BigEndian.Uint16(request[2:]) >= 3 {
				return []byte{0, 0, 1, 0, 0, 0, 0, 0}
			}
			return make([]byte, 10)
		default:
			return nil
		}
	})
}

func kafkaScram(iterations int) func([]byte) string {
	return func(request []byte) string {
		nonce := bytes.TrimRight(request[bytes.Index(request, []byte("r="))+2:], "\x00")
		return fmt.Sprintf("r=%sxyz,s=c2FsdHNhbHRzYWx0,i=%d", nonce, iterations)
	}
}

var hostileKafka = map[string]func(io.Reader, net.Conn){
	"PLAIN":                       offering("PLAIN", nil),
	"SCRAM-SHA-256, 1 iteration":  offering("SCRAM-SHA-256", kafkaScram(1)),
	"SCRAM-SHA-512, 10,000,000":   offering("SCRAM-SHA-512", kafkaScram(10_000_000)),
	"huge answers":                kafkaRequests(func(uint16, []byte) []byte { return make([]byte, mostResponse+1) }),
	"nothing but its own secrets": kafkaRequests(func(uint16, []byte) []byte { return nil }),
}

var hostileHTTP = map[string]func(io.Reader, net.Conn){
	"redirects": func(r io.Reader, c net.Conn) {
		_, _ = r.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data\r\nContent-Length: 0\r\n\r\n")
	},
	"an endless body": func(r io.Reader, c net.Conn) {
		_, _ = r.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		flood(c, bytes.Repeat([]byte{' '}, 64<<10))
	},
	"an endless header": func(r io.Reader, c net.Conn) {
		_, _ = r.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
		flood(c, bytes.Repeat([]byte{'x'}, 64<<10))
	},
}

// client is a container that is configured for another server than the one that
// the stack's author declares.
func client(protocol evidence.Protocol, mechanism string, at evidence.HostPort) evidence.Connection {
	return evidence.Connection{
		Protocol: protocol, Servers: []evidence.HostPort{at}, PasswordFor: []evidence.HostPort{{Host: "the-real-one", Port: at.Port}},
		User: "u5er-of-the-pod", Password: evidence.NewSecret("p4ssword-of-the-pod"), PasswordWanted: true,
		Database: "d4tabase-of-the-pod", Mechanism: mechanism, Path: "/health",
	}
}

// Whoever may write a BridgeStack says where a dependency listens: at none of
// the viewpoints does a listener of his get anything of the pod's credentials.
func TestHostileListenersGetNothing(t *testing.T) {
	listeners := map[evidence.Protocol]map[string]func(io.Reader, net.Conn){
		evidence.Postgres: hostilePostgres, evidence.Kafka: hostileKafka, evidence.HTTP: hostileHTTP,
	}
	for protocol, kinds := range listeners {
		for name, serve := range kinds {
			for _, as := range []v1alpha1.ProbeViewpoint{v1alpha1.AsConfigured, v1alpha1.AsDeclared, v1alpha1.Proposed, v1alpha1.FromPod} {
				for _, mechanism := range mechanismsOf(protocol) {
					t.Run(fmt.Sprintf("%s, %s, %s, %s", protocol, name, as, mechanism), func(t *testing.T) {
						t.Parallel()
						at, heard := listener(t, serve)
						local(impatient).Probe(t.Context(), egress.Scope{Namespace: "shop"}, client(protocol, mechanism, at), as)
						gotNothing(t, heard)
					})
				}
			}
		}
	}
}

func mechanismsOf(protocol evidence.Protocol) []string {
	if protocol == evidence.Kafka {
		return []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	}
	return []string{""}
}

func gotNothing(t *testing.T, heard *taken) {
	t.Helper()
	text := heard.text()
	for _, part := range []string{"u5er", "p4ssword", "d4tabase", "n=", "md5", "\x00\x24\x00"} { // 0x0024 is SaslAuthenticate
		if strings.Contains(text, part) {
			t.Errorf("security: the listener got %q in %q", part, text)
		}
	}
	t.Log("security: a hostile listener got nothing of the credentials")
}

// Nor do those of remedies.
func TestHostileListenersGetNothingOfRemedies(t *testing.T) {
	for name, serve := range hostileKafka {
		for _, mechanism := range mechanismsOf(evidence.Kafka) {
			t.Run(name+", "+mechanism, func(t *testing.T) {
				t.Parallel()
				at, heard := listener(t, serve)
				c := client(evidence.Kafka, mechanism, at)
				if err := local(impatient).CreateTopic(t.Context(), egress.Scope{}, c, v1alpha1.DeclaredTopic{Name: "t"}); err == nil {
					t.Error("the topic was created")
				}
				if err := local(impatient).DeleteGroup(t.Context(), egress.Scope{}, c, "g"); err == nil {
					t.Error("the group was deleted")
				}
				gotNothing(t, heard)
			})
		}
	}
}

// A server that a client is configured for may name others (Kafka's metadata):
// these get a proof of the password at most.
func TestRedirectingMetadata(t *testing.T) {
	other, heard := listener(t, hostileKafka["PLAIN"])
	r := local(impatient).newRun(egress.Scope{Namespace: "shop"}, ofTemplate(client(evidence.Kafka, "PLAIN", evidence.HostPort{Host: "127.0.0.1", Port: 1})), v1alpha1.AsConfigured)
	if _, v := r.openListener(t.Context(), metadataOf(other), 7); v.passed() {
		t.Error("the client logged in")
	}
	gotNothing(t, heard)
}

// The server that a client is configured for gets what the client itself would
// send it, and still no more of the operator's time than any other.
func TestHostileConfiguredServerIsBounded(t *testing.T) {
	for name, serve := range map[evidence.Protocol]func(io.Reader, net.Conn){
		evidence.Postgres: hostilePostgres["SCRAM, 10,000,000"], evidence.Kafka: hostileKafka["SCRAM-SHA-512, 10,000,000"],
	} {
		at, _ := listener(t, serve)
		before := processorTime(t)
		got := probe(t, local(), client(name, "SCRAM-SHA-512", at))
		if got.Outcome() != v1alpha1.ProbeUnknown || !strings.Contains(got.Last().Message, "iterations") {
			t.Errorf("%s went %q: %s", name, story(got), got.Last().Message)
		}
		time.Sleep(100 * time.Millisecond) // what goes on in the background shows in the processor's time
		if spent := processorTime(t) - before; spent > time.Second {
			t.Errorf("%s took %v of the processor", name, spent)
		}
	}
	at, heard := listener(t, hostileKafka["SCRAM-SHA-256, 1 iteration"])
	probe(t, local(impatient), client(evidence.Kafka, "SCRAM-SHA-256", at))
	if strings.Contains(heard.text(), "p=") {
		t.Error("a broker that asks for one iteration got a proof")
	}
}

// metadataOf a cluster of one broker, with the id 7.
func metadataOf(at evidence.HostPort) *sarama.MetadataResponse {
	var m sarama.MetadataResponse
	m.AddBroker(at.String(), 7)
	return &m
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A name that a pod's search list completes to the configured one is that server.
func TestAServerByItsLongerNameIsTheSame(t *testing.T) {
	p := local(func(o *settings) {
		o.Resolver = names{"db.shop.svc.cluster.local.": "127.0.0.1", "evil.shop.svc.cluster.local.": "127.0.0.1"}
	})
	for host, want := range map[string]bool{"db": true, "DB": true, "db.shop": true, "db.shop.svc": true, "db.shop.svc.cluster.local": true, "evil": false, "127.0.0.1": false, "db.other.svc": false} {
		r := p.newRun(egress.Scope{Namespace: "shop"}, evidence.Connection{PasswordFor: []evidence.HostPort{{Host: "db", Port: 5432}}}, v1alpha1.AsDeclared)
		if got := r.mayLogIn(t.Context(), evidence.HostPort{Host: host, Port: 5432}); got != want {
			t.Errorf("%s: %v", host, got)
		}
		if r.mayLogIn(t.Context(), evidence.HostPort{Host: host, Port: 5433}) {
			t.Errorf("%s: another port is another server", host)
		}
	}
}
