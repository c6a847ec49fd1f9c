package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// calls are the operator's, by verb and resource, as the API server counted them.
type calls map[string]int

// reads and writes; what watches and begins them is neither.
func (c calls) reads() int { return c.sum("get ", "list ") }

func (c calls) writes() int { return c.sum("create ", "update ", "patch ", "delete ") }

func (c calls) sum(verbs ...string) int {
	n := 0
	for call, times := range c {
		if slices.ContainsFunc(verbs, func(v string) bool { return strings.HasPrefix(call, v) }) {
			n += times
		}
	}
	return n
}

// String has the most frequent first, for so many incidents.
func (c calls) per(incidents int) string {
	names := slices.SortedFunc(maps.Keys(c), func(a, b string) int { return cmp.Or(c[b]-c[a], strings.Compare(a, b)) })
	var out []string
	for _, name := range names {
		out = append(out, fmt.Sprintf("%s %.2f", name, float64(c[name])/float64(incidents)))
	}
	return strings.Join(out, ", ")
}

// auditLog is read on as the API server writes it.
type auditLog struct {
	file *os.File
	rest *bufio.Reader
	// begun is a line whose end was not there yet.
	begun string
}

func openAuditLog(path string) (*auditLog, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the API server's audit log: %w", err)
	}
	return &auditLog{file: file, rest: bufio.NewReader(file)}, nil
}

// since the last time that it was asked.
func (a *auditLog) since() (calls, error) {
	out := calls{}
	for {
		text, err := a.rest.ReadString('\n')
		a.begun += text
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the API server's audit log: %w", err)
		}
		var event struct {
			Verb      string `json:"verb"`
			ObjectRef struct {
				Resource    string `json:"resource"`
				Subresource string `json:"subresource"`
			} `json:"objectRef"`
		}
		if err := json.Unmarshal([]byte(a.begun), &event); err != nil {
			return nil, fmt.Errorf("read a line of the API server's audit log: %w", err)
		}
		a.begun = ""
		if event.Verb == "watch" {
			continue
		}
		name := event.ObjectRef.Resource
		if sub := event.ObjectRef.Subresource; sub != "" {
			name += "/" + sub
		}
		out[event.Verb+" "+name]++
	}
}
