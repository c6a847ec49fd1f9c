// Package gitrepo reads the owner's Git repository and pushes one commit to a
// branch of its own: over HTTP, in memory, shallow, without a working tree, and
// so without hooks, submodules or links. It decides nothing.
package gitrepo

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/bridgestack/operator/internal/egress"
)

// mostInflated is the most, in bytes, that the objects of one fetch may come
// to. What goes over the wire is bounded by the dialer.
const mostInflated = 16 << 20

// Failures that are for the repository's owner to look at, and do not go away
// by trying again at once.
var (
	// ErrTaken: all branches of the change's names have other content.
	ErrTaken = errors.New("the branch is there already, with other content")
	// ErrTooLarge: the repository is larger than the operator reads.
	ErrTooLarge = errors.New("the repository is too large")
	// ErrPlain: credentials would go over the network unencrypted.
	ErrPlain = errors.New("credentials are not sent over plain http: use https, with ca.crt in the Secret for a certificate of your own, or a repository that needs none")
)

// Client commits to repositories. They are named by the owners of stacks and
// not by the cluster's admin: every connection goes through a guard.
type Client struct {
	// Dialer connects to where its guard lets it.
	Dialer *egress.Dialer
	// Now is the clock, for the commits' times.
	Now func() time.Time
	// Timeout of a fetch and a push together. Default: 30s.
	Timeout time.Duration
}

// Repository is where to commit, and as whom.
type Repository struct {
	// URL, https or http, without credentials. Over http none are sent, but to
	// loopback.
	URL string
	// Branch that the change is based on.
	Branch string
	// Username and Password, or a token as Password; empty for none.
	Username, Password string
	// CA is a certificate in PEM to trust beside none else; nil for the image's.
	CA []byte
}

// File is a regular file of the repository, by its path with slashes.
type File struct {
	Path string
	Text []byte
}

// Change is one commit to be made.
type Change struct {
	// Under is the folder whose files may be read and changed; empty is all.
	Under string
	// Branches are names to push to, in the order in which they are tried.
	Branches []string
	// Message of the commit.
	Message string
	// Rewrite gets the folder's files in the order of their paths and returns
	// those that it changed.
	Rewrite func([]File) ([]File, error)
}

// Commit is what was pushed, or was there already.
type Commit struct {
	Branch, Hash string
	// Base is the commit that the repository's branch was at, by its hash: it is
	// told also where the rewrite refused.
	Base string
	// Files that it changes.
	Files []string
}

// Commit makes the change on top of the branch and pushes it to one of its own.
// Where a branch of the change's name has the same files already, nothing is
// pushed. No branch is ever overwritten.
func (c *Client) Commit(ctx context.Context, scope egress.Scope, r Repository, change Change) (Commit, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.Timeout, 30*time.Second))
	defer cancel()
	s, err := c.open(ctx, scope, r)
	if err != nil {
		return Commit{}, err
	}
	if err := s.fetch(ctx, append([]string{r.Branch}, change.Branches...)); err != nil {
		return Commit{}, fmt.Errorf("fetching from %s: %w", s.host, err)
	}
	base, found := s.refs[r.Branch]
	if !found {
		return Commit{}, fmt.Errorf("%s has no branch %q", s.host, r.Branch)
	}
	asked := Commit{Base: base.String()}
	root, err := s.root(base)
	if err != nil {
		return asked, err
	}
	files, err := s.files(root, change.Under)
	if err != nil {
		return asked, err
	}
	changed, err := change.Rewrite(files)
	if err != nil {
		return asked, err
	}
	return s.commit(ctx, base, root, change, changed, c.Now())
}

// session is one conversation with a repository.
type session struct {
	transport transport.Transport
	endpoint  *transport.Endpoint
	auth      transport.AuthMethod
	host      string
	objects   *memory.Storage
	refs      map[string]plumbing.Hash
}

func (r Repository) credentials() bool { return r.Username != "" || r.Password != "" }

// address is the repository's, where credentials may be sent if there are any.
func (r Repository) address() (*url.URL, error) {
	at, err := url.Parse(r.URL)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.User != nil {
		return nil, errors.New("the repository's URL is not one of https or http without credentials")
	}
	if r.credentials() && at.Scheme == "http" && !loopback(at.Hostname()) {
		return nil, fmt.Errorf("the repository on %s: %w", at.Host, ErrPlain)
	}
	return at, nil
}

func (c *Client) open(ctx context.Context, scope egress.Scope, r Repository) (*session, error) {
	at, err := r.address()
	if err != nil {
		return nil, err
	}
	endpoint, err := transport.NewEndpoint(r.URL)
	if err != nil {
		return nil, fmt.Errorf("the repository on %s: %w", at.Host, err)
	}
	trusted, err := roots(r.CA)
	if err != nil {
		return nil, err
	}
	web := &http.Client{Transport: &http.Transport{
		// The transport's own context ends with the dial, and the connection with it.
		DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
			return c.Dialer.DialAddress(ctx, scope, address)
		},
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trusted},
		DisableKeepAlives: true,
		// The dialer bounds what comes over the wire, not what that unpacks to.
		DisableCompression: true,
	}}
	s := &session{
		transport: githttp.NewClientWithOptions(web, &githttp.ClientOptions{CacheMaxEntries: 1, RedirectPolicy: githttp.NoFollowRedirects}),
		endpoint:  endpoint, host: at.Host, objects: memory.NewStorage(), refs: map[string]plumbing.Hash{},
	}
	if r.credentials() {
		s.auth = &githttp.BasicAuth{Username: cmp.Or(r.Username, "git"), Password: r.Password}
	}
	return s, nil
}

