package servers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
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

// RabbitServer is a running RabbitMQ node, which ends with its test.
type RabbitServer struct {
	Host string
	Port int32
	// TLSPort is 0 without a certificate.
	TLSPort int32
	// User and Password of one who may enter /, and nothing else.
	User, Password string

	directory string
	config    []string
	process   *exec.Cmd
	log       *lockedBuffer
}

// RabbitOption changes how a node is started.
type RabbitOption func(*RabbitServer, testing.TB)

// RabbitTLS makes the node speak TLS as well, at a port of its own.
func RabbitTLS(c Certificate) RabbitOption {
	return func(s *RabbitServer, t testing.TB) {
		s.TLSPort = freePort(t)
		s.write(t, "server.crt", c.Chain)
		s.write(t, "server.key", c.Key)
		s.config = append(s.config, fmt.Sprintf("listeners.ssl.1 = %s:%d", s.Host, s.TLSPort),
			"ssl_options.certfile = "+s.path("server.crt"), "ssl_options.keyfile = "+s.path("server.key"),
			"ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false")
	}
}

const rabbitBinaries = "/usr/lib/rabbitmq/bin"

const installRabbit = `no RabbitMQ was found in ` + rabbitBinaries + `.
Install it:  apt-get install -y --no-install-recommends rabbitmq-server   (Debian 12; any version from 3.8 on will do)`

// RabbitMQ starts a real node on free ports of 127.0.0.1, with an epmd and a name of
// its own. It has the virtual hosts /, closed, which its user may not enter, and
// full, which takes no connection.
func RabbitMQ(t testing.TB, options ...RabbitOption) *RabbitServer {
	t.Helper()
	s := &RabbitServer{Host: "127.0.0.1", Port: freePort(t), User: "hook", Password: "hook-Password-2", directory: t.TempDir(), log: &lockedBuffer{}}
	if _, err := os.Stat(filepath.Join(rabbitBinaries, "rabbitmq-server")); err != nil {
		t.Fatal(installRabbit)
	}
	for _, o := range options {
		o(s, t)
	}
	s.start(t)
	return s
}

// Connection is how a client is configured for the node.
func (s *RabbitServer) Connection() evidence.Connection {
	return evidence.Connection{Service: "rabbitmq", Protocol: server.RabbitMQ, Servers: []evidence.HostPort{{Host: s.Host, Port: s.Port}},
		User: s.User, Password: evidence.NewSecret(s.Password), PasswordWanted: true, Database: "/"}
}

// Log is what the node has logged so far.
func (s *RabbitServer) Log() string { return s.log.String() }

func (s *RabbitServer) path(name string) string { return filepath.Join(s.directory, name) }

func (s *RabbitServer) write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(s.path(name), content, 0o600); err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
}

// definitions are the users and virtual hosts, as rabbitmqctl export_definitions has
// them.
func (s *RabbitServer) definitions(t testing.TB) []byte {
	t.Helper()
	const salt = "salt"
	hash := sha256.Sum256([]byte(salt + s.Password))
	all, err := json.Marshal(map[string]any{
		"users": []any{map[string]any{"name": s.User, "tags": "", "hashing_algorithm": "rabbit_password_hashing_sha256",
			"password_hash": base64.StdEncoding.EncodeToString(append([]byte(salt), hash[:]...))}},
		"vhosts": []any{map[string]any{"name": "/"}, map[string]any{"name": "closed"}, map[string]any{"name": "full"}},
		"permissions": []any{
			map[string]any{"user": s.User, "vhost": "/", "configure": "", "write": "", "read": ""},
			map[string]any{"user": s.User, "vhost": "full", "configure": "", "write": "", "read": ""},
		},
		"parameters": []any{map[string]any{"component": "vhost-limits", "name": "limits", "vhost": "full", "value": map[string]any{"max-connections": 0}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (s *RabbitServer) start(t testing.TB) {
	t.Helper()
	s.write(t, "definitions.json", s.definitions(t))
	s.write(t, "enabled_plugins", []byte("[].\n"))
	s.write(t, ".erlang.cookie", []byte("bridgestack-test"))
	if err := os.Chmod(s.path(".erlang.cookie"), 0o400); err != nil {
		t.Fatal(err)
	}
	s.write(t, "rabbitmq.conf", []byte(strings.Join(append(s.config,
		fmt.Sprintf("listeners.tcp.1 = %s:%d", s.Host, s.Port), "load_definitions = "+s.path("definitions.json"),
		"log.console = true", "log.file = false", "cluster_formation.peer_discovery_backend = classic_config", ""), "\n")))
	epmd := strconv.Itoa(int(freePort(t)))
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.directory, "LC_ALL=C.UTF-8", "ERL_EPMD_PORT=" + epmd, "ERL_EPMD_ADDRESS=" + s.Host,
		"RABBITMQ_NODENAME=test@localhost", "RABBITMQ_DIST_PORT=" + strconv.Itoa(int(freePort(t))), "RABBITMQ_CONFIG_FILE=" + s.path("rabbitmq.conf"),
		"RABBITMQ_CONF_ENV_FILE=" + s.path("none"), "RABBITMQ_MNESIA_BASE=" + s.path("mnesia"), "RABBITMQ_LOG_BASE=" + s.path("log"), "RABBITMQ_LOGS=-",
		"RABBITMQ_PID_FILE=" + s.path("pid"), "RABBITMQ_ENABLED_PLUGINS_FILE=" + s.path("enabled_plugins"), "RABBITMQ_GENERATED_CONFIG_DIR=" + s.path("generated"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +S 1:1",
	}
	s.run(t, environment, "epmd", "-address", s.Host, "-port", epmd)
	ended := s.run(t, environment, filepath.Join(rabbitBinaries, "rabbitmq-server"))
	address := net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port)))
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("rabbitmq-server ended: %v\n%s", s.process.ProcessState, s.log)
		default:
		}
		if !strings.Contains(s.Log(), "Server startup complete") {
			continue
		}
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
	}
	t.Fatalf("rabbitmq-server did not listen within three minutes:\n%s", s.log)
}

// run starts a program of the node in a process group of its own, which ends with the
// test.
func (s *RabbitServer) run(t testing.TB, environment []string, name string, arguments ...string) <-chan struct{} {
	t.Helper()
	p := exec.Command(name, arguments...)
	p.Dir, p.Env, p.Stdout, p.Stderr = s.directory, environment, s.log, s.log
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	s.process = p
	ended := make(chan struct{})
	go func() {
		_ = p.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		<-ended
	})
	return ended
}
