package stack

import (
	"fmt"
	"math/rand/v2"
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

// Windows that begin every minute cost no more than others: they are asked several
// times in each round, and in each scrape of the metrics.
func TestMaintenanceIsCheap(t *testing.T) {
	now := time.Date(2026, 11, 7, 12, 0, 30, 0, time.UTC)
	w := windowsOf([]v1alpha1.MaintenanceWindow{{Schedule: "* * * * *", TimeZone: "Europe/Berlin", Duration: metav1.Duration{Duration: 7 * 24 * time.Hour}}})[0]
	if got := w.at(now).Until; !got.Equal(time.Date(2026, 11, 14, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("until %s", got)
	}
	if n := testing.AllocsPerRun(10, func() { w.at(now) }); n > 50 {
		t.Errorf("%.0f allocations for one look", n)
	}
	asked := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			w.at(now)
		}
	})
	if each := asked.NsPerOp(); each > int64(time.Millisecond) {
		t.Errorf("one look takes %s", time.Duration(each))
	}
}

// Looking back for the last beginning finds the same window as counting forward
// from all that may still last, also where clocks are changed.
func TestLastBegunAgreesWithCountingForward(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	changes := []time.Time{time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 15, 30, 0, 0, time.UTC)}
	for range 3000 {
		schedule := fmt.Sprintf("%d %d * * *", random.IntN(60), random.IntN(5))
		if random.IntN(3) == 0 {
			schedule = fmt.Sprintf("*/%d %d-%d * * *", 1+random.IntN(30), random.IntN(3), 3+random.IntN(3))
		}
		zone := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"}[random.IntN(4)]
		w := windowsOf([]v1alpha1.MaintenanceWindow{{Schedule: schedule, TimeZone: zone, Duration: metav1.Duration{Duration: time.Duration(1+random.IntN(600)) * time.Minute}}})[0]
		now := changes[random.IntN(len(changes))].Add(time.Duration(random.IntN(2*86400)-86400) * time.Second)
		var until time.Time
		last := wallClock(now.In(w.zone)).Add(clockChange)
		for start := w.schedule.Next(wallClock(now.Add(-w.duration).In(w.zone)).Add(-clockChange)); !start.After(last); start = w.schedule.Next(start) {
			begins := instant(start, w.zone)
			if ends := begins.Add(w.duration); !begins.After(now) && ends.After(now) && ends.After(until) {
				until = ends
			}
		}
		if got := w.at(now).Until; !got.Equal(until) {
			t.Fatalf("%q in %s for %s at %s: until %s, counted forward %s", schedule, zone, w.duration, now, got, until)
		}
	}
}

// As in crontab(5), a day that either field names counts where both are restricted.
func TestDayOfMonthOrOfWeek(t *testing.T) {
	policy := PolicyOf(withWindow("0 0 13 * FRI", "", time.Hour))
	for day, inside := range map[int]bool{6: true, 12: false, 13: true, 14: false, 20: true} { // 6, 13, 20 November 2026 are Fridays
		if policy.MaintenanceAt(time.Date(2026, 11, day, 0, 30, 0, 0, time.UTC)).Now() != inside {
			t.Errorf("on day %d: want %t", day, inside)
		}
	}
	if !policy.MaintenanceAt(time.Date(2026, 12, 13, 0, 30, 0, 0, time.UTC)).Now() { // a Sunday
		t.Error("the 13th that is no Friday does not count")
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
