package probe

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"time"
)

// deadline bounds a connection by ctx until it is called.
func deadline(ctx context.Context, conn net.Conn) func() {
	if until, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(until)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			_ = conn.SetDeadline(time.Time{})
		}
	}
}

func encrypted(conn net.Conn) (*tls.Conn, bool) {
	secure, ok := conn.(*tls.Conn)
	return secure, ok
}

// number of a setting's text, 0 for what is none.
func number(text []byte) int32 {
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// framed is a connection of Kafka's protocol whose answers are bounded: each is
// preceded by its length. The client library allocates what a broker announces
// before authentication, whatever that is.
type framed struct {
	net.Conn
	head [4]byte
	// pending of the head, and left of the body after it.
	pending []byte
	left    uint32
}

var errTooLong = errors.New("the answer is longer than any of Kafka's that the probe asks for, or not of Kafka's protocol")

func (f *framed) Read(p []byte) (int, error) {
	if len(f.pending) == 0 && f.left == 0 {
		if _, err := io.ReadFull(f.Conn, f.head[:]); err != nil {
			return 0, err
		}
		// The correlation id is the least that an answer holds.
		if f.left = binary.BigEndian.Uint32(f.head[:]); f.left < 4 || f.left > mostResponse {
			f.left = 0
			return 0, errTooLong
		}
		f.pending = f.head[:]
	}
	if len(f.pending) > 0 {
		n := copy(p, f.pending)
		f.pending = f.pending[n:]
		return n, nil
	}
	n, err := f.Conn.Read(p[:min(len(p), int(f.left))])
	f.left -= uint32(n)
	return n, err
}