// loopback is true of a host that is this one, whatever a name server says.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

func roots(pem []byte) (*x509.CertPool, error) {
	if len(pem) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca.crt holds no certificate in PEM")
	}
	return pool, nil
}

// fetch gets the newest commit of each of the branches that there are.
func (s *session) fetch(ctx context.Context, branches []string) error {
	conversation, err := s.transport.NewUploadPackSession(s.endpoint, s.auth)
	if err != nil {
		return err
	}
	defer conversation.Close()
	advertised, err := conversation.AdvertisedReferencesContext(ctx)
	if err != nil {
		return err
	}
	request := packp.NewUploadPackRequestFromCapabilities(advertised.Capabilities)
	if err := request.Capabilities.Set(capability.Shallow); err != nil {
		return err
	}
	request.Depth = packp.DepthCommits(1)
	for _, b := range branches {
		hash, found := advertised.References["refs/heads/"+b]
		if !found {
			continue
		}
		s.refs[b] = hash
		if !slices.Contains(request.Wants, hash) {
			request.Wants = append(request.Wants, hash)
		}
	}
	if len(request.Wants) == 0 {
		return nil
	}
	response, err := conversation.UploadPack(ctx, request)
	if err != nil {
		return err
	}
	return errors.Join(s.store(request.Capabilities, response), response.Close())
}

// store keeps the objects of a pack, as long as they are not too large.
func (s *session) store(capabilities *capability.List, pack io.Reader) error {
	switch {
	case capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, pack)
	case capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, pack)
	}
	// What the server sends is read before anything is made of it: it is bounded by
	// the dialer, and its deltas may say that they grow to anything.
	text, err := io.ReadAll(pack)
	if err != nil {
		return fmt.Errorf("reading the pack: %w", err)
	}
	unpacking.Lock()
	defer unpacking.Unlock()
	if err := checkSizes(text); err != nil {
		return err
	}
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(bytes.NewReader(text)), s.objects)
	if err != nil {
		return err
	}
	_, err = parser.Parse()
	return err
}

// unpacking is done for one repository at a time: it takes memory and no time of
// anyone else's servers.
var unpacking sync.Mutex

// checkSizes refuses a pack whose objects, those that deltas make included, come to
// more than mostInflated.
func checkSizes(pack []byte) error {
	scanner := packfile.NewScanner(bytes.NewReader(pack))
	_, objects, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("reading the pack's header: %w", err)
	}
	left := int64(mostInflated)
	for range objects {
		header, err := scanner.NextObjectHeader()
		if err != nil {
			return fmt.Errorf("reading an object's header: %w", err)
		}
		if left -= header.Length; header.Length < 0 || left < 0 {
			return ErrTooLarge
		}
		var content start
		if _, _, err := scanner.NextObject(&content); err != nil {
			return fmt.Errorf("reading an object: %w", err)
		}
		if !header.Type.IsDelta() {
			continue
		}
		made, err := madeBy(content.text)
		if err != nil {
			return err
		}
		if left -= made; made < 0 || left < 0 {
			return ErrTooLarge
		}
	}
	return nil
}

// start keeps the first bytes that are written to it.
type start struct{ text []byte }

func (s *start) Write(p []byte) (int, error) {
	if room := 2*binary.MaxVarintLen64 - len(s.text); room > 0 {
		s.text = append(s.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// madeBy is the size of what a delta makes: the second number at its beginning,
// after the size of its base (gitformat-pack, deltified representation).
func madeBy(delta []byte) (int64, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, errors.New("a delta of the pack says no size")
	}
	size, n := binary.Uvarint(delta[n:])
	if n <= 0 || size > math.MaxInt64 {
		return 0, errors.New("a delta of the pack says no size")
	}
	return int64(size), nil
}

func (s *session) root(commit plumbing.Hash) (*object.Tree, error) {
	c, err := object.GetCommit(s.objects, commit)
	if err != nil {
		return nil, fmt.Errorf("reading commit %s: %w", commit, err)
	}
	return c.Tree()
}

// mostFile is the largest file that is read, in bytes: no manifest is larger.
const mostFile = 1 << 20

// mostEntries of a repository's folders that are walked, and with them what a folder
// that is in others many times counts each time.
const mostEntries = 100_000

// files are the regular files of a folder. Links, submodules and large files
// are as if they were not there.
func (s *session) files(root *object.Tree, under string) ([]File, error) {
	under = strings.Trim(path.Clean("/"+under), "/")
	var out []File
	walk := object.NewTreeWalker(root, true, nil)
	defer walk.Close()
	left := int64(mostInflated)
	for range mostEntries {
		name, entry, err := walk.Next()
		if errors.Is(err, io.EOF) {
			slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the folders of %q: %w", under, err)
		}
		inside := under == "" || strings.HasPrefix(name, under+"/") || name == under
		if !inside || !entry.Mode.IsRegular() {
			continue
		}
		blob, err := object.GetBlob(s.objects, entry.Hash)
		if err != nil {
			return nil, fmt.Errorf("reading the file %q: %w", name, err)
		}
		if blob.Size > mostFile {
			continue
		}
		if left -= blob.Size; left < 0 {
			return nil, ErrTooLarge
		}
		text, err := contents(object.NewFile(name, entry.Mode, blob))
		if err != nil {
			return nil, fmt.Errorf("reading the file %q: %w", name, err)
		}
		out = append(out, File{Path: name, Text: text})
	}
	return nil, ErrTooLarge
}

func contents(f *object.File) ([]byte, error) {
	reader, err := f.Reader()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(reader)
	return b.Bytes(), err
}
