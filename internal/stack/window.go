package stack

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the operator's image has no time zones of its own

	"github.com/netresearch/go-cron"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Maintenance is a time in which nothing is touched. The zero value is none.
type Maintenance struct {
	// Until is when it is over, or is to be looked at again.
	Until time.Time
	// Because says which window it is.
	Because string
}

// Now reports whether nothing may be touched.
func (m Maintenance) Now() bool { return !m.Until.IsZero() }

// window is a maintenance window, ready to be asked.
type window struct {
	schedule *cron.SpecSchedule
	zone     *time.Location
	duration time.Duration
	// broken says why it cannot be read, empty where it can.
	broken Problem
}

// recheckBroken is when a window that cannot be read is looked at again; an
// edit of the policy is announced earlier.
const recheckBroken = time.Minute

// mostWindow is the longest window of the API.
const mostWindow = 7 * 24 * time.Hour

// clockChange is more than any time zone puts its clocks forward or back at once.
const clockChange = 3 * time.Hour

var parser = cron.MustNewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.DowOrDom | cron.Descriptor)

func windowsOf(declared []v1alpha1.MaintenanceWindow) []window {
	var out []window
	for i, d := range declared {
		w := window{duration: min(d.Duration.Duration, mostWindow)}
		field := fmt.Sprintf("spec.remediation.maintenanceWindows[%d]", i)
		var err error
		if w.schedule, err = parseSchedule(d.Schedule); err != nil {
			w.broken = Problem{v1alpha1.ReasonInvalidMaintenanceWindow, field + ".schedule",
				fmt.Sprintf(`%q is no cron expression such as "0 22 * * SAT": %v; nothing is touched until it is corrected`, d.Schedule, err)}
		} else if w.zone, err = zoneOf(d.TimeZone); err != nil {
			w.broken = Problem{v1alpha1.ReasonInvalidMaintenanceWindow, field + ".timeZone",
				fmt.Sprintf("%q is no time zone such as Europe/Berlin; nothing is touched until it is corrected", d.TimeZone)}
		}
		out = append(out, w)
	}
	return out
}

// parseSchedule reads a cron expression. @every has no beginning that one could
// know, and a zone has a field of its own.
func parseSchedule(text string) (*cron.SpecSchedule, error) {
	if strings.Contains(text, "TZ=") {
		return nil, fmt.Errorf("the time zone belongs into timeZone")
	}
	parsed, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	schedule, fixed := parsed.(*cron.SpecSchedule)
	if !fixed {
		return nil, fmt.Errorf("@every begins at no time of the clock")
	}
	// Asked for wall clock readings, which are all there in UTC.
	schedule.Location = time.UTC
	return schedule, nil
}

func zoneOf(name string) (*time.Location, error) {
	if name == "Local" { // the operator's own, which nobody can know
		return nil, fmt.Errorf("unknown time zone %s", name)
	}
	return time.LoadLocation(name)
}

// MaintenanceAt is the maintenance window that a time lies in, the longest
// lasting one of several. A window that cannot be read counts as one: that
// nothing was touched is the smaller harm.
func (p Policy) MaintenanceAt(now time.Time) Maintenance {
	var longest Maintenance
	for _, w := range p.windows {
		if m := w.at(now); m.Until.After(longest.Until) {
			longest = m
		}
	}
	return longest
}

func (w window) at(now time.Time) Maintenance {
	if w.broken.Reason != "" {
		return Maintenance{Until: now.Add(recheckBroken), Because: w.broken.String()}
	}
	until := w.lastBegun(now).Add(w.duration)
	if !until.After(now) {
		return Maintenance{}
	}
	return Maintenance{Until: until, Because: "in the maintenance window, until " + until.In(w.zone).Format(time.RFC3339) + ", nothing is touched"}
}

// lastBegun is when the window last began, which is then the time at which it
// ends last, too: all of its times are equally long. It is long ago where it never
// did. Around a change of the clocks, times of the day may come in another order
// than they are named in: there, those before are looked at as well.
func (w window) lastBegun(now time.Time) time.Time {
	var last, enough time.Time
	start := wallClock(now.In(w.zone)).Add(clockChangeAround(now, w.zone)).Add(time.Second)
	for start = w.schedule.Prev(start); !start.IsZero() && !start.Before(enough); start = w.schedule.Prev(start) {
		begins := instant(start, w.zone)
		if begins.After(now) {
			continue
		}
		if begins.After(last) {
			last = begins
		}
		if enough.IsZero() {
			enough = start.Add(-clockChangeAround(begins, w.zone))
		}
		if enough.Equal(start) {
			break
		}
	}
	return last
}

// clockChangeAround is clockChange where the clocks may have been changed near a
// time, else 0.
func clockChangeAround(at time.Time, zone *time.Location) time.Duration {
	_, before := at.Add(-2 * clockChange).In(zone).Zone()
	_, after := at.Add(2 * clockChange).In(zone).Zone()
	if before == after {
		return 0
	}
	return clockChange
}

// wallClock is what the clock on the wall shows, as if it were UTC.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant is when the clock on the wall shows a time: the first time where it
// shows it twice, and where it skips it, when it would have shown it had it not
// been put forward.
func instant(wall time.Time, zone *time.Location) time.Time {
	_, offset := wall.Add(-24 * time.Hour).In(zone).Zone()
	before := wall.Add(-time.Duration(offset) * time.Second)
	_, offset = before.In(zone).Zone()
	after := wall.Add(-time.Duration(offset) * time.Second)
	if wallClock(before.In(zone)).Equal(wall) || !wallClock(after.In(zone)).Equal(wall) {
		return before
	}
	return after
}

// checkWindows finds maintenance windows that cannot be read.
func (s *Stack) checkWindows() {
	for _, w := range s.Policy.windows {
		if w.broken.Reason != "" {
			s.Problems = append(s.Problems, w.broken)
		}
	}
}
