package servers

import (
	"bufio"
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

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// RedisServer is a running Redis or Valkey server, which ends with its test.
type RedisServer struct {
	Host string
	Port int32
	// Socket is where commands are taken beside the port, whatever that wants.
	Socket string

	directory string
	arguments []string
	sentinel  bool
	process   *exec.Cmd
	log       *lockedBuffer
}

// RedisOption changes how a server is started.
type RedisOption func(*RedisServer, testing.TB)

// RedisSetting sets a parameter of redis.conf.
func RedisSetting(name string, values ...string) RedisOption {
	return func(s *RedisServer, _ testing.TB) { s.arguments = append(append(s.arguments, "--"+name), values...) }
}

// RedisTLS makes the server speak TLS, with this certificate, and nothing else.
func RedisTLS(c Certificate) RedisOption {
	return func(s *RedisServer, t testing.TB) {
		for name, content := range map[string][]byte{"server.crt": c.Chain, "server.key": c.Key} {
			if err := os.WriteFile(filepath.Join(s.directory, name), content, 0o600); err != nil {
				t.Fatalf("writing %s: %v", name, err)
			}
		}
		port := strconv.Itoa(int(s.Port))
		s.arguments = append(s.arguments, "--port", "0", "--tls-port", port, "--tls-cert-file", "server.crt", "--tls-key-file", "server.key",
			"--tls-ca-cert-file", "server.crt", "--tls-auth-clients", "no")
	}
}

// RedisSentinel makes it a Sentinel.
func RedisSentinel() RedisOption {
	return func(s *RedisServer, t testing.TB) {
		s.sentinel = true
		s.arguments = append([]string{filepath.Join(s.directory, "sentinel.conf"), "--sentinel"}, s.arguments...)
		if err := os.WriteFile(s.arguments[0], nil, 0o600); err != nil {
			t.Fatalf("writing sentinel.conf: %v", err)
		}
	}
}

const installRedis = `no Redis or Valkey server was found in $PATH.
Install it:  apt-get install -y --no-install-recommends redis-server   (Debian 12; any version from 6 on will do)`

// Redis starts a real Redis server on a free port of 127.0.0.1.
func Redis(t testing.TB, options ...RedisOption) *RedisServer {
	t.Helper()
	s := &RedisServer{Host: "127.0.0.1", Port: freePort(t), directory: t.TempDir(), log: &lockedBuffer{}}
	s.Socket = filepath.Join(s.directory, "s")
	for _, o := range options {
		o(s, t)
	}
	s.start(t)
	return s
}

// Connection is how a client is configured for the server, without a password.
func (s *RedisServer) Connection() evidence.Connection {
	c := evidence.Connection{Service: "redis", Protocol: server.Redis, Servers: []evidence.HostPort{{Host: s.Host, Port: s.Port}}}
	c.Variables.URL = "REDIS_URL"
	return c
}

func (s *RedisServer) start(t testing.TB) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		binary, err = exec.LookPath("valkey-server")
	}
	if err != nil {
		t.Fatal(installRedis)
	}
	arguments := append([]string{"--port", strconv.Itoa(int(s.Port)), "--bind", s.Host, "--dir", s.directory, "--save", "", "--unixsocket", s.Socket}, s.arguments...)
	if s.sentinel {
		arguments = append(s.arguments, "--port", strconv.Itoa(int(s.Port)), "--bind", s.Host, "--dir", s.directory)
		s.Socket = ""
	}
	s.process = exec.Command(binary, arguments...)
	s.process.Dir = s.directory
	s.process.Stdout, s.process.Stderr = s.log, s.log
	// The server goes when the test's process does, however that ends.
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		t.Fatalf("starting redis-server: %v", err)
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
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("redis-server ended: %v\n%s", s.process.ProcessState, s.log)
		default:
		}
		if conn, err := s.dial(); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("redis-server did not listen within a minute:\n%s", s.log)
}

func (s *RedisServer) dial() (net.Conn, error) {
	if s.Socket == "" {
		return net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
	}
	return net.Dial("unix", s.Socket)
}

// Do runs commands, each of words without blanks, and returns what the server
// answers to the last.
func (s *RedisServer) Do(t testing.TB, commands ...string) string {
	t.Helper()
	conn, err := s.dial()
	if err != nil {
		t.Fatalf("connecting to the test's Redis: %v\n%s", err, s.log)
	}
	defer func() { _ = conn.Close() }()
	answers, last := bufio.NewReader(conn), ""
	for _, command := range commands {
		if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		if last, err = answers.ReadString('\n'); err != nil {
			t.Fatalf("%s: %v", command, err)
		}
	}
	return strings.TrimSpace(last)
}

// Hold keeps a connection open until the test ends.
func (s *RedisServer) Hold(t testing.TB) {
	t.Helper()
	conn, err := s.dial()
	if err != nil {
		t.Fatalf("connecting to the test's Redis: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprint(conn, "PING\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
		t.Fatalf("the held connection: %v", err)
	}
}

// Stop ends the server at once; its port then refuses connections.
func (s *RedisServer) Stop(t testing.TB) {
	t.Helper()
	if err := s.process.Process.Kill(); err != nil {
		t.Fatalf("stopping redis-server: %v", err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
		if err != nil {
			return
		}
		_ = conn.Close()
	}
	t.Fatal("redis-server did not stop within ten seconds")
}
