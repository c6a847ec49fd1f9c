// Package stack turns a BridgeStack and the workloads of its namespace into
// services with workloads and a dependency graph, and says what does not fit.
// It is pure.
package stack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// Service is a service of the stack with what runs it.
type Service struct {
	v1alpha1.Service
	// Workload is nil for external services and where none was found.
	Workload *Workload
	// ComposeMemory and ComposeCPU are the limits that the compose project
	// declares: the ceilings where the policy sets none. nil where there is none.
	ComposeMemory, ComposeCPU *resource.Quantity
}

// Desired is how many replicas of a service there should be: 1 where nothing of it was
// found.
func (s Service) Desired() int32 {
	if s.Workload == nil {
		return 1
	}
	return s.Workload.Wanted
}

// Problem is something in the policy that a person must put right. The rest of
// the stack is watched all the same.
type Problem struct {
	// Reason is one of the API's reasons for Stalled.
	Reason string
	// Field of the BridgeStack, such as spec.services[2].workload.name.
	Field   string
	Message string
}

func (p Problem) String() string { return p.Field + ": " + p.Message }

// Stack is the resolved stack.
type Stack struct {
	Services []Service
	Problems []Problem
	Policy   Policy
}

// labelsForService are the labels that name a service, the most telling first.
var labelsForService = []string{
	v1alpha1.LabelService,
	"com.docker.compose.service",
	"io.kompose.service",
	"app.kubernetes.io/component",
	"app.kubernetes.io/name",
}

// Resolve finds the workload of each service, in the order of the policy, then
// those that only the selector knows.
func Resolve(spec v1alpha1.BridgeStackSpec, workloads []Workload) Stack {
	return ResolveProject(spec, nil, workloads)
}

// addSelected adds the selected workloads that are no declared service's.
func (s *Stack) addSelected(selected []Workload, claimed map[string]string) {
	for _, w := range selected {
		if claimed[w.String()] == "" && !w.past() {
			s.Services = append(s.Services, Service{Service: v1alpha1.Service{Name: s.unusedName(w)}, Workload: &w})
		}
	}
	if !slices.ContainsFunc(s.Services, func(s Service) bool { return s.Workload != nil }) {
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonNoWorkloadSelected, "spec.selector",
			"selector, services and compose match no workload of this namespace; compare with: kubectl get deploy,sts,ds,cronjobs,jobs,pods --show-labels"})
	}
}

func (s *Stack) selected(selector *metav1.LabelSelector, workloads []Workload) []Workload {
	if selector == nil {
		return nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonInvalidSelector, "spec.selector", err.Error()})
		return nil
	}
	return filtered(workloads, func(w Workload) bool { return parsed.Matches(labels.Set(w.Labels)) })
}

func (s *Stack) add(d declaration, all, selected []Workload, claimed map[string]string) {
	service, declared, field := d.Service, d.Service.Service, d.field
	matches := matching(declared, all, selected)
	switch w, found := only(matches); {
	case declared.External:
	case len(matches) > 1:
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonWorkloadAmbiguous, field + ".name",
			fmt.Sprintf("service %q could be any of %s, so none of them is watched for it; set %s.workload to the one that is meant", declared.Name, enumerate(matches), field)})
	case !found && declared.Workload != nil && comesAndGoes(kindOf(*declared.Workload)):
		service.Workload = &Workload{Kind: kindOf(*declared.Workload), Name: declared.Workload.Name, Gone: true}
	case !found && declared.Workload != nil:
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonWorkloadNotFound, field + ".workload.name",
			fmt.Sprintf("service %q names %s/%s, which does not exist in this namespace", declared.Name, kindOf(*declared.Workload), declared.Workload.Name)})
	case !found:
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonWorkloadNotFound, field + ".name",
			fmt.Sprintf("no workload is labelled or named %q; set %s.workload, or external: true if it runs elsewhere", declared.Name, field)})
	case claimed[w.String()] != "":
		s.Problems = append(s.Problems, Problem{v1alpha1.ReasonWorkloadClaimedTwice, field,
			fmt.Sprintf("%s is the workload of service %q already", w, claimed[w.String()])})
	default:
		claimed[w.String()] = declared.Name
		service.Workload = &w
	}
	s.Services = append(s.Services, service)
	s.checkCeiling(field, service)
}

// checkCeiling finds ceilings that are below a limit that is in force: such a
// policy could only ever lower it.
func (s *Stack) checkCeiling(field string, service Service) {
	ceiling := cmp.Or(service.MemoryCeiling, s.Policy.MemoryCeiling)
	if ceiling == nil || service.Workload == nil {
		return
	}
	if service.MemoryCeiling == nil {
		field = "spec.remediation.memory.ceiling"
	} else {
		field += ".memoryCeiling"
	}
	for _, container := range slices.Sorted(maps.Keys(service.Workload.MemoryLimits)) {
		limit := service.Workload.MemoryLimits[container]
		if ceiling.Cmp(limit) < 0 {
			s.Problems = append(s.Problems, Problem{v1alpha1.ReasonCeilingBelowLimit, field,
				fmt.Sprintf("%s is below the present limit %s of container %q of %s", ceiling, limit.String(), container, service.Workload)})
		}
	}
}

// CeilingFor is the memory ceiling of a service: its own, else the stack's, else
// the limit that the compose project declares; nil where none is set.
func (p Policy) CeilingFor(s Service) *resource.Quantity {
	return cmp.Or(s.MemoryCeiling, p.MemoryCeiling, s.ComposeMemory)
}

