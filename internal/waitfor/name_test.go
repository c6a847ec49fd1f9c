package waitfor

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// lookups fail until there are none left.
type lookups int

func (l *lookups) LookupHost(context.Context, string) ([]string, error) {
	if *l--; *l >= 0 {
		return nil, errors.New("no such host")
	}
	return []string{"10.0.0.1"}, nil
}

func TestWaitsForAName(t *testing.T) {
	later, never := lookups(1), lookups(100)
	var log bytes.Buffer
	if err := RunName(t.Context(), &log, Wait{Name: "certs", Timeout: 10 * time.Second}, &later); err != nil || !strings.Contains(log.String(), "no such host") || !strings.Contains(log.String(), "certs resolves") {
		t.Errorf("%v\n%s", err, &log)
	}
	if err := RunName(t.Context(), &log, Wait{Name: "certs", Timeout: 100 * time.Millisecond}, &never); err == nil || !strings.Contains(err.Error(), "none of its pods is ready") {
		t.Error(err)
	}
}
