package observe

import (
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// maxMessage is how much of a message is kept: the kubelet's own bound on a
// termination message, in bytes.
const maxMessage = 4096

// redactCase makes everything harmless that a program or a server wrote. The
// conversions made new values of it, so that no object of a cache is touched.
func redactCase(c *evidence.Case, r *redact.Redactor) {
	text := func(s *string) { *s = r.Clean(*s, maxMessage) }
	c.Log.Previous = redactedLog(c.Log.Previous, r)
	c.Log.Current = redactedLog(c.Log.Current, r)
	text(&c.Log.Unavailable)
	text(&c.Pod.Message)
	for i := range c.Events {
		text(&c.Events[i].Message)
	}
	for i := range c.Changes {
		text(&c.Changes[i].By)
		redactFields(c.Changes[i].Fields, text)
	}
	redactFields(c.Differences, text)
	for i := range c.OwnerEvents {
		text(&c.OwnerEvents[i].Message)
	}
	text(&c.Scheduling.Message)
	text(&c.Node.NotReady)
	text(&c.Run.Message)
	for i := range c.Owner.Conditions {
		o := &c.Owner.Conditions[i]
		for _, s := range []*string{&o.Type, &o.Status, &o.Reason, &o.Message} {
			text(s)
		}
	}
	for i := range c.Claims {
		for j := range c.Claims[i].Events {
			text(&c.Claims[i].Events[j].Message)
		}
	}
	redactContainer(&c.Container, r, text)
	for i := range c.Siblings {
		redactContainer(&c.Siblings[i], r, text)
	}
}

func redactFields(fields []evidence.FieldChange, text func(*string)) {
	for i := range fields {
		for _, s := range []*string{&fields[i].Path, &fields[i].From, &fields[i].To, &fields[i].By} {
			text(s)
		}
	}
}

func redactedLog(log []byte, r *redact.Redactor) []byte {
	clean := r.Clean(string(log), maxLog)
	from := len(clean)
	for lines := 0; lines <= maxLogLines; lines++ {
		if from = strings.LastIndexByte(clean[:from], '\n'); from < 0 {
			return []byte(clean)
		}
	}
	return []byte(clean[from+1:])
}

func redactContainer(c *evidence.Container, r *redact.Redactor, text func(*string)) {
	if c.Waiting != nil {
		text(&c.Waiting.Message)
	}
	for _, end := range []*evidence.Termination{c.Terminated, c.LastTermination} {
		if end != nil {
			text(&end.Message)
		}
	}
	c.Command, c.Args = redactedAll(c.Command, r), redactedAll(c.Args, r)
}

func redactedAll(words []string, r *redact.Redactor) []string {
	var out []string
	for _, word := range words {
		out = append(out, r.Text(word))
	}
	return out
}
