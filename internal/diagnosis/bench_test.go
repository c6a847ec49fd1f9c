package diagnosis

import (
	"bytes"
	"testing"
)

// BenchmarkDiagnose64KiB is a full diagnosis of a log as long as the operator
// reads at most, of mixed real lines.
func BenchmarkDiagnose64KiB(b *testing.B) {
	var log []byte
	docs := documents(b, "testdata/dev.jsonl")
	for _, d := range docs {
		if d.Client == "psycopg2" || d.Client == "pgx" {
			log = append(log, d.Log...)
		}
		if len(log) > 64<<10 {
			break
		}
	}
	c := docs[0].Case()
	c.Log.Previous = log[len(log)-64<<10:]
	Diagnose(c)
	b.SetBytes(int64(len(c.Log.Previous)))
	for b.Loop() {
		Diagnose(c)
	}
}

// BenchmarkScan is the automaton and the signatures over every log of the
// corpus, one after the other, in a single log.
func BenchmarkScan(b *testing.B) {
	var log bytes.Buffer
	for _, d := range documents(b, "testdata/dev.jsonl") {
		log.WriteString(d.Log)
	}
	scanner := signatures().scanner
	b.SetBytes(int64(log.Len()))
	b.ReportAllocs()
	for b.Loop() {
		scanner.Scan(log.Bytes())
	}
}
