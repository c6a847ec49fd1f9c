package logscan

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlain(t *testing.T) {
	tests := map[string]struct {
		line  string
		texts []string
		level Level
	}{
		"plain":          {"connection refused", []string{"connection refused"}, LevelUnset},
		"stamped":        {"2026-11-24 10:00:00,123 - orders - ERROR - connection refused", []string{"connection refused"}, LevelError},
		"bracketed":      {"[2026-11-24 10:00:00,123] [17] [WARNING] retrying", []string{"retrying"}, LevelWarn},
		"python":         {"WARNING:kafka.conn:socket disconnected", []string{"socket disconnected"}, LevelWarn},
		"coloured":       {"\x1b[90m2026-11-24T10:00:00Z\x1b[0m \x1b[31mERR\x1b[0m \x1b[1mno such host\x1b[0m", []string{"no such host"}, LevelError},
		"stripped":       {"[90m2026-11-24T10:00:00Z[0m [31mERR[0m [1mno such host[0m", []string{"no such host"}, LevelError},
		"in a group":     {"    | TimeoutError", []string{"TimeoutError"}, LevelUnset},
		"JSON":           {`{"level":"error","ts":"2026-11-24T10:00:00Z","msg":"role \"x\" does not exist","stack":"at a\n at b"}`, []string{`role "x" does not exist`, "at a", " at b"}, LevelError},
		"JSON, pino":     {`{"level":50,"time":1795451398693,"msg":"boom"}`, []string{"boom"}, LevelError},
		"JSON, nested":   {`{"level":"warn","err":{"message":"refused","errors":["a",{"x":"b"}]}}`, []string{"refused", "a", "b"}, LevelWarn},
		"JSON, cut":      {`\"x\" does not exist\nat a","level":"error"}`, []string{`"x" does not exist`, `at a","level":"error"}`}, LevelUnset},
		"logfmt":         {`ts=2026-11-24T10:00:00Z level=error msg="role \"x\" does not exist" exc="E: y"`, []string{`role "x" does not exist`, "E: y"}, LevelError},
		"librdkafka":     {`%3|1795507365.330|FAIL|rdkafka#producer-1| [thrd:main]: refused`, []string{`%3|1795507365.330|FAIL|rdkafka#producer-1| [thrd:main]: refused`}, LevelError},
		"Erlang's codes": {`{"init terminating in do_boot",{#{message=><<68,66,32,105,115,32,110,111,116,32,115,101,116>>}}}`, []string{`{"init terminating in do_boot",{#{message=>"DB is not set"}}}`}, LevelUnset},
		"numbers":        {`shards [1000,1001,1002,1003,1004,1005,1006,1007,1008]`, []string{`shards [1000,1001,1002,1003,1004,1005,1006,1007,1008]`}, LevelUnset},
		"in brackets":    {"[main.go:60] ERROR: no such host", []string{"[main.go:60] ERROR: no such host"}, LevelError},
		"Redis":          {"ERR invalid password", []string{"ERR invalid password"}, LevelError},
		"Redis, stamped": {"2026/11/24 10:00:00 ERR invalid password", []string{"ERR invalid password"}, LevelError},
		"ERR, a level":   {"2026-11-24 10:00:00 ERR cannot open store", []string{"cannot open store"}, LevelError},
		"JBoss":          {"2026-12-01 09:00:01,102 ERROR [org.acme.Main] (main) connection refused", []string{"connection refused"}, LevelError},
		"before logfmt":  {`2026-12-01 09:00:01 +0000 [error]: config error file="/a.conf" error="'path' is required"`, []string{"config error", "/a.conf", "'path' is required"}, LevelError},
		"MongoDB":        {`{"s":"F","c":"CONTROL","ctx":"main","msg":"cannot go on"}`, []string{"cannot go on"}, LevelFatal},
		"not UTF-8":      {"a\xff\x00\x07b", []string{"ab"}, LevelUnset},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := plain([]byte(test.line))
			if diff := cmp.Diff(test.texts, got.texts); diff != "" {
				t.Error(diff)
			}
			if got.level != test.level {
				t.Errorf("level %d, want %d", got.level, test.level)
			}
		})
	}
}

