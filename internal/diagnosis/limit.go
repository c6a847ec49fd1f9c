package diagnosis

import "github.com/bridgestack/operator/internal/evidence"

// memoryLimit names what the container ran out of, and where the limit comes from
// where that is not the pod template, in which a person would look for it.
func memoryLimit(c evidence.Case) (limit, origin string) {
	l := c.MemoryLimit()
	if origin = l.Origin(); origin != "" {
		origin = ", " + origin
	}
	switch {
	case l.Source == evidence.LimitOfPod:
		return "the memory limit of " + mebibytes(l.Value), origin
	case l.Value > 0:
		return "its memory limit of " + mebibytes(l.Value), origin
	}
	return "its memory limit", origin
}
