package evidence

// LimitSource is who put a limit on a container.
type LimitSource string

// The sources of a limit.
const (
	// LimitUnknown: the template that the pod was made of is not known.
	LimitUnknown LimitSource = ""
	// LimitOfTemplate: the workload's pod template has it.
	LimitOfTemplate LimitSource = "Template"
	// LimitOfLimitRange: the template has none, and the namespace's LimitRange gives
	// it to containers that have none.
	LimitOfLimitRange LimitSource = "LimitRange"
	// LimitOfAdmission: the pod has another one than its template, which was set when
	// the pod was admitted or resized: by a webhook or a VerticalPodAutoscaler.
	LimitOfAdmission LimitSource = "Admission"
	// LimitOfPod: the container has none, and its pod as a whole has one (KEP-2837).
	LimitOfPod LimitSource = "Pod"
	// LimitOfNode: neither the container nor its pod has one; the node is the limit.
	LimitOfNode LimitSource = "Node"
)

// Limit is what bounds a container's use of a resource.
type Limit struct {
	// Value in bytes or millicores; 0 where there is none but the node's, or none is known.
	Value  int64
	Source LimitSource
	// LimitRange that gives it, empty where it is no LimitRange's.
	LimitRange string
	// Template is the value in the pod template, 0 where that has none.
	Template int64
}

// LimitDefault is what a LimitRange gives to containers that set no limit.
type LimitDefault struct {
	// LimitRange is its name.
	LimitRange string
	// MemoryLimit in bytes, CPULimit in millicores, 0 where it gives none.
	MemoryLimit, CPULimit int64
}

// MemoryLimit is what bounds the memory of the container, in bytes.
func (c Case) MemoryLimit() Limit {
	return c.limit(func(r Resources) int64 { return r.MemoryLimit }, func(d LimitDefault) int64 { return d.MemoryLimit })
}

// CPULimit is what bounds the CPU of the container, in millicores.
func (c Case) CPULimit() Limit {
	return c.limit(func(r Resources) int64 { return r.CPULimit }, func(d LimitDefault) int64 { return d.CPULimit })
}

func (c Case) limit(of func(Resources) int64, defaultOf func(LimitDefault) int64) Limit {
	inForce := of(c.Container.Resources)
	switch {
	case inForce == 0 && of(c.Pod.Resources) > 0:
		return Limit{Value: of(c.Pod.Resources), Source: LimitOfPod}
	case inForce == 0:
		return Limit{Source: LimitOfNode}
	case c.Container.Template == nil:
		return Limit{Value: inForce}
	}
	limit := Limit{Value: inForce, Source: LimitOfAdmission, Template: of(*c.Container.Template)}
	if limit.Template == inForce {
		limit.Source = LimitOfTemplate
		return limit
	}
	for _, d := range c.LimitDefaults {
		if limit.Template == 0 && defaultOf(d) == inForce {
			limit.Source, limit.LimitRange = LimitOfLimitRange, d.LimitRange
		}
	}
	return limit
}

// Origin says who put the limit there, to follow its value in a sentence; empty
// where it is the pod template's, as one expects, or that is not known.
func (l Limit) Origin() string {
	switch l.Source {
	case LimitOfLimitRange:
		return "which LimitRange " + l.LimitRange + " gives to containers that set none, as this one's pod template does"
	case LimitOfAdmission:
		if l.Template == 0 {
			return "which is not in the pod template: an admission webhook or a VerticalPodAutoscaler set it"
		}
		return "which is not the pod template's: an admission webhook, a VerticalPodAutoscaler or a resize set it"
	case LimitOfPod:
		return "which is the whole pod's"
	default:
		return ""
	}
}
