package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

func init() { probes[evidence.Postgres] = (*run).postgres }

// clientName is how servers see the probe: application_name, client.id, User-Agent.
const clientName = "bridgestack-probe"

// mostMessage of one message of a PostgreSQL server, in bytes.
const mostMessage = 64 << 10

// SQLSTATEs that the probe itself tells apart (PostgreSQL, appendix A).
const (
	stateAuthorization   = "28000" // no such role, or pg_hba.conf
	statePassword        = "28P01"
	stateDatabaseMissing = "3D000"
	stateDatabaseClosed  = "55000" // ALLOW_CONNECTIONS false
	statePrivilege       = "42501"
)

// postgresTemplate is a pgconn.Config, which cannot be made but by its parser.
// What is parsed is this constant: never a tenant's string, as the parser would
// open the files that one names. Every field that matters is set by hand.
var postgresTemplate = func() *pgconn.Config {
	c, err := pgconn.ParseConfig("host=probe.invalid port=5432 user=probe dbname=probe password=none sslmode=disable")
	if err != nil { // the operator's own PG* variables are broken: probes then say so
		return nil
	}
	return c
}()

// postgres asks a PostgreSQL server, read only, over at most one session.
func (r *run) postgres(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	conn, ok := r.postgresTLS(ctx, conn, r.settings.TLS)
	if !ok {
		return
	}
	if r.settings.User == "" || !r.mayLogIn(ctx, r.settings.Server()) {
		r.exchange(ctx, evidence.StageAccept, func(ctx context.Context) verdict { return accepts(ctx, conn) })
		return
	}
	session := r.authenticate(ctx, conn)
	if session == nil {
		return
	}
	defer func() { _ = session.Close(ctx) }()
	r.record(evidence.StageDatabase, verdict{}, 0)
	r.exchange(ctx, evidence.StageQuery, func(ctx context.Context) verdict { return r.postgresFacts(ctx, session) })
}

// postgresTLS runs the stage TLS, where the mode asks for one.
func (r *run) postgresTLS(ctx context.Context, conn net.Conn, mode evidence.TLSMode) (net.Conn, bool) {
	if mode == evidence.TLSDisable {
		return conn, true
	}
	ok := r.exchange(ctx, evidence.StageTLS, func(ctx context.Context) verdict {
		secure, v := r.upgrade(ctx, conn, mode)
		if secure != nil {
			conn = secure
		}
		return v
	})
	return conn, ok
}

// upgrade asks the server for TLS (SSLRequest) and makes the handshake. Where
// the mode only prefers TLS and the server has none, the connection stays as it is.
func (r *run) upgrade(ctx context.Context, conn net.Conn, mode evidence.TLSMode) (net.Conn, verdict) {
	stop := deadline(ctx, conn)
	defer stop()
	request := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), 80877103)
	if _, err := conn.Write(request); err != nil {
		return nil, broken(fmt.Errorf("asking for TLS: %w", err))
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, broken(fmt.Errorf("asking for TLS: %w", err))
	}
	switch answer[0] {
	case 'S':
		secure, err := r.prober.handshake(ctx, conn, mode, r.settings.Server().Host)
		if err != nil {
			return nil, tlsVerdict(err)
		}
		return secure, verdict{}
	case 'N':
		if mode == evidence.TLSUnset || mode == evidence.TLSPrefer {
			return nil, verdict{}
		}
		return nil, failed(evidence.CodeTLSRefused, "the server does not speak TLS, which the client's sslmode "+string(mode)+" asks for")
	default:
		return nil, unknown(evidence.CodeProtocol, fmt.Sprintf("the answer to SSLRequest is %q: no PostgreSQL server", answer))
	}
}

// authenticate runs the stage Authenticate, and with it Database: the server
// checks both before it answers. nil where one did not pass.
func (r *run) authenticate(ctx context.Context, conn net.Conn) *pgconn.PgConn {
	limit := r.prober.options.Exchange
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	started := r.prober.options.Now()
	session, err := r.login(ctx, conn)
	took := r.prober.options.Now().Sub(started)
	if err == nil {
		r.record(evidence.StageAuthenticate, verdict{}, took)
		return session
	}
	v := r.loginVerdict(err)
	switch v.code {
	case stateDatabaseMissing, stateDatabaseClosed, statePrivilege:
		r.record(evidence.StageAuthenticate, verdict{}, took)
		r.record(evidence.StageDatabase, v, 0)
	case stateAuthorization:
		r.record(evidence.StageAuthenticate, r.otherEncryption(ctx, v), took)
	default:
		r.record(evidence.StageAuthenticate, v, took)
	}
	return nil
}

