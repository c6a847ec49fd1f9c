package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// servePostgres runs a PostgreSQL server on loopback with the role bridge and
// returns settings that connect to it.
func servePostgres(t *testing.T) postgresSettings {
	t.Helper()
	s := postgresSettings{host: "127.0.0.1", port: freePort(t), database: "postgres", user: "bridge", password: "right", sslMode: "disable", poolMaxSize: 3}
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o644); err != nil {
		t.Fatal(err)
	}
	credential := serverCredential(t, dir)
	data := filepath.Join(dir, "data")
	initdb := postgresCommand(t, t.Context(), credential, "initdb", "-D", data, "-U", s.user, "--pwfile", password, "-A", "scram-sha-256", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	server := postgresCommand(t, context.WithoutCancel(t.Context()), credential, "postgres", "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=10")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT)
		_ = server.Wait()
	})
	awaitConnection(t, s)
	return s
}

func awaitConnection(t *testing.T, s postgresSettings) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		p := postgres{settings: s}
		if err = p.connect(t.Context()); err == nil {
			p.close()
			return
		}
	}
	t.Fatalf("PostgreSQL did not accept a connection within 30s: %v", err)
}

// serverCredential is of the user postgres where the test runs as root, which a
// server refuses to be; dir becomes that user's.
func serverCredential(t *testing.T, dir string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Skipf("skipped: root may not run a PostgreSQL server and there is no user for it: %v", err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func postgresCommand(t *testing.T, ctx context.Context, credential *syscall.Credential, name string, args ...string) *exec.Cmd { //nolint:revive // a test helper takes t first
	t.Helper()
	path, err := exec.LookPath(name)
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); err != nil && len(found) > 0 {
		path, err = found[len(found)-1], nil
	}
	if err != nil {
		t.Skipf("skipped: no PostgreSQL on this machine (apt-get install postgresql): %v", err)
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = "/"
	command.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	return command
}

// freePort of loopback, where nobody listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := strings.Cut(fmt.Sprint(l.Addr()), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
