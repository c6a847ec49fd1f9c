package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestKeyTellsIngredientsApart(t *testing.T) {
	if Key("ab", "c") == Key("a", "bc") {
		t.Error("the border between ingredients is lost")
	}
	if again := Key("a", "b"); again != Key("a", "b") {
		t.Error("the same ingredients have different keys")
	}
}

func TestSourceKeyFollowsTheSources(t *testing.T) {
	folder := t.TempDir()
	key := func() string {
		t.Helper()
		key, err := SourceKey(folder)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	write(t, filepath.Join(folder, "main.go"), "package main")
	first := key()
	write(t, filepath.Join(folder, "main_test.go"), "package main")
	write(t, filepath.Join(folder, "README.md"), "text")
	if key() != first {
		t.Error("a file that isn't built changed the key")
	}
	write(t, filepath.Join(folder, "go.sum"), "sums")
	if key() == first {
		t.Error("another go.sum didn't change the key")
	}
}

func TestMakeFillsOnce(t *testing.T) {
	folder, filled := Folder(t.TempDir()), 0
	for range 2 {
		path, err := folder.Make(t.Context(), "things", "key", func(making string) error {
			filled++
			return os.WriteFile(filepath.Join(making, "thing"), nil, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
		if !exists(filepath.Join(path, "thing")) {
			t.Error("the thing isn't there")
		}
	}
	if filled != 1 {
		t.Errorf("filled %d times, want once", filled)
	}
}

func TestMakeLeavesNothingHalfMade(t *testing.T) {
	folder := Folder(t.TempDir())
	killed := folder.Path("things", halfMade+"by-a-killed-build")
	if err := os.MkdirAll(killed, 0o755); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no")
	_, err := folder.Make(t.Context(), "things", "key", func(string) error { return failure })
	if !errors.Is(err, failure) {
		t.Fatalf("got %v, want the failure", err)
	}
	if exists(folder.Path("things", "key")) || exists(killed) {
		t.Error("something half-made is left")
	}
}

func TestLockWaits(t *testing.T) {
	folder := Folder(t.TempDir())
	unlock, err := folder.Lock(t.Context(), "things")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := folder.Lock(short, "things"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v while locked, want the deadline's error", err)
	}
	unlock()
	unlock, err = folder.Lock(t.Context(), "things")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
