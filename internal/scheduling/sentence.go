// Package scheduling takes the scheduler's sentence apart: for what each node
// refused a pod. It is pure.
package scheduling

import (
	"regexp"
	"strconv"
	"strings"
)

// Kind is what a node refused a pod for.
type Kind string

// The kinds.
const (
	// Insufficient: the node has too little left of a resource; Reason.Resource says of which.
	Insufficient Kind = "Insufficient"
	// TooManyPods: the node has as many pods as its kubelet takes.
	TooManyPods Kind = "TooManyPods"
	// Taint: the node has a taint that the pod does not tolerate; Reason.Taint names it
	// where the scheduler does (not since Kubernetes 1.34).
	Taint Kind = "Taint"
	// Cordoned: the node takes no new pods (kubectl cordon, drain).
	Cordoned Kind = "Cordoned"
	// NodeAffinity: its labels do not match the pod's nodeSelector or node affinity.
	NodeAffinity Kind = "NodeAffinity"
	// NodeName: it is not the node that spec.nodeName asks for.
	NodeName Kind = "NodeName"
	// PodAffinity: no pod there that the pod wants to be beside.
	PodAffinity Kind = "PodAffinity"
	// PodAntiAffinity: a pod there that it must not be beside, or that does not want it.
	PodAntiAffinity Kind = "PodAntiAffinity"
	// TopologySpread: the pods would be spread unevenly.
	TopologySpread Kind = "TopologySpread"
	// Ports: a host port is taken.
	Ports Kind = "Ports"
	// VolumeZone: the pod's volume is in another zone, or on another node.
	VolumeZone Kind = "VolumeZone"
	// VolumeLimit: no further volume can be attached to it.
	VolumeLimit Kind = "VolumeLimit"
	// VolumeInUse: the volume is used by another pod and allows but one.
	VolumeInUse Kind = "VolumeInUse"
	// NoVolume: no volume that would fit the claim can be reached from it.
	NoVolume Kind = "NoVolume"
	// ClaimUnbound: a claim of the pod has no volume yet, whatever the node.
	ClaimUnbound Kind = "ClaimUnbound"
	// ClaimMissing: a claim that the pod names does not exist; Reason.Claim names it.
	ClaimMissing Kind = "ClaimMissing"
	// Gated: the pod waits for a scheduling gate.
	Gated Kind = "Gated"
	// Other: something that is not known here.
	Other Kind = "Other"
)

// Reason is one thing for which nodes refused a pod.
type Reason struct {
	Kind Kind
	// Nodes that gave it, 0 where it holds whatever the node.
	Nodes int
	// Resource that is insufficient, such as memory, cpu or nvidia.com/gpu.
	Resource string
	// Taint as key or key=value, empty where the scheduler does not name it.
	Taint string
	// Claim that does not exist.
	Claim string
	// Text as the scheduler has it.
	Text string
}

// Sentence is what the scheduler said of a pod that it could not place.
type Sentence struct {
	// Nodes of the cluster, 0 where it does not say.
	Nodes   int
	Reasons []Reason
}

// maxReasons bounds a sentence: the scheduler has fewer plugins.
const maxReasons = 64

var (
	// available begins the sentence (framework/types.go, NoNodeAvailableMsg).
	available = regexp.MustCompile(`\b0/(\d+) nodes are available:\s*`)
	// after begins what was tried after that, which repeats the numbers:
	// "preemption: ...", since Kubernetes 1.34 "no new claims to deallocate, preemption: ...".
	after = regexp.MustCompile(`\.\s|\s+preemption: `)
	// next begins another reason. A reason may have a comma of its own, as in
	// "had taint {a: b}, that the pod didn't tolerate" before Kubernetes 1.24.
	next = regexp.MustCompile(`, (\d+ )`)
	// counted is a reason with the number of nodes that gave it.
	counted = regexp.MustCompile(`^(\d+) (.+)$`)

	insufficient = regexp.MustCompile(`^Insufficient (\S+)$`)
	taint        = regexp.MustCompile(`taint \{([^:}]*):\s*([^}]*)\}`)
	claim        = regexp.MustCompile(`persistentvolumeclaim "([^"]+)" not found`)
)

