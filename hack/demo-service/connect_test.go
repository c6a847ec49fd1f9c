package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reluctant is a dependency that lets itself be connected to at an attempt.
type reluctant struct {
	dependency
	succeedsAt int
	attempts   []time.Time
}

func (r *reluctant) connect(context.Context) error {
	r.attempts = append(r.attempts, time.Now())
	if len(r.attempts) == r.succeedsAt {
		return nil
	}
	return errors.New("connection refused")
}

func (r *reluctant) giveUp(err error) error { return fmt.Errorf("gave up: %w", err) }

func TestConnectBacksOff(t *testing.T) {
	for _, c := range []struct {
		succeedsAt int
		want       error
	}{
		{succeedsAt: 3},
		{succeedsAt: 9, want: errors.New("gave up: connection refused")},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			d := &reluctant{succeedsAt: c.succeedsAt}
			begin := time.Now()
			err := connect(t.Context(), logger{&out, "hook-receiver", time.Now}, retry{3, time.Second}, d)
			if fmt.Sprint(err) != fmt.Sprint(c.want) {
				t.Errorf("connect: %v, want %v", err, c.want)
			}
			if len(d.attempts) != 3 || time.Since(begin) != 3*time.Second {
				t.Errorf("%d attempts in %s, want 3 in 1s + 2s", len(d.attempts), time.Since(begin))
			}
			if want := "Initialization attempt 2 failed, retrying in 2s: connection refused"; !strings.Contains(out.String(), want) {
				t.Errorf("log:\n%s\nwant %q", &out, want)
			}
		})
	}
}

func TestConnectEndsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := connect(ctx, logger{&strings.Builder{}, "hook-receiver", time.Now}, retry{3, time.Hour}, &reluctant{succeedsAt: 9})
	if !errors.Is(err, context.Canceled) || unlessDone(ctx, err) != nil {
		t.Errorf("connect: %v, want it to be cancelled and no failure", err)
	}
}

func TestUseMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if got := len(useMemory(t.Context(), 7)); got != 7 || time.Since(begin) != 2*time.Second {
			t.Errorf("%d MiB in %s, want 7 in 2s", got, time.Since(begin))
		}
	})
}

func TestLogLine(t *testing.T) {
	var out strings.Builder
	at := time.Date(2026, 11, 24, 6, 33, 6, 123456789, time.UTC)
	logger{&out, "hook-receiver", func() time.Time { return at }}.error("Database password must be provided")
	if want := "2026-11-24 06:33:06,123 - hook-receiver - ERROR - Database password must be provided\n"; out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
