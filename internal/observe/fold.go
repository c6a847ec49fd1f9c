package observe

import (
	"bytes"
	"fmt"
	"slices"
)

const (
	// maxFrames of a stack trace are kept at either end, in lines. What ended
	// a program stands above its trace, and a recursion's trace has 1024 frames
	// (the JVM's default), a dump of all goroutines any number.
	maxFrames = 100
	// maxPartial is the longest line that is put together from several writes;
	// a longer one is no frame.
	maxPartial = 4 << 10
)

// folder passes on what is written to it, without the middle of long stack
// traces, and counts the lines that it was given.
type folder struct {
	to    *endOf
	lines int
	// partial is the beginning of a line; inside says that its beginning was passed on.
	partial []byte
	inside  bool
	// frames in a row so far; held are the last of them that were not passed on.
	frames    int
	held      [][]byte
	goroutine bool
}

func (f *folder) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		whole := line[len(line)-1] == '\n'
		switch {
		case f.inside:
			f.pass(line)
			f.inside = !whole
		case whole:
			f.line(append(f.partial, line...))
			f.partial = f.partial[:0]
		default:
			f.partial = append(f.partial, line...)
			if len(f.partial) > maxPartial {
				f.end()
				f.pass(f.partial)
				f.partial, f.inside = f.partial[:0], true
			}
		}
		if whole {
			f.lines++
		}
	}
	return len(p), nil
}

// line takes one whole line.
func (f *folder) line(line []byte) {
	if !f.isFrame(line) {
		f.end()
		f.pass(line)
		return
	}
	if f.frames++; f.frames <= maxFrames {
		f.pass(line)
		return
	}
	if f.held = append(f.held, slices.Clone(line)); len(f.held) > maxFrames {
		f.held = f.held[1:]
	}
}

// end passes on the last frames of a trace, if there is one.
func (f *folder) end() {
	if out := f.frames - maxFrames - len(f.held); out > 0 {
		f.pass(fmt.Appendf(nil, "\t... %d more lines of the stack trace\n", out))
	}
	for _, line := range f.held {
		f.pass(line)
	}
	f.frames, f.held, f.goroutine = 0, nil, false
}

// flush passes on what is left when the log is at its end.
func (f *folder) flush() {
	if len(f.partial) > 0 {
		f.line(f.partial)
	}
	f.end()
}

func (f *folder) pass(text []byte) {
	_, _ = f.to.Write(text) // It only remembers.
}

// isFrame recognises the frames of the JVM, JavaScript and .NET ("at ...") and
// dumps of goroutines: their heads, calls, places, and blank lines between them.
func (f *folder) isFrame(line []byte) bool {
	text := bytes.TrimRight(line, "\r\n")
	inner := bytes.TrimLeft(text, " \t")
	if len(inner) < len(text) && bytes.HasPrefix(inner, []byte("at ")) {
		return true
	}
	if bytes.HasPrefix(text, []byte("goroutine ")) && bytes.HasSuffix(text, []byte("]:")) {
		f.goroutine = true
	}
	return f.goroutine && (len(text) == 0 || text[0] == '\t' || bytes.HasSuffix(text, []byte(")")) ||
		bytes.HasPrefix(text, []byte("goroutine ")) || bytes.HasPrefix(text, []byte("created by ")) || bytes.HasPrefix(text, []byte("...")))
}
