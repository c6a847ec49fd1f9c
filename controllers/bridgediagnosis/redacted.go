package bridgediagnosis

import (
	"github.com/bridgestack/operator/internal/redact"
)

// redact keeps secrets out of a text: by value, where this round has read what
// the container holds, and by form.
func (in *round) redact(text string) string {
	if in.redactor == nil {
		return new(redact.Redactor).Text(text)
	}
	return in.redactor.Text(text)
}

// redacted is the error, without secrets in what it says.
func (in *round) redacted(err error) error {
	if in.redactor == nil {
		return new(redact.Redactor).Error(err)
	}
	return in.redactor.Error(err)
}
