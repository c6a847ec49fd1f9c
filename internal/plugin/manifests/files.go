package manifests

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

const (
	// mostOfMap is how much of files goes into one ConfigMap, as JSON has it: kubectl
	// keeps what it applied in an annotation, of 256 KiB at most.
	mostOfMap = 200 << 10
	// mostOfFiles is how much is read of a file, or of a directory: more than a
	// ConfigMap holds, whose limit is 1 MiB, is for an image or a volume.
	mostOfFiles = 1 << 20
	// mostFiles of one directory.
	mostFiles = 256
)

type sourceKind int

const (
	isAbsent sourceKind = iota
	isFile
	isDirectory // of files that can be kept, some or none
	isLarge     // a file or a directory of too much
	isOther     // a socket, a device, a link that leads out of the project
)

// file is one that is read.
type file struct {
	content    []byte
	executable bool
}

// source is what a mount, config or secret refers to.
type source struct {
	kind sourceKind
	// files by their path in the directory; of a file itself, under its name.
	files map[string]file
	// size of a file.
	size int64
	// isDir says so of what is too large, too.
	isDir bool
}

// look at a file or directory by its absolute path. What is outside of the root
// is the machine's own and is not looked at.
func (b *builder) look(absolute string) source {
	name := strings.TrimPrefix(absolute, "/")
	if b.Files == nil || !fs.ValidPath(name) || !b.isInside(absolute) {
		return source{}
	}
	info, err := fs.Stat(b.Files, name)
	if err != nil {
		if b.isLink(name) {
			return source{kind: isOther}
		}
		return source{}
	}
	if info.IsDir() {
		s := source{kind: isDirectory, files: map[string]file{}, isDir: true}
		if !b.readTree(name, "", &s) {
			s.kind = isLarge
		}
		return s
	}
	return b.lookAtFile(name, info)
}

func (b *builder) lookAtFile(name string, info fs.FileInfo) source {
	switch {
	case !info.Mode().IsRegular():
		return source{kind: isOther}
	case info.Size() > mostOfFiles:
		return source{kind: isLarge, size: info.Size()}
	}
	content, err := fs.ReadFile(b.Files, name)
	if err != nil {
		return source{kind: isOther}
	}
	return source{kind: isFile, files: map[string]file{path.Base(name): {content, info.Mode()&0o111 != 0}}, size: info.Size()}
}

// isLink says that something is there, though it does not lead into the root.
func (b *builder) isLink(name string) bool {
	_, err := fs.Lstat(b.Files, name)
	return err == nil
}

func (b *builder) isInside(absolute string) bool {
	root := cmp.Or(b.Root, b.Project.Model.WorkingDir)
	return root != "" && (absolute == root || strings.HasPrefix(absolute, strings.TrimSuffix(root, "/")+"/"))
}

// neverMounted are what an editor or Git keeps beside what is meant.
var neverMounted = []string{".git", ".gitkeep", ".keep", ".gitignore", ".DS_Store", ".dockerignore"}

// readTree reads the files of a directory and of those in it, false where they are
// too many, too large, or not readable.
func (b *builder) readTree(directory, below string, s *source) bool {
	entries, err := fs.ReadDir(b.Files, directory)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if slices.Contains(neverMounted, e.Name()) {
			continue
		}
		name, relative := path.Join(directory, e.Name()), path.Join(below, e.Name())
		info, err := fs.Stat(b.Files, name)
		switch {
		case err != nil:
			return false // it leads out of the project
		case info.IsDir():
			if strings.Count(relative, "/") > 16 || !b.readTree(name, relative, s) {
				return false
			}
			continue
		case !b.readInto(s, name, relative, info):
			return false
		}
	}
	return true
}

// readInto a source one more file, false where it is none or too much.
func (b *builder) readInto(s *source, name, relative string, info fs.FileInfo) bool {
	if s.size += info.Size(); !info.Mode().IsRegular() || s.size > mostOfFiles || len(s.files) >= mostFiles {
		return false
	}
	content, err := fs.ReadFile(b.Files, name)
	if err != nil {
		return false
	}
	s.files[relative] = file{content, info.Mode()&0o111 != 0}
	return true
}

