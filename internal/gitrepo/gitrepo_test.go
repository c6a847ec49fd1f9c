package gitrepo

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/test/servers"
)

func repository(s *servers.GitServer) Repository {
	return Repository{URL: s.URL, Branch: "main", Username: "bot", Password: s.Password}
}

func client(allowed ...netip.Prefix) *Client {
	return &Client{Dialer: egress.New(egress.Options{AllowedNetworks: allowed}), Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Timeout: 20 * time.Second}
}

var onLoopback = netip.MustParsePrefix("127.0.0.0/8")

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

var tree = map[string]string{"apps/prod/api.yaml": "# ours\nmemory: 128Mi\n", "apps/web.yaml": "b\n", "other/x.yaml": "c\n", "README.md": "d\n", "apps/link.yaml": "-> /etc/passwd"}

func TestCommitIsPushedToABranchOfItsOwn(t *testing.T) {
	s := servers.Git(t, tree)
	var seen []string
	got, err := client(onLoopback).Commit(t.Context(), egress.Scope{}, repository(s), change(func(files []File) ([]File, error) {
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
	if diff := cmp.Diff(Commit{Branch: "bridgestack/api-1", Hash: s.Run(t, "rev-parse", "bridgestack/api-1"), Base: s.Run(t, "rev-parse", "main"), Files: []string{"apps/prod/api.yaml"}}, got); diff != "" {
		t.Error(diff)
	}
	s.Run(t, "fsck", "--strict")
	if stat := s.Run(t, "diff", "--numstat", "main", "bridgestack/api-1"); stat != "1\t1\tapps/prod/api.yaml" {
		t.Errorf("the commit is no one-line diff: %q", stat)
	}
	if parent := s.Run(t, "rev-parse", "bridgestack/api-1^"); parent != s.Run(t, "rev-parse", "main") {
		t.Errorf("it is not on top of main")
	}
	if message := s.Run(t, "log", "-1", "--format=%an: %B", "bridgestack/api-1"); message != "BridgeStack operator: Raise the limit\n\nOOMKilled" {
		t.Errorf("it says %q", message)
	}
}

// After a crash between the push and the record of it, and after the base moved on.
func TestCommitIsMadeOnce(t *testing.T) {
	s := servers.Git(t, tree)
	first, err := client(onLoopback).Commit(t.Context(), egress.Scope{}, repository(s), change(raise("192Mi")))
	if err != nil {
		t.Fatal(err)
	}
	main := s.Run(t, "commit-tree", "-p", "main", "-m", "three", "main^{tree}")
	s.Run(t, "update-ref", "refs/heads/main", main)
	again, err := client(onLoopback).Commit(t.Context(), egress.Scope{}, repository(s), change(raise("192Mi")))
	if err != nil {
		t.Fatal(err)
	}
	if again.Base != main {
		t.Errorf("its base is %s, want %s", again.Base, main)
	}
	again.Base = first.Base
	if diff := cmp.Diff(first, again); diff != "" || s.Pushes() != 1 {
		t.Errorf("%d pushes, want one; %s", s.Pushes(), diff)
	}

	other, err := client(onLoopback).Commit(t.Context(), egress.Scope{}, repository(s), change(raise("256Mi")))
	if err != nil || other.Branch != "bridgestack/api-1-abc" {
		t.Errorf("another change went to %q: %v", other.Branch, err)
	}
	_, err = client(onLoopback).Commit(t.Context(), egress.Scope{}, repository(s), change(raise("1Gi")))
	if !errors.Is(err, ErrTaken) || s.Pushes() != 2 {
		t.Errorf("%d pushes, got %v; want none that overwrites a branch", s.Pushes(), err)
	}
}

func TestCommitRefuses(t *testing.T) {
	s := servers.Git(t, tree)
	refused := errors.New("it is set twice")
	for name, c := range map[string]struct {
		client *Client
		change func(*Repository)
		makes  func([]File) ([]File, error)
		says   string
	}{
		"a host that nobody allowed": {client(), func(*Repository) {}, raise("1Gi"), "127.0.0.0/8, which probes never reach"},
		"a wrong password":           {client(onLoopback), func(r *Repository) { r.Password = "wr0ng-t0ken" }, raise("1Gi"), "authentication"},
		"no such branch":             {client(onLoopback), func(r *Repository) { r.Branch = "release" }, raise("1Gi"), `no branch "release"`},
		"another scheme":             {client(onLoopback), func(r *Repository) { r.URL = "file:///etc" }, raise("1Gi"), "https"},
		"a password over plain http": {client(onLoopback), func(r *Repository) { r.URL = "http://git.example.com/shop.git" }, raise("1Gi"), ErrPlain.Error()},
		"a name for loopback":        {client(onLoopback), func(r *Repository) { r.URL = strings.Replace(r.URL, "127.0.0.1", "localhost", 1) }, raise("1Gi"), ErrPlain.Error()},
		"a user over plain http":     {client(onLoopback), func(r *Repository) { r.URL, r.Password = "http://192.0.2.1/shop.git", "" }, raise("1Gi"), ErrPlain.Error()},
		"credentials in the URL":     {client(onLoopback), func(r *Repository) { r.URL = "https://a:wr0ng-t0ken@example.com/x.git" }, raise("1Gi"), "without credentials"},
		"a rewrite that refuses":     {client(onLoopback), func(*Repository) {}, func([]File) ([]File, error) { return nil, refused }, refused.Error()},
		"a file that is not there":   {client(onLoopback), func(*Repository) {}, func([]File) ([]File, error) { return []File{{Path: "apps/new.yaml"}}, nil }, "not found"},
		"a link":                     {client(onLoopback), func(*Repository) {}, func([]File) ([]File, error) { return []File{{Path: "apps/link.yaml"}}, nil }, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			r := repository(s)
			c.change(&r)
			got, err := c.client.Commit(t.Context(), egress.Scope{}, r, change(c.makes))
			if name == "a rewrite that refuses" && got.Base != s.Run(t, "rev-parse", "main") {
				t.Errorf("its base is %q", got.Base)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			for _, secret := range []string{s.Password, "wr0ng-t0ken"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("a secret is in: %v", err)
				}
			}
		})
	}
	if branches := s.Run(t, "branch", "--format=%(refname:short)"); branches != "main" {
		t.Errorf("branches are %q", branches)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	s := servers.Git(t, tree)
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, strings.TrimSuffix(s.URL, "/shop.git")+r.URL.String(), http.StatusFound)
	}))
	defer elsewhere.Close()
	r := repository(s)
	r.URL = elsewhere.URL + "/shop.git"
	if _, err := client(onLoopback).Commit(t.Context(), egress.Scope{}, r, change(raise("1Gi"))); err == nil || asked == 0 {
		t.Errorf("asked %d times, got %v", asked, err)
	}
}
