package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/progress"
)

const (
	kind    = "images"
	keptFor = time.Hour
)

// Maker makes images into the cache.
type Maker struct {
	Cache cache.Folder
	// Sources is the folder hack of the checkout.
	Sources string
	Printer *progress.Printer
}

// MakeAll makes the images and returns their tarballs. One that fails doesn't
// hold up the others.
func (m Maker) MakeAll(ctx context.Context, wanted []Image) ([]string, error) {
	var tarballs []string
	var failed []error
	for _, image := range wanted {
		tarball, err := m.make(ctx, image)
		if err != nil {
			failed = append(failed, fmt.Errorf("make the image %s: %w", image.Reference, err))
			continue
		}
		tarballs = append(tarballs, tarball)
	}
	return tarballs, errors.Join(failed...)
}

// make returns the tarball of an image. Its name is that of the image and a key
// of what it is made from, so that an unchanged image is neither made nor loaded
// again.
func (m Maker) make(ctx context.Context, image Image) (string, error) {
	config, err := json.Marshal(image.Config)
	if err != nil {
		return "", err
	}
	ingredients := []string{image.Reference, string(config), runtime.GOARCH}
	var layers []preparedLayer
	for _, layer := range image.Layers {
		prepared, err := layer.prepare(ctx, m)
		if err != nil {
			return "", err
		}
		defer prepared.discard()
		layers = append(layers, prepared)
		ingredients = append(ingredients, prepared.key)
	}
	file := shortName(image.Reference) + "@" + cache.Key(ingredients...) + ".tar"
	folder, err := m.Cache.Make(ctx, kind, strings.TrimSuffix(file, ".tar"), func(making string) error {
		if err := m.removeOlder(image.Reference); err != nil {
			return err
		}
		return m.write(filepath.Join(making, file), image, layers)
	})
	return filepath.Join(folder, file), err
}

func (m Maker) write(path string, image Image, layers []preparedLayer) error {
	return m.Printer.Step("make the image "+image.Reference, func() error {
		tag, err := name.NewTag(image.Reference)
		if err != nil {
			return err
		}
		made, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
			OS: "linux", Architecture: runtime.GOARCH, Config: image.Config,
			RootFS: v1.RootFS{Type: "layers"},
		})
		if err != nil {
			return err
		}
		for _, layer := range layers {
			content, err := layer.open()
			if err != nil {
				return err
			}
			if made, err = mutate.AppendLayers(made, content); err != nil {
				return err
			}
		}
		return tarball.WriteToFile(path, tag, made)
	})
}

// removeOlder keeps the cache from growing with each change of a program. It
// leaves what another process may be about to load.
func (m Maker) removeOlder(reference string) error {
	older, err := filepath.Glob(m.Cache.Path(kind, shortName(reference)+"@*"))
	if err != nil {
		return err
	}
	for _, folder := range older {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < keptFor {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return nil
}

// NameOf is the part of a tarball's file name that says which image it is.
func NameOf(tarball string) string {
	before, _, _ := strings.Cut(filepath.Base(tarball), "@")
	return before
}

// shortName of bridgestack.dev/debian/redis:7 is debian-redis.
func shortName(reference string) string {
	_, path, _ := strings.Cut(reference, "/")
	path, _, _ = strings.Cut(path, ":")
	return strings.ReplaceAll(path, "/", "-")
}