// mountFile mounts one file in the place of another, as compose does.
func (u *unit) mountFile(name string, f file, target string) {
	key := keyOf(name)
	volume, ok := u.keep(name, map[string]file{name: f}, target)
	if ok {
		u.attach("file-"+name, volume, corev1.VolumeMount{MountPath: target, SubPath: key, ReadOnly: true})
	}
}

func (u *unit) mountFiles(name string, files map[string]file, target string) {
	if volume, ok := u.keep(name, files, target); ok {
		u.attach("files-"+name, volume, corev1.VolumeMount{MountPath: target, ReadOnly: true})
	}
}

// entry is a file on its way into a ConfigMap or the Secret.
type entry struct {
	key, path string
	content   []byte
	size      int
}

// keep makes ConfigMaps of files, and keys of the Secret of those that may be
// secret; false where nothing is left.
func (u *unit) keep(name string, files map[string]file, target string) (corev1.VolumeSource, bool) {
	var open []entry
	secret := &corev1.SecretProjection{}
	secret.Name = u.secretName()
	taken := map[string]bool{}
	for _, p := range sortedKeys(files) {
		e := entry{path: p, content: u.renamedFile(p, files[p].content)}
		if why := secretFile(path.Join(name, p), e.content); why != "" {
			stored := u.secrets.put(strings.ReplaceAll(p, "/", "_"), secretValue{value: string(e.content), open: why == byForm, from: "the file " + p})
			u.note(u.Name, "volumes", fmt.Sprintf("%s %s: it goes into the Secret", p, why))
			secret.Items = append(secret.Items, corev1.KeyToPath{Key: stored, Path: p})
			continue
		}
		if e.size = sizeInJSON(e.content); e.size > mostOfMap {
			u.tooLarge(name, p, len(files) == 1, target)
			if len(files) > 1 {
				continue
			}
			e.content = nil
		}
		e.key = unused(keyOf(strings.ReplaceAll(p, "/", "_")), taken)
		open = append(open, e)
	}
	return u.volumeOf(name, open, secret, files)
}

func (u *unit) tooLarge(name, p string, alone bool, target string) {
	if alone {
		u.note(u.Name, "volumes", fmt.Sprintf("%s is too large for kubectl apply; make its ConfigMap by `kubectl create configmap %s --from-file=%s`, or put it into the image", p, u.mapName(name), p))
		return
	}
	u.note(u.Name, "volumes", fmt.Sprintf("%s is too large for a ConfigMap and is not in %s: put it into the image", p, target))
}

func (u *unit) mapName(name string) string {
	return cmp.Or(u.mapOwner, u.name) + "-" + dnsName(name, 40)
}

func sizeInJSON(content []byte) int {
	encoded, err := json.Marshal(string(content))
	if err != nil || !utf8.Valid(content) {
		return len(content)*4/3 + 4 // as base64
	}
	return len(encoded)
}

// volumeOf entries: a ConfigMap, the Secret, or both of them and several
// ConfigMaps where one does not hold all.
func (u *unit) volumeOf(name string, open []entry, secret *corev1.SecretProjection, files map[string]file) (corev1.VolumeSource, bool) {
	var sources []corev1.VolumeProjection
	for len(open) > 0 {
		n, size := 0, 0
		for n < len(open) && (n == 0 || size+open[n].size <= mostOfMap) {
			size += open[n].size
			n++
		}
		sources = append(sources, corev1.VolumeProjection{ConfigMap: u.configMap(name, open[:n])})
		open = open[n:]
	}
	if len(secret.Items) > 0 {
		sources = append(sources, corev1.VolumeProjection{Secret: secret})
	}
	mode := modeOf(files)
	switch {
	case len(sources) == 0:
		return corev1.VolumeSource{}, false
	case len(sources) > 1:
		return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources, DefaultMode: mode}}, true
	case sources[0].Secret != nil:
		return corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret.Name, Items: secret.Items, DefaultMode: mode}}, true
	}
	m := sources[0].ConfigMap
	return corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: m.LocalObjectReference, Items: m.Items, DefaultMode: mode}}, true
}

