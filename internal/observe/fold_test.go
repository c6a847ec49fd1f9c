package observe

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func folded(t *testing.T, log string, size int) string {
	t.Helper()
	var end endOf
	f := folder{to: &end}
	for log != "" {
		n := min(size, len(log))
		if _, err := io.WriteString(&f, log[:n]); err != nil {
			t.Fatal(err)
		}
		log = log[n:]
	}
	f.flush()
	text, _ := end.tail()
	return string(text)
}

// A trace must not push out of the log what stands above it.
func TestLongTracesKeepTheirHead(t *testing.T) {
	java, goroutines := strings.Builder{}, strings.Builder{}
	java.WriteString("INFO starting\nException in thread \"main\" java.lang.StackOverflowError\n")
	goroutines.WriteString("runtime: failed to create new OS thread (have 90 already; errno=11)\nfatal error: newosproc\n\n")
	for i := range 20000 {
		fmt.Fprintf(&java, "\tat com.example.orders.pricing.Tree.walk(Tree.java:%d)\n", i)
		fmt.Fprintf(&goroutines, "goroutine %d [IO wait]:\nmain.work(0x1, {0x2, 0x3})\n\t/src/main.go:%d +0x1d\ncreated by main.main in goroutine 1\n\t/src/main.go:9 +0x2\n\n", i, i)
	}
	java.WriteString("Caused by: java.io.IOException: tree is a ring\n\tat com.example.Last.frame(Last.java:1)\n")
	goroutines.WriteString("rax    0x0\nexit status 2\n")
	for name, tc := range map[string]struct {
		log  string
		want []string
	}{
		"JVM": {java.String(), []string{"INFO starting\n", "StackOverflowError\n", "Tree.java:0)", "Tree.java:19999)\nCaused by: ", "more lines of the stack trace", "Last.java:1)\n"}},
		"Go":  {goroutines.String(), []string{"errno=11", "newosproc\n", "goroutine 0 [", "main.go:19999 ", "rax    0x0\nexit status 2\n"}},
	} {
		for _, size := range []int{7, 4096, 1 << 20} {
			got := folded(t, tc.log, size)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s in writes of %d: %q is gone", name, size, want)
				}
			}
			if len(got) > 32<<10 {
				t.Errorf("%s in writes of %d: %d bytes are left of a trace", name, size, len(got))
			}
		}
	}
}

// Whatever else a log holds comes through as it is.
func TestFoldKeepsOtherLines(t *testing.T) {
	for _, log := range []string{
		"", "one", "one\n", "\n\n\n", strings.Repeat("order 7 done (ok)\n", 500),
		"Error: x\n    at f (a.js:1)\n    at g (a.js:2)\nNode.js v20\n",
		strings.Repeat("x", 3*maxPartial) + "\nlast\n", "panic: x\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1\nexit status 2\n",
	} {
		for _, size := range []int{1, 5, 1 << 20} {
			if got := folded(t, log, size); got != log {
				t.Errorf("in writes of %d: %.80q became %.80q", size, log, got)
			}
		}
	}
}
