package stack

import "github.com/bridgestack/operator/internal/detect"

// Detection is when a policy's containers count as in a restart loop, and its
// health endpoints as failing.
func (p Policy) Detection() detect.Settings {
	return detect.Settings{Restarts: p.Restarts, Window: p.Window, StartGrace: p.StartGrace, UnavailableGrace: p.UnavailableGrace, HealthFailures: p.HealthFailures, HealthWindow: p.HealthWindow}
}
