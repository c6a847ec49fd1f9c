// Package progress tells a waiting person what is being done and for how long.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	patience = 2 * time.Second
	reminder = 30 * time.Second
)

// Printer prints a line for each step that takes longer than two seconds.
type Printer struct {
	mutex sync.Mutex
	out   io.Writer
	start time.Time
}

// NewPrinter prints to out, with the time since now before each line.
func NewPrinter(out io.Writer) *Printer {
	return &Printer{out: out, start: time.Now()}
}

// Say prints a line.
func (p *Printer) Say(format string, arguments ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	fmt.Fprintf(p.out, "%4ds  %s\n", int(time.Since(p.start).Seconds()), fmt.Sprintf(format, arguments...))
}

// Step does the work and tells about it if it takes long.
func (p *Printer) Step(name string, work func() error) error {
	start, done := time.Now(), make(chan struct{})
	var watching sync.WaitGroup
	told := false
	watching.Go(func() {
		wait := patience
		for {
			select {
			case <-done:
				return
			case <-time.After(wait):
				p.Say("%s ... %s", name, elapsed(start))
				told, wait = true, reminder
			}
		}
	})
	err := work()
	close(done)
	watching.Wait()
	switch {
	case err != nil && told:
		p.Say("%s: failed after %s", name, elapsed(start))
	case told:
		p.Say("%s: done in %s", name, elapsed(start))
	}
	return err
}

func elapsed(start time.Time) string {
	return time.Since(start).Round(time.Second).String()
}
