package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/text"
)

func init() { probes[server.Redis] = (*run).redis }

// redis asks a Redis server, a replica, a node of a cluster or a Sentinel, by
// commands that only read. Client libraries are of no use for it: they begin with
// HELLO and drop what the server says to that, and take the memory that an answer
// announces.
func (r *run) redis(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	conn, ok := r.secured(ctx, conn, func(ctx context.Context, plain net.Conn) bool {
		_, err := newRedisSession(plain).do(ctx, "PING")
		var said redisError
		return err == nil || errors.As(err, &said)
	})
	if !ok {
		return
	}
	s := newRedisSession(conn)
	if !r.mayLogIn(ctx, r.settings.Server()) {
		r.exchange(ctx, evidence.StageAccept, func(ctx context.Context) verdict { return r.orWantsTLS(ctx, redisAccepts(ctx, s)) })
		return
	}
	if !r.redisLogin(ctx, s) {
		return
	}
	if _, err := strconv.ParseUint(r.settings.Database, 10, 16); err == nil {
		if !r.exchange(ctx, evidence.StageDatabase, func(ctx context.Context) verdict { return redisVerdict(s.do(ctx, "SELECT", r.settings.Database)) }) {
			return
		}
	}
	r.exchange(ctx, evidence.StageQuery, func(ctx context.Context) verdict { return redisFacts(ctx, s) })
}

// redisLogin runs the stage Authenticate, or Accept where the client has no
// password, and reports whether there is more to be asked.
func (r *run) redisLogin(ctx context.Context, s *redisSession) bool {
	if r.settings.Password.IsSet() {
		return r.exchange(ctx, evidence.StageAuthenticate, func(ctx context.Context) verdict {
			credentials := []string{"AUTH", r.settings.User, r.settings.Password.Reveal()}
			if r.settings.User == "" {
				credentials = []string{"AUTH", r.settings.Password.Reveal()}
			}
			v := r.orWantsTLS(ctx, redisVerdict(s.do(ctx, credentials...)))
			if v.code == server.RedisNoPasswordSet {
				return unknown(v.code, v.message+"; some clients end on that, others go on")
			}
			return v
		})
	}
	// A client of which only the host is known may have its password elsewhere.
	wholly := r.settings.PasswordWanted || r.settings.Variables.URL != ""
	refused := false
	ok := r.exchange(ctx, evidence.StageAccept, func(ctx context.Context) verdict {
		v := r.orWantsTLS(ctx, redisVerdict(s.do(ctx, "PING")))
		switch refused = v.code == codeNoAuth; {
		case !refused:
			return v
		case r.settings.Unresolved:
			return unknown(v.code, v.message+"; the operator could not read the client's password")
		}
		return verdict{}
	})
	if ok && refused && wholly {
		r.record(evidence.StageAuthenticate, failed(evidence.CodeNoPassword, "the server wants a password; none is configured"), 0)
	}
	return ok && !refused
}

// Prefixes of errors that the probe tells apart, and those of what INFO shows.
const (
	codeNoAuth      = "NOAUTH"
	codeNoPerm      = "NOPERM"
	codeClusterDown = "CLUSTERDOWN"
	codeOutOfMemory = "OOM"
)

// redisAccepts asks, without the client's password, whether the server takes
// commands: that it wants a password is a yes.
func redisAccepts(ctx context.Context, s *redisSession) verdict {
	v := redisVerdict(s.do(ctx, "PING"))
	if v.code == codeNoAuth || v.code == codeNoPerm {
		return verdict{}
	}
	return v
}

// redisVerdict is what an answer shows.
func redisVerdict(_ string, err error) verdict {
	var said redisError
	switch {
	case err == nil:
		return verdict{}
	case errors.As(err, &said):
		return failed(text.Clip(server.RedisCode(string(said)), maxName), string(said))
	default:
		return broken(err)
	}
}

