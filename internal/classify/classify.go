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
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/connection"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/remedy"
)

// NoLoop is the answer for a container that is healthy and whose restarts are
// old. It is no cause: the operator makes no diagnosis of it.
const NoLoop = "NoLoop"

// maxLog is how much of a log's end is looked at, as in the operator.
const maxLog = 64 << 10

// Document is one line of input. Every field but Container may be missing;
// others are ignored.
type Document struct {
	ID        string            `json:"id"`
	Pod       corev1.Pod        `json:"pod"`
	Container string            `json:"container"`
	Log       string            `json:"log"`
	Events    []corev1.Event    `json:"events"`
	Env       map[string]string `json:"env"`
}

// Verdict is one line of output.
type Verdict struct {
	ID         string                  `json:"id"`
	Cause      string                  `json:"cause"`
	Confidence v1alpha1.Confidence     `json:"confidence,omitempty"`
	Message    string                  `json:"message"`
	Evidence   []v1alpha1.EvidenceItem `json:"evidence"`
	Refuted    []v1alpha1.RefutedCause `json:"refuted"`
	Remedy     string                  `json:"remedy,omitempty"`
}

// Classify is the verdict on one document, seen at a time: how long a container
// has been up decides whether its restarts are old.
func Classify(d Document, now time.Time) Verdict {
	c := caseOf(d)
	c.Now = now
	if !diagnosis.Looping(c) {
		return Verdict{ID: d.ID, Cause: NoLoop, Message: "the container is healthy; its restarts are old"}
	}
	f := diagnosis.Diagnose(c)
	return Verdict{
		ID: d.ID, Cause: string(f.Cause), Confidence: f.Confidence, Message: f.Message,
		Evidence: f.Evidence, Refuted: f.Refuted, Remedy: string(remedy.For(f.Cause)),
	}
}

// caseOf is the evidence in a document, redacted as the operator redacts it.
func caseOf(d Document) evidence.Case {
	env, secrets := environment(d.Env)
	container, known := observe.ContainerOf(&d.Pod, d.Container)
	if !known {
		container = evidence.Container{Name: d.Container, Role: evidence.RoleMain}
	}
	return evidence.Case{
		Pod:       observe.PodOf(&d.Pod),
		Container: container,
		Log:       evidence.Log{Previous: []byte(redact.New(secrets...).Clean(d.Log, maxLog))},
		Events:    observe.EventsOf(d.Events),
		Env:       env,
	}
}

func environment(values map[string]string) (evidence.Env, []evidence.Secret) {
	env := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: values != nil}
	var secrets []evidence.Secret
	for name, value := range values {
		v := evidence.Variable{Name: name, Value: value, Origin: evidence.Origin{Kind: evidence.OriginLiteral}}
		if connection.Sensitive(name, value) {
			v.Value, v.Secret = "", evidence.NewSecret(value)
			secrets = append(secrets, v.Secret)
		}
		env.Variables[name] = v
	}
	return env, secrets
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
	// Now is the time that the documents are seen at.
	Now time.Time
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
		if err := classifyLine(encoder, line, n, o.Now); err != nil {
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

func classifyLine(to *json.Encoder, line []byte, n int, now time.Time) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	var d Document
	if err := json.Unmarshal(line, &d); err != nil {
		return &LineError{n, err}
	}
	if err := to.Encode(Classify(d, now)); err != nil {
		return fmt.Errorf("writing the verdict on line %d: %w", n, err)
	}
	return nil
}
