// Package classify diagnoses evidence documents offline, by the very same
// rules as the operator.
package classify

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
)

// NoLoop is the answer for a container that is healthy and whose restarts are
// old. It is no cause: the operator makes no diagnosis of it.
const NoLoop = "NoLoop"

// Document is one line of input. Every field but Container may be missing;
// others are ignored.
type Document = observe.Document

// Verdict is one line of output.
type Verdict struct {
	ID         string                  `json:"id"`
	Cause      string                  `json:"cause"`
	Confidence v1alpha1.Confidence     `json:"confidence"`
	Message    string                  `json:"message"`
	Evidence   []v1alpha1.EvidenceItem `json:"evidence"`
	Refuted    []v1alpha1.RefutedCause `json:"refuted"`
	// RunnerUp is the second most likely cause, and why it lost.
	RunnerUp *v1alpha1.RefutedCause `json:"runnerUp,omitempty"`
	// Next is what a person does next.
	Next   string `json:"next,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Unseen is what was not there to be looked at.
	Unseen []string `json:"unseen"`
}

// Classify is the verdict on one document. Time is the newest in the document
// itself, whenever it is read: how long a container had been up then decides
// whether its restarts are old.
func Classify(d Document) Verdict {
	c := d.Case()
	c.Now = c.Newest()
	v := Verdict{ID: d.ID, Evidence: []v1alpha1.EvidenceItem{}, Refuted: []v1alpha1.RefutedCause{}, Unseen: unseen(d)}
	if !diagnosis.Looping(c) {
		v.Cause, v.Confidence = NoLoop, v1alpha1.ConfidenceMedium
		v.Message = "the container is ready; its restarts are old"
		return v
	}
	f := diagnosis.Diagnose(c)
	v.Cause, v.Confidence, v.Message = string(f.Cause), f.Confidence, f.Message
	v.Remedy, v.RunnerUp, v.Next = string(remedy.For(f.Cause)), f.RunnerUp, diagnosis.Advice(f.Cause)
	v.Evidence = append(v.Evidence, f.Evidence...)
	v.Refuted = append(v.Refuted, f.Refuted...)
	return v
}

// LineError is a line that is not a document.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d is not JSON: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Options of a stream.
type Options struct {
	// KeepGoing passes over lines that are not JSON.
	KeepGoing bool
}

// Stream classifies JSON Lines, one verdict a line, in the same order, as they
// come. A line that is not JSON ends it with a *LineError; with KeepGoing such
// lines are passed over, and their errors are returned at the end.
func Stream(in io.Reader, out io.Writer, o Options) error {
	reader := bufio.NewReader(in)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var broken error
	for n := 1; ; n++ {
		line, readErr := reader.ReadBytes('\n')
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return fmt.Errorf("reading line %d: %w", n, readErr)
		}
		if err := classifyLine(encoder, line, n); err != nil {
			var notJSON *LineError
			if !o.KeepGoing || !errors.As(err, &notJSON) {
				return err
			}
			broken = errors.Join(broken, err)
		}
		if readErr != nil {
			return broken
		}
	}
}

func classifyLine(to *json.Encoder, line []byte, n int) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	var d Document
	if err := json.Unmarshal(line, &d); err != nil {
		return &LineError{n, err}
	}
	if err := to.Encode(Classify(d)); err != nil {
		return fmt.Errorf("writing the verdict on line %d: %w", n, err)
	}
	return nil
}
