// Package cache keeps what takes long to make in a folder outside the checkout,
// so that a fresh clone doesn't make it again.
package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// halfMade is the prefix of what is being made, or was when its maker was killed.
const halfMade = ".making-"

// Folder is the cache's place on disk.
type Folder string

// Open finds the cache folder, $BRIDGESTACK_CACHE or else bridgestack in the
// user's cache folder, and makes it where it is missing.
func Open() (Folder, error) {
	path := os.Getenv("BRIDGESTACK_CACHE")
	if path == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a cache folder: %w; set BRIDGESTACK_CACHE to one", err)
		}
		path = filepath.Join(base, "bridgestack")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w; set BRIDGESTACK_CACHE to a folder that can be written", err)
	}
	return Folder(path), nil
}

// Path is the path of something in the cache.
func (f Folder) Path(elements ...string) string {
	return filepath.Join(append([]string{string(f)}, elements...)...)
}

// Make returns the folder of the given kind and key. Where it isn't there yet,
// it lets fill fill a temporary folder, which then gets its name in one step:
// a killed maker leaves nothing behind that looks finished. Only one process
// makes things of a kind at a time.
func (f Folder) Make(ctx context.Context, kind, key string, fill func(folder string) error) (string, error) {
	finished := f.Path(kind, key)
	if exists(finished) {
		return finished, nil
	}
	unlock, err := f.Lock(ctx, kind)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(finished) {
		return finished, nil
	}
	if err := f.removeHalfMade(kind); err != nil {
		return "", err
	}
	making, err := os.MkdirTemp(f.Path(kind), halfMade)
	if err != nil {
		return "", fmt.Errorf("make a folder in the cache: %w", err)
	}
	defer func() { _ = os.RemoveAll(making) }()
	if err := os.Chmod(making, 0o755); err != nil {
		return "", fmt.Errorf("make a folder in the cache: %w", err)
	}
	if err := fill(making); err != nil {
		return "", err
	}
	if err := os.Rename(making, finished); err != nil {
		return "", fmt.Errorf("put what was made into the cache: %w", err)
	}
	return finished, nil
}

// Lock keeps other processes from what is called name until unlock is called or
// this process ends, however it ends.
func (f Folder) Lock(ctx context.Context, name string) (unlock func(), err error) {
	if err := os.MkdirAll(f.Path(name), 0o755); err != nil {
		return nil, fmt.Errorf("make a folder in the cache: %w", err)
	}
	path := f.Path(name, ".lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open a lock: %w", err)
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("wait for another process that holds %s: %w", path, ctx.Err()), file.Close())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (f Folder) removeHalfMade(kind string) error {
	left, err := filepath.Glob(f.Path(kind, halfMade+"*"))
	if err != nil {
		return fmt.Errorf("look for what a killed build left: %w", err)
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove what a killed build left: %w", err)
		}
	}
	return nil
}

// Key is a short hash of everything that decides what a thing becomes.
func Key(ingredients ...string) string {
	hash := sha256.New()
	for _, ingredient := range ingredients {
		fmt.Fprintf(hash, "%d:%s", len(ingredient), ingredient)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16]
}

// SourceKey is the key of the Go files and module files below a folder.
func SourceKey(folder string) (string, error) {
	var ingredients []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !isSource(entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		ingredients = append(ingredients, relative, string(content))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the sources in %s: %w", folder, err)
	}
	return Key(ingredients...), nil
}

func isSource(name string) bool {
	if strings.HasSuffix(name, "_test.go") {
		return false
	}
	return strings.HasSuffix(name, ".go") || name == "go.mod" || name == "go.sum"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