// CPUCeilingFor is the CPU ceiling of a service, found as CeilingFor's.
func (p Policy) CPUCeilingFor(s Service) *resource.Quantity {
	return cmp.Or(s.CPUCeiling, p.CPUCeiling, s.ComposeCPU)
}

// find is the workload of a service; false where none or more than one could be it.
func find(declared v1alpha1.Service, all, selected []Workload) (Workload, bool) {
	return only(matching(declared, all, selected))
}

// matching are the workloads that a service could be, in an order that does not
// depend on that of the list: those that the most telling label names, or one of
// them that has the service's very name, else those that have its name.
func matching(declared v1alpha1.Service, all, selected []Workload) []Workload {
	if ref := declared.Workload; ref != nil {
		w, found := first(all, func(w Workload) bool { return w.Kind == kindOf(*ref) && w.Name == ref.Name })
		if !found {
			return nil
		}
		return []Workload{w}
	}
	// Without a selector any workload of the namespace may be meant by its name.
	candidates := selected
	if len(selected) == 0 {
		candidates = all
	}
	for _, label := range labelsForService {
		named := func(w Workload) bool {
			return w.Labels[label] == declared.Name || w.TemplateLabels[label] == declared.Name
		}
		if matches := filtered(candidates, named); len(matches) > 0 {
			if w, ok := only(filtered(matches, isNamed(declared.Name))); ok {
				return []Workload{w}
			}
			return likeliest(matches)
		}
	}
	return likeliest(filtered(candidates, isNamed(declared.Name)))
}

// comesAndGoes says that a workload of the kind may well not be there: a Job that came to
// its end and was deleted, an object without any pod that would tell of it.
func comesAndGoes(kind v1alpha1.WorkloadKind) bool {
	return workload.SeenByPods(kind) || workload.TraitsOf(kind).RunsToEnd
}

// likeliest are those that are meant by a name that others have as well: what runs for
// good rather than the Jobs and pods beside it, and of these what is not past.
func likeliest(matches []Workload) []Workload {
	for _, better := range []func(Workload) bool{
		func(w Workload) bool { return workload.TraitsOf(w.Kind).Lock == "" },
		func(w Workload) bool { return !w.past() },
	} {
		if some := filtered(matches, better); len(some) > 0 {
			matches = some
		}
	}
	return matches
}

func isNamed(name string) func(Workload) bool {
	return func(w Workload) bool { return w.Name == name }
}

// only is the one workload of a list; false where there is none or another one.
func only(workloads []Workload) (Workload, bool) {
	if len(workloads) != 1 {
		return Workload{}, false
	}
	return workloads[0], true
}

// filtered are those that match, sorted.
func filtered(workloads []Workload, matches func(Workload) bool) []Workload {
	var out []Workload
	for _, w := range workloads {
		if matches(w) {
			out = append(out, w)
		}
	}
	slices.SortFunc(out, func(a, b Workload) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// maxEnumerated workloads are named in a message.
const maxEnumerated = 8

func enumerate(workloads []Workload) string {
	var names []string
	for _, w := range workloads[:min(len(workloads), maxEnumerated)] {
		names = append(names, w.String())
	}
	if n := len(workloads) - maxEnumerated; n > 0 {
		names = append(names, fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

func first(workloads []Workload, matches func(Workload) bool) (Workload, bool) {
	i := slices.IndexFunc(workloads, matches)
	if i < 0 {
		return Workload{}, false
	}
	return workloads[i], true
}

func kindOf(ref v1alpha1.WorkloadReference) v1alpha1.WorkloadKind {
	return cmp.Or(ref.Kind, v1alpha1.DefaultWorkloadKind)
}

// nameOf is the service name of a workload that the policy does not declare.
// Only labels that are about this one service count: a component such as
// "backend" may be shared.
func nameOf(w Workload) string {
	return cmp.Or(w.Labels[v1alpha1.LabelService], w.Labels["com.docker.compose.service"], w.Labels["io.kompose.service"], w.Name)
}

// unusedName tells workloads of one name apart: a Deployment and a StatefulSet, or
// several with the same service label. Each service of a stack has a name of its own.
func (s *Stack) unusedName(w Workload) string {
	kind := strings.ToLower(string(w.Kind))
	for _, name := range []string{nameOf(w), nameOf(w) + "-" + kind, w.Name, w.Name + "-" + kind} {
		if _, used := s.ByName(name); !used {
			return name
		}
	}
	for i := 2; ; i++ {
		name := fmt.Sprintf("%s-%s-%d", w.Name, kind, i)
		if _, used := s.ByName(name); !used {
			return name
		}
	}
}

// Declared are the services without what runs them.
func (s *Stack) Declared() []v1alpha1.Service {
	out := make([]v1alpha1.Service, len(s.Services))
	for i, service := range s.Services {
		out[i] = service.Service
	}
	return out
}

// ByName finds a service.
func (s *Stack) ByName(name string) (Service, bool) {
	i := slices.IndexFunc(s.Services, func(v Service) bool { return v.Name == name })
	if i < 0 {
		return Service{}, false
	}
	return s.Services[i], true
}

// ByWorkload finds the service that a workload runs.
func (s *Stack) ByWorkload(kind v1alpha1.WorkloadKind, name string) (Service, bool) {
	i := slices.IndexFunc(s.Services, func(v Service) bool {
		return v.Workload != nil && v.Workload.Kind == kind && v.Workload.Name == name
	})
	if i < 0 {
		return Service{}, false
	}
	return s.Services[i], true
}
