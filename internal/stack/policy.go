package stack

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
)

// Defaults of the policy, as the API documents them; those of detection are in
// package detect. They are applied here and not by the API server, so that a policy
// applied from Git never drifts.
const (
	defaultFactorPercent   = 150
	defaultRemediesPerHour = 10
	defaultConcurrent      = 1
	defaultStormPercent    = 40
	defaultMaxAttempts     = 3
	defaultCooldown        = 30 * time.Second
	defaultSoak            = time.Minute
	defaultTimeout         = 5 * time.Minute
	defaultEscalateAfter   = 30 * time.Minute
	defaultStartupCeiling  = 10 * time.Minute
)

// MaxCooldown is the longest pause between two attempts, however many failed.
const MaxCooldown = 30 * time.Minute

// Policy is a BridgeStack's policy with every default filled in.
type Policy struct {
	Mode              v1alpha1.Mode
	MinimumConfidence v1alpha1.Confidence
	Paused            bool

	Restarts   int32
	Window     time.Duration
	StartGrace time.Duration
	// UnavailableGrace is zero where the policy leaves it to what is seen: see detect.Unavailable.
	UnavailableGrace time.Duration
	HealthFailures   int32
	HealthWindow     time.Duration

	MemoryFactorPercent int32
	// MemoryCeiling is the stack's, nil where none is set; see Service.MemoryCeiling.
	MemoryCeiling *resource.Quantity

	CPUFactorPercent int32
	// CPUCeiling is the stack's, nil where none is set; see Policy.CPUCeilingFor.
	CPUCeiling *resource.Quantity
	// StartupCeiling is the longest start that RelaxProbe may allow.
	StartupCeiling time.Duration
	// Jobs that RunJob may run.
	Jobs []v1alpha1.JobHook

	RemediesPerHour, Concurrent, StormPercent int32

	MaxAttempts   int32
	Cooldown      time.Duration
	Soak          time.Duration
	Timeout       time.Duration
	EscalateAfter time.Duration

	switches map[v1alpha1.RemedyName]bool
	windows  []window
}

// PolicyOf fills in the defaults.
func PolicyOf(spec v1alpha1.BridgeStackSpec) Policy {
	r, d := spec.Remediation, spec.Detection
	p := Policy{
		Mode:                r.Mode,
		MinimumConfidence:   r.MinimumConfidence,
		Paused:              spec.Paused,
		Restarts:            number(d.Restarts, detect.DefaultRestarts),
		Window:              duration(d.Window, detect.DefaultWindow),
		StartGrace:          duration(d.StartGrace, detect.DefaultStartGrace),
		UnavailableGrace:    duration(d.UnavailableGrace, 0),
		HealthFailures:      number(d.HealthFailures, detect.DefaultHealthFailures),
		HealthWindow:        duration(d.HealthWindow, detect.DefaultHealthWindow),
		MemoryFactorPercent: number(r.Memory.FactorPercent, defaultFactorPercent),
		MemoryCeiling:       r.Memory.Ceiling,
		CPUFactorPercent:    number(r.CPU.FactorPercent, defaultFactorPercent),
		CPUCeiling:          r.CPU.Ceiling,
		StartupCeiling:      duration(r.Probes.StartupCeiling, defaultStartupCeiling),
		Jobs:                r.Jobs,
		RemediesPerHour:     number(r.Budget.RemediesPerHour, defaultRemediesPerHour),
		Concurrent:          number(r.Budget.Concurrent, defaultConcurrent),
		StormPercent:        number(r.Budget.StormPercent, defaultStormPercent),
		MaxAttempts:         number(r.MaxAttempts, defaultMaxAttempts),
		Cooldown:            duration(r.Cooldown, defaultCooldown),
		Soak:                duration(r.Soak, defaultSoak),
		Timeout:             duration(r.Timeout, defaultTimeout),
		EscalateAfter:       duration(r.EscalateAfter, defaultEscalateAfter),
		switches:            map[v1alpha1.RemedyName]bool{},
		windows:             windowsOf(r.MaintenanceWindows),
	}
	if p.Mode == "" {
		p.Mode = v1alpha1.ModeSuggest
	}
	if p.MinimumConfidence == "" {
		p.MinimumConfidence = v1alpha1.ConfidenceMedium
	}
	for _, s := range r.Remedies {
		p.switches[s.Name] = s.Enabled
	}
	return p
}

// Switch is how the policy switches a remedy, and whether it does at all.
func (p Policy) Switch(name v1alpha1.RemedyName) (enabled, set bool) {
	enabled, set = p.switches[name]
	return enabled, set
}

// CooldownAfter is the pause after so many attempts that did not help: it
// doubles with each, up to MaxCooldown.
func (p Policy) CooldownAfter(failed int) time.Duration {
	if failed == 0 {
		return 0
	}
	pause := p.Cooldown
	for range failed - 1 {
		pause = min(2*pause, MaxCooldown)
	}
	return min(pause, MaxCooldown)
}

func number(set *int32, otherwise int32) int32 {
	if set == nil {
		return otherwise
	}
	return *set
}

func duration(set *metav1.Duration, otherwise time.Duration) time.Duration {
	if set == nil || set.Duration <= 0 {
		return otherwise
	}
	return set.Duration
}
