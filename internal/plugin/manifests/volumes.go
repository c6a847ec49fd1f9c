package manifests

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
)

// claimed is how much a volume claims: compose does not say.
const claimed = "1Gi"

// mounts gives the container its volumes, files, configs and secrets.
func (u *unit) mounts(config types.ServiceConfig) {
	for _, v := range config.Volumes {
		switch v.Type {
		case types.VolumeTypeVolume:
			u.mountVolume(config, v)
		case types.VolumeTypeTmpfs:
			u.mountEmpty(v.Target, corev1.StorageMediumMemory, tmpfsSize(v))
		case types.VolumeTypeBind:
			u.mountBind(config, v)
		default:
			u.note(u.Name, "volumes", fmt.Sprintf("a volume of type %s is left out: %s", v.Type, v.Target))
		}
	}
	for _, t := range config.Tmpfs {
		target, options, _ := strings.Cut(t, ":")
		u.mountEmpty(target, corev1.StorageMediumMemory, sizeOption(options))
	}
	if config.ShmSize > 0 || config.Ipc == "host" {
		u.mountEmpty("/dev/shm", corev1.StorageMediumMemory, int64(config.ShmSize))
	}
	if config.Ipc == "host" {
		u.note(u.Name, "ipc", "it shares no memory with the node's own processes: it has a /dev/shm of its own")
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

// sizeOption is that of a tmpfs: size=16m, or in percent of a memory that nobody
// knows here; 0 where there is none.
func sizeOption(options string) int64 {
	for option := range strings.SplitSeq(options, ",") {
		if size, found := strings.CutPrefix(strings.TrimSpace(option), "size="); found {
			var bytes types.UnitBytes
			if err := bytes.DecodeMapstructure(size); err == nil {
				return int64(bytes)
			}
		}
	}
	return 0
}

// attach adds a volume, once, and its mount.
func (u *unit) attach(name string, source corev1.VolumeSource, m corev1.VolumeMount) {
	m.MountPath = path.Clean(m.MountPath)
	if slices.ContainsFunc(u.container.VolumeMounts, func(o corev1.VolumeMount) bool { return o.MountPath == m.MountPath }) {
		return // the first one counts, as two of one path are refused
	}
	taken := map[string]bool{}
	for _, v := range u.pod.Volumes {
		taken[v.Name] = true
		if m.Name == "" && equality.Semantic.DeepEqual(v.VolumeSource, source) && source.EmptyDir == nil {
			m.Name = v.Name
		}
	}
	isNew := m.Name == ""
	switch {
	case source == (corev1.VolumeSource{}): // a StatefulSet's own
		m.Name, isNew = dnsName(name, 58), false
	case isNew:
		m.Name = unused(dnsName(name, 58), taken)
	}
	u.container.VolumeMounts = append(u.container.VolumeMounts, m)
	if isNew {
		u.pod.Volumes = append(u.pod.Volumes, corev1.Volume{Name: m.Name, VolumeSource: source})
	}
}

func (u *unit) mountEmpty(target string, medium corev1.StorageMedium, size int64) {
	source := &corev1.EmptyDirVolumeSource{Medium: medium}
	if size > 0 {
		source.SizeLimit = bytesOf(size)
	}
	u.attach("tmp-"+strings.Trim(target, "/"), corev1.VolumeSource{EmptyDir: source}, corev1.VolumeMount{MountPath: target})
}

// mountVolume is a named volume. One without a name is Docker's copy of what the
// image has there, and lives as long as the container: so does the image's own
// directory.
func (u *unit) mountVolume(config types.ServiceConfig, v types.ServiceVolumeConfig) {
	m := corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly, SubPath: u.subPath(v)}
	if v.Source == "" {
		if config.ReadOnly {
			u.attach("anonymous-"+strings.Trim(v.Target, "/"), corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, m)
			return
		}
		u.decide("volumes", v.Target+" is a volume without a name: the container has what its image has there, and keeps it no longer")
		return
	}
	declared := u.Project.Model.Volumes[v.Source]
	if source, special := u.driverVolume(v, declared); special {
		if source != (corev1.VolumeSource{}) {
			u.attach(v.Source, source, m)
		}
		return
	}
	if bool(declared.External) && !u.Ephemeral {
		claim := dnsName(declared.Name, 63)
		u.noteAt([]string{"volumes", v.Source}, "a PersistentVolumeClaim "+claim+" must exist")
		u.attach(v.Source, claimSource(claim), m)
		return
	}
	u.mountClaim(v, v.Source, m)
	u.seed(v)
}

// mountClaim mounts a volume that outlives the pod: the StatefulSet's own where
// nobody else has it, else a claim.
func (u *unit) mountClaim(v types.ServiceVolumeConfig, name string, m corev1.VolumeMount) {
	volume := dnsName(name, 58)
	switch {
	case u.Ephemeral:
		u.attachEphemeral(volume, m)
	case u.isStateful() && len(u.users(v)) == 1:
		if !slices.ContainsFunc(u.templates, func(c corev1.PersistentVolumeClaim) bool { return c.Name == volume }) {
			claim := corev1.PersistentVolumeClaim{Spec: claimSpec()}
			claim.Name = volume
			u.templates = append(u.templates, claim)
		}
		u.attach(volume, corev1.VolumeSource{}, m)
	default:
		u.attach(volume, claimSource(u.claim(v, name)), m)
	}
}

// attachEphemeral mounts an empty directory of the pod in the place of a claim,
// one for all mounts of its name.
func (u *unit) attachEphemeral(volume string, m corev1.VolumeMount) {
	if slices.ContainsFunc(u.pod.Volumes, func(o corev1.Volume) bool { return o.Name == volume }) {
		m.Name = volume
		u.container.VolumeMounts = append(u.container.VolumeMounts, m)
		return
	}
	u.attach(volume, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, m)
}

// isStateful says that a service is a database or broker whose data are its own:
// a StatefulSet. One that goes by its host name is none, as there the pod's name
// is that of the host.
func (u *unit) isStateful() bool {
	config := u.Project.Model.Services[u.Name]
	return u.keepsData() && !u.oneShot() && !u.onEveryNode() && (u.hostname(config) == "" || u.Replicas > 1 && !u.bindsItself())
}

// driverVolume is a volume that its driver's options say more of; an empty source
// where it is left out.
func (u *unit) driverVolume(v types.ServiceVolumeConfig, declared types.VolumeConfig) (source corev1.VolumeSource, special bool) {
	options := declared.DriverOpts
	path := []string{"volumes", v.Source, "driver_opts"}
	device, kind := options["device"], strings.ToLower(options["type"])
	switch {
	case declared.Driver != "" && declared.Driver != "local":
		u.noteAt([]string{"volumes", v.Source}, fmt.Sprintf("the driver %s is the engine's: a claim of the default storage class stands in its place", declared.Driver))
		return source, false
	case len(options) == 0 || u.Ephemeral:
		return source, false
	case kind == "tmpfs" || device == "tmpfs":
		empty := &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}
		if size := sizeOption(options["o"]); size > 0 {
			empty.SizeLimit = bytesOf(size)
		}
		return corev1.VolumeSource{EmptyDir: empty}, true
	case strings.HasPrefix(kind, "nfs"):
		return u.nfsVolume(path, options["o"], device)
	case strings.Contains(options["o"], "bind"):
		u.noteAt(path, device+" is a directory of the host: its volume is an empty claim here")
		return source, false
	}
	u.noteAt(path, fmt.Sprintf("a volume of type %s is mounted by the host: a claim stands in its place; a CSI driver for it may be what is wanted", kind))
	return source, false
}

