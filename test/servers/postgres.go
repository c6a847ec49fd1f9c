package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bridgestack/operator/internal/evidence"
)

// PostgresServer is a running PostgreSQL server, which ends with its test.
type PostgresServer struct {
	Host string
	Port int32
	// User is a superuser who logs in with SCRAM.
	User, Password, Database string

	directory string
	binaries  string
	owner     *syscall.Credential
	process   *exec.Cmd
	log       *lockedBuffer
	settings  []string
	hba       []string
	standby   bool
}

// PostgresOption changes how a server is started.
type PostgresOption func(*PostgresServer, testing.TB)

// Setting sets a parameter of postgresql.conf.
func Setting(name, value string) PostgresOption {
	return func(s *PostgresServer, _ testing.TB) { s.settings = append(s.settings, name+"="+value) }
}

// HBA replaces pg_hba.conf by these lines.
func HBA(lines ...string) PostgresOption {
	return func(s *PostgresServer, _ testing.TB) { s.hba = lines }
}

// TLS makes the server speak TLS, with this certificate.
func TLS(c Certificate) PostgresOption {
	return func(s *PostgresServer, t testing.TB) {
		for name, content := range map[string][]byte{"server.crt": c.Chain, "server.key": c.Key} {
			s.write(t, name, content)
		}
		s.settings = append(s.settings, "ssl=on")
	}
}

// Standby makes the server a standby without a primary. With hot set it is read
// only; else it answers every client that it is not accepting connections.
func Standby(hot bool) PostgresOption {
	return func(s *PostgresServer, t testing.TB) {
		s.write(t, "standby.signal", nil)
		s.standby = !hot
		s.settings = append(s.settings, "hot_standby="+map[bool]string{true: "on", false: "off"}[hot])
	}
}

const installPostgres = `no PostgreSQL server was found, neither in $PATH nor in /usr/lib/postgresql/*/bin.
Install it:  apt-get install -y postgresql-15   (Debian 12; any version from 13 on will do)`

// Postgres starts a real PostgreSQL server on a free port of 127.0.0.1. Its
// directory is its own, its user the machine's postgres or nobody where the
// test runs as root, as the server refuses to.
func Postgres(t testing.TB, options ...PostgresOption) *PostgresServer {
	t.Helper()
	s := &PostgresServer{
		Host: "127.0.0.1", Port: freePort(t), User: "postgres", Password: "test-Password-1", Database: "postgres",
		binaries: findPostgres(t), log: &lockedBuffer{},
	}
	s.makeDirectory(t)
	s.initialise(t)
	s.hba = []string{"host all all all scram-sha-256"}
	for _, o := range options {
		o(s, t)
	}
	s.write(t, "pg_hba.conf", []byte("local all all trust\n"+strings.Join(s.hba, "\n")+"\n"))
	s.start(t)
	return s
}

// Connection is how a client is configured for the server.
func (s *PostgresServer) Connection() evidence.Connection {
	return evidence.Connection{
		Service: "postgres", Protocol: evidence.Postgres, Servers: []evidence.HostPort{{Host: s.Host, Port: s.Port}},
		User: s.User, Password: evidence.NewSecret(s.Password), PasswordWanted: true, Database: s.Database, TLS: evidence.TLSPrefer,
	}
}

