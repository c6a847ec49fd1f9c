// Command bench measures what the operator costs and how fast it is, at a scale that
// no test has: etcd, the API server and the operator are real, each a process of its
// own; only the kubelet and the controllers of workloads are stood in for, and no
// container runs. It prints one table for the README.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// options of a run.
type options struct {
	// sizes of the cluster, in pods, one after the other.
	sizes sizes
	// storm is how many workloads begin to loop at once, at the last size.
	storm int
	// samples are incidents of which one at a time is opened, at each size, and
	// every how often.
	samples int
	every   time.Duration
	// idle is how long nothing happens.
	idle time.Duration
	// profiles is a folder for the profiles of the storm; empty for none.
	profiles string
	// operator is the binary, empty to build this checkout's.
	operator string
}

// sizes is a flag: numbers with commas.
type sizes []int

func (s *sizes) String() string { return strings.Trim(fmt.Sprint([]int(*s)), "[]") }

func (s *sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < servicesPerStack {
			return fmt.Errorf("want numbers of pods from %d", servicesPerStack)
		}
		*s = append(*s, n)
	}
	return nil
}

func main() {
	o := options{sizes: sizes{1000, 10000}}
	flag.Var(&o.sizes, "pods", "how large the cluster is, one size after the other")
	flag.IntVar(&o.storm, "storm", 1000, "workloads that begin to loop at once, at the last size")
	flag.IntVar(&o.samples, "samples", 200, "incidents of which one after the other is opened at each size")
	flag.DurationVar(&o.every, "every", 100*time.Millisecond, "time from one of these to the next")
	flag.DurationVar(&o.idle, "idle", 65*time.Second, "how long nothing happens, to count what is called all the same")
	flag.StringVar(&o.profiles, "profiles", "", "folder for profiles of the storm: CPU and heap of the operator, CPU of the API server")
	flag.StringVar(&o.operator, "operator", "", "the operator's binary (default: that of this checkout, built first)")
	flag.Parse()

	log.SetLogger(logr.Discard()) // the client's; what matters comes as an error
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := show(ctx, o, os.Stdout, progress.NewPrinter(os.Stderr))
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// show measures and prints.
func show(ctx context.Context, o options, out io.Writer, printer *progress.Printer) error {
	results, err := measure(ctx, o, printer)
	if err != nil {
		return err
	}
	fmt.Fprint(out, results.table())
	return results.wrong()
}
