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
	"fmt"
	"io/fs"
	"slices"
	"strings"

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
	// Root is the directory that they are in. Default: the project's own.
	Root string
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
	// Decisions are what was chosen, and why, in the order of the compose files.
	Decisions []Note
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
	stack := b.stackDocument(true) // it may add to the Secret
	b.addShared()
	b.out.Files = append([]File{{Name: "bridgestack.yaml", Documents: []Document{stack}}}, b.out.Files...)
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
	// feeds are variables of the environment that go into secrets.
	feeds map[string]bool
	// renames are hosts that have another name here.
	renames renames
	// maps are the ConfigMaps made of files.
	maps []Document
	// claims are the volumes that several services, or a Deployment, have.
	claims []Document
	// claimNames by the volume's type and source.
	claimNames map[string]string
	// ports of services, and the texts of what they mount, once they were looked for.
	ports   map[string][]corev1.ServicePort
	mounted map[string][]string
	// fileNames that are taken.
	fileNames map[string]bool
	// awaited are the Jobs that pods wait for.
	awaited []string
}

// reservedFiles are those of what no service owns: one that is called so has
// another file.
var reservedFiles = []string{"bridgestack.yaml", "secrets.yaml", "configmaps.yaml", "volumes.yaml", "wait-for-jobs.yaml", "kustomization.yaml"}

func newBuilder(in Input) *builder {
	b := &builder{Input: in, project: dnsName(in.Facts.Project, 50), names: map[string]string{}, claimNames: map[string]string{}, fileNames: map[string]bool{}, ports: map[string][]corev1.ServicePort{}, mounted: map[string][]string{}}
	taken := map[string]bool{}
	for _, s := range in.Facts.Services { // who needs no other name keeps its own
		if isDNS(s.Name) && len(s.Name) <= mostName {
			b.names[s.Name] = unused(s.Name, taken)
		}
	}
	for _, s := range in.Facts.Services {
		if b.names[s.Name] == "" {
			b.names[s.Name] = unused(dnsName(s.Name, mostName), taken)
		}
	}
	for _, name := range reservedFiles {
		b.fileNames[name] = true
	}
	b.renames = b.findRenames()
	b.feeds = b.secretFeeds()
	b.secrets = b.collectSecrets()
	return b
}

// mostName leaves room for what is made of a service's name.
const mostName = 50

// note something about an attribute of a service.
func (b *builder) note(service, attribute, text string) {
	b.noteAt([]string{"services", service, attribute}, text)
}

func (b *builder) noteAt(path []string, text string) {
	b.out.Notes = b.told(b.out.Notes, path, text)
}

// decide tells what was chosen for an attribute of a service, and why.
func (b *builder) decide(service, attribute, text string) {
	b.out.Decisions = b.told(b.out.Decisions, []string{"services", service, attribute}, text)
}

func (b *builder) told(notes []Note, path []string, text string) []Note {
	n := Note{Position: b.Project.At(path...), Path: joined(path), Text: text}
	if slices.Contains(notes, n) {
		return notes
	}
	return append(notes, n)
}

// add makes the file of one service.
func (b *builder) add(s compose.Service) {
	if b.joins(s.Name) != "" {
		return // it is in another's pod
	}
	u := b.unitOf(s)
	for _, guest := range b.guests(s.Name) {
		u.take(b.unitOf(guest))
	}
	name := u.name + ".yaml"
	if b.fileNames[name] {
		name = "service-" + name
	}
	b.fileNames[name] = true
	f := File{Name: name}
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
	b.noteIgnored()
	b.noteNetworks()
	b.notePublished()
	b.out.Notes, b.out.Decisions = inOrder(b.out.Notes), inOrder(b.out.Decisions)
}

// inOrder are notes by their places. What several services have from one line is
// told once.
func inOrder(notes []Note) []Note {
	slices.SortStableFunc(notes, func(x, y Note) int {
		return cmp.Or(cmp.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line))
	})
	var out []Note
	more := map[int]int{}
	for _, n := range notes {
		i := slices.IndexFunc(out, func(o Note) bool {
			return n.Line > 0 && o.Position == n.Position && o.Text == n.Text && attributeOf(o.Path) == attributeOf(n.Path)
		})
		if i < 0 {
			out = append(out, n)
			continue
		}
		more[i]++
	}
	for i, n := range more {
		out[i].Text += fmt.Sprintf(" (and so in %d more services)", n)
	}
	return out
}

// attributeOf a path such as services.web.volumes: what it is of each service.
func attributeOf(path string) string {
	_, attribute, _ := strings.Cut(strings.TrimPrefix(path, "services."), ".")
	return attribute
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
	// added are variables from the Secret that a command or check reads.
	added []corev1.EnvVar
	// mapOwner is whose the ConfigMaps of a mount are where several services have it.
	mapOwner string
	// seeds are init containers that fill fresh volumes.
	seeds []corev1.Container
}

func (u *unit) decide(attribute, text string) { u.builder.decide(u.Name, attribute, text) }

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