func (u *unit) nfsVolume(path []string, options, device string) (source corev1.VolumeSource, special bool) {
	server, export := nfsOption(options), strings.TrimPrefix(device, ":")
	if host, rest, found := strings.Cut(device, ":"); found && host != "" {
		server, export = host, rest
	}
	if server == "" || !strings.HasPrefix(export, "/") {
		u.noteAt(path, "its NFS server or path is not clear: a claim stands in its place")
		return source, false
	}
	return corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Server: server, Path: export, ReadOnly: slices.Contains(strings.Split(options, ","), "ro")}}, true
}

func nfsOption(options string) string {
	for option := range strings.SplitSeq(options, ",") {
		if server, found := strings.CutPrefix(strings.TrimSpace(option), "addr="); found {
			return server
		}
	}
	return ""
}

// subPath is a directory of the volume: one that is asked for, or one of its own
// for MySQL, which does not start in one that has lost+found in it.
func (u *unit) subPath(v types.ServiceVolumeConfig) string {
	if v.Volume != nil && v.Volume.Subpath != "" {
		return v.Volume.Subpath
	}
	if v.Target == "/var/lib/mysql" && !u.Ephemeral {
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
			if v.Type == volume.Type && v.Source == volume.Source && !slices.Contains(out, s.Name) && !b.hidesImage(s.Name, v) {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// hidesImage says that a mount is left out, as it is of what the image is built with.
func (b *builder) hidesImage(service string, v types.ServiceVolumeConfig) bool {
	config := b.Project.Model.Services[service]
	return v.Type == types.VolumeTypeBind && config.Build != nil && b.isInside(v.Source) && b.isSource(config, v, b.look(v.Source))
}

// claim makes the claim of a volume, once, and returns its name.
func (u *unit) claim(volume types.ServiceVolumeConfig, name string) string {
	key := volume.Type + ":" + volume.Source
	if made, found := u.claimNames[key]; found {
		return made
	}
	taken := map[string]bool{}
	for _, made := range u.claimNames {
		taken[made] = true
	}
	o := &corev1.PersistentVolumeClaim{ObjectMeta: u.meta(unused(u.project+"-"+dnsName(name, 50), taken)), Spec: claimSpec()}
	o.Kind, o.APIVersion = "PersistentVolumeClaim", "v1"
	u.claimNames[key] = o.Name
	d := Document{Object: o, Comment: "Compose does not say how large it is."}
	if users := u.users(volume); len(users) > 1 {
		u.note(u.Name, "volumes", name+" is shared by "+strings.Join(users, ", ")+": their pods must be on one node, or the claim ReadWriteMany")
		d.Comment += " Shared by " + strings.Join(users, ", ") + ":\non more than one node, make it ReadWriteMany."
	}
	u.builder.claims = append(u.builder.claims, d)
	return o.Name
}

var (
	// hostSystem are files of the machine that a container's own stand in for, or
	// that let it see the machine.
	hostSystem = regexp.MustCompile(`^/(?:$|proc|sys|dev|run|boot|usr|lib|lib64|bin|sbin|rootfs|var/run|var/lib/docker|var/lib/containerd|var/lib/kubelet|var/log|etc/(?:localtime|timezone|hosts|hostname|resolv\.conf|passwd|group|shadow|machine-id|os-release|ssl|ca-certificates|pki|docker|kubernetes|fstab|modules|apt|cron)|tmp/\.X11-unix)(?:/|$)`)
	// hostCredentials are a person's own.
	hostCredentials = regexp.MustCompile(`/\.(?:ssh|aws|kube|docker|gnupg|config/gcloud|azure|netrc|npmrc|git-credentials)(?:/|$)`)
	// withExtension is the name of a file.
	withExtension = regexp.MustCompile(`(?i)(?:^|/)(?:[^/]*[^/.]\.[a-z][a-z0-9]{0,9}|[^/]*file|\.[a-z]+rc|\.env)$`)
	// likeDirectory are names with a dot that directories have.
	likeDirectory = regexp.MustCompile(`\.(?:d|git)$`)
)

// mountBind is a file or directory of the project or of the host. Small files go
// into a ConfigMap, directories that are written to become a claim.
func (u *unit) mountBind(config types.ServiceConfig, v types.ServiceVolumeConfig) {
	if !u.isInside(v.Source) {
		u.mountHost(v)
		return
	}
	if len(u.users(v)) > 1 {
		u.mapOwner = u.project
		defer func() { u.mapOwner = "" }()
	}
	switch found := u.look(v.Source); {
	case found.kind == isOther:
		u.leaveOut(v, "is no regular file of the project")
	case found.kind == isFile:
		u.mountFile(path.Base(v.Source), found.files[path.Base(v.Source)], v.Target)
	case found.kind == isLarge && !found.isDir:
		u.leaveOut(v, "is too large for a ConfigMap: put it into the image, or a volume")
	case found.kind == isAbsent && isFileName(v):
		u.leaveOut(v, "is not there; Docker would make a directory of it")
	default:
		u.mountSource(config, v, found)
	}
}

// mountSource mounts a directory of the project, or what is to become one.
func (u *unit) mountSource(config types.ServiceConfig, v types.ServiceVolumeConfig, found source) {
	switch {
	case u.isSource(config, v, found):
		u.note(u.Name, "volumes", fmt.Sprintf("%s is not mounted: it would hide what the image is built with", v.Target))
	case found.kind == isDirectory && len(found.files) > 0 && !u.isWritten(v, found):
		u.mountFiles(path.Base(v.Source), found.files, v.Target)
	case found.kind != isDirectory && v.ReadOnly && found.kind != isLarge:
		u.leaveOut(v, "is not there")
	case u.mountFromImage(config, v):
	default:
		u.mountDirectory(v, found)
	}
}

// mountFromImage mounts a directory that another service's image is built with, such as
// the application's own for the web server before it: it is copied out of that image.
func (u *unit) mountFromImage(config types.ServiceConfig, v types.ServiceVolumeConfig) bool {
	if config.Build != nil {
		return false
	}
	for _, s := range u.Facts.Services {
		other := u.Project.Model.Services[s.Name]
		for _, o := range other.Volumes {
			below, found := strings.CutPrefix(v.Source+"/", o.Source+"/")
			if !found || s.Name == u.Name || !u.hidesImage(s.Name, o) {
				continue
			}
			u.attach(path.Base(v.Target), corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}, corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly})
			u.fill(path.Base(v.Target), u.imageName(other), path.Join(o.Target, below))
			u.note(u.Name, "volumes", fmt.Sprintf("%s is copied from the image of %s, which is built with it, each time that a pod starts", v.Target, s.Name))
			return true
		}
	}
	return false
}

func (u *unit) leaveOut(v types.ServiceVolumeConfig, why string) {
	u.note(u.Name, "volumes", fmt.Sprintf("%s is not mounted: %s %s", v.Target, u.relative(v.Source), why))
}

// relative to the project's directory, as its file has it.
func (b *builder) relative(absolute string) string {
	directory := b.Project.Model.WorkingDir
	switch {
	case absolute == directory:
		return "."
	case strings.HasPrefix(absolute, directory+"/"):
		return "./" + strings.TrimPrefix(absolute, directory+"/")
	}
	return absolute
}

// isFileName says that a mount whose source is not there is meant for a file.
func isFileName(v types.ServiceVolumeConfig) bool {
	return withExtension.MatchString(v.Source) && withExtension.MatchString(v.Target) && !likeDirectory.MatchString(v.Target) ||
		path.Base(v.Source) == path.Base(v.Target) && withExtension.MatchString(v.Source) && !likeDirectory.MatchString(v.Source)
}

// mountHost is a file or directory of the machine that compose runs on. What
// programs keep there becomes a claim; what belongs to the machine has none here.
func (u *unit) mountHost(v types.ServiceVolumeConfig) {
	switch {
	case strings.HasSuffix(v.Source, ".sock"):
		u.leaveOut(v, "is a socket of the host, which pods have no part in")
	case hostSystem.MatchString(v.Source):
		u.leaveOut(v, "is the host's own, which pods have no part in")
	case hostCredentials.MatchString(v.Source):
		u.leaveOut(v, "are a person's credentials: put what it needs into a Secret")
	case isFileName(v):
		u.leaveOut(v, "is a file outside of the project and is not read: put it into a ConfigMap or Secret")
	default:
		u.note(u.Name, "volumes", fmt.Sprintf("%s of the host is an empty volume here: copy into it what it should have", v.Source))
		u.mountClaim(v, path.Base(v.Source), corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly, SubPath: u.subPath(v)})
	}
}

