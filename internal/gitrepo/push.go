package gitrepo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// author of the commits: no mailbox, by RFC 2606.
var author = object.Signature{Name: "BridgeStack operator", Email: "operator@bridgestack.invalid"}

func (s *session) commit(ctx context.Context, base plumbing.Hash, root *object.Tree, change Change, changed []File, now time.Time) (Commit, error) {
	var added []plumbing.Hash
	tree := root.Hash
	var err error
	out := Commit{Base: base.String()}
	for _, f := range changed {
		blob, storeErr := s.add(plumbing.BlobObject, f.Text)
		if storeErr != nil {
			return out, storeErr
		}
		var trees []plumbing.Hash
		if tree, trees, err = s.replaced(tree, strings.Split(f.Path, "/"), blob); err != nil {
			return out, fmt.Errorf("changing %s: %w", f.Path, err)
		}
		added = append(append(added, blob), trees...)
		out.Files = append(out.Files, f.Path)
	}
	for _, name := range change.Branches {
		present, taken := s.refs[name]
		if taken {
			if s.has(present, changed) {
				out.Branch, out.Hash = name, present.String()
				return out, nil
			}
			continue
		}
		hash, err := s.addCommit(base, tree, change.Message, now)
		if err != nil {
			return out, err
		}
		out.Branch, out.Hash = name, hash.String()
		return out, s.push(ctx, name, hash, append(added, hash))
	}
	return out, fmt.Errorf("%s: %w", strings.Join(change.Branches, ", "), ErrTaken)
}

// has is true where a commit has the changed files just so.
func (s *session) has(commit plumbing.Hash, changed []File) bool {
	root, err := s.root(commit)
	if err != nil {
		return false
	}
	for _, f := range changed {
		file, err := root.File(f.Path)
		if err != nil {
			return false
		}
		if text, err := contents(file); err != nil || !bytes.Equal(text, f.Text) {
			return false
		}
	}
	return true
}

// replaced is a tree with one file's blob replaced, and the new trees that this takes.
func (s *session) replaced(tree plumbing.Hash, names []string, blob plumbing.Hash) (plumbing.Hash, []plumbing.Hash, error) {
	t, err := object.GetTree(s.objects, tree)
	if err != nil {
		return tree, nil, err
	}
	entries := slices.Clone(t.Entries)
	i := slices.IndexFunc(entries, func(e object.TreeEntry) bool { return e.Name == names[0] })
	if i < 0 {
		return tree, nil, object.ErrFileNotFound
	}
	var trees []plumbing.Hash
	switch {
	case len(names) == 1 && entries[i].Mode.IsRegular():
		entries[i].Hash = blob
	case len(names) > 1 && entries[i].Mode == filemode.Dir:
		if entries[i].Hash, trees, err = s.replaced(entries[i].Hash, names[1:], blob); err != nil {
			return tree, nil, err
		}
	default:
		return tree, nil, object.ErrFileNotFound
	}
	encoded := s.objects.NewEncodedObject()
	if err := (&object.Tree{Entries: entries}).Encode(encoded); err != nil {
		return tree, nil, err
	}
	hash, err := s.objects.SetEncodedObject(encoded)
	return hash, append(trees, hash), err
}

func (s *session) add(kind plumbing.ObjectType, text []byte) (plumbing.Hash, error) {
	o := s.objects.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write(text); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.objects.SetEncodedObject(o)
}

func (s *session) addCommit(base, tree plumbing.Hash, message string, now time.Time) (plumbing.Hash, error) {
	signature := author
	signature.When = now.UTC()
	o := s.objects.NewEncodedObject()
	c := object.Commit{Author: signature, Committer: signature, Message: message, TreeHash: tree, ParentHashes: []plumbing.Hash{base}}
	if err := c.Encode(o); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.objects.SetEncodedObject(o)
}

// push creates a branch: the server refuses where someone else was faster.
func (s *session) push(ctx context.Context, name string, commit plumbing.Hash, added []plumbing.Hash) error {
	conversation, err := s.transport.NewReceivePackSession(s.endpoint, s.auth)
	if err != nil {
		return err
	}
	defer conversation.Close()
	advertised, err := conversation.AdvertisedReferencesContext(ctx)
	if err != nil {
		return fmt.Errorf("pushing to %s: %w", s.host, err)
	}
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, s.objects, false).Encode(added, 0); err != nil {
		return fmt.Errorf("packing the commit: %w", err)
	}
	request := packp.NewReferenceUpdateRequestFromCapabilities(advertised.Capabilities)
	request.Packfile = io.NopCloser(&pack)
	request.Commands = []*packp.Command{{Name: plumbing.NewBranchReferenceName(name), Old: plumbing.ZeroHash, New: commit}}
	report, err := conversation.ReceivePack(ctx, request)
	if err == nil && report != nil {
		err = report.Error()
	}
	if err != nil {
		return fmt.Errorf("pushing to branch %s on %s: %w", name, s.host, err)
	}
	return nil
}
