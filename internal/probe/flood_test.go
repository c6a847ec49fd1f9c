package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

// message of PostgreSQL's protocol.
func message(kind byte, body string) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4)), body...)
}

// One probe's panic is one probe's: those of a probe run beside the controllers, which
// would be ended by it.
func TestAProbeThatPanicsIsUnknown(t *testing.T) {
	const protocol = "panics"
	probes[protocol] = func(*run, context.Context) { panic("at what the server sent") }
	defer delete(probes, protocol)
	got := local().Probe(t.Context(), egress.Scope{}, evidence.Connection{Protocol: protocol}, v1alpha1.AsConfigured)
	if got.Outcome() != v1alpha1.ProbeUnknown {
		t.Errorf("the probe went %q", story(got))
	}
	if _, err := within(t.Context(), time.Minute, func() (int, error) { panic("in the client library") }); !errors.Is(err, errPanic) {
		t.Errorf("the call ends with %v", err)
	}
}

// A server that lets the client in can send a great many small messages, each of which
// becomes several times its size in memory.
func TestFloodsOfSmallMessagesStaySmallInMemory(t *testing.T) {
	const letIn = "\x00\x00\x00\x00"
	answers := map[string]func(net.Conn){
		"parameters": func(c net.Conn) {
			for i := 0; ; i++ {
				if _, err := c.Write(message('S', fmt.Sprintf("%d\x00\x00", i))); err != nil {
					return
				}
			}
		},
		"rows": func(c net.Conn) {
			_, _ = c.Write(message('Z', "I"))
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write(message('T', "\x00\x00"))
			flood(c, message('D', "\x20\x00"+strings.Repeat("\xff\xff\xff\xff", 1<<13))) // NULLs
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			at := serving(t, func(c net.Conn) {
				_, _ = c.Read(make([]byte, 512))
				_, _ = c.Write(message('R', letIn))
				answer(c)
			})
			c := ofTemplate(evidence.Connection{Protocol: evidence.Postgres, User: "u", Password: evidence.NewSecret("p"), TLS: evidence.TLSDisable, Servers: []evidence.HostPort{at}})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := local().Probe(t.Context(), egress.Scope{}, c, v1alpha1.AsConfigured)
			runtime.ReadMemStats(&after)
			if got.Outcome() != v1alpha1.ProbeUnknown {
				t.Errorf("the probe went %q, message %q", story(got), got.Last().Message)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
				t.Errorf("one probe allocated %d MiB", used>>20)
			}
		})
	}
}
