package gitrepo

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // Git's own
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/bridgestack/operator/internal/egress"
)

func objectHeader(kind byte, size int) []byte {
	b := kind<<4 | byte(size&0xf)
	size >>= 4
	var out []byte
	for size > 0 {
		out = append(out, b|0x80)
		b = byte(size & 0x7f)
		size >>= 7
	}
	return append(out, b)
}

func deflated(t *testing.T, b []byte) []byte {
	t.Helper()
	var o bytes.Buffer
	w := zlib.NewWriter(&o)
	_, err := w.Write(b)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return o.Bytes()
}

func packOf(objects ...[]byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK"), 2)
	out = binary.BigEndian.AppendUint32(out, uint32(len(objects)))
	out = append(out, bytes.Join(objects, nil)...)
	sum := sha1.Sum(out) //nolint:gosec // Git's own
	return append(out, sum[:]...)
}

// deltaBomb is a few KiB that make copies of a base of zeros.
func deltaBomb(t *testing.T, size, copies int) []byte {
	t.Helper()
	base := make([]byte, size)
	delta := binary.AppendUvarint(nil, uint64(size))
	delta = binary.AppendUvarint(delta, uint64(size*copies))
	for range copies {
		delta = append(delta, 0x80|0x10|0x20|0x40, byte(size), byte(size>>8), byte(size>>16))
	}
	hash := sha1.New() //nolint:gosec // Git's own
	fmt.Fprintf(hash, "blob %d\x00", size)
	hash.Write(base)
	const blob, refDelta = 3, 7
	return packOf(append(objectHeader(blob, size), deflated(t, base)...),
		append(append(objectHeader(refDelta, len(delta)), hash.Sum(nil)...), deflated(t, delta)...))
}

// What comes over the wire is what is read: a server that packs its answers is not
// asked to, nor unpacked.
func TestPackedAnswersAreNotUnpacked(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	hash := strings.Repeat("a", 40)
	_, err := fmt.Fprintf(w, "001e# service=git-upload-pack\n00000048%s refs/heads/00000000\x00shallow", hash)
	for i := range 1 << 20 {
		_, again := fmt.Fprintf(w, "0041%s refs/heads/%08d\n", hash, i)
		err = errors.Join(err, again)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("it asks for %s", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}))
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = client(onLoopback).Commit(t.Context(), egress.Scope{}, Repository{URL: s.URL + "/r", Branch: "main"}, change(raise("192Mi")))
	runtime.ReadMemStats(&after)
	allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("security: a Git server's answer of %d KiB that unpacks to 65 MiB: %d MiB allocated, %v", packed.Len()>>10, allocated, err)
	if err == nil || allocated > 16 {
		t.Errorf("%v, %d MiB allocated", err, allocated)
	}
}

// What a pack becomes is known before any of it is made.
func TestPacksThatGrowAreRefused(t *testing.T) {
	var blobs [][]byte
	for i := range 40 {
		b := make([]byte, 1<<20)
		b[0] = byte(i)
		blobs = append(blobs, append(objectHeader(3, len(b)), deflated(t, b)...))
	}
	for name, pack := range map[string][]byte{"a delta of 512 MiB": deltaBomb(t, 8<<20, 64), "40 MiB of blobs": packOf(blobs...)} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := &session{objects: memory.NewStorage()}
		err := s.store(capability.NewList(), bytes.NewReader(pack))
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("security: a Git pack of %d KiB, %s: %d MiB allocated, %v", len(pack)>>10, name, allocated, err)
		if !errors.Is(err, ErrTooLarge) || allocated > 64 {
			t.Errorf("%s: %v, %d MiB allocated", name, err, allocated)
		}
	}
	s := &session{objects: memory.NewStorage()}
	if err := s.store(capability.NewList(), bytes.NewReader(deltaBomb(t, 1<<10, 4))); err != nil || len(s.objects.Objects) != 2 {
		t.Errorf("a small delta: %v, %d objects", err, len(s.objects.Objects))
	}
}

// A folder that has one other folder many times, and so on, is small, and endless to
// walk: a few trees stand for more files than there are.
func TestFoldersThatMultiplyAreRefused(t *testing.T) {
	for name, leaf := range map[string]string{"of files": "x", "of nothing": ""} {
		s := &session{objects: memory.NewStorage()}
		of := func(mode filemode.FileMode, hash plumbing.Hash, entries int) plumbing.Hash {
			var tree object.Tree
			for i := range entries {
				tree.Entries = append(tree.Entries, object.TreeEntry{Name: fmt.Sprintf("%03d", i), Mode: mode, Hash: hash})
			}
			o := s.objects.NewEncodedObject()
			if err := tree.Encode(o); err != nil {
				t.Fatal(err)
			}
			hash, err := s.objects.SetEncodedObject(o)
			if err != nil {
				t.Fatal(err)
			}
			return hash
		}
		blob, err := s.add(plumbing.BlobObject, []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		at := of(filemode.Regular, blob, len(leaf))
		for range 3 {
			at = of(filemode.Dir, at, 100)
		}
		root, err := object.GetTree(s.objects, at)
		if err != nil {
			t.Fatal(err)
		}
		files, err := s.files(root, "")
		t.Logf("security: a Git repository of 4 folders that stand for a million %s: %d files, %v", name, len(files), err)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
	}
}