func (r *run) login(ctx context.Context, conn net.Conn) (*pgconn.PgConn, error) {
	if postgresTemplate == nil {
		return nil, errors.New("the operator's own PG* environment variables cannot be parsed; unset them")
	}
	server := r.settings.Server()
	config := postgresTemplate.Copy()
	config.Host, config.Port = server.Host, uint16(server.Port)
	config.User, config.Password, config.Database = r.settings.User, r.settings.Password.Reveal(), r.settings.Database
	config.TLSConfig, config.Fallbacks, config.ConnectTimeout = nil, nil, 0
	config.KerberosSrvName, config.KerberosSpn, config.SSLNegotiation, config.SSLCertMode = "", "", "", ""
	config.ChannelBinding, config.MinProtocolVersion, config.MaxProtocolVersion = "", "", ""
	config.RuntimeParams = map[string]string{"application_name": clientName}
	config.MaxProtocolMessageBodyLen = mostMessage
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	config.ValidateConnect, config.AfterConnect, config.AfterNetConnect = nil, nil, nil
	config.RequireAuth = ""
	config.BuildFrontend = func(server io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(&bounded{server: server}, w)
	}
	// Not even deriving a key, as long as a hostile server may make it, holds up the probe.
	return within(ctx, r.prober.options.Exchange, func() (*pgconn.PgConn, error) { return pgconn.ConnectConfig(ctx, config) })
}

// loginVerdict is what a failed login shows: the server's own SQLSTATE, or that
// the exchange broke off.
func (r *run) loginVerdict(err error) verdict {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return broken(innermost(err))
	}
	if said.Code == "" { // protocol 2, which only what is no PostgreSQL speaks today
		return unknown(evidence.CodeProtocol, said.Message)
	}
	message := said.Severity + ": " + said.Message
	if said.Detail != "" && said.Code != statePassword {
		message += " (" + said.Detail + ")"
	}
	switch {
	case said.Code == statePassword || said.Code == stateAuthorization:
		return r.refusedVerdict(said, message)
	case strings.HasPrefix(said.Code, "08"): // a proxy's or the protocol's own trouble
		return unknown(said.Code, message)
	}
	return failed(said.Code, message)
}

// refusedVerdict is what a refused login shows of the client, which may have
// what the probe has not.
func (r *run) refusedVerdict(said *pgconn.PgError, message string) verdict {
	switch {
	case r.settings.Unresolved:
		return unknown(said.Code, message+"; the operator could not read the client's password")
	case strings.Contains(said.Message, "client certificate"):
		return unknown(said.Code, message+"; the client may have one, which the probe has not")
	case said.Code == statePassword && !r.settings.Password.IsSet():
		return failed(evidence.CodeNoPassword, message+"; no password is configured")
	}
	return failed(said.Code, message)
}

// innermost drops pgconn's preamble, which names the user and the database.
func innermost(err error) error {
	for {
		var connect *pgconn.ConnectError
		if !errors.As(err, &connect) || connect.Unwrap() == nil {
			return err
		}
		err = connect.Unwrap()
	}
}

// otherEncryption looks whether pg_hba.conf rejects the client only because its
// connection is encrypted, or is not: then TLS is what is wrong. It asks once
// more, the other way round, and without the password.
func (r *run) otherEncryption(ctx context.Context, v verdict) verdict {
	encrypted := strings.Contains(v.message, "SSL encryption")
	if v.passed() || !strings.Contains(v.message, "pg_hba.conf") || !encrypted && !strings.Contains(v.message, "no encryption") {
		return v
	}
	conn, reached := r.prober.reach(ctx, r.scope, r.settings.Server())
	if !reached.passed() {
		return v
	}
	defer func() { _ = conn.Close() }()
	code, message := evidence.CodeTLSRefused, "; without TLS the server goes on to authentication"
	if !encrypted {
		code, message = evidence.CodeTLSRequired, "; with TLS the server goes on to authentication"
		secure, up := r.upgrade(ctx, conn, evidence.TLSRequire)
		if !up.passed() {
			return v
		}
		conn = secure
	}
	kind, _, err := firstAnswer(ctx, conn, r.settings.User, r.settings.Database)
	if _, asked := kind.(pgproto3.AuthenticationResponseMessage); err != nil || !asked {
		return v
	}
	return failed(code, v.message+message)
}