// words by which a reason is known, the first that is in it decides. They are those
// of the plugins below pkg/scheduler/framework/plugins, and of the predicates that
// were there before them, from Kubernetes 1.18 on.
var words = []struct {
	says string
	kind Kind
}{
	{"unbound immediate PersistentVolumeClaims", ClaimUnbound},
	{"unbound PersistentVolumeClaims", ClaimUnbound},
	{"binding volumes", ClaimUnbound},
	{"scheduling gates", Gated},
	{"Too many pods", TooManyPods},
	{"that the pod didn't tolerate", Taint},
	{"untolerated taint", Taint},
	{"were unschedulable", Cordoned},
	{"node affinity/selector", NodeAffinity},
	{"match node selector", NodeAffinity},
	{"match Pod's node affinity", NodeAffinity},
	{"requested node name", NodeName},
	{"requested hostname", NodeName},
	{"anti-affinity", PodAntiAffinity},
	{"pod affinity", PodAffinity},
	{"topology spread", TopologySpread},
	{"free ports", Ports},
	{"volume node affinity conflict", VolumeZone},
	{"no available volume zone", VolumeZone},
	{"no available disk", VolumeInUse},
	{"ReadWriteOncePod", VolumeInUse},
	{"max volume count", VolumeLimit},
	{"available persistent volumes to bind", NoVolume},
	{"enough free storage", NoVolume},
	{"non-existent pv", NoVolume},
}

// Parse takes a sentence apart. What is not known is kept as Other, so that a person
// can read it.
func Parse(message string) Sentence {
	var s Sentence
	rest := message
	if at := available.FindStringSubmatchIndex(message); at != nil {
		s.Nodes = number(message[at[2]:at[3]])
		rest = message[at[1]:]
	}
	if at := after.FindStringIndex(rest); at != nil {
		rest = rest[:at[0]]
	}
	for part := range strings.SplitSeq(next.ReplaceAllString(rest, "\x00$1"), "\x00") {
		if part = strings.TrimRight(strings.TrimSpace(part), "."); part != "" && len(s.Reasons) < maxReasons {
			s.Reasons = append(s.Reasons, reason(part))
		}
	}
	return s
}

func reason(part string) Reason {
	r := Reason{Kind: Other, Text: part}
	if m := counted.FindStringSubmatch(part); m != nil {
		r.Nodes, r.Text = number(m[1]), m[2]
	}
	if m := insufficient.FindStringSubmatch(r.Text); m != nil {
		r.Kind, r.Resource = Insufficient, m[1]
		return r
	}
	if m := claim.FindStringSubmatch(r.Text); m != nil {
		r.Kind, r.Claim, r.Nodes = ClaimMissing, m[1], 0
		return r
	}
	for _, w := range words {
		if strings.Contains(r.Text, w.says) {
			r.Kind = w.kind
			break
		}
	}
	switch r.Kind {
	case Taint:
		if m := taint.FindStringSubmatch(r.Text); m != nil {
			r.Taint = m[1]
			if m[2] != "" {
				r.Taint += "=" + m[2]
			}
		}
	case ClaimUnbound, Gated:
		r.Nodes = 0 // before Kubernetes 1.25 it counts every node
	default:
	}
	return r
}

// number of nodes, 0 where it is none that a cluster has.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > 1<<20 {
		return 0
	}
	return n
}

// Of are the reasons of a kind.
func (s Sentence) Of(kind Kind) []Reason {
	var out []Reason
	for _, r := range s.Reasons {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

// Has a reason of a kind.
func (s Sentence) Has(kind Kind) bool { return len(s.Of(kind)) > 0 }
