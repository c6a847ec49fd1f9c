package manifests

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
)

// mostOfFile is how large a file may be that goes into a ConfigMap, whose limit
// is 1 MiB for all of it.
const mostOfFile = 512 << 10

// mostFiles of one directory.
const mostFiles = 32

type sourceKind int

const (
	isNothing sourceKind = iota
	isFile
	isFlat // a directory of small files
)

// look at what a bind mount or file refers to. Outside of the project is the
// machine's own.
func (b *builder) look(absolute string, inside bool) (content []byte, files map[string][]byte, kind sourceKind) {
	name := strings.TrimPrefix(absolute, "/")
	if b.Files == nil || !inside || !fs.ValidPath(name) {
		return nil, nil, isNothing
	}
	info, err := fs.Stat(b.Files, name)
	switch {
	case err != nil:
		return nil, nil, isNothing
	case info.IsDir():
		if files, ok := b.readAll(name); ok {
			return nil, files, isFlat
		}
	default:
		if content, ok := b.read(name, info); ok {
			return content, nil, isFile
		}
	}
	return nil, nil, isNothing
}

// readAll files of a directory, false where it has others or too much.
func (b *builder) readAll(directory string) (map[string][]byte, bool) {
	entries, err := fs.ReadDir(b.Files, directory)
	if err != nil || len(entries) == 0 || len(entries) > mostFiles {
		return nil, false
	}
	files := map[string][]byte{}
	total := 0
	for _, e := range entries {
		name := path.Join(directory, e.Name())
		info, err := fs.Stat(b.Files, name)
		if err != nil {
			return nil, false
		}
		content, ok := b.read(name, info)
		if total += len(content); !ok || total > mostOfFile {
			return nil, false
		}
		files[e.Name()] = content
	}
	return files, true
}

func (b *builder) read(name string, info fs.FileInfo) ([]byte, bool) {
	if !info.Mode().IsRegular() || info.Size() > mostOfFile {
		return nil, false
	}
	content, err := fs.ReadFile(b.Files, name)
	return content, err == nil && len(content) <= mostOfFile
}

// mountFile mounts one file in the place of another, as compose does.
func (u *unit) mountFile(name string, content []byte, target string) {
	key := keyOf(name)
	source := u.keep(name, map[string][]byte{key: content})
	u.attach("file-"+name, source, corev1.VolumeMount{MountPath: target, SubPath: key, ReadOnly: true})
}

func (u *unit) mountFiles(name string, files map[string][]byte, target string) {
	keyed := map[string][]byte{}
	for file, content := range files {
		keyed[keyOf(file)] = content
	}
	u.attach("files-"+name, executable(u.keep(name, keyed), files), corev1.VolumeMount{MountPath: target, ReadOnly: true})
}

// executable lets scripts be run.
func executable(source corev1.VolumeSource, files map[string][]byte) corev1.VolumeSource {
	for _, content := range files {
		if strings.HasPrefix(string(content), "#!") {
			mode := int32(0o755)
			if source.ConfigMap != nil {
				source.ConfigMap.DefaultMode = &mode
			}
			if source.Secret != nil {
				source.Secret.DefaultMode = &mode
			}
		}
	}
	return source
}

// keep makes a ConfigMap of files, or keys of the Secret where there are secrets
// in them.
func (u *unit) keep(name string, files map[string][]byte) corev1.VolumeSource {
	for _, key := range sortedKeys(files) {
		if secret, found := u.known.in(string(files[key])); found {
			u.note(u.Name, "volumes", fmt.Sprintf("%s has the value of %s in it and goes into the Secret", name, secret))
			return u.keepSecret(name, files)
		}
	}
	o := &corev1.ConfigMap{ObjectMeta: u.meta(u.name + "-" + dnsName(name, 40))}
	o.Kind, o.APIVersion = "ConfigMap", "v1"
	o.Name = u.distinct(o.Name)
	for _, key := range sortedKeys(files) {
		content := files[key]
		if utf8.Valid(content) {
			o.Data = with(o.Data, key, string(content))
		} else {
			o.BinaryData = with(o.BinaryData, key, content)
		}
	}
	u.builder.maps = append(u.builder.maps, Document{Object: o})
	source := corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}
	source.ConfigMap.Name = o.Name
	return executable(source, files)
}

// distinct tells ConfigMaps of two files of one name apart.
func (u *unit) distinct(name string) string {
	taken := map[string]bool{}
	for _, d := range u.maps {
		taken[d.Object.(*corev1.ConfigMap).Name] = true
	}
	return unused(name, taken)
}

func (u *unit) keepSecret(name string, files map[string][]byte) corev1.VolumeSource {
	source := &corev1.SecretVolumeSource{SecretName: u.secretName()}
	for _, key := range sortedKeys(files) {
		stored := u.secrets.put(key, secretValue{value: string(files[key]), from: "the file " + name})
		source.Items = append(source.Items, corev1.KeyToPath{Key: stored, Path: key})
	}
	return executable(corev1.VolumeSource{Secret: source}, files)
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

// mountConfigs mounts compose's configs.
func (u *unit) mountConfigs(config types.ServiceConfig) {
	for _, c := range config.Configs {
		declared := u.Project.Model.Configs[c.Source]
		target := c.Target
		if target == "" {
			target = "/" + c.Source
		}
		if bool(declared.External) {
			name := dnsName(declared.Name, 63)
			u.noteAt([]string{"configs", c.Source}, fmt.Sprintf("a ConfigMap %s with the key %s must exist", name, keyOf(c.Source)))
			source := &corev1.ConfigMapVolumeSource{}
			source.Name = name
			u.attach("config-"+c.Source, corev1.VolumeSource{ConfigMap: source}, corev1.VolumeMount{MountPath: target, SubPath: keyOf(c.Source), ReadOnly: true})
			continue
		}
		content := []byte(declared.Content)
		if declared.File != "" {
			var kind sourceKind
			if content, _, kind = u.look(declared.File, true); kind != isFile {
				u.noteAt([]string{"configs", c.Source}, "its file cannot be read: it is not mounted")
				continue
			}
		}
		u.mountFile(c.Source, content, target)
	}
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
	if content, _, kind := u.look(declared.File, true); kind == isFile {
		v.value = string(content)
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
