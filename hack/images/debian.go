package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bridgestack/operator/hack/internal/cache"
	"github.com/bridgestack/operator/hack/internal/subprocess"
)

// Debian is a small Debian system with some packages, taken from where this
// machine's apt takes its own.
type Debian struct {
	Suite    string
	Packages []string
	// Setup is a shell command that runs before the packages are installed,
	// Finish one after; "$1" is the system's root folder.
	Setup, Finish string
}

func (d Debian) prepare(ctx context.Context, m Maker) (preparedLayer, error) {
	key := cache.Key(append([]string{d.Suite, d.Setup, d.Finish, strings.Join(debianOptions, " ")}, d.Packages...)...)
	folder, err := m.Cache.Make(ctx, "debian", key, func(making string) error {
		return m.Printer.Step("install "+strings.Join(d.Packages, " ")+" into a Debian of its own", func() error {
			return d.bootstrap(ctx, making)
		})
	})
	if err != nil {
		return preparedLayer{}, err
	}
	return preparedLayer{
		key: key,
		open: func() (v1.Layer, error) {
			archive, err := os.ReadFile(filepath.Join(folder, "layer.tar"))
			if err != nil {
				return nil, err
			}
			return uncompressed(archive), nil
		},
		discard: func() {},
	}, nil
}

var debianOptions = []string{
	"--mode=root", "--variant=minbase",
	"--dpkgopt=force-unsafe-io",
	"--dpkgopt=path-exclude=/usr/share/doc/*",
	"--dpkgopt=path-exclude=/usr/share/man/*",
	"--dpkgopt=path-exclude=/usr/share/locale/*",
	`--aptopt=APT::Install-Recommends "false"`,
}

func (d Debian) bootstrap(ctx context.Context, folder string) error {
	sources, err := aptSources(ctx, d.Suite)
	if err != nil {
		return err
	}
	arguments := append([]string{}, debianOptions...)
	arguments = append(arguments, "--include="+strings.Join(d.Packages, ","))
	if d.Setup != "" {
		arguments = append(arguments, "--essential-hook="+d.Setup)
	}
	if d.Finish != "" {
		arguments = append(arguments, "--customize-hook="+d.Finish)
	}
	arguments = append(arguments, d.Suite, filepath.Join(folder, "layer.tar"), "-")
	command := exec.CommandContext(ctx, "mmdebstrap", arguments...)
	command.Stdin = strings.NewReader(sources)
	// Its working folder is in the one that is thrown away after a kill; its
	// mounts are in a namespace that ends with it; files get a fixed time.
	work := filepath.Join(folder, "work")
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	command.Env = append(os.Environ(), "TMPDIR="+work, "SOURCE_DATE_EPOCH=0")
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if err := subprocess.Run(command); err != nil {
		return fmt.Errorf("install Debian's %s: %w", strings.Join(d.Packages, " "), err)
	}
	return os.RemoveAll(work)
}

// aptSources are this machine's own sources of Debian packages, for another
// suite if it has another one.
func aptSources(ctx context.Context, suite string) (string, error) {
	list := func() (string, error) {
		command := exec.CommandContext(ctx, "apt-get", "indextargets",
			"--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages", "Origin: Debian")
		out, err := command.Output()
		return string(out), err
	}
	sources, err := list()
	if err == nil && strings.TrimSpace(sources) == "" {
		// apt knows the origins only after it has fetched its lists once.
		if err := subprocess.Run(exec.CommandContext(ctx, "apt-get", "update")); err != nil {
			return "", err
		}
		sources, err = list()
	}
	if err != nil {
		return "", fmt.Errorf("ask apt for its sources: %w", err)
	}
	if strings.TrimSpace(sources) == "" {
		return "", errors.New("apt has no source of Debian packages; add one to /etc/apt/sources.list.d")
	}
	return forSuite(sources, suite), nil
}

// forSuite turns lines for, say, trixie and trixie-security into those for
// bookworm and bookworm-security.
func forSuite(sources, suite string) string {
	var lines []string
	for line := range strings.Lines(sources) {
		fields := strings.Fields(line)
		if len(fields) != 4 {
			continue
		}
		_, part, parted := strings.Cut(fields[2], "-")
		fields[2] = suite
		if parted {
			fields[2] += "-" + part
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	return strings.Join(lines, "\n") + "\n"
}