// configMap of entries, with items where their keys are not their paths.
func (u *unit) configMap(name string, entries []entry) *corev1.ConfigMapProjection {
	o := &corev1.ConfigMap{ObjectMeta: u.meta(u.mapName(name))}
	o.Kind, o.APIVersion = "ConfigMap", "v1"
	out := &corev1.ConfigMapProjection{}
	for _, e := range entries {
		switch {
		case e.content == nil:
			o.Data = nil
		case utf8.Valid(e.content):
			o.Data = with(o.Data, e.key, string(e.content))
		default:
			o.BinaryData = with(o.BinaryData, e.key, e.content)
		}
		if e.key != e.path {
			out.Items = append(out.Items, corev1.KeyToPath{Key: e.key, Path: e.path})
		}
	}
	if len(out.Items) > 0 {
		out.Items = nil // either all of them, or none
		for _, e := range entries {
			out.Items = append(out.Items, corev1.KeyToPath{Key: e.key, Path: e.path})
		}
	}
	if len(o.Data)+len(o.BinaryData) == 0 && entries[0].content == nil {
		out.Name = o.Name // its owner makes it
		return out
	}
	if same, found := u.sameMap(o); found {
		out.Name = same
		return out
	}
	o.Name = u.distinct(o.Name)
	out.Name = o.Name
	u.builder.maps = append(u.builder.maps, Document{Object: o})
	return out
}

// sameMap is a ConfigMap of this service, or of all that mount the same, that has the
// same content already.
func (u *unit) sameMap(o *corev1.ConfigMap) (string, bool) {
	for _, d := range u.maps {
		other := d.Object.(*corev1.ConfigMap)
		if strings.HasPrefix(other.Name, o.Name) && mapsEqual(other, o) {
			return other.Name, true
		}
	}
	return "", false
}

func mapsEqual(a, b *corev1.ConfigMap) bool {
	if len(a.Data) != len(b.Data) || len(a.BinaryData) != len(b.BinaryData) {
		return false
	}
	for key, value := range b.Data {
		if a.Data[key] != value {
			return false
		}
	}
	for key, value := range b.BinaryData {
		if string(a.BinaryData[key]) != string(value) {
			return false
		}
	}
	return true
}

// distinct tells ConfigMaps of two files of one name apart.
func (u *unit) distinct(name string) string {
	taken := map[string]bool{}
	for _, d := range u.maps {
		taken[d.Object.(*corev1.ConfigMap).Name] = true
	}
	return unused(name, taken)
}

