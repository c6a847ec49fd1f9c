package servers

import (
	"fmt"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// GitServer is a bare repository with a branch main, behind Git's own HTTP
// server (git http-backend), which wants a password.
type GitServer struct {
	// URL of the repository, and Password to it.
	URL, Password string
	dir           string
	pushes        atomic.Int32
	fetches       atomic.Int32
}

// Git serves a repository with files in it, over http. It ends with the test.
func Git(t testing.TB, files map[string]string) *GitServer {
	t.Helper()
	s, serves := gitServer(t, files)
	web := httptest.NewServer(serves)
	t.Cleanup(web.Close)
	s.URL = web.URL + "/shop.git"
	return s
}

// GitOver is Git over https, to those that reach the listener.
func GitOver(t testing.TB, listener net.Listener, certificate Certificate, files map[string]string) *GitServer {
	t.Helper()
	s, serves := gitServer(t, files)
	web := &httptest.Server{Listener: listener, TLS: certificate.Config(t), Config: &http.Server{Handler: serves, ReadHeaderTimeout: time.Minute}}
	web.StartTLS()
	t.Cleanup(web.Close)
	s.URL = web.URL + "/shop.git"
	return s
}

func gitServer(t testing.TB, files map[string]string) (*GitServer, http.Handler) {
	t.Helper()
	top := t.TempDir()
	s := &GitServer{Password: "s3cr3t-t0ken", dir: filepath.Join(top, "shop.git")}
	if out, err := run(top, "init", "-q", "--bare", "-b", "main", s.dir); err != nil {
		t.Fatal(out, err)
	}
	s.Run(t, "config", "http.receivepack", "true")
	s.Push(t, files)
	exec, err := run(top, "--exec-path")
	if err != nil {
		t.Fatal(exec, err)
	}
	backend := &cgi.Handler{Path: exec + "/git-http-backend", Env: []string{"GIT_PROJECT_ROOT=" + top, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot"}}
	return s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); p != s.Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		switch {
		case r.Method != http.MethodPost:
		case strings.HasSuffix(r.URL.Path, "/git-receive-pack"):
			s.pushes.Add(1)
		case strings.HasSuffix(r.URL.Path, "/git-upload-pack"):
			s.fetches.Add(1)
		}
		backend.ServeHTTP(w, r)
	})
}

// Pushes that were made over HTTP.
func (s *GitServer) Pushes() int { return int(s.pushes.Load()) }

// Fetches that were made over HTTP.
func (s *GitServer) Fetches() int { return int(s.fetches.Load()) }

// Run runs Git in the bare repository and returns what it prints.
func (s *GitServer) Run(t testing.TB, args ...string) string {
	t.Helper()
	out, err := run(s.dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Push commits files to main, as their owner does. A file whose text begins
// with "-> " is a symbolic link.
func (s *GitServer) Push(t testing.TB, files map[string]string) {
	t.Helper()
	work := t.TempDir()
	for name, text := range files {
		if err := write(filepath.Join(work, name), text); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-q", "--allow-empty", "-m", "by hand"}, {"push", "-q", "--force", s.dir, "main"}} {
		if out, err := run(work, args...); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	if to, link := strings.CutPrefix(text, "-> "); link {
		return os.Symlink(to, name)
	}
	return os.WriteFile(name, []byte(text), 0o600)
}

func run(dir string, args ...string) (string, error) {
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		c.Env = append(c.Env, fmt.Sprintf("GIT_%s_NAME=owner", who), fmt.Sprintf("GIT_%s_EMAIL=owner@example.com", who))
	}
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
