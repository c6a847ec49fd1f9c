// Command scrape runs another command, such as the demo, and keeps what the operator
// exports meanwhile, as Prometheus would see it: real metrics for the test of the
// alerts.
//
//	cd hack && go run ./scrape -o FILE -- go run ./demo
//
// The file has what changed from one scrape to the next. hack/record-demo makes the
// one that hack/prometheus reads.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "of the cluster (default: the local one)")
	flag.StringVar(&o.kubectl, "kubectl", "", "binary (default: the local cluster's)")
	flag.DurationVar(&o.every, "every", 5*time.Second, "time from one scrape to the next")
	out := flag.String("o", "", "file to keep the scrapes in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, *out, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "scrape: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out string, command []string) error {
	if out == "" || len(command) == 0 {
		return errors.New("want -o FILE -- COMMAND")
	}
	o, err := o.withDefaults(ctx)
	if err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("make the file for the scrapes: %w", err)
	}
	scraping, over := context.WithCancel(ctx)
	ended := make(chan error, 1)
	log := &recorder{out: file, last: map[string]string{}}
	go func() { ended <- o.scrape(scraping, log) }()

	shown := exec.CommandContext(ctx, command[0], command[1:]...)
	shown.Stdout, shown.Stderr = os.Stdout, os.Stderr
	shown.Cancel = func() error { return shown.Process.Signal(os.Interrupt) }
	err = shown.Run()
	over()
	err = errors.Join(err, <-ended, file.Close())
	if err == nil && log.scrapes == 0 {
		err = errors.New("the operator was not scraped once")
	}
	fmt.Printf("\n%d scrapes are in %s\n", log.scrapes, out)
	return err
}
