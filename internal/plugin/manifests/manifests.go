// Package manifests turns a compose project into Kubernetes objects, and into the
// BridgeStack that watches them. What converters lose is put right: depends_on
// becomes init containers that wait, health checks become startup and readiness
// probes, and every port that a service listens on inside can be reached under
// every name that the project knows it by.
//
// Secrets are never written but where Input.Secrets says so. A value that may be
// one goes into a Secret; it stands there only where the compose file itself
// spells it out, as a literal or a default. What comes from the environment, an
// env_file or a secret's file is left for its owner to fill in.
//
// It is pure: files come from an fs.FS.
package manifests

import (
	"cmp"
	"io/fs"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

// Input is a project, and how it is to be turned.
type Input struct {
	Project *compose.Project
	// Facts of the project.
	Facts compose.Facts
	// Files that the project mounts, by their absolute paths without the first
	// slash; nil where none may be read.
	Files fs.FS
	// Environment is what the project was interpolated with.
	Environment map[string]string
	// Image of the operator, for the init containers that wait.
	Image string
	// Secrets fills in the values of Secrets. Default: only what the compose file
	// spells out.
	Secrets bool
	// Ephemeral keeps named volumes no longer than a pod, for a try.
	Ephemeral bool
}

// Output are files of YAML documents, in the order in which to apply them.
type Output struct {
	Files []File
	// Notes are what a person should know of the result.
	Notes []Note
	// Missing are the keys of the project's Secret that have no value yet.
	Missing []string
}

// File is one file of documents.
type File struct {
	// Name of the file, such as web.yaml.
	Name string
	// Private says that it holds secrets that the compose file does not.
	Private   bool
	Documents []Document
}

// Document is one object.
type Document struct {
	Object runtime.Object
	// Comment above it, without #, may have several lines.
	Comment string
	// After is a comment below it.
	After string
}

// Note is something about the project that could not be turned as it is.
type Note struct {
	compose.Position
	// Path in the project, such as services.web.volumes.
	Path string
	Text string
}

// Of turns a project.
func Of(in Input) Output {
	b := newBuilder(in)
	for _, s := range in.Facts.Services {
		b.add(s)
	}
	b.addShared()
	b.out.Files = append([]File{{Name: "bridgestack.yaml", Documents: []Document{b.stackDocument(true)}}}, b.out.Files...)
	return b.out
}

// Stack is the BridgeStack alone, for workloads that exist already.
func Stack(in Input) Output {
	b := newBuilder(in)
	b.out.Files = []File{{Name: "bridgestack.yaml", Documents: []Document{b.stackDocument(false)}}}
	return b.out
}

// builder collects what comes of the services one by one.
type builder struct {
	Input
	out Output
	// project is its name as an object's.
	project string
	// names of workloads by service.
	names   map[string]string
	secrets secretStore
	known   knownSecrets
	// maps are the ConfigMaps made of files.
	maps []Document
	// claims are the volumes that several services, or a Deployment, have.
	claims []Document
	// awaited are the Jobs that pods wait for.
	awaited []string
}

func newBuilder(in Input) *builder {
	b := &builder{Input: in, project: dnsName(in.Facts.Project, 50), names: map[string]string{}}
	taken := map[string]bool{}
	for _, s := range in.Facts.Services {
		b.names[s.Name] = unused(dnsName(s.Name, 50), taken)
	}
	b.secrets = b.collectSecrets()
	b.known = b.knownSecrets()
	return b
}

// note something about an attribute of a service.
func (b *builder) note(service, attribute, text string) {
	b.noteAt([]string{"services", service, attribute}, text)
}

func (b *builder) noteAt(path []string, text string) {
	n := Note{Position: b.Project.At(path...), Path: joined(path), Text: text}
	if !slices.Contains(b.out.Notes, n) {
		b.out.Notes = append(b.out.Notes, n)
	}
}

// add makes the file of one service.
func (b *builder) add(s compose.Service) {
	u := b.unitOf(s)
	f := File{Name: u.name + ".yaml"}
	f.Documents = append(f.Documents, u.services()...)
	f.Documents = append(f.Documents, u.workload())
	b.out.Files = append(b.out.Files, f)
}

// addShared makes the files of what no single service owns; what pods need is
// applied before them.
func (b *builder) addShared() {
	var first []File
	if secret, ok := b.secrets.document(b); ok {
		first = append(first, File{Name: "secrets.yaml", Private: b.Secrets, Documents: []Document{secret}})
	}
	if len(b.maps) > 0 {
		first = append(first, File{Name: "configmaps.yaml", Documents: b.maps})
	}
	if len(b.claims) > 0 {
		first = append(first, File{Name: "volumes.yaml", Documents: b.claims})
	}
	if len(b.awaited) > 0 {
		first = append(first, File{Name: "wait-for-jobs.yaml", Documents: b.waitRights()})
	}
	b.out.Files = append(first, b.out.Files...)
	slices.SortStableFunc(b.out.Notes, func(x, y Note) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
}

// labels of everything that the project makes.
func (b *builder) labels() map[string]string {
	return map[string]string{labelPartOf: b.project}
}

const (
	labelName   = "app.kubernetes.io/name"
	labelPartOf = "app.kubernetes.io/part-of"
)

func (b *builder) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: b.labels()}
}

// unit is one service on its way to a workload.
type unit struct {
	*builder
	compose.Service
	name  string
	ports []corev1.ServicePort
	// pod and container are filled in by parts.
	pod       corev1.PodSpec
	container corev1.Container
	templates []corev1.PersistentVolumeClaim
}

func (u *unit) labels() map[string]string {
	l := map[string]string{labelName: u.name, labelPartOf: u.project}
	if u.name != u.Name {
		l[v1alpha1.LabelService] = u.Name
	}
	return l
}

func (u *unit) selector() map[string]string {
	return map[string]string{labelName: u.name, labelPartOf: u.project}
}
