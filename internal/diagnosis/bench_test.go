package diagnosis

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// written is the time of the line i of a log.
func written(i int) string {
	return time.Date(2026, 11, 24, 10, 0, 0, i%1000*1e6, time.UTC).Add(time.Duration(i) * 137 * time.Millisecond).Format("2006-01-02T15:04:05.000Z")
}

// quietLog is a service that answers requests, with a warning now and then, and
// in the end finds its database gone.
func quietLog(size int) []byte {
	var log []byte
	for i := 0; len(log) < size-2<<10; i++ {
		switch {
		case i%500 == 499:
			log = fmt.Appendf(log, "%s WARN  [pool-%d] orders.db - slow query took %dms: SELECT id, state FROM orders WHERE customer = $1\n", written(i), i%8, 200+i%900)
		case i%40 == 7:
			log = fmt.Appendf(log, "%s INFO  [worker-%d] orders.cache - refreshed %d entries in %dms\n", written(i), i%8, i*3%5000, i%90)
		default:
			log = fmt.Appendf(log, "%s INFO  [worker-%d] orders.http - GET /api/v1/orders/%d 200 %dms user=%x\n", written(i), i%8, i*31, i%90, i*7919)
		}
	}
	for i := range 10 {
		log = fmt.Appendf(log, "%s ERROR [main] orders.db - attempt %d: dial tcp 10.0.0.7:5432: connect: connection refused\n", written(i), i)
	}
	return append(log, "panic: failed to connect to `user=orders database=orders`: 10.0.0.7:5432 (db): dial error: dial tcp 10.0.0.7:5432: connect: connection refused\n"...)
}

// jsonLog is the same of a service that logs JSON.
func jsonLog(size int) []byte {
	var log []byte
	for i := 0; len(log) < size-1<<10; i++ {
		log = fmt.Appendf(log, `{"level":"info","ts":%q,"caller":"http/server.go:88","msg":"request","method":"GET","path":"/api/v1/orders/%d","status":200,"duration_ms":%d}`+"\n", written(i), i*31, i%90)
	}
	return append(log, `{"level":"fatal","ts":"2026-11-24T10:00:09.1Z","msg":"open database","error":"pq: password authentication failed for user \"orders\""}`+"\n"...)
}

// traceLog is a JVM that retries with a long trace each time.
func traceLog(size int) []byte {
	var log []byte
	for i := 0; len(log) < size; i++ {
		log = fmt.Appendf(log, "%s ERROR 1 --- [           main] com.zaxxer.hikari.pool.HikariPool        : HikariPool-%d - Exception during pool initialization.\n\norg.postgresql.util.PSQLException: Connection to db-%d:5432 refused. Check that the hostname and port are correct.\n", written(i), i, i)
		for frame := range 40 {
			log = fmt.Appendf(log, "\tat org.springframework.beans.factory.support.AbstractBeanFactory.doGetBean(AbstractBeanFactory.java:%d) ~[spring-beans-6.1.%d.jar:6.1.%d]\n", 200+frame, i%9, i%9)
		}
		log = fmt.Appendf(log, "Caused by: java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.pollConnect(Native Method) ~[na:na]\n\t... %d common frames omitted\n\n", 20+i%30)
	}
	return log
}

// corpusLog is logs from all over the corpus one after the other: most lines
// tell of a fault.
func corpusLog(tb testing.TB, size int) []byte {
	tb.Helper()
	docs := documents(tb, "testdata/dev.jsonl")
	const stride = 53 // Prime to the number of documents.
	var log bytes.Buffer
	for i := range docs {
		log.WriteString(strings.TrimSpace(docs[i*stride%len(docs)].Log))
		log.WriteByte('\n')
		if log.Len() >= size {
			break
		}
	}
	return log.Bytes()[:min(size, log.Len())]
}

// perCore runs f and reports besides the time on the wall how many MB it gets
// through in a second of the processor's time: a busy machine does not change it
// as much.
func perCore(b *testing.B, size int, f func()) {
	b.Helper()
	f()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	before, n := processorTime(b), 0
	for b.Loop() {
		f()
		n++
	}
	used := processorTime(b) - before
	b.ReportMetric(float64(size*n)/1e6/used.Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-us/op")
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkScan is the automaton and the signatures over a long log of each kind.
func BenchmarkScan(b *testing.B) {
	scanner := signatures().scanner
	const size = 4 << 20
	for _, l := range []struct {
		name string
		log  []byte
	}{{"Quiet", quietLog(size)}, {"JSON", jsonLog(size)}, {"JavaTraces", traceLog(size)}, {"Corpus", corpusLog(b, size)}} {
		b.Run(l.name, func(b *testing.B) {
			perCore(b, len(l.log), func() { scanner.Scan(l.log) })
		})
	}
}

// BenchmarkDiagnose64KiB is a full diagnosis of a log as long as the operator
// reads at most.
func BenchmarkDiagnose64KiB(b *testing.B) {
	const size = 64 << 10
	c := documents(b, "testdata/dev.jsonl")[0].Case()
	for _, l := range []struct {
		name string
		log  []byte
	}{{"Quiet", quietLog(size)}, {"JSON", jsonLog(size)}, {"JavaTraces", traceLog(size)}, {"EveryLineHits", corpusLog(b, size)}} {
		b.Run(l.name, func(b *testing.B) {
			c.Log.Previous = l.log
			perCore(b, len(l.log), func() { Diagnose(c) })
		})
	}
}