var (
	// sourceTarget are places of programs' own code in images.
	sourceTarget = regexp.MustCompile(`^/(?:app|apps|code|src|source|workspace|work|project|srv|opt/app|opt/project|go/src|usr/src|usr/local/src|var/task|home/[^/]+/app|rails|var/www(?:/html)?)(?:/|$)`)
	// sourceFile are files of code, and of what builds it.
	sourceFile = regexp.MustCompile(`(?i)\.(?:py|js|jsx|ts|tsx|mjs|cjs|vue|svelte|go|rb|php|java|kt|rs|cs|ex|exs|scala|swift|c|cc|cpp|h)$|(?:^|/)(?:Dockerfile|package\.json|go\.mod|requirements[\w.-]*\.txt|pyproject\.toml|Gemfile|composer\.json|Cargo\.toml|pom\.xml|build\.gradle|mix\.exs|manage\.py)$`)
	// confPlace are places of settings.
	confPlace = regexp.MustCompile(`(?i)^/etc/|/conf(?:ig)?(?:\.d)?(?:/|$)|/docker-entrypoint|/initdb|/init-scripts|/provisioning|/dashboards`)
	// dataPlace are directories that programs write to.
	dataPlace = regexp.MustCompile(`(?i)^/(?:data|storage|media|uploads?|downloads?|backups?|logs?|cache|tmp)(?:/|$)|/(?:data|storage|media|uploads?|downloads?|backups?|logs?|cache|tmp|static|staticfiles|volumes?)$`)
)

