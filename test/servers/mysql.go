package servers

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/bridgestack/operator/internal/evidence"
)

// MySQLServer is a running MariaDB server, which ends with its test.
type MySQLServer struct {
	Host string
	Port int32
	// User is an account without any privilege but on Database, who logs in with a
	// password from anywhere.
	User, Password, Database string

	directory string
	owner     *syscall.Credential
	process   *exec.Cmd
	log       *lockedBuffer
	settings  []string
}

// MySQLOption changes how a server is started.
type MySQLOption func(*MySQLServer, testing.TB)

// MySQLSetting sets a variable of the server.
func MySQLSetting(name, value string) MySQLOption {
	return func(s *MySQLServer, _ testing.TB) { s.settings = append(s.settings, "--"+name+"="+value) }
}

// MySQLTLS makes the server speak TLS, with this certificate.
func MySQLTLS(c Certificate) MySQLOption {
	return func(s *MySQLServer, t testing.TB) {
		for name, content := range map[string][]byte{"server.crt": c.Chain, "server.key": c.Key} {
			path := filepath.Join(s.directory, name)
			s.write(t, path, content)
		}
		s.settings = append(s.settings, "--ssl-cert="+filepath.Join(s.directory, "server.crt"), "--ssl-key="+filepath.Join(s.directory, "server.key"))
	}
}

const installMySQL = `no MariaDB server was found in $PATH or /usr/sbin.
Install it:  apt-get install -y mariadb-server-core mariadb-client-core   (Debian 12)`

// MySQL starts a real MariaDB server on a free port of 127.0.0.1. Its directory is
// its own, its user the machine's mysql or nobody where the test runs as root.
func MySQL(t testing.TB, options ...MySQLOption) *MySQLServer {
	t.Helper()
	s := &MySQLServer{Host: "127.0.0.1", Port: freePort(t), User: "app", Password: "test-Password-1", Database: "shop", log: &lockedBuffer{}}
	directory, err := os.MkdirTemp("", "bridgestack-my-")
	if err != nil {
		t.Fatalf("making the server's directory: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	s.directory = directory
	if os.Getuid() == 0 {
		s.owner = unprivileged(t)
		if err := os.Chown(directory, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatalf("giving %s to uid %d: %v", directory, s.owner.Uid, err)
		}
	}
	for _, o := range options {
		o(s, t)
	}
	output, err := s.command(t, "mariadb-install-db", "--no-defaults", "--datadir="+s.data(), "--auth-root-authentication-method=normal", "--skip-test-db",
		"--innodb-log-file-size=4M", "--innodb-flush-method=nosync").CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb-install-db: %v\n%s", err, output)
	}
	s.start(t)
	s.Exec(t, "CREATE DATABASE shop", fmt.Sprintf("CREATE USER app@'%%' IDENTIFIED BY '%s'", s.Password), "GRANT ALL ON shop.* TO app@'%'")
	return s
}

// Connection is how a client is configured for the server.
func (s *MySQLServer) Connection() evidence.Connection {
	return evidence.Connection{
		Service: "mysql", Protocol: evidence.MySQL, Servers: []evidence.HostPort{{Host: s.Host, Port: s.Port}},
		User: s.User, Password: evidence.NewSecret(s.Password), PasswordWanted: true, Database: s.Database,
	}
}

func (s *MySQLServer) data() string   { return filepath.Join(s.directory, "data") }
func (s *MySQLServer) socket() string { return filepath.Join(s.directory, "socket") }

func (s *MySQLServer) write(t testing.TB, path string, content []byte) {
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

func (s *MySQLServer) command(t testing.TB, name string, arguments ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
		if _, err := os.Stat(path); err != nil {
			t.Fatal(installMySQL)
		}
	}
	c := exec.Command(path, arguments...)
	c.Dir = s.directory
	c.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "LC_ALL=C", "TZ=UTC"}
	// The server goes when the test's process does, however that ends.
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner, Pdeathsig: syscall.SIGKILL}
	return c
}

func (s *MySQLServer) start(t testing.TB) {
	t.Helper()
	arguments := append([]string{"--no-defaults", "--datadir=" + s.data(), "--port=" + strconv.Itoa(int(s.Port)), "--bind-address=127.0.0.1",
		"--socket=" + s.socket(), "--pid-file=" + filepath.Join(s.directory, "pid"), "--innodb-flush-method=nosync", "--innodb-buffer-pool-size=8M",
		"--innodb-log-file-size=4M", "--skip-name-resolve=ON"}, s.settings...)
	s.process = s.command(t, "mariadbd", arguments...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		t.Fatalf("starting mariadbd: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = s.process.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
	t.Cleanup(func() {
		_ = s.process.Process.Kill()
		<-ended
	})
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("mariadbd ended: %v\n%s", s.process.ProcessState, s.log)
		default:
		}
		db := s.root()
		err := db.PingContext(t.Context())
		_ = db.Close()
		if err == nil {
			return
		}
	}
	t.Fatalf("mariadbd was not ready within two minutes:\n%s", s.log)
}

// root are sessions of the administrator, over the server's own socket.
func (s *MySQLServer) root() *sql.DB { return s.open("root", "", "unix", s.socket(), "") }

func (s *MySQLServer) open(user, password, network, address, database string) *sql.DB {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = user, password, network, address, database
	c.Logger, c.AllowNativePasswords = log{}, true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		panic("servers: " + err.Error()) // a mistake in this file
	}
	return sql.OpenDB(connector)
}

// log of the client, which says what its errors say.
type log struct{}

func (log) Print(...any) {}

// Exec runs statements one by one as the administrator, over the server's own socket.
func (s *MySQLServer) Exec(t testing.TB, statements ...string) {
	t.Helper()
	db := s.root()
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Session opens a session of User over TCP, which ends with the test.
func (s *MySQLServer) Session(t testing.TB) *sql.Conn {
	t.Helper()
	db := s.open(s.User, s.Password, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))), s.Database)
	t.Cleanup(func() { _ = db.Close() })
	// A session that has just ended holds its slot a moment longer.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		session, err := db.Conn(context.Background())
		if err == nil {
			return session
		}
		if !strings.Contains(err.Error(), "1040") || time.Now().After(deadline) {
			t.Fatalf("connecting to the test's MariaDB server: %v\n%s", err, s.log)
		}
	}
}

// HoldSpare takes the slot that a full server keeps for administrators, until the test ends.
func (s *MySQLServer) HoldSpare(t testing.TB) {
	t.Helper()
	db := s.root()
	t.Cleanup(func() { _ = db.Close() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := db.Conn(context.Background())
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("connecting as the administrator: %v", err)
		}
	}
}

// Stop ends the server at once; its port then refuses connections.
func (s *MySQLServer) Stop(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatalf("stopping mariadbd: %v", err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("mariadbd did not stop within half a minute")
}
