package probe

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/go-sql-driver/mysql"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

func init() { probes[evidence.MySQL] = (*run).mysql }

// Numbers of errors that the probe itself tells apart (MySQL's messages_to_clients.txt).
const (
	mysqlTooManyConnections = 1040
	mysqlDatabaseDenied     = 1044
	mysqlAccessDenied       = 1045
	mysqlDatabaseMissing    = 1049
	mysqlHostBlocked        = 1129
	mysqlHostNotPrivileged  = 1130
	mysqlOldClient          = 1251
	mysqlNoPassword         = 1698 // access denied, of accounts that log in by another way
	mysqlAccountLocked      = 3118
	mysqlTLSRequired        = 3159
	mariadbAccountLocked    = 4151
)

// mysql asks a MySQL or MariaDB server, read only, over at most one session.
//
// A connection that ends before its login has, counts for the server as one of those
// after which it blocks the client's host (max_connect_errors). So the probe always
// goes on to a login: where it has no credentials, to one that the server refuses.
func (r *run) mysql(ctx context.Context) {
	conn := r.connect(ctx, r.settings.Server())
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if r.settings.User == "" || !r.mayLogIn(ctx, r.settings.Server()) {
		r.acceptsMySQL(ctx, conn)
		return
	}
	session, secure := r.authenticateMySQL(ctx, conn)
	if session == nil {
		return
	}
	defer func() { _ = session.Close() }()
	r.record(evidence.StageDatabase, verdict{}, 0)
	r.exchange(ctx, evidence.StageQuery, func(ctx context.Context) verdict { return r.mysqlFacts(ctx, session, secure) })
}

// mysqlLogin is who logs in.
type mysqlLogin struct{ user, password, database string }

// loginMySQL makes a session of a connection. It records the stage TLS where there is
// one; ended says that this stage did not pass, and is the last.
func (r *run) loginMySQL(ctx context.Context, conn net.Conn, as mysqlLogin, mode evidence.TLSMode) (session driver.Conn, wire *mysqlWire, ended bool, err error) {
	limit := r.prober.options.Exchange
	ctx, cancel := context.WithTimeout(ctx, 2*limit) // TLS, and the login
	defer cancel()
	defer deadline(ctx, conn)()
	wire = newMySQLWire(conn, as.password, mode)
	wire.handshake = func(plain net.Conn) (net.Conn, error) {
		var secure net.Conn
		var failure error
		passed := r.exchange(ctx, evidence.StageTLS, func(ctx context.Context) verdict {
			if secure, failure = r.prober.handshake(ctx, plain, mode, r.settings.Server().Host); failure != nil {
				return tlsVerdict(failure)
			}
			return verdict{}
		})
		ended = !passed
		return secure, failure
	}
	wire.plaintext = func() error {
		if mode == evidence.TLSDisable {
			return nil
		}
		if mode == evidence.TLSUnset || mode == evidence.TLSPrefer {
			r.record(evidence.StageTLS, verdict{}, 0)
			return nil
		}
		ended = !r.record(evidence.StageTLS, failed(evidence.CodeTLSRefused, "the server does not speak TLS, which the client's mode "+string(mode)+" asks for"), 0)
		return mysql.ErrNoTLS
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", r.settings.Server().String()
	config.User, config.Passwd, config.DBName = as.user, as.password, as.database
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return wire, nil }
	config.Logger, config.ConnectionAttributes = silent{}, "program_name:"+clientName
	config.MaxAllowedPacket, config.CheckConnLiveness = mostMessage, false
	// No password in the clear, no hash of before 4.1, and no file: LOCAL INFILE names one.
	config.AllowCleartextPasswords, config.AllowOldPasswords, config.AllowAllFiles = false, false, false
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, wire, false, fmt.Errorf("configuring the client: %w", err)
	}
	// The context bounds every read and write, and no step of a login computes for long.
	session, err = caught(func() (driver.Conn, error) { return connector.Connect(ctx) })
	if err != nil && wire.failure != nil {
		err = wire.failure // which the client calls an invalid connection
	}
	return session, wire, ended, err
}

// silent is a logger for what the error says as well.
type silent struct{}

func (silent) Print(...any) {}

