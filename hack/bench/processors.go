package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// times are the processor time that each process took, by its name.
type times map[string]time.Duration

// processorTimes of this process and of those that it started, so far.
func processorTimes() (times, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	out := times{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		name, parent, used, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		switch self := os.Getpid(); {
		case parent == self:
			if strings.HasPrefix(name, "operator") {
				name = "operator"
			}
			out[name] += used
		case file == fmt.Sprintf("/proc/%d/stat", self):
			out["load"] += used
		}
	}
	return out, nil
}

// parseStat reads a line of /proc/PID/stat (proc_pid_stat(5)): the name in brackets is
// field 2, the parent field 4; fields 14 and 15 are in hundredths of a second.
func parseStat(text string) (name string, parent int, used time.Duration, err error) {
	open, closing := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || closing < open {
		return "", 0, 0, fmt.Errorf("no name in %q", text)
	}
	fields := strings.Fields(text[closing+1:])
	if len(fields) < 13 {
		return "", 0, 0, fmt.Errorf("too few fields in %q", text)
	}
	var numbers []int
	for _, field := range []string{fields[1], fields[11], fields[12]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return "", 0, 0, fmt.Errorf("a field of %q: %w", text, err)
		}
		numbers = append(numbers, n)
	}
	return text[open+1 : closing], numbers[0], time.Duration(numbers[1]+numbers[2]) * 10 * time.Millisecond, nil
}

// since is what was taken after earlier.
func (t times) since(earlier times) times {
	out := times{}
	for name, used := range t {
		out[name] = used - earlier[name]
	}
	return out
}

func (t times) String() string {
	var out []string
	for _, name := range []string{"operator", "kube-apiserver", "etcd", "load"} {
		out = append(out, fmt.Sprintf("%s %.1f s", name, t[name].Seconds()))
	}
	return strings.Join(out, ", ")
}
