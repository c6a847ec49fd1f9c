package manifests

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// claimed is how much a volume claims: compose does not say.
const claimed = "1Gi"

// mounts gives the container its volumes, files, configs and secrets.
func (u *unit) mounts(config types.ServiceConfig) {
	for _, v := range config.Volumes {
		switch v.Type {
		case types.VolumeTypeVolume:
			u.mountVolume(v)
		case types.VolumeTypeTmpfs:
			u.mountEmpty(v.Target, corev1.StorageMediumMemory, tmpfsSize(v))
		case types.VolumeTypeBind:
			u.mountBind(v)
		default:
			u.note(u.Name, "volumes", fmt.Sprintf("a volume of type %s is left out: %s", v.Type, v.Target))
		}
	}
	for _, t := range config.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		u.mountEmpty(target, corev1.StorageMediumMemory, 0)
	}
	if config.ShmSize > 0 {
		u.mountEmpty("/dev/shm", corev1.StorageMediumMemory, int64(config.ShmSize))
	}
	u.mountConfigs(config)
	u.mountSecrets(config)
}

func tmpfsSize(v types.ServiceVolumeConfig) int64 {
	if v.Tmpfs == nil {
		return 0
	}
	return int64(v.Tmpfs.Size)
}

// attach adds a volume, once, and its mount.
func (u *unit) attach(name string, source corev1.VolumeSource, m corev1.VolumeMount) {
	m.Name = dnsName(name, 60)
	u.container.VolumeMounts = append(u.container.VolumeMounts, m)
	if source == (corev1.VolumeSource{}) || slices.ContainsFunc(u.pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
		return
	}
	u.pod.Volumes = append(u.pod.Volumes, corev1.Volume{Name: m.Name, VolumeSource: source})
}

func (u *unit) mountEmpty(target string, medium corev1.StorageMedium, size int64) {
	source := &corev1.EmptyDirVolumeSource{Medium: medium}
	if size > 0 {
		source.SizeLimit = bytesOf(size)
	}
	u.attach("tmp-"+strings.Trim(target, "/"), corev1.VolumeSource{EmptyDir: source}, corev1.VolumeMount{MountPath: target})
}

// mountVolume is a named volume: the StatefulSet's own where nobody else has it,
// else a claim. One without a name lives as long as its pod.
func (u *unit) mountVolume(v types.ServiceVolumeConfig) {
	m := corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly, SubPath: u.subPath(v)}
	if v.Source == "" {
		u.attach("anonymous-"+strings.Trim(v.Target, "/"), corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, m)
		return
	}
	declared := u.Project.Model.Volumes[v.Source]
	name := dnsName(v.Source, 60)
	switch {
	case u.Ephemeral:
		u.attach(name, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, m)
	case bool(declared.External):
		claim := dnsName(declared.Name, 63)
		u.noteAt([]string{"volumes", v.Source}, "a PersistentVolumeClaim "+claim+" must exist")
		u.attach(name, claimSource(claim), m)
	case keepsData(u.Service.Image) && len(u.users(v)) == 1 && !u.oneShot() && !u.onEveryNode():
		if !slices.ContainsFunc(u.templates, func(c corev1.PersistentVolumeClaim) bool { return c.Name == name }) {
			claim := corev1.PersistentVolumeClaim{Spec: claimSpec()}
			claim.Name = name
			u.templates = append(u.templates, claim)
		}
		u.attach(name, corev1.VolumeSource{}, m)
	default:
		u.attach(name, claimSource(u.claim(v, v.Source)), m)
	}
}

// subPath is a directory of the volume: one that is asked for, or one of its own
// for MySQL, which does not start in one that has lost+found in it.
func (u *unit) subPath(v types.ServiceVolumeConfig) string {
	if v.Volume != nil && v.Volume.Subpath != "" {
		return v.Volume.Subpath
	}
	if slices.Contains([]string{"mysql", "mariadb", "percona"}, repository(u.Service.Image)) && v.Target == "/var/lib/mysql" && !u.Ephemeral {
		return "mysql"
	}
	return ""
}

func claimSource(name string) corev1.VolumeSource {
	return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
}

func claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(claimed)}},
	}
}

// users of a named volume or of a directory of the project.
func (b *builder) users(volume types.ServiceVolumeConfig) []string {
	var out []string
	for _, s := range b.Facts.Services {
		for _, v := range b.Project.Model.Services[s.Name].Volumes {
			if v.Type == volume.Type && v.Source == volume.Source && !slices.Contains(out, s.Name) {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// claim makes the claim of a volume, once, and returns its name.
func (u *unit) claim(volume types.ServiceVolumeConfig, name string) string {
	o := &corev1.PersistentVolumeClaim{ObjectMeta: u.meta(u.project + "-" + dnsName(name, 50)), Spec: claimSpec()}
	o.Kind, o.APIVersion = "PersistentVolumeClaim", "v1"
	if slices.ContainsFunc(u.claims, func(d Document) bool { return d.Object.(*corev1.PersistentVolumeClaim).Name == o.Name }) {
		return o.Name
	}
	d := Document{Object: o, Comment: "Compose does not say how large it is."}
	if users := u.users(volume); len(users) > 1 {
		u.note(u.Name, "volumes", name+" is shared by "+strings.Join(users, ", ")+": their pods must be on one node, or the claim ReadWriteMany")
		d.Comment += " Shared by " + strings.Join(users, ", ") + ":\non more than one node, make it ReadWriteMany."
	}
	u.builder.claims = append(u.builder.claims, d)
	return o.Name
}

// mountBind is a file or directory of the project: small files go into a
// ConfigMap, directories that are written to become a claim.
func (u *unit) mountBind(v types.ServiceVolumeConfig) {
	inside := strings.HasPrefix(v.Source, u.Project.Model.WorkingDir+"/")
	switch content, files, kind := u.look(v.Source, inside); {
	case kind == isFile:
		u.mountFile(path.Base(v.Source), content, v.Target)
	case kind == isFlat && (v.ReadOnly || !holdsData(v.Target)):
		u.mountFiles(path.Base(v.Source), files, v.Target)
	case inside && !v.ReadOnly:
		u.mountDirectory(v)
	default:
		u.note(u.Name, "volumes", fmt.Sprintf("%s is not mounted: put it into the image, or a volume", v.Target))
	}
}

// holdsData says that a directory is where programs keep what they write.
func holdsData(target string) bool {
	return slices.ContainsFunc([]string{"/var/lib/", "/data", "/bitnami/"}, func(p string) bool { return strings.HasPrefix(target, p) })
}

// mountDirectory is a volume in the place of a directory of the project.
func (u *unit) mountDirectory(v types.ServiceVolumeConfig) {
	name := strings.Trim(strings.TrimPrefix(v.Source, u.Project.Model.WorkingDir), "/")
	if u.users(v)[0] == u.Name {
		u.note(u.Name, "volumes", fmt.Sprintf("%s is an empty volume here: copy into it what it should have", "./"+name))
	}
	source := corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	if !u.Ephemeral {
		source = claimSource(u.claim(v, name))
	}
	u.attach(name, source, corev1.VolumeMount{MountPath: v.Target})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