// isSource says that a mount puts the code over what the image was built with
// from the same directory, as is done for working on it.
func (b *builder) isSource(config types.ServiceConfig, v types.ServiceVolumeConfig, found source) bool {
	if config.Build == nil {
		return false
	}
	buildContext := config.Build.Context
	switch {
	case v.Source == buildContext || strings.HasPrefix(buildContext, v.Source+"/"):
		return true
	case !strings.HasPrefix(v.Source, buildContext+"/"):
		return false
	}
	return isCode(config, v, found)
}

// isCode says so of a directory that an image is built with, among others.
func isCode(config types.ServiceConfig, v types.ServiceVolumeConfig, found source) bool {
	hasCode := slices.ContainsFunc(sortedKeys(found.files), sourceFile.MatchString)
	anonymous := slices.ContainsFunc(config.Volumes, func(o types.ServiceVolumeConfig) bool {
		return o.Type == types.VolumeTypeVolume && o.Source == "" && strings.HasPrefix(o.Target, v.Target+"/")
	})
	switch {
	case anonymous || hasCode && !strings.Contains(v.Target, "/docker-entrypoint"):
		return true
	case confPlace.MatchString(v.Target) || dataPlace.MatchString(v.Target):
		return false
	}
	return v.Target == config.WorkingDir || sourceTarget.MatchString(v.Target)
}

