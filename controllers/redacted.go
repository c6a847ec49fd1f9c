package controllers

import (
	"github.com/bridgestack/operator/internal/redact"
)

// redact keeps secrets out of a text: by value, where this round has read what
// the container holds, and by form.
func (in *incident) redact(text string) string {
	if in.redactor == nil {
		return new(redact.Redactor).Text(text)
	}
	return in.redactor.Text(text)
}

// redacted is the error, without secrets in what it says.
func (in *incident) redacted(err error) error {
	if err == nil {
		return nil
	}
	return redactedError{in.redact(err.Error()), err}
}

type redactedError struct {
	text  string
	cause error
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.cause }
