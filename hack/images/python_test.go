package images

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What running the services on this machine leaves beside them is no part of the image.
func TestSourcesAreWhatIsWritten(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"service/main.py", "service/__pycache__/main.cpython-311.pyc", "alembic.ini", "compose.yaml"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	prepared, err := Sources{Folder: filepath.Base(folder), Path: "/srv"}.prepare(t.Context(), Maker{Sources: filepath.Dir(folder)})
	if err != nil {
		t.Fatal(err)
	}
	layer, err := prepared.open()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if got := strings.Join(names, " "); got != "srv/alembic.ini srv/service/main.py" {
		t.Errorf("the layer has %s", got)
	}
}

// pip refuses a package without a hash; better here than while a cluster starts.
func TestRequirementsArePinned(t *testing.T) {
	file, err := os.Open("../../test/services/requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	pinned := regexp.MustCompile(`^[a-z0-9-]+==[0-9.]+ \\$|^    --hash=sha256:[0-9a-f]{64}(?: \\)?$|^#`)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if !pinned.MatchString(lines.Text()) {
			t.Errorf("neither a version with a hash behind it nor a hash: %s", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}