var (
	// dataRoot are directories that a program keeps all of its data in.
	dataRoot = regexp.MustCompile(`^/(?:data|var/lib/[^/]+|var/lib/[^/]+/data|bitnami/[^/]+|bitnami/[^/]+/data|var/log(?:/.*)?|var/cache(?:/.*)?|home/node/\.n8n|root/\.[^/]+)$`)
	// confFile are files that people write.
	confFile = regexp.MustCompile(`(?i)\.(?:json|ya?ml|toml|conf|cfg|cnf|ini|properties|xml|sh|sql|csv|tsv|md|txt|html?|css|js|lua|py|rb|php|tmpl|tpl|rules|prom|cql|cypher|graphql|proto|avsc|ldif|xsd|j2|hcl|acl|users?|list|map|crt|pem|cer|svg|png|ico|jpe?g|gz)$|(?:^|/)[A-Za-z]+file$`)
	// ownConfig are images that write to where their settings are.
	ownConfig = regexp.MustCompile(`(?i)(?:^|/)(?:linuxserver|hotio|binhex)/|home-assistant|zigbee2mqtt|jellyfin|plex|pihole|adguard|uptime-kuma|nginx-proxy-manager`)
)

// isWritten says that a directory is where a program keeps what it writes, and
// not what somebody wrote for it.
func (u *unit) isWritten(v types.ServiceVolumeConfig, found source) bool {
	switch {
	case u.isProject(v.Source):
		return true
	case v.ReadOnly:
		return false
	case dataRoot.MatchString(v.Target), dataPlace.MatchString(v.Target) && !confPlace.MatchString(v.Target), ownConfig.MatchString(u.Service.Image):
		return true
	}
	for _, name := range sortedKeys(found.files) {
		if !confFile.MatchString(name) && strings.HasPrefix(v.Target, "/var/lib/") {
			return true
		}
	}
	return false
}

// isProject says that a directory is the project's own, with all of its files.
func (b *builder) isProject(directory string) bool {
	return directory == b.Project.Model.WorkingDir || strings.HasPrefix(b.Project.Model.WorkingDir, directory+"/")
}

