package classify

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// maxBundled is how much of one file of a bundle is read, in bytes.
const maxBundled = 16 << 20

// AddBundle takes in a directory: a support bundle of troubleshoot.sh, the
// output directory of kubectl cluster-info dump, or any with pods, events and
// logs in files.
func (g *Gathered) AddBundle(dir fs.FS) error {
	return fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return fmt.Errorf("looking at %s: %w", name, err)
		}
		if !info.Mode().IsRegular() || info.Size() > maxBundled || !isEvidence(name) {
			return nil
		}
		content, err := fs.ReadFile(dir, name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		return g.addBundled(name, content)
	})
}

// isEvidence tells files of pods, events and logs from the many others of a bundle.
func isEvidence(name string) bool {
	base := path.Base(name)
	if strings.HasSuffix(base, ".log") || base == "logs.txt" {
		return true
	}
	if !strings.HasSuffix(base, ".json") && !strings.HasSuffix(base, ".yaml") && !strings.HasSuffix(base, ".txt") {
		return false
	}
	return strings.Contains(name, "pods") || strings.Contains(name, "events") || strings.Contains(base, "describe") ||
		strings.Contains(base, "inspect") || strings.Contains(base, "compose")
}

// addBundled takes in a file. A log's path tells whose it is: .../POD/CONTAINER.log,
// .../POD/CONTAINER-previous.log.
func (g *Gathered) addBundled(name string, content []byte) error {
	base := path.Base(name)
	if !strings.HasSuffix(base, ".log") {
		if err := g.Add(content); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	container := strings.TrimSuffix(base, ".log")
	container, previous := strings.CutSuffix(container, "-previous")
	g.logs = append(g.logs, log{pod: path.Base(path.Dir(name)), container: container, previous: previous, text: string(content)})
	return nil
}
