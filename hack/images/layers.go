package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// Layer is something that an image is made from.
type Layer interface {
	// prepare does what it takes to know the key of the layer's content.
	prepare(ctx context.Context, m Maker) (preparedLayer, error)
}

type preparedLayer struct {
	key     string
	open    func() (v1.Layer, error)
	discard func()
}

// GoProgram is a static program, compiled each time: Go's cache makes that quick
// and knows best whether anything has changed.
type GoProgram struct {
	// Module is the module's folder, relative to hack.
	Module  string
	Package string
	// Path is the program's place in the image.
	Path string
}

func (p GoProgram) prepare(ctx context.Context, m Maker) (preparedLayer, error) {
	folder, err := os.MkdirTemp("", "bridgestack-build-")
	if err != nil {
		return preparedLayer{}, err
	}
	discard := func() { _ = os.RemoveAll(folder) }
	binary := filepath.Join(folder, "program")
	if err := p.compile(ctx, m, binary); err != nil {
		discard()
		return preparedLayer{}, err
	}
	prepared, err := HostFile{Source: binary, Path: p.Path}.prepare(ctx, m)
	if err != nil {
		discard()
		return preparedLayer{}, err
	}
	prepared.discard = discard
	return prepared, nil
}

func (p GoProgram) compile(ctx context.Context, m Maker, binary string) error {
	return m.Printer.Step("compile "+filepath.Base(p.Path), func() error {
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, p.Package)
		build.Dir = filepath.Join(m.Sources, p.Module)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		return subprocess.Run(build)
	})
}

// HostFile is an executable file of this machine.
type HostFile struct {
	Source string
	Path   string
}

func (f HostFile) prepare(context.Context, Maker) (preparedLayer, error) {
	file, err := os.Open(f.Source)
	if err != nil {
		return preparedLayer{}, err
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return preparedLayer{}, fmt.Errorf("read %s: %w", f.Source, err)
	}
	return preparedLayer{
		key: cache.Key(f.Path, hex.EncodeToString(hash.Sum(nil))),
		open: func() (v1.Layer, error) {
			content, err := os.ReadFile(f.Source)
			if err != nil {
				return nil, err
			}
			return executable(f.Path, content)
		},
		discard: func() {},
	}, nil
}

// File is an executable file of these sources.
type File struct {
	Content string
	Path    string
}

func (f File) prepare(context.Context, Maker) (preparedLayer, error) {
	return preparedLayer{
		key:     cache.Key(f.Path, f.Content),
		open:    func() (v1.Layer, error) { return executable(f.Path, []byte(f.Content)) },
		discard: func() {},
	}, nil
}

// executable is a layer with one file. It has no times, so that the same content
// is the same layer.
func executable(path string, content []byte) (v1.Layer, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	header := &tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(content)), Typeflag: tar.TypeReg}
	if err := writer.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return uncompressed(archive.Bytes()), nil
}

// uncompressed, since the images only go from this machine to this machine.
func uncompressed(archive []byte) v1.Layer {
	return static.NewLayer(archive, types.DockerUncompressedLayer)
}