// redisFacts asks what a client that is let in meets: whether the server serves at
// all, and what it says of itself.
func redisFacts(ctx context.Context, s *redisSession) verdict {
	if v := redisVerdict(s.do(ctx, "PING")); !v.passed() && v.code != codeNoPerm {
		return v
	}
	info, err := s.do(ctx, "INFO")
	if v := redisVerdict(info, err); v.code == codeNoPerm {
		return verdict{message: "the client's user may not ask for INFO"}
	} else if !v.passed() {
		return v
	}
	facts := redisFields(info)
	if facts["cluster_enabled"] == "1" {
		state, err := s.do(ctx, "CLUSTER", "INFO")
		if err == nil && redisFields(state)["cluster_state"] == "fail" {
			return failed(codeClusterDown, "cluster_state is fail; "+describeRedis(facts))
		}
	}
	used, limit := amount(facts["used_memory"]), amount(facts["maxmemory"])
	if limit > 0 && used >= limit && facts["maxmemory_policy"] == "noeviction" {
		return failed(codeOutOfMemory, "the memory is used up, and nothing is evicted: "+describeRedis(facts))
	}
	return verdict{message: describeRedis(facts)}
}

// redisFields are those of INFO: name:value on lines of their own.
func redisFields(info string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			out[name] = text.Clip(value, maxName)
		}
	}
	return out
}

func amount(field string) int64 {
	n, err := strconv.ParseInt(field, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// describeRedis says in one line what matters of INFO.
func describeRedis(facts map[string]string) string {
	of := func(format string, names ...string) string {
		values := make([]any, len(names))
		for i, name := range names {
			if facts[name] == "" {
				return ""
			}
			values[i] = facts[name]
		}
		return fmt.Sprintf(format, values...)
	}
	parts := []string{
		of("version %s", "redis_version"), of("%s", "redis_mode"), of("%s clients", "connected_clients"), of("of at most %s", "maxclients"),
		of("%s bytes used", "used_memory"), of("maxmemory %s", "maxmemory"), of("%s", "maxmemory_policy"),
	}
	if facts["role"] == "slave" {
		parts = append(parts, "a replica", of("its link to the master is %s", "master_link_status"))
		if facts["slave_read_only"] == "1" {
			parts = append(parts, "read-only")
		}
	}
	for _, save := range []string{"rdb_last_bgsave_status", "aof_last_write_status"} {
		if facts[save] == "err" {
			parts = append(parts, save+" is err")
		}
	}
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}

// redisError is an error that a server answered with.
type redisError string

func (e redisError) Error() string { return string(e) }

// redisSession speaks RESP2, whose answers are bounded one by one and together.
type redisSession struct {
	conn    net.Conn
	answers *bufio.Reader
}

// mostBulk is the most of one answer that is read, in bytes. INFO comes to some KiB.
const mostBulk = 64 << 10

var errNoRESP = errors.New("the answer is none of Redis' protocol, or a longer one than the probe asks for")

func newRedisSession(conn net.Conn) *redisSession {
	return &redisSession{conn, bufio.NewReader(io.LimitReader(conn, 2*mostBulk))}
}

// do sends a command and reads its answer: a text, a number or an error.
func (s *redisSession) do(ctx context.Context, words ...string) (string, error) {
	defer deadline(ctx, s.conn)()
	command := fmt.Appendf(nil, "*%d\r\n", len(words))
	for _, w := range words {
		command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := s.conn.Write(command); err != nil {
		return "", fmt.Errorf("sending %s: %w", words[0], err)
	}
	answer, err := s.read()
	var said redisError
	if err != nil && !errors.As(err, &said) {
		return "", fmt.Errorf("reading the answer to %s: %w", words[0], err)
	}
	return answer, err
}

func (s *redisSession) read() (string, error) {
	line, err := s.answers.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errNoRESP
	case err != nil:
		return "", err
	}
	kind, rest := line[0], strings.TrimSpace(string(line[1:]))
	switch kind {
	case '+', ':':
		return rest, nil
	case '-':
		return "", redisError(rest)
	case '$':
		n, err := strconv.ParseInt(rest, 10, 32)
		if err != nil || n < 0 || n > mostBulk {
			return "", errNoRESP
		}
		body := make([]byte, n+2)
		if _, err := io.ReadFull(s.answers, body); err != nil {
			return "", err
		}
		return string(body[:n]), nil
	default: // no command of the probe's is answered so
		return "", errNoRESP
	}
}
