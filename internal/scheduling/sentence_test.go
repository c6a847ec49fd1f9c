package scheduling_test

import (
	"slices"
	"testing"

	"github.com/bridgestack/operator/internal/scheduling"
)

// The sentences are those of the versions that are named: the format is
// FitError.Error's of pkg/scheduler/framework, the reasons are the plugins'.
func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		says  string
		nodes int
		want  []scheduling.Reason
	}{
		"1.37, memory": {
			says:  "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
			nodes: 1,
			want:  []scheduling.Reason{{Kind: scheduling.Insufficient, Nodes: 1, Resource: "memory"}},
		},
		"1.26, several": {
			says:  "0/7 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) had untolerated taint {dedicated: gpu}, 4 Insufficient cpu, 4 Insufficient memory. preemption: 0/7 nodes are available: 3 Preemption is not helpful for scheduling, 4 No preemption victims found for incoming pod..",
			nodes: 7,
			want: []scheduling.Reason{
				{Kind: scheduling.Taint, Nodes: 1, Taint: "node-role.kubernetes.io/control-plane"},
				{Kind: scheduling.Taint, Nodes: 2, Taint: "dedicated=gpu"},
				{Kind: scheduling.Insufficient, Nodes: 4, Resource: "cpu"},
				{Kind: scheduling.Insufficient, Nodes: 4, Resource: "memory"},
			},
		},
		"1.34, a taint without its name": {
			says:  "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
			nodes: 3,
			want:  []scheduling.Reason{{Kind: scheduling.Cordoned, Nodes: 1}, {Kind: scheduling.Taint, Nodes: 2}},
		},
		"1.20, a comma within a reason": {
			says:  "0/4 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate, 3 Insufficient nvidia.com/gpu.",
			nodes: 4,
			want: []scheduling.Reason{
				{Kind: scheduling.Taint, Nodes: 1, Taint: "node-role.kubernetes.io/master"},
				{Kind: scheduling.Insufficient, Nodes: 3, Resource: "nvidia.com/gpu"},
			},
		},
		"1.18, taints that are not named": {
			says:  "0/3 nodes are available: 3 node(s) had taints that the pod didn't tolerate.",
			nodes: 3,
			want:  []scheduling.Reason{{Kind: scheduling.Taint, Nodes: 3}},
		},
		"1.22, an unbound claim, counted": {
			says:  "0/3 nodes are available: 3 pod has unbound immediate PersistentVolumeClaims.",
			nodes: 3,
			want:  []scheduling.Reason{{Kind: scheduling.ClaimUnbound}},
		},
		"1.31, an unbound claim": {
			says:  "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
			nodes: 1,
			want:  []scheduling.Reason{{Kind: scheduling.ClaimUnbound}},
		},
		"1.31, a claim that is not there": {
			says:  `0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.`,
			nodes: 1,
			want:  []scheduling.Reason{{Kind: scheduling.ClaimMissing, Claim: "data"}},
		},
		"before 1.20, a claim that is not there": {
			says: `persistentvolumeclaim "data" not found`,
			want: []scheduling.Reason{{Kind: scheduling.ClaimMissing, Claim: "data"}},
		},
		"affinities": {
			says:  "0/9 nodes are available: 1 Too many pods, 1 node(s) didn't have free ports for the requested pod ports, 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) didn't match pod affinity rules, 1 node(s) didn't match pod anti-affinity rules, 1 node(s) didn't match pod topology spread constraints (missing required label), 1 node(s) didn't satisfy existing pods anti-affinity rules, 1 node(s) exceed max volume count, 1 node(s) had volume node affinity conflict.",
			nodes: 9,
			want: []scheduling.Reason{
				{Kind: scheduling.TooManyPods, Nodes: 1}, {Kind: scheduling.Ports, Nodes: 1}, {Kind: scheduling.NodeAffinity, Nodes: 1},
				{Kind: scheduling.PodAffinity, Nodes: 1}, {Kind: scheduling.PodAntiAffinity, Nodes: 1}, {Kind: scheduling.TopologySpread, Nodes: 1},
				{Kind: scheduling.PodAntiAffinity, Nodes: 1}, {Kind: scheduling.VolumeLimit, Nodes: 1}, {Kind: scheduling.VolumeZone, Nodes: 1},
			},
		},
		"volumes": {
			says:  "0/4 nodes are available: 1 node(s) did not have enough free storage, 1 node(s) didn't find available persistent volumes to bind, 2 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.",
			nodes: 4,
			want:  []scheduling.Reason{{Kind: scheduling.NoVolume, Nodes: 1}, {Kind: scheduling.NoVolume, Nodes: 1}, {Kind: scheduling.VolumeInUse, Nodes: 2}},
		},
		"a gate":            {says: "Scheduling is blocked due to non-empty scheduling gates", want: []scheduling.Reason{{Kind: scheduling.Gated}}},
		"a gate, with name": {says: "waiting for scheduling gates: [example.com/queue]", want: []scheduling.Reason{{Kind: scheduling.Gated}}},
		"no nodes":          {says: "no nodes available to schedule pods", want: []scheduling.Reason{{Kind: scheduling.Other}}},
		"a plugin that is not known": {
			says:  "0/2 nodes are available: 2 node(s) are on the wrong side of the moon.",
			nodes: 2,
			want:  []scheduling.Reason{{Kind: scheduling.Other, Nodes: 2}},
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			got := scheduling.Parse(test.says)
			for i := range got.Reasons {
				if got.Reasons[i].Text == "" {
					t.Errorf("reason %d has no text", i)
				}
				got.Reasons[i].Text = ""
			}
			if got.Nodes != test.nodes || !slices.Equal(got.Reasons, test.want) {
				t.Errorf("got %d nodes, %+v\nwant %d nodes, %+v", got.Nodes, got.Reasons, test.nodes, test.want)
			}
		})
	}
}

// FuzzParse: whatever a sentence says, the parts are parts of it, few, and none is empty.
func FuzzParse(f *testing.F) {
	f.Add("0/7 nodes are available: 1 node(s) had taint {a: b}, that the pod didn't tolerate, 4 Insufficient cpu. preemption: 0/7 nodes are available")
	f.Add(`persistentvolumeclaim "data" not found`)
	f.Add("0/99999999999999999999 nodes are available: 1 , 2 ")
	f.Fuzz(func(t *testing.T, says string) {
		s := scheduling.Parse(says)
		if s.Nodes < 0 || len(s.Reasons) > 64 {
			t.Errorf("%d nodes, %d reasons", s.Nodes, len(s.Reasons))
		}
		for _, r := range s.Reasons {
			if r.Text == "" || r.Nodes < 0 || (r.Kind == scheduling.Insufficient) != (r.Resource != "") || r.Kind == scheduling.ClaimMissing && r.Claim == "" {
				t.Errorf("%+v", r)
			}
		}
	})
}