// mountDirectory is a volume in the place of a directory of the project.
func (u *unit) mountDirectory(v types.ServiceVolumeConfig, found source) {
	name := strings.TrimPrefix(u.relative(v.Source), "./")
	switch {
	case u.users(v)[0] != u.Name:
	case found.kind == isDirectory && len(found.files) == 0 || found.kind == isAbsent:
		u.decide("volumes", u.relative(v.Source)+" is a volume: it is empty, and written to")
	default:
		u.note(u.Name, "volumes", fmt.Sprintf("%s is an empty volume here: copy into it what it should have", u.relative(v.Source)))
	}
	if name == "." {
		name = "project"
	}
	u.mountClaim(v, name, corev1.VolumeMount{MountPath: v.Target, ReadOnly: v.ReadOnly, SubPath: u.subPath(v)})
}

// imageContent are places of what an image brings with it, and a fresh volume
// lacks: Docker copies it there. What servers keep is made by themselves.
var imageContent = regexp.MustCompile(`^/(?:app|apps|code|src|srv|opt|usr|home|var/www|var/opt|workspace|etc|rails)(?:/|$)`)

// mayHaveContent says that an image may bring something with it for a volume.
func mayHaveContent(v types.ServiceVolumeConfig) bool {
	if v.Volume != nil && (v.Volume.NoCopy || v.Volume.Subpath != "") {
		return false
	}
	written := dataPlace.MatchString(v.Target) && !strings.Contains(v.Target, "static") || strings.Contains(v.Target, "/.")
	return !written && imageContent.MatchString(v.Target)
}

// seed copies into a fresh volume what the image has in its place, as Docker does.
func (u *unit) seed(v types.ServiceVolumeConfig) {
	if !u.fills(u.Service, v) {
		return
	}
	u.fill(v.Source, u.container.Image, v.Target)
	u.note(u.Name, "volumes", fmt.Sprintf("a fresh %s is filled with what the image has in %s, by its own shell: take the init container away where the image has none", v.Source, v.Target))
}

// fills says that a service's image may have to fill a fresh volume. Of those that share
// one, those have not to whose image is a server's that brings nothing with it for
// that place, and those that start after one that fills it.
func (b *builder) fills(s compose.Service, v types.ServiceVolumeConfig) bool {
	config, users := b.Project.Model.Services[s.Name], b.users(v)
	_, isKnown := images.Of(s.Image)
	switch {
	case s.Role == compose.RolePostgres || b.runsData(s) || v.ReadOnly || !mayHaveContent(v):
		return false
	case len(users) == 1:
		return true
	case config.Build == nil && b.Project.Model.Services[users[0]].Build != nil:
		return false // by who is built for it
	case isKnown && !images.BringsContent(s.Image, v.Target):
		return false
	}
	return !slices.ContainsFunc(s.DependsOn, func(d compose.Dependency) bool {
		other, known := b.Facts.ByName(d.Service)
		return known && d.Required && other.Replicas > 0 && slices.ContainsFunc(b.Project.Model.Services[other.Name].Volumes, func(o types.ServiceVolumeConfig) bool {
			return o.Type == v.Type && o.Source == v.Source && b.fills(other, o)
		})
	})
}

// fill the volume that was mounted last, where it is empty, with a directory of an image.
func (u *unit) fill(name, image, directory string) {
	const fresh = "/bridge-fresh-volume"
	from := shellQuoted(path.Clean(directory))
	script := fmt.Sprintf(`if [ -d %[1]s ] && [ -z "$(ls -A %[2]s | grep -vx lost+found)" ]; then cp -a %[1]s/. %[2]s/ || true; fi`, from, fresh)
	mounted := u.container.VolumeMounts[len(u.container.VolumeMounts)-1]
	u.seeds = append(u.seeds, corev1.Container{
		Name: unusedContainer(u.seeds, "fill-"+dnsName(name, 50)), Image: image, ImagePullPolicy: u.container.ImagePullPolicy,
		Command: []string{"/bin/sh", "-c", script}, VolumeMounts: []corev1.VolumeMount{{Name: mounted.Name, MountPath: fresh}},
	})
}

func unusedContainer(list []corev1.Container, name string) string {
	taken := map[string]bool{}
	for _, c := range list {
		taken[c.Name] = true
	}
	return unused(name, taken)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