// modeOf files lets those be run that are scripts or programs.
func modeOf(files map[string]file) *int32 {
	for _, f := range files {
		if f.executable || strings.HasPrefix(string(f.content), "#!") {
			mode := int32(0o755)
			return &mode
		}
	}
	return nil
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

const (
	byForm = "has a secret spelled out in it"
	byName = "may be a secret by its name"
	byKey  = "has a private key in it"
)

var (
	secretFileName = regexp.MustCompile(`(?i)^(?:\.env(?:\..*)?|.*\.(?:key|p12|pfx|jks|keystore|kdbx|ovpn)|id_(?:rsa|dsa|ecdsa|ed25519)|\.?htpasswd|\.pgpass|\.netrc|\.npmrc|\.git-credentials|credentials(?:\.\w+)?)$`)
	secretPlace    = regexp.MustCompile(`(?i)(?:^|/)\.?secrets?/`)
	exampleName    = regexp.MustCompile(`(?i)\b(?:example|sample|template|dist)\b|\.pub$`)
	privateKey     = regexp.MustCompile(`-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----`)
)

// secretFile says why a file is one that may be secret, empty where it is not.
func secretFile(name string, content []byte) string {
	switch base := path.Base(name); {
	case privateKey.Match(content):
		return byKey
	case (secretFileName.MatchString(base) || secretPlace.MatchString(name)) && !exampleName.MatchString(base):
		return byName
	case utf8.Valid(content) && isTelling(string(content)):
		return byForm
	}
	return ""
}

// reference to a variable, which the program that reads the file puts in: no secret. One
// with a default may be.
var reference = regexp.MustCompile(`\$\{\w+(?::?[-?])?\}|\$\w+|\{\{[^{}\n]*\}\}|%\(\w+\)s|\bENV\[["']\w+["']\]`)

// isTelling says that a secret is spelled out in a text.
func isTelling(text string) bool {
	text = reference.ReplaceAllString(text, evidence.Redacted) // which is redacted to itself
	return redact.New().Text(text) != text
}

// mountConfigs mounts compose's configs.
func (u *unit) mountConfigs(config types.ServiceConfig) {
	for _, c := range config.Configs {
		declared := u.Project.Model.Configs[c.Source]
		target := c.Target
		if target == "" {
			target = "/" + c.Source
		}
		switch {
		case bool(declared.External):
			name := dnsName(declared.Name, 63)
			u.noteAt([]string{"configs", c.Source}, fmt.Sprintf("a ConfigMap %s with the key %s must exist", name, keyOf(c.Source)))
			source := &corev1.ConfigMapVolumeSource{}
			source.Name = name
			u.attach("config-"+c.Source, corev1.VolumeSource{ConfigMap: source}, corev1.VolumeMount{MountPath: target, SubPath: keyOf(c.Source), ReadOnly: true})
		case declared.File != "":
			found := u.look(declared.File)
			if found.kind != isFile {
				u.noteAt([]string{"configs", c.Source}, "its file "+u.unreadable(found)+": it is not mounted")
				continue
			}
			u.mountFile(c.Source, found.files[path.Base(declared.File)], target)
		default:
			u.mountContent(c.Source, declared, target)
		}
	}
}

// unreadable says why a source is no file.
func (u *unit) unreadable(s source) string {
	switch s.kind {
	case isDirectory:
		return "is a directory"
	case isLarge:
		return "is too large"
	case isOther:
		return "is no regular file of the project"
	default:
		return "is not there"
	}
}

// mountContent mounts a config that is written in the compose file, or is a
// variable's value.
func (u *unit) mountContent(name string, declared types.ConfigObjConfig, target string) {
	parts, _ := u.partsAt("configs", name, "content")
	content := declared.Content
	if declared.Environment != "" {
		parts = []compose.Part{{Text: u.Environment[declared.Environment], Variables: []string{declared.Environment}}}
		content = parts[0].Text
	}
	if !slices.ContainsFunc(parts, u.isSecret) {
		u.mountFile(name, file{content: []byte(content)}, target)
		return
	}
	key := u.secrets.put(name, secretValue{value: content, open: defaultOf(parts) == content, from: "the environment, as " + strings.Join(variablesIn(parts), ", ")})
	volume := &corev1.SecretVolumeSource{SecretName: u.secretName(), Items: []corev1.KeyToPath{{Key: key, Path: keyOf(name)}}}
	u.attach("file-"+name, corev1.VolumeSource{Secret: volume}, corev1.VolumeMount{MountPath: target, SubPath: keyOf(name), ReadOnly: true})
}

// mountSecrets mounts compose's secrets.
func (u *unit) mountSecrets(config types.ServiceConfig) {
	for _, s := range config.Secrets {
		declared := u.Project.Model.Secrets[s.Source]
		target := s.Target
		switch {
		case target == "":
			target = "/run/secrets/" + s.Source
		case !path.IsAbs(target):
			target = "/run/secrets/" + target
		}
		source := &corev1.SecretVolumeSource{SecretName: u.secretName(), DefaultMode: mode(s.Mode)}
		key := keyOf(s.Source)
		if bool(declared.External) {
			source.SecretName = dnsName(declared.Name, 63)
			u.noteAt([]string{"secrets", s.Source}, fmt.Sprintf("a Secret %s with the key %s must exist", source.SecretName, key))
		} else {
			key = u.secrets.put(s.Source, u.secretFile(declared))
			source.Items = []corev1.KeyToPath{{Key: key, Path: key}}
		}
		u.attach("secret-"+s.Source, corev1.VolumeSource{Secret: source}, corev1.VolumeMount{MountPath: target, SubPath: key, ReadOnly: true})
	}
}

func (u *unit) secretFile(declared types.SecretConfig) secretValue {
	if declared.Environment != "" {
		return secretValue{value: u.Environment[declared.Environment], from: "the environment, as " + declared.Environment}
	}
	v := secretValue{from: "the file " + strings.TrimPrefix(declared.File, u.Project.Model.WorkingDir+"/")}
	if found := u.look(declared.File); found.kind == isFile {
		v.value = string(found.files[path.Base(declared.File)].content)
	}
	return v
}

func mode(m *types.FileMode) *int32 {
	if m == nil {
		return nil
	}
	out := int32(*m) & 0o777
	return &out
}
