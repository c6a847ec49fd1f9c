package probe

import (
	"context"
	"crypto/tls"
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