// authenticateMySQL runs the stages TLS and Authenticate, and with the latter Database:
// the server checks both before it answers. nil where one did not pass.
func (r *run) authenticateMySQL(ctx context.Context, conn net.Conn) (session driver.Conn, secure bool) {
	as := mysqlLogin{r.settings.User, r.settings.Password.Reveal(), r.settings.Database}
	started := r.prober.options.Now()
	session, wire, ended, err := r.loginMySQL(ctx, conn, as, r.settings.TLS)
	if ended {
		return nil, false
	}
	took := r.prober.options.Now().Sub(started)
	if err == nil {
		r.record(evidence.StageAuthenticate, verdict{}, took)
		return session, wire.secure
	}
	var said *mysql.MySQLError
	if errors.As(err, &said) && (said.Number == mysqlDatabaseMissing || said.Number == mysqlDatabaseDenied) {
		r.record(evidence.StageAuthenticate, verdict{}, took)
		r.record(evidence.StageDatabase, failed(mysqlCode(said), said.Message), 0)
		return nil, false
	}
	r.record(evidence.StageAuthenticate, r.withTLS(ctx, r.mysqlLoginVerdict(err), as), took)
	return nil, false
}

// withTLS looks whether the server refuses the login of a client that does without TLS
// only for that: MariaDB then says no more than that access is denied.
func (r *run) withTLS(ctx context.Context, v verdict, as mysqlLogin) verdict {
	if r.settings.TLS != evidence.TLSDisable || v.code != strconv.Itoa(mysqlAccessDenied) || v.outcome != v1alpha1.ProbeFailed {
		return v
	}
	conn, reached := r.prober.reach(ctx, r.scope, r.settings.Server())
	if !reached.passed() {
		return v
	}
	defer func() { _ = conn.Close() }()
	again := r.prober.newRun(r.scope, r.settings, r.result.Viewpoint)
	session, _, _, err := again.loginMySQL(ctx, conn, as, evidence.TLSRequire)
	if err != nil {
		return v
	}
	_ = session.Close()
	return failed(evidence.CodeTLSRequired, v.message+"; with TLS, the server lets it in")
}

func mysqlCode(e *mysql.MySQLError) string { return strconv.Itoa(int(e.Number)) }

// mysqlLoginVerdict is what a failed login shows: the server's own number, or that the
// exchange broke off.
func (r *run) mysqlLoginVerdict(err error) verdict {
	var said *mysql.MySQLError
	if !errors.As(err, &said) {
		return clientRefused(err)
	}
	code := mysqlCode(said)
	switch said.Number {
	case mysqlHostBlocked, mysqlHostNotPrivileged:
		return unknown(code, said.Message+"; that is the address that the probe comes from, and the client has another one")
	case mysqlTLSRequired:
		return failed(evidence.CodeTLSRequired, said.Message)
	case mysqlAccessDenied, mysqlNoPassword:
		switch {
		case r.settings.Unresolved:
			return unknown(code, said.Message+"; the operator could not read the client's password")
		case !r.settings.Password.IsSet():
			return failed(evidence.CodeNoPassword, said.Message+"; no password is configured")
		}
	}
	return failed(code, said.Message)
}

// clientRefused is the verdict on a login that the client itself gave up.
func clientRefused(err error) verdict {
	switch {
	case errors.Is(err, mysql.ErrCleartextPassword):
		return unknown(evidence.CodeProtocol, "the server asks for the password in the clear, which the probe does not send")
	case errors.Is(err, mysql.ErrOldPassword):
		return unknown(evidence.CodeProtocol, "the server asks for a password hash of before MySQL 4.1, which the probe does not send")
	case errors.Is(err, mysql.ErrUnknownPlugin):
		return unknown(evidence.CodeProtocol, "the account logs in by a plugin that the probe does not have")
	}
	return broken(err)
}

// acceptsMySQL asks, without a user of the stack's, whether the server accepts
// connections: any answer that is about the login is a yes.
func (r *run) acceptsMySQL(ctx context.Context, conn net.Conn) {
	started := r.prober.options.Now()
	session, _, ended, err := r.loginMySQL(ctx, conn, mysqlLogin{user: clientName}, r.settings.TLS)
	if ended {
		return
	}
	if session != nil {
		_ = session.Close()
	}
	r.record(evidence.StageAccept, acceptVerdict(err), r.prober.options.Now().Sub(started))
}

func acceptVerdict(err error) verdict {
	var said *mysql.MySQLError
	switch {
	case err == nil, errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, errPluginInClear):
		return verdict{}
	case !errors.As(err, &said):
		return broken(err)
	}
	switch said.Number {
	case mysqlAccessDenied, mysqlNoPassword, mysqlDatabaseDenied, mysqlHostNotPrivileged, mysqlOldClient, mysqlAccountLocked, mariadbAccountLocked, mysqlTLSRequired:
		return verdict{}
	case mysqlHostBlocked:
		return unknown(mysqlCode(said), said.Message+"; that is the address that the probe comes from, and the client has another one")
	}
	return failed(mysqlCode(said), said.Message)
}

// Every account may ask these. The transaction is read only, as long as it lasts.
const (
	mysqlReadOnly  = "START TRANSACTION READ ONLY"
	mysqlVariables = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'max_connections', 'read_only', 'super_read_only', 'innodb_read_only')"
	mysqlStatus    = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Max_used_connections')"
)

