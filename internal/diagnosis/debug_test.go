package diagnosis

import (
	"os"
	"strings"
	"testing"
)

func TestDebug(t *testing.T) {
	ids := os.Getenv("IDS")
	if ids == "" {
		t.Skip("set IDS")
	}
	for _, d := range documents(t, firstOf(os.Getenv("CORPUS"), "testdata/dev.jsonl")) {
		for id := range strings.SplitSeq(ids, ",") {
			if d.ID != id {
				continue
			}
			c := d.evidence()
			r := read(c, c.Last())
			t.Logf("== %s want %s", d.ID, d.Cause)
			for _, k := range r.clues[max(0, len(r.clues)-25):] {
				t.Logf("%d rec %d %s/%d fam %s named %t w %d lvl %d surv %t trace %t host %s:%d | %.200s", k.order, k.record, k.cause, k.fault, k.family, k.named, k.weight, k.level, k.survived, k.trace, k.subject.Host, k.subject.Port, k.text)
			}
			f := Diagnose(c)
			t.Logf("=> %s %s %s %+v", f.Cause, f.Confidence, f.Message, f.Subject)
		}
	}
}

func TestOwnFile(t *testing.T) {
	if p := os.Getenv("CORPUS"); p != "" {
		scoreOf(documents(t, p)).print(t)
	}
}