// accepts asks, without a user of the stack's, whether the server accepts
// connections: as pg_isready does, any answer that is about the login is a yes.
func accepts(ctx context.Context, conn net.Conn) verdict {
	_, said, err := firstAnswer(ctx, conn, clientName, "postgres")
	switch {
	case err != nil:
		return broken(err)
	case said == nil || strings.HasPrefix(said.Code, "28") || said.Code == stateDatabaseMissing:
		return verdict{}
	default:
		return failed(said.Code, said.Severity+": "+said.Message)
	}
}

// firstAnswer sends a startup message and reads what the server answers to it:
// an error, or that it wants or does without authentication.
func firstAnswer(ctx context.Context, conn net.Conn, user, database string) (pgproto3.BackendMessage, *pgproto3.ErrorResponse, error) {
	defer deadline(ctx, conn)()
	parameters := map[string]string{"user": user, "application_name": clientName}
	if database != "" {
		parameters["database"] = database
	}
	frontend := pgproto3.NewFrontend(conn, conn)
	frontend.SetMaxBodyLen(mostMessage)
	frontend.Send(&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: parameters})
	if err := frontend.Flush(); err != nil {
		return nil, nil, fmt.Errorf("sending the startup message: %w", err)
	}
	for range 16 { // notices may come first
		message, err := frontend.Receive()
		if err != nil {
			return nil, nil, fmt.Errorf("reading the answer to the startup message: %w", err)
		}
		switch m := message.(type) {
		case *pgproto3.ErrorResponse:
			return m, m, nil
		case pgproto3.AuthenticationResponseMessage:
			return m, nil, nil
		}
	}
	return nil, nil, errors.New("no answer to the startup message")
}

// facts are asked for in a transaction of their own that is read only, bounded,
// and finds nothing but the system's own functions and views.
const facts = `BEGIN READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = 1000;
SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(),
 pg_catalog.current_setting('default_transaction_read_only'), pg_catalog.current_setting('max_connections'),
 (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)`

// holders are asked for after the facts, in the same transaction: what only speaks
// PostgreSQL's protocol may have no such view. An account without pg_read_all_stats
// sees of others' sessions that they are there, and no more.
const holders = `SELECT coalesce(pg_catalog.host(client_addr), ''), pg_catalog.count(*),
 pg_catalog.count(*) FILTER (WHERE state = 'idle'), pg_catalog.count(*) FILTER (WHERE state LIKE 'idle in transaction%'),
 pg_catalog.count(*) FILTER (WHERE wait_event_type = 'Lock'),
 pg_catalog.max(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - state_change)::int4) FILTER (WHERE state LIKE 'idle in transaction%')
FROM pg_catalog.pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20;
ROLLBACK`

func (r *run) postgresFacts(ctx context.Context, session *pgconn.PgConn) verdict {
	results, err := session.Exec(ctx, facts).ReadAll()
	var said *pgconn.PgError
	switch {
	case errors.As(err, &said):
		return failed(said.Code, said.Severity+": "+said.Message)
	case err != nil:
		return broken(err)
	}
	for _, result := range results {
		if len(result.Rows) != 1 || len(result.Rows[0]) != 5 {
			continue
		}
		row := result.Rows[0]
		known := &evidence.PostgresFacts{
			ServerVersion: text.Clip(string(row[0]), maxName), InRecovery: string(row[1]) == "t",
			MaxConnections: number(row[3]), UsedConnections: number(row[4]),
		}
		known.ReadOnly = known.InRecovery || string(row[2]) == "on"
		_, known.ServerTLS = encrypted(session.Conn())
		r.result.Postgres = known
		r.postgresHolders(ctx, session)
		return verdict{}
	}
	return unknown(evidence.CodeProtocol, "the server did not answer the query as PostgreSQL does")
}

// postgresHolders adds who has the connections, where the server tells.
func (r *run) postgresHolders(ctx context.Context, session *pgconn.PgConn) {
	results, err := session.Exec(ctx, holders).ReadAll()
	if err != nil || len(results) == 0 {
		return
	}
	for _, row := range results[0].Rows {
		if len(row) == holderColumns {
			r.result.Holders = append(r.result.Holders, holder(row))
		}
	}
}
