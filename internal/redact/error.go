package redact

// Error is an error without secrets in what it says. Its cause is kept: errors.Is
// and errors.As find it.
func (r *Redactor) Error(err error) error {
	if err == nil {
		return nil
	}
	return redactedError{r.Text(err.Error()), err}
}

type redactedError struct {
	text  string
	cause error
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.cause }
