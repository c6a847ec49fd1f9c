package classify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// TestStreamGivesTheCorpusItsLabels reads the documents as a user would give them.
func TestStreamGivesTheCorpusItsLabels(t *testing.T) {
	const corpus = "../../diagnosis/testdata/dev.jsonl"
	labels := map[string]string{}
	in, err := os.ReadFile(corpus)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range bytes.Lines(in) {
		var d struct {
			ID, Cause    string
			Insufficient bool
		}
		if err := json.Unmarshal(line, &d); err != nil {
			t.Fatal(err)
		}
		order = append(order, d.ID)
		if !d.Insufficient {
			labels[d.ID] = d.Cause
		}
	}
	var out bytes.Buffer
	if err := Stream(bytes.NewReader(in), &out, Options{}); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, v := range verdicts(t, &out) {
		if v.ID != order[i] {
			t.Fatalf("line %d is of %s, want %s", i+1, v.ID, order[i])
		}
		if want, scored := labels[v.ID]; scored && v.Cause != want {
			wrong++
		}
	}
	if right := 100 * float64(len(labels)-wrong) / float64(len(labels)); right < 98 {
		t.Errorf("%.1f %% right, want at least 98", right)
	}
}

func verdicts(t *testing.T, out *bytes.Buffer) []Verdict {
	t.Helper()
	var all []Verdict
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var v Verdict
		if err := json.Unmarshal(scanner.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func TestBrokenLines(t *testing.T) {
	in := `{"id":"a","container":"app"}` + "\nnot json\n\n" + `{"id":"b","container":"app","surprise":1}` + "\n{\n"
	for keepGoing, want := range map[bool]string{false: "a", true: "ab"} {
		var out bytes.Buffer
		err := Stream(strings.NewReader(in), &out, Options{KeepGoing: keepGoing})
		var line *LineError
		if !errors.As(err, &line) || line.Line != 2 {
			t.Errorf("keepGoing %t: error %v does not name line 2", keepGoing, err)
		}
		got := ""
		for _, v := range verdicts(t, &out) {
			got += v.ID
		}
		if got != want {
			t.Errorf("keepGoing %t: verdicts on %q, want %q", keepGoing, got, want)
		}
	}
}

func TestAHealthyContainerIsNoLoop(t *testing.T) {
	in := `{"id":"a","container":"app","pod":{"spec":{"containers":[{"name":"app"}]},"status":{"containerStatuses":[{"name":"app","ready":true,"started":true,"restartCount":7,
		"state":{"running":{"startedAt":"2026-11-01T00:00:00Z"}},"lastState":{"terminated":{"exitCode":1,"finishedAt":"2026-10-31T23:59:00Z"}}}]}},
		"events":[{"reason":"BackOff","lastTimestamp":"2026-11-01T00:30:00Z"}]}`
	var out bytes.Buffer
	if err := Stream(strings.NewReader(strings.ReplaceAll(in, "\n", "")), &out, Options{}); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, `"evidence":[]`) || !strings.Contains(text, `"refuted":[]`) {
		t.Errorf("a list is null: %s", text)
	}
	if v := verdicts(t, &out); len(v) != 1 || v[0].Cause != NoLoop || v[0].Confidence == "" {
		t.Errorf("got %+v", v)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	in := `{"id":"a","container":"app","env":{"DB_PASSWORD":"hunter2-long"},"log":"FATAL cannot log in with hunter2-long at db:5432: connection refused"}`
	var out bytes.Buffer
	if err := Stream(strings.NewReader(in), &out, Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2-long") {
		t.Error(out.String())
	}
}