func (r *run) mysqlFacts(ctx context.Context, session driver.Conn, secure bool) verdict {
	facts, err := caught(func() (map[string]string, error) { return askMySQL(ctx, session) })
	var said *mysql.MySQLError
	switch {
	case errors.As(err, &said):
		return failed(mysqlCode(said), said.Message)
	case err != nil:
		return broken(err)
	}
	known := &evidence.MySQLFacts{
		ServerVersion: text.Clip(facts["version"], maxName), ServerTLS: secure,
		ReadOnly:       facts["read_only"] == "ON" || facts["super_read_only"] == "ON" || facts["innodb_read_only"] == "ON",
		MaxConnections: number([]byte(facts["max_connections"])), UsedConnections: number([]byte(facts["Threads_connected"])),
		MostUsed: number([]byte(facts["Max_used_connections"])),
	}
	if known.ServerVersion == "" || known.MaxConnections == 0 {
		return unknown(evidence.CodeProtocol, "the server did not answer the query as MySQL does")
	}
	r.result.MySQL = known
	r.mysqlHolders(ctx, session)
	if known.UsedConnections > known.MaxConnections {
		// The account is an administrator's: it was let in by the one slot that is kept for such.
		return failed(strconv.Itoa(mysqlTooManyConnections), fmt.Sprintf("all %d connections are taken; only the one that is kept for administrators was left", known.MaxConnections))
	}
	return verdict{}
}

// Who has the connections, in the same transaction. An account without the privilege
// PROCESS sees its own, and none of InnoDB's transactions: then the second is asked.
var mysqlHolders = []string{
	mysqlSessions("t.trx_id IS NOT NULL", "t.trx_state = 'LOCK WAIT'", " LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID"),
	mysqlSessions("FALSE", "FALSE", ""),
}

func mysqlSessions(inTransaction, blocked, join string) string {
	return "SELECT LEFT(p.HOST, CHAR_LENGTH(p.HOST) - LOCATE(':', REVERSE(p.HOST))) AS address, COUNT(*) AS connections," +
		" CAST(SUM(p.COMMAND = 'Sleep' AND NOT " + inTransaction + ") AS SIGNED), CAST(SUM(p.COMMAND = 'Sleep' AND " + inTransaction + ") AS SIGNED)," +
		" CAST(SUM(COALESCE(" + blocked + ", FALSE)) AS SIGNED), CAST(MAX(IF(p.COMMAND = 'Sleep' AND " + inTransaction + ", p.TIME, 0)) AS SIGNED)" +
		" FROM information_schema.PROCESSLIST p" + join +
		" WHERE p.ID <> CONNECTION_ID() AND p.COMMAND NOT IN ('Daemon', 'Binlog Dump', 'Binlog Dump GTID') AND p.USER <> 'system user'" +
		" GROUP BY address ORDER BY connections DESC, address LIMIT 20"
}

// mysqlHolders adds who has the connections, where the server tells.
func (r *run) mysqlHolders(ctx context.Context, session driver.Conn) {
	for _, query := range mysqlHolders {
		rows, err := caught(func() ([][]string, error) { return queryMySQL(ctx, session, query) })
		if _, said := errors.AsType[*mysql.MySQLError](err); said {
			continue
		}
		for _, row := range rows {
			if len(row) != holderColumns {
				return
			}
			texts := make([][]byte, len(row))
			for i := range row {
				texts[i] = []byte(row[i])
			}
			r.result.Holders = append(r.result.Holders, holder(texts))
		}
		return
	}
}

// askMySQL are the server's variables by name.
func askMySQL(ctx context.Context, session driver.Conn) (map[string]string, error) {
	facts := map[string]string{}
	for _, query := range []string{mysqlReadOnly, mysqlVariables, mysqlStatus} {
		rows, err := queryMySQL(ctx, session, query)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if len(row) == 2 {
				facts[row[0]] = row[1]
			}
		}
	}
	return facts, nil
}

// mostRows of an answer. More are not read.
const mostRows = 1000

// queryMySQL reads the rows of one query's answer, as texts.
func queryMySQL(ctx context.Context, session driver.Conn, query string) (out [][]string, err error) {
	queryer, can := session.(driver.QueryerContext)
	if !can {
		return nil, errors.New("the client cannot query")
	}
	rows, err := queryer.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	for range mostRows {
		if err := rows.Next(values); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		row := make([]string, len(values))
		for i, v := range values {
			switch v := v.(type) {
			case []byte:
				row[i] = string(v)
			case nil:
			default:
				row[i] = fmt.Sprint(v)
			}
		}
		out = append(out, row)
	}
	return out, nil
}
