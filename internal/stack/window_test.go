package stack

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func withWindow(schedule, zone string, duration time.Duration) v1alpha1.BridgeStackSpec {
	return v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{MaintenanceWindows: []v1alpha1.MaintenanceWindow{
		{Schedule: schedule, TimeZone: zone, Duration: metav1.Duration{Duration: duration}},
	}}}
}

func TestMaintenanceAt(t *testing.T) {
	const berlin = "Europe/Berlin"
	for name, c := range map[string]struct {
		schedule, zone string
		duration       time.Duration
		now, until     string // RFC 3339; until is empty outside of a window
	}{
		"before it begins":      {"0 22 * * SAT", "", 4 * time.Hour, "2026-11-07T21:59:59Z", ""},
		"when it begins":        {"0 22 * * SAT", "", 4 * time.Hour, "2026-11-07T22:00:00Z", "2026-11-08T02:00:00Z"},
		"past midnight":         {"0 22 * * SAT", "", 4 * time.Hour, "2026-11-08T01:59:59Z", "2026-11-08T02:00:00Z"},
		"when it is over":       {"0 22 * * SAT", "", 4 * time.Hour, "2026-11-08T02:00:00Z", ""},
		"another day":           {"0 22 * * SAT", "", 4 * time.Hour, "2026-11-08T22:30:00Z", ""},
		"in its zone":           {"0 22 * * *", berlin, time.Hour, "2026-11-07T21:30:00Z", "2026-11-07T22:00:00Z"},
		"not in UTC":            {"0 22 * * *", berlin, time.Hour, "2026-11-07T22:30:00Z", ""},
		"@daily":                {"@daily", berlin, time.Hour, "2026-07-01T22:15:00Z", "2026-07-01T23:00:00Z"},
		"the longer of two":     {"0 * * * *", "", 90 * time.Minute, "2026-11-07T22:10:00Z", "2026-11-07T23:30:00Z"},
		"a week":                {"0 0 * * MON", "", 168 * time.Hour, "2026-11-08T23:59:00Z", "2026-11-09T00:00:00Z"},
		"30 February":           {"0 0 30 2 *", "", time.Hour, "2026-03-01T00:00:00Z", ""},
		"a quarter of an hour":  {"0 6 * * *", "Asia/Kathmandu", time.Hour, "2026-11-07T00:20:00Z", "2026-11-07T01:15:00Z"},
		"a zone beyond the day": {"0 0 * * *", "Pacific/Kiritimati", time.Hour, "2026-11-07T10:30:00Z", "2026-11-07T11:00:00Z"},

		// 29 March 2026, 02:00 CET becomes 03:00 CEST at 01:00 UTC.
		"before a skipped time":      {"30 2 * * *", berlin, time.Hour, "2026-03-29T01:29:00Z", ""},
		"a skipped time":             {"30 2 * * *", berlin, time.Hour, "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"},
		"through a skipped hour":     {"0 1 * * *", berlin, 4 * time.Hour, "2026-03-29T03:59:00Z", "2026-03-29T04:00:00Z"},
		"later on that day":          {"0 12 * * *", berlin, time.Hour, "2026-03-29T10:30:00Z", "2026-03-29T11:00:00Z"},
		"right after a skipped hour": {"0 3 * * *", berlin, time.Hour, "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"},
		// 25 October 2026, 03:00 CEST becomes 02:00 CET at 01:00 UTC.
		"a time that comes twice":        {"30 2 * * *", berlin, time.Hour, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		"its second time":                {"30 2 * * *", berlin, 30 * time.Minute, "2026-10-25T01:30:00Z", ""},
		"through an hour that repeats":   {"0 1 * * *", berlin, 4 * time.Hour, "2026-10-25T02:59:00Z", "2026-10-25T03:00:00Z"},
		"on the day that it repeats":     {"0 12 * * *", berlin, time.Hour, "2026-10-25T11:30:00Z", "2026-10-25T12:00:00Z"},
		"west of Greenwich, put forward": {"30 2 * * *", "America/New_York", time.Hour, "2026-03-08T07:30:00Z", "2026-03-08T08:30:00Z"},
		"west of Greenwich, put back":    {"30 1 * * *", "America/New_York", time.Hour, "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			got := PolicyOf(withWindow(c.schedule, c.zone, c.duration)).MaintenanceAt(now)
			if c.until == "" {
				if got.Now() {
					t.Fatalf("until %s: %s", got.Until, got.Because)
				}
				return
			}
			if text := got.Until.UTC().Format(time.RFC3339); text != c.until || !strings.Contains(got.Because, "maintenance window") {
				t.Errorf("until %s, want %s: %s", text, c.until, got.Because)
			}
		})
	}
}

// A window that cannot be read is named by field, and nothing is touched.
func TestBrokenWindow(t *testing.T) {
	now := time.Date(2026, 11, 7, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct{ schedule, zone, field string }{
		"no cron expression": {"every Saturday", "", ".schedule"},
		"hour 25":            {"0 25 * * *", "", ".schedule"},
		"with seconds":       {"0 0 22 * * SAT", "", ".schedule"},
		"no beginning":       {"@every 1h", "", ".schedule"},
		"zone in schedule":   {"CRON_TZ=Europe/Berlin 0 22 * * *", "", ".schedule"},
		"zone alone":         {"TZ=UTC", "", ".schedule"},
		"unknown zone":       {"0 22 * * *", "Europe/Atlantis", ".timeZone"},
		"the operator's own": {"0 22 * * *", "Local", ".timeZone"},
		"a file":             {"0 22 * * *", "../../etc/passwd", ".timeZone"},
	} {
		t.Run(name, func(t *testing.T) {
			s := Resolve(withWindow(c.schedule, c.zone, time.Hour), []Workload{})
			last := s.Problems[len(s.Problems)-1]
			if last.Reason != v1alpha1.ReasonInvalidMaintenanceWindow || last.Field != "spec.remediation.maintenanceWindows[0]"+c.field {
				t.Errorf("%s: %s", last.Reason, last)
			}
			if m := s.Policy.MaintenanceAt(now); !m.Until.After(now) || !strings.Contains(m.Because, last.Field) {
				t.Errorf("maintenance: %+v", m)
			}
		})
	}
}

// Whatever a tenant writes as a schedule, it is read or refused.
func FuzzSchedule(f *testing.F) {
	for _, s := range []string{"0 22 * * SAT", "@daily", "*/5 1-3,7 ? JAN-MAR 1#2", "TZ=", "* * * * * *", "59-1 * * * *", "*/0 * * * *", "9999999999999999999 * * * *"} {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		if len(s) <= 128 { // the API's limit
			PolicyOf(withWindow(s, "", time.Hour)).MaintenanceAt(time.Date(2026, 11, 7, 12, 0, 0, 0, time.UTC))
		}
	})
}
