package logscan

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// quietLine is one without a literal of boundScanner.
const quietLine = "2026-11-24T10:00:00Z INFO GET /api/v1/orders 200 13ms\n"

func boundScanner(tb testing.TB) *Scanner {
	tb.Helper()
	s, err := NewScanner([]Signature{
		{Pattern: MustMatcher(`(?i)connection refused`)},
		{Pattern: MustMatcher(`password authentication failed`)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestNoAllocationPerLine: a log of sixteen times as many lines costs no more
// allocations, as long as they hold no literal.
func TestNoAllocationPerLine(t *testing.T) {
	s := boundScanner(t)
	count := func(lines int) float64 {
		log := bytes.Repeat([]byte(quietLine), lines)
		log = append(log, "connect: connection refused\n"...)
		if found := s.Scan(log); len(found) != 1 {
			t.Fatalf("%d lines: found %d, want 1", lines, len(found))
		}
		return testing.AllocsPerRun(10, func() { s.Scan(log) })
	}
	few, many := count(70), count(1120)
	t.Logf("%v allocations for 70 lines, %v for 1120", few, many)
	if many > few {
		t.Errorf("allocations grow with the lines: %v for 70, %v for 1120", few, many)
	}
}

// TestHugeLogInBoundedMemory: a log of 100 MB is scanned in the memory that a
// chunk of it takes.
func TestHugeLogInBoundedMemory(t *testing.T) {
	s := boundScanner(t)
	log := bytes.Repeat([]byte(quietLine), 100<<20/len(quietLine))
	log = append(log, "FATAL: password authentication failed for user \"x\"\n"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := s.Scan(log)
	runtime.ReadMemStats(&after)
	if len(found) != 1 || found[0].Hits[0].Signature != 1 {
		t.Errorf("found %+v, want the last line", found)
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes allocated for %d", allocated, len(log))
	if allocated > 2<<20 {
		t.Errorf("allocated %d bytes for a log of %d", allocated, len(log))
	}
}

// TestHostileBytes: control characters, bidirectional overrides, NUL, invalid
// UTF-8 and a line of 1 MB hide no finding, and none gets into its text.
func TestHostileBytes(t *testing.T) {
	s := boundScanner(t)
	for name, log := range map[string]string{
		"control":       "\x01\x02\x07\x08connection refused\x7f\n",
		"NUL":           "\x00\x00connection refused\x00\n",
		"bidirectional": "\u202e\u2066connection refused\u2069\n",
		"invalid UTF-8": "\xff\xfe\xc0connection refused\xed\xa0\x80\n",
		"colours":       "\x1b[31mconnection refused\x1b[0m\n",
		"long line":     strings.Repeat("x", 1<<20) + " connection refused\n",
	} {
		t.Run(name, func(t *testing.T) {
			lines := s.Scan([]byte(log))
			if len(lines) != 1 || len(lines[0].Hits) != 1 {
				t.Fatalf("found %d lines, want 1", len(lines))
			}
			text := lines[0].Hits[0].Text
			if strings.ContainsAny(text, "\x00\x01\x02\x07\x08\x1b\x7f\u202e\u2066\u2069") || strings.ToValidUTF8(text, "") != text {
				t.Errorf("text holds what a terminal obeys: %q", text)
			}
			if len(text) > MaxLine {
				t.Errorf("text is %d bytes long, more than MaxLine", len(text))
			}
		})
	}
}

// FuzzScan: no log makes the scanner fail, and what it finds lies in the log.
func FuzzScan(f *testing.F) {
	f.Add([]byte("\x00\u202e\xffconnection refused\n\tat x\n"))
	f.Add([]byte(`{"level":"error","msg":"connection refused"}`))
	f.Add([]byte("ts=1 msg=\"connection refused\" err=\"a\\nb\"\r\n\n"))
	s := boundScanner(f)
	f.Fuzz(func(t *testing.T, log []byte) {
		for _, line := range s.Scan(log) {
			if line.Offset < 0 || line.Offset >= len(log) || line.Record < 0 || line.Record > line.Offset {
				t.Errorf("line at %d of record %d in a log of %d bytes", line.Offset, line.Record, len(log))
			}
			if len(line.Hits) == 0 {
				t.Error("a line without a hit")
			}
			_ = Context(log, line, 2)
		}
	})
}

// BenchmarkScanKinds is the scanner over 64 KiB of each kind of log. The
// signatures are two: it compares kinds of logs, and package diagnosis measures
// its own list.
func BenchmarkScanKinds(b *testing.B) {
	s := boundScanner(b)
	for _, kind := range []struct{ name, line string }{
		{"Quiet", quietLine},
		{"EveryLineHit", "connect: connection refused\n"},
		{"JSON", `{"level":"error","time":"2026-11-24T10:00:00Z","msg":"connection refused"}` + "\n"},
		{"ANSI", "\x1b[31mERROR\x1b[0m connection refused\n"},
		{"JavaTrace", "\tat java.base/sun.nio.ch.Net.pollConnect(Native Method): connection refused\n"},
	} {
		b.Run(kind.name, func(b *testing.B) {
			log := bytes.Repeat([]byte(kind.line), 64<<10/len(kind.line))
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				s.Scan(log)
			}
		})
	}
}

// What is no ASCII is looked for by three bits of each byte, and found as it is.
func TestFoldKeepsWhatIsLookedFor(t *testing.T) {
	scanner, err := NewScanner([]Signature{{Pattern: MustMatcher(`соединение отклонено`)}, {Pattern: MustMatcher(`(?i)接続が拒否`)}, {Pattern: MustMatcher(`(?i)Straße zu`)}})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{
		"ОШИБКА: соединение отклонено": 0, "エラー: 接続が拒否されました": 1, "STRAßE ZU": 2, "Straße zu": 2,
		"соединение установлено": -1, "xxxxxxxx\xc3\xd0\xe8\xff接続": -1,
	} {
		got := -1
		for _, l := range scanner.Scan([]byte("first\n" + line + "\n")) {
			got = l.Hits[0].Signature
		}
		if got != want {
			t.Errorf("%q: signature %d, want %d", line, got, want)
		}
	}
}
