package probe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/text"
)

func init() { probes[server.Memcached] = (*run).memcached }

// mostLine of an answer in lines, in bytes.
const mostLine = 1024

// memcached asks for the version, which no login comes before.
func (r *run) memcached(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	r.exchange(ctx, evidence.StageAccept, func(ctx context.Context) verdict { return memcachedVersion(ctx, conn) })
}

func memcachedVersion(ctx context.Context, conn net.Conn) verdict {
	defer deadline(ctx, conn)()
	if _, err := io.WriteString(conn, "version\r\n"); err != nil {
		return broken(fmt.Errorf("asking for the version: %w", err))
	}
	line, err := bufio.NewReader(io.LimitReader(conn, mostLine)).ReadString('\n')
	if err != nil {
		return broken(fmt.Errorf("reading the version: %w", err))
	}
	version, is := strings.CutPrefix(strings.TrimSpace(line), "VERSION ")
	if !is {
		return unknown(evidence.CodeProtocol, "the answer is not of memcached's text protocol: "+text.Clip(line, maxName))
	}
	return verdict{message: "version " + text.Clip(version, maxName)}
}
