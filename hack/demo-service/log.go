package main

import (
	"fmt"
	"io"
	"time"
)

// logger writes lines as Python's logging does with the format
// "%(asctime)s - %(name)s - %(levelname)s - %(message)s".
type logger struct {
	out  io.Writer
	name string
	now  func() time.Time
}

func (l logger) info(message string)    { l.write("INFO", message) }
func (l logger) warning(message string) { l.write("WARNING", message) }
func (l logger) error(message string)   { l.write("ERROR", message) }

func (l logger) write(level, message string) {
	fmt.Fprintf(l.out, "%s - %s - %s - %s\n", l.now().Format("2006-01-02 15:04:05,000"), l.name, level, message)
}
