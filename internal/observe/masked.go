package observe

import (
	"encoding/json"
	"fmt"

	"github.com/bridgestack/operator/internal/redact"
)

// Masked is a value as JSON, for others to read: every text in it is redacted as
// Reader.Capture does it, and so are the values of env variables and headers
// whose names tell of secrets.
func Masked(value any, r *redact.Redactor) (any, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing %T as JSON: %w", value, err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, fmt.Errorf("reading %T from JSON: %w", value, err)
	}
	return mask{r}.tree(tree), nil
}