// TestMatcher: a pattern taken apart matches what the whole pattern matches.
func TestMatcher(t *testing.T) {
	patterns := []string{
		`(?i)connection (?:was )?refused|\bECONNREFUSED\b|^panic: |no (?:route|way) to host`,
		`role "[^"]+" does not exist|[Tt]imed? ?out|x[\]|]y|a|b`,
		`(?i)\b(?:57P0[12])\b|(?P<host>[\w.-]+):(?P<port>\d+) refused`,
		`KeyError: ['"](?P<var>[A-Z_]+)['"]|stripped|\|escaped`,
	}
	texts := []string{
		"Connection was REFUSED", "connection  refused", "ECONNREFUSED", "xECONNREFUSED", "econnrefused_", "panic: x", "a panic: x", "No Way To Host",
		`role "x" does not exist`, "timed out", "Time out", "timeout", "x]y", "x|y", "a", "b", "c", "57p01", "57P013", "db:5432 refused", "KeyError: 'A_B'", "|escaped", "",
	}
	for _, pattern := range patterns {
		whole, m := regexp.MustCompile(pattern), MustMatcher(pattern)
		for _, text := range texts {
			if got, want := m.MatchString(text), whole.MatchString(text); got != want {
				t.Errorf("%q on %q: %t, want %t", pattern, text, got, want)
			}
		}
	}
}

func TestRecords(t *testing.T) {
	s, err := NewScanner([]Signature{{Pattern: MustMatcher(`refused`)}, {Pattern: MustMatcher(`KeyError`)}})
	if err != nil {
		t.Fatal(err)
	}
	log := strings.Join([]string{
		"2026-11-24 10:00:00 WARNING redis unavailable, continuing without it",
		"Traceback (most recent call last):",
		`  File "a.py", line 1, in connect`,
		"ConnectionError: refused",
		"2026-11-24 10:00:01 INFO ready",
		"Traceback (most recent call last):",
		`  File "b.py", line 2, in run`,
		"KeyError: 'x'",
		"2026-11-24 10:00:02 ERROR flags: refused (feature disabled)",
	}, "\n")
	lines := s.Scan([]byte(log))
	if len(lines) != 3 {
		t.Fatalf("%d lines, want 3", len(lines))
	}
	if lines[0].Record != 0 || !lines[0].SurvivedTrace || lines[0].Level != LevelWarn {
		t.Errorf("a trace does not belong to the warning above it: %+v", lines[0])
	}
	if lines[1].SurvivedTrace || lines[1].Survived || lines[1].Level != LevelUnset {
		t.Errorf("the last trace belongs to a line before it: %+v", lines[1])
	}
	if !lines[2].Survived {
		t.Errorf("the feature is disabled, the program goes on: %+v", lines[2])
	}
}

// TestScanAllocatesNothingForOtherLines: lines without a literal cost no allocation.
func TestScanAllocatesNothingForOtherLines(t *testing.T) {
	s, err := NewScanner([]Signature{{Pattern: MustMatcher(`connection refused`)}})
	if err != nil {
		t.Fatal(err)
	}
	few := []byte(strings.Repeat("2026-11-24T10:00:00Z INFO GET /api/v1/orders 200 13ms\n", 100))
	many := []byte(strings.Repeat(string(few), 100))
	a := testing.AllocsPerRun(20, func() { s.Scan(few) })
	b := testing.AllocsPerRun(20, func() { s.Scan(many) })
	if b > a+1 {
		t.Errorf("%.0f allocations for 100 lines, %.0f for 10,000", a, b)
	}
}

// BenchmarkScan walks over a log in which one line in two hundred holds a literal.
func BenchmarkScan(b *testing.B) {
	s, err := NewScanner([]Signature{{Pattern: MustMatcher(`connection refused`)}, {Pattern: MustMatcher(`no such host`)}})
	if err != nil {
		b.Fatal(err)
	}
	log := []byte(strings.Repeat(strings.Repeat("2026-11-24T10:00:00Z INFO GET /api/v1/orders 200 13ms\n", 199)+"dial tcp: connection refused\n", 500))
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		s.Scan(log)
	}
}
