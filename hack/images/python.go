package images

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// pythonVersion is that of Debian's python3 in the image of Python services.
const pythonVersion = "3.11"

// PythonPackages are what a requirements file lists, with all that they need and
// the hashes of their wheels, for the image's Python and not for this machine's.
type PythonPackages struct {
	// Requirements is the file, relative to hack.
	Requirements string
	// Path is the folder in the image.
	Path string
}

func (p PythonPackages) prepare(ctx context.Context, m Maker) (preparedLayer, error) {
	file := filepath.Join(m.Sources, p.Requirements)
	requirements, err := os.ReadFile(file)
	if err != nil {
		return preparedLayer{}, err
	}
	key := cache.Key(string(requirements), pythonVersion, runtime.GOARCH, p.Path)
	folder, err := m.Cache.Make(ctx, "python", key, func(making string) error {
		return m.Printer.Step("install the packages of "+filepath.Base(filepath.Dir(file))+" for Python "+pythonVersion, func() error {
			return pipInstall(ctx, file, making)
		})
	})
	if err != nil {
		return preparedLayer{}, err
	}
	return preparedLayer{
		key:     key,
		open:    func() (v1.Layer, error) { return tree(folder, p.Path, func(string) bool { return true }) },
		discard: func() {},
	}, nil
}

// machines are the names that wheels have for Go's architectures.
var machines = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}

// pipInstall takes wheels only, as nothing here could compile for the image.
func pipInstall(ctx context.Context, requirements, folder string) error {
	machine, known := machines[runtime.GOARCH]
	if !known {
		return fmt.Errorf("there are no wheels for %s", runtime.GOARCH)
	}
	pip := exec.CommandContext(ctx, "pip3", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--no-compile",
		"--target", folder, "--requirement", requirements, "--require-hashes", "--no-deps", "--only-binary=:all:",
		"--python-version", pythonVersion, "--implementation", "cp", "--abi", "cp"+strings.ReplaceAll(pythonVersion, ".", ""),
		"--platform", "manylinux_2_28_"+machine, "--platform", "manylinux_2_17_"+machine, "--platform", "manylinux2014_"+machine)
	if err := subprocess.Run(pip); err != nil {
		return fmt.Errorf("install the packages of %s: %w", requirements, err)
	}
	// Bytecode, without which each start would compile it all again. That of another
	// Python than the image's would be left unread.
	compile := exec.CommandContext(ctx, "python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", folder)
	if err := subprocess.Run(compile); err != nil {
		return fmt.Errorf("compile the packages of %s: %w", requirements, err)
	}
	return nil
}

// Sources are the files of a folder of these sources, without what running them
// left there.
type Sources struct {
	// Folder is relative to hack.
	Folder string
	// Path is the folder in the image.
	Path string
}

func (s Sources) prepare(_ context.Context, m Maker) (preparedLayer, error) {
	layer, err := tree(filepath.Join(m.Sources, s.Folder), s.Path, func(path string) bool {
		return filepath.Ext(path) == ".py" || filepath.Ext(path) == ".ini"
	})
	if err != nil {
		return preparedLayer{}, err
	}
	digest, err := layer.Digest()
	if err != nil {
		return preparedLayer{}, err
	}
	return preparedLayer{
		key:     cache.Key(digest.String()),
		open:    func() (v1.Layer, error) { return layer, nil },
		discard: func() {},
	}, nil
}

// tree is a layer with those files of a folder that are wanted. It has no times,
// so that the same files are the same layer.
func tree(folder, path string, wanted func(path string) bool) (v1.Layer, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !wanted(file) {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		header := &tar.Header{Name: strings.TrimPrefix(filepath.Join(path, name), "/"), Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", folder, err)
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return uncompressed(archive.Bytes()), nil
}
