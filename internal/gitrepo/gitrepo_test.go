package gitrepo

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bridgestack/operator/internal/probe"
)

const password = "s3cr3t-t0ken"

// server is a bare repository behind Git's own HTTP server, with a password.
type server struct {
	*httptest.Server
	dir    string
	pushes int
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func serve(t *testing.T, files map[string]string) *server {
	t.Helper()
	top := t.TempDir()
	s := &server{dir: filepath.Join(top, "shop.git")}
	work := filepath.Join(top, "work")
	git(t, top, "init", "-q", "-b", "main", work)
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(work, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(work, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	git(t, work, "add", ".")
	git(t, work, "commit", "-q", "-m", "one")
	git(t, work, "commit", "-q", "--allow-empty", "-m", "two")
	git(t, top, "clone", "-q", "--bare", work, s.dir)
	git(t, s.dir, "config", "http.receivepack", "true")
	backend := &cgi.Handler{Path: git(t, top, "--exec-path") + "/git-http-backend", Env: []string{"GIT_PROJECT_ROOT=" + top, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot"}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p, _ := r.BasicAuth(); p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			s.pushes++
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) repository() Repository {
	return Repository{URL: s.URL + "/shop.git", Branch: "main", Username: "bot", Password: password}
}

func client(allowed ...netip.Prefix) *Client {
	return &Client{Dialer: probe.New(probe.Options{AllowedNetworks: allowed}), Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Timeout: 20 * time.Second}
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

func change(rewrite func([]File) ([]File, error)) Change {
	return Change{Under: "apps", Branches: []string{"bridgestack/api-1", "bridgestack/api-1-abc"}, Message: "Raise the limit\n\nOOMKilled\n", Rewrite: rewrite}
}

// raise is a rewrite of the one file.
func raise(to string) func([]File) ([]File, error) {
	return func(files []File) ([]File, error) {
		f := files[0]
		f.Text = bytes.ReplaceAll(f.Text, []byte("128Mi"), []byte(to))
		return []File{f}, nil
	}
}

var tree = map[string]string{"apps/prod/api.yaml": "# ours\nmemory: 128Mi\n", "apps/web.yaml": "b\n", "other/x.yaml": "c\n", "README.md": "d\n"}

func TestCommitIsPushedToABranchOfItsOwn(t *testing.T) {
	s := serve(t, tree)
	var seen []string
	got, err := client(loopback).Commit(t.Context(), probe.Scope{}, s.repository(), change(func(files []File) ([]File, error) {
		for _, f := range files {
			seen = append(seen, f.Path)
		}
		return raise("192Mi")(files)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"apps/prod/api.yaml", "apps/web.yaml"}, seen); diff != "" {
		t.Error("files that are seen:", diff)
	}
	if diff := cmp.Diff(Commit{Branch: "bridgestack/api-1", Hash: git(t, s.dir, "rev-parse", "bridgestack/api-1"), Files: []string{"apps/prod/api.yaml"}}, got); diff != "" {
		t.Error(diff)
	}
	git(t, s.dir, "fsck", "--strict")
	if stat := git(t, s.dir, "diff", "--numstat", "main", "bridgestack/api-1"); stat != "1\t1\tapps/prod/api.yaml" {
		t.Errorf("the commit is no one-line diff: %q", stat)
	}
	if parent := git(t, s.dir, "rev-parse", "bridgestack/api-1^"); parent != git(t, s.dir, "rev-parse", "main") {
		t.Errorf("it is not on top of main")
	}
	if message := git(t, s.dir, "log", "-1", "--format=%an: %B", "bridgestack/api-1"); message != "BridgeStack operator: Raise the limit\n\nOOMKilled" {
		t.Errorf("it says %q", message)
	}
}

// After a crash between the push and the record of it, and after the base moved on.
func TestCommitIsMadeOnce(t *testing.T) {
	s := serve(t, tree)
	first, err := client(loopback).Commit(t.Context(), probe.Scope{}, s.repository(), change(raise("192Mi")))
	if err != nil {
		t.Fatal(err)
	}
	main := git(t, s.dir, "commit-tree", "-p", "main", "-m", "three", "main^{tree}")
	git(t, s.dir, "update-ref", "refs/heads/main", main)
	again, err := client(loopback).Commit(t.Context(), probe.Scope{}, s.repository(), change(raise("192Mi")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" || s.pushes != 1 {
		t.Errorf("%d pushes, want one; %s", s.pushes, diff)
	}

	other, err := client(loopback).Commit(t.Context(), probe.Scope{}, s.repository(), change(raise("256Mi")))
	if err != nil || other.Branch != "bridgestack/api-1-abc" {
		t.Errorf("another change went to %q: %v", other.Branch, err)
	}
	_, err = client(loopback).Commit(t.Context(), probe.Scope{}, s.repository(), change(raise("1Gi")))
	if !errors.Is(err, ErrTaken) || s.pushes != 2 {
		t.Errorf("%d pushes, got %v; want none that overwrites a branch", s.pushes, err)
	}
}

func TestCommitRefuses(t *testing.T) {
	s := serve(t, tree)
	refused := errors.New("it is set twice")
	for name, c := range map[string]struct {
		client *Client
		change func(*Repository)
		makes  func([]File) ([]File, error)
		says   string
	}{
		"a host that nobody allowed": {client(), func(*Repository) {}, raise("1Gi"), "127.0.0.0/8, which probes never reach"},
		"a wrong password":           {client(loopback), func(r *Repository) { r.Password = "wr0ng-t0ken" }, raise("1Gi"), "authentication"},
		"no such branch":             {client(loopback), func(r *Repository) { r.Branch = "release" }, raise("1Gi"), `no branch "release"`},
		"another scheme":             {client(loopback), func(r *Repository) { r.URL = "file:///etc" }, raise("1Gi"), "https"},
		"credentials in the URL":     {client(loopback), func(r *Repository) { r.URL = "https://a:wr0ng-t0ken@example.com/x.git" }, raise("1Gi"), "without credentials"},
		"a rewrite that refuses":     {client(loopback), func(*Repository) {}, func([]File) ([]File, error) { return nil, refused }, refused.Error()},
		"a file that is not there":   {client(loopback), func(*Repository) {}, func([]File) ([]File, error) { return []File{{Path: "apps/new.yaml"}}, nil }, "not found"},
		"a link":                     {client(loopback), func(*Repository) {}, func([]File) ([]File, error) { return []File{{Path: "link.yaml"}}, nil }, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.repository()
			c.change(&r)
			_, err := c.client.Commit(t.Context(), probe.Scope{}, r, change(c.makes))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			for _, secret := range []string{password, "wr0ng-t0ken"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("a secret is in: %v", err)
				}
			}
		})
	}
	if branches := git(t, s.dir, "branch", "--format=%(refname:short)"); branches != "main" {
		t.Errorf("branches are %q", branches)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	s := serve(t, tree)
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, s.URL+r.URL.String(), http.StatusFound)
	}))
	defer elsewhere.Close()
	r := s.repository()
	r.URL = elsewhere.URL + "/shop.git"
	if _, err := client(loopback).Commit(t.Context(), probe.Scope{}, r, change(raise("1Gi"))); err == nil || asked == 0 {
		t.Errorf("asked %d times, got %v", asked, err)
	}
}