// Exec runs statements one by one as the superuser, over the server's own socket.
func (s *PostgresServer) Exec(t testing.TB, statements ...string) {
	t.Helper()
	session := s.Session(t)
	defer func() { _ = session.Close(context.Background()) }()
	for _, statement := range statements {
		if _, err := session.Exec(t.Context(), statement).ReadAll(); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Session opens a session of the superuser, which ends with the test.
func (s *PostgresServer) Session(t testing.TB) *pgconn.PgConn {
	t.Helper()
	session, err := s.connect(t.Context())
	// A session that has just ended holds its slot a moment longer.
	for deadline := time.Now().Add(10 * time.Second); isFull(err) && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		session, err = s.connect(t.Context())
	}
	if err != nil {
		t.Fatalf("connecting to the test's PostgreSQL server: %v\n%s", err, s.log)
	}
	t.Cleanup(func() { _ = session.Close(context.Background()) })
	return session
}

// OverTCP opens a session of a role, which ends with the test.
func (s *PostgresServer) OverTCP(t testing.TB, user, password string) *pgconn.PgConn {
	t.Helper()
	session, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s sslmode=disable connect_timeout=30", s.Host, s.Port, user, password, s.Database))
	if err != nil {
		t.Fatalf("connecting to the test's PostgreSQL server as %s: %v\n%s", user, err, s.log)
	}
	t.Cleanup(func() { _ = session.Close(context.Background()) })
	return session
}

func isFull(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && said.Code == "53300"
}

func (s *PostgresServer) connect(ctx context.Context) (*pgconn.PgConn, error) {
	return pgconn.Connect(ctx, fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=disable connect_timeout=5", s.directory, s.Port, s.User, s.Database))
}

func findPostgres(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err == nil && len(found) > 0 {
		slices.Sort(found)
		return filepath.Dir(found[len(found)-1])
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path)
	}
	t.Fatal(installPostgres)
	return ""
}

// makeDirectory is not t.TempDir, which nobody but the test's own user may enter.
func (s *PostgresServer) makeDirectory(t testing.TB) {
	t.Helper()
	directory, err := os.MkdirTemp("", "bridgestack-pg-")
	if err != nil {
		t.Fatalf("making the server's directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	s.directory = directory
	if os.Getuid() != 0 {
		return
	}
	s.owner = unprivileged(t)
	if err := os.Chown(directory, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
		t.Fatalf("giving %s to uid %d: %v", directory, s.owner.Uid, err)
	}
}

func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "mysql", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody")
	return nil
}

func (s *PostgresServer) data() string { return filepath.Join(s.directory, "data") }

func (s *PostgresServer) initialise(t testing.TB) {
	t.Helper()
	s.writeFile(t, filepath.Join(s.directory, "password"), []byte(s.Password))
	output, err := s.command("initdb", "-D", s.data(), "-U", s.User, "--pwfile", filepath.Join(s.directory, "password"),
		"--no-sync", "--no-instructions", "--encoding", "UTF8", "--locale", "C", "--auth", "scram-sha-256").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
}

// write puts a file into the data directory, readable by the server alone.
func (s *PostgresServer) write(t testing.TB, name string, content []byte) {
	t.Helper()
	s.writeFile(t, filepath.Join(s.data(), name), content)
}

func (s *PostgresServer) writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatalf("writing %s: %v", path, err)
	}
	if s.owner != nil {
		if err := os.Chown(path, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatalf("giving %s to the server: %v", path, err)
		}
	}
}

func (s *PostgresServer) command(name string, arguments ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.binaries, name), arguments...)
	c.Dir = s.directory
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	// The server goes when the test's process does, however that ends.
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGQUIT}
	return c
}

func (s *PostgresServer) start(t testing.TB) {
	t.Helper()
	arguments := []string{"-D", s.data(), "-p", strconv.Itoa(int(s.Port)), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + s.directory,
		"-c", "fsync=off", "-c", "shared_buffers=16MB"}
	for _, setting := range s.settings {
		arguments = append(arguments, "-c", setting)
	}
	s.process = s.command("postgres", arguments...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		t.Fatalf("starting postgres: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.process.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
	t.Cleanup(func() {
		_ = s.process.Process.Signal(syscall.SIGQUIT)
		<-ended
	})
	s.wait(t, ended)
}

// wait until the server answers: that it is ready or, for a cold standby, that
// it never will be.
func (s *PostgresServer) wait(t testing.TB, ended <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("postgres ended: %v\n%s", s.process.ProcessState, s.log)
		default:
		}
		session, err := s.connect(t.Context())
		if err == nil {
			_ = session.Close(t.Context())
			return
		}
		var said *pgconn.PgError
		if s.standby && errors.As(err, &said) && said.Code == "57P03" {
			return
		}
	}
	t.Fatalf("postgres was not ready within a minute:\n%s", s.log)
}

// Log is what the server has logged so far.
func (s *PostgresServer) Log() string { return s.log.String() }

// Stop ends the server at once; its port then refuses connections.
func (s *PostgresServer) Stop(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatalf("stopping postgres: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("postgres did not stop within ten seconds")
}

// StopWhenUnused lets the sessions that are open go on, refuses new ones, and
// ends the server with the last.
func (s *PostgresServer) StopWhenUnused(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("asking postgres to stop: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(s.Log(), "received smart shutdown request") {
			return
		}
	}
	t.Fatalf("postgres took no notice within ten seconds:\n%s", s.Log())
}

// freePort of 127.0.0.1. Another process may take it before it is used; then
// the server does not start, and says so.
func freePort(t testing.TB) int32 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("looking for a free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return int32(l.Addr().(*net.TCPAddr).Port)
}

// lockedBuffer is written by a process and read by a test.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
