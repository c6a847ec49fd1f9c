package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// recorder keeps what changed from one scrape to the next.
type recorder struct {
	out     io.Writer
	began   time.Time
	last    map[string]string
	scrapes int
}

// keeps tells what is of use for alerts: the operator's own series, without the
// buckets of histograms, and how its rounds went.
func keeps(series string) bool {
	if strings.HasPrefix(series, "bridgestack_") {
		name, _, _ := strings.Cut(series, "{")
		return !strings.HasSuffix(name, "_bucket")
	}
	return strings.HasPrefix(series, "controller_runtime_reconcile_total") || strings.HasPrefix(series, "controller_runtime_reconcile_errors_total")
}

// add one scrape, in Prometheus' text format.
func (r *recorder) add(at time.Time, text string) error {
	if r.scrapes == 0 {
		r.began = at
	}
	now := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if cut := strings.LastIndexByte(line, ' '); cut > 0 && line[0] != '#' && keeps(line) {
			now[line[:cut]] = line[cut+1:]
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "@%.1f\n", at.Sub(r.began).Seconds())
	for _, series := range slices.Sorted(maps.Keys(now)) {
		if r.last[series] != now[series] {
			fmt.Fprintf(&b, "%s %s\n", series, now[series])
		}
	}
	for _, series := range slices.Sorted(maps.Keys(r.last)) {
		if _, there := now[series]; !there {
			fmt.Fprintf(&b, "-%s\n", series)
		}
	}
	r.last = now
	r.scrapes++
	if _, err := io.WriteString(r.out, b.String()); err != nil {
		return fmt.Errorf("keep a scrape: %w", err)
	}
	return nil
}
