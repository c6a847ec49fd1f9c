package notify

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

const (
	// mostQuoted bytes of one text, mostFacts of evidence: a message is read on a
	// telephone, and the rest is in the diagnosis.
	mostQuoted = 600
	mostFacts  = 4
)

// slackMessage is what incoming webhooks take.
type slackMessage struct {
	Text        string `json:"text"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

// harmless takes its meaning from a text that someone else wrote: a log line may
// try to call the channel, to hide a link or to end the quotation. Mattermost
// takes mentions without brackets, so that the sign itself is set apart.
var harmless = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "`", "'", "@", "@\u200b", "\r", " ", "\n", " ")

func slackOf(m Message) slackMessage {
	var b strings.Builder
	heading, emphasis := "needs a person", ":rotating_light:"
	switch {
	case m.Event == v1alpha1.NotificationResolved:
		heading, emphasis = "is over", ":white_check_mark:"
	case m.State.Final(): // the receiver could not be told before
		heading, emphasis = "needed a person and is over by now", ":information_source:"
	}
	fmt.Fprintf(&b, "%s *%s of %s/%s* %s", emphasis, quoted(m.Service), quoted(m.Namespace), quoted(m.Stack), heading)
	if m.Cause != "" {
		fmt.Fprintf(&b, ": %s (%s)", quoted(string(m.Cause)), quoted(string(m.Confidence)))
	}
	fmt.Fprintf(&b, "\n`%s`", quoted(m.Message))
	if m.Event == v1alpha1.NotificationEscalated {
		for _, e := range m.Evidence[:min(len(m.Evidence), mostFacts)] {
			fmt.Fprintf(&b, "\n• %s: `%s`", quoted(string(e.Source)), quoted(e.Text))
		}
		for _, a := range m.Attempts {
			fmt.Fprintf(&b, "\n• tried: %s on %s, %s", quoted(string(a.Remedy)), quoted(a.Target), quoted(string(a.Outcome)))
		}
	}
	fmt.Fprintf(&b, "\n`kubectl -n %s describe bd %s`", quoted(m.Namespace), quoted(m.Diagnosis))
	return slackMessage{Text: b.String()}
}

func quoted(s string) string { return harmless.Replace(text.Clip(s, mostQuoted)) }
