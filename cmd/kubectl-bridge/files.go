package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// mostOfInput bounds each file that a project names.
const mostOfInput = 1 << 20

// projectRoot is a directory that a project's files are read from, and nothing
// else: wherever links lead, and whatever a compose file names.
type projectRoot struct {
	path string
	*os.Root
}

// openRoot opens the directory that is named, else that of the repository which a
// project's directory is in, else the directory itself.
func openRoot(named, directory string) (*projectRoot, error) {
	path := directory
	if named != "" {
		absolute, err := filepath.Abs(named)
		if err != nil {
			return nil, fmt.Errorf("finding --root: %w", err)
		}
		path = absolute
	} else if repository, found := repositoryOf(directory); found {
		path = repository
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, badInput{fmt.Errorf("opening the directory that files are read from: %w", err)}
	}
	return &projectRoot{path, root}, nil
}

// repositoryOf is the nearest directory above that has .git.
func repositoryOf(directory string) (string, bool) {
	for {
		if isThere(filepath.Join(directory, ".git")) {
			return directory, true
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", false
		}
		directory = parent
	}
}

// read is compose.Reader: a regular file within the root, of no more than is
// reasonable.
func (r *projectRoot) read(path string) ([]byte, error) {
	relative, err := r.relative(path)
	if err != nil {
		return nil, err
	}
	f, err := r.OpenFile(relative, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO would block
	if err != nil {
		return nil, r.explain(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no regular file")
	case info.Size() > mostOfInput:
		return nil, fmt.Errorf("it has more than %d KiB", mostOfInput>>10)
	}
	content, err := io.ReadAll(io.LimitReader(f, mostOfInput+1))
	if len(content) > mostOfInput {
		return nil, fmt.Errorf("it has more than %d KiB", mostOfInput>>10)
	}
	return content, err
}

func (r *projectRoot) relative(path string) (string, error) {
	relative, err := filepath.Rel(r.path, path)
	if err != nil || relative == ".." || strings.HasPrefix(relative, "../") {
		return "", fmt.Errorf("it is outside of %s, and what is there is not read; --root names another directory", r.path)
	}
	return relative, nil
}

// explain says of a link what os.Root says in fewer words.
func (r *projectRoot) explain(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	if strings.Contains(err.Error(), "escapes from parent") {
		return fmt.Errorf("a link leads out of %s, and what is there is not read", r.path)
	}
	return err
}

// look says what is at a path. What is outside is not looked at, and taken to be
// there.
func (r *projectRoot) look(path string) (exists, isDirectory bool) {
	relative, err := r.relative(path)
	if err != nil {
		return true, false
	}
	info, err := r.Stat(relative)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist), false
	}
	return true, info.IsDir()
}

// files are those of the root by their absolute paths without the first slash.
func (r *projectRoot) files() fs.FS { return rooted{r} }

type rooted struct{ root *projectRoot }

// Open opens a file of the root.
func (f rooted) Open(name string) (fs.File, error) {
	relative, err := f.root.relative("/" + name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return f.root.FS().Open(relative)
}

// Stat does not open what it looks at, which may be a FIFO.
func (f rooted) Stat(name string) (fs.FileInfo, error) {
	relative, err := f.root.relative("/" + name)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return f.root.Stat(relative)
}

// ReadLink and Lstat make it a file system that knows links.
func (f rooted) ReadLink(name string) (string, error) {
	relative, err := f.root.relative("/" + name)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
	}
	return f.root.Readlink(relative)
}

// Lstat looks at a link itself.
func (f rooted) Lstat(name string) (fs.FileInfo, error) {
	relative, err := f.root.relative("/" + name)
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return f.root.Lstat(relative)
}

// readInput reads a file that its user names, within the limits.
func readInput(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil && info.Mode().IsRegular() && info.Size() > mostOfInput {
		return nil, fmt.Errorf("%s has more than %d KiB, which no compose file has", name, mostOfInput>>10)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, mostOfInput+1))
	if err == nil && len(content) > mostOfInput {
		err = fmt.Errorf("%s has more than %d KiB, which no compose file has", name, mostOfInput>>10)
	}
	return content, err
}
