package images

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/progress"
)

func TestImagesHaveNames(t *testing.T) {
	names := map[string]bool{}
	for _, image := range append(System("/bin"), Workloads...) {
		if _, err := name.NewTag(image.Reference, name.StrictValidation); err != nil {
			t.Error(err)
		}
		if short := shortName(image.Reference); names[short] {
			t.Errorf("%s is there twice", short)
		} else {
			names[short] = true
		}
	}
}

func TestMakeFollowsTheContent(t *testing.T) {
	maker := Maker{Cache: cache.Folder(t.TempDir()), Printer: progress.NewPrinter(t.Output())}
	made := func(content string) (string, v1.Hash) {
		t.Helper()
		wanted := []Image{{Reference: "bridgestack.dev/test:dev", Layers: []Layer{File{Content: content, Path: "/test"}}}}
		paths, err := maker.MakeAll(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		image, err := tarball.ImageFromPath(paths[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return paths[0], digest
	}
	path, digest := made("one")
	if again, same := made("one"); again != path || same != digest {
		t.Error("the same content made another image")
	}
	longAgo := time.Now().Add(-2 * keptFor)
	if err := os.Chtimes(filepath.Dir(path), longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	if other, _ := made("two"); other == path {
		t.Error("other content made the same image")
	}
	left, err := filepath.Glob(maker.Cache.Path(kind, "test@*"))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v, %v, want only the newest", left, err)
	}
	if again, same := made("one"); again != path || same != digest {
		t.Error("making the first image again gave another one")
	}
}

func TestForSuite(t *testing.T) {
	got := forSuite("deb mirror trixie main\ndeb mirror trixie-updates main\n\n", "bookworm")
	if want := "deb mirror bookworm main\ndeb mirror bookworm-updates main\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNameOf(t *testing.T) {
	if got := NameOf("/cache/images/postgres@abc/postgres@abc.tar"); got != "postgres" {
		t.Errorf("got %q", got)
	}
}
