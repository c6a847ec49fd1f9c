package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func request(t *testing.T, r v1alpha1.Receiver, target Target, d *v1alpha1.BridgeDiagnosis, event v1alpha1.NotificationEvent, into any) Request {
	t.Helper()
	got, err := RequestOf(r, target, MessageOf(d, event, now), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(got.Body, into); err != nil {
		t.Fatal(err)
	}
	return got
}

// A receiver can check who sent a message, and tell one that it has.
func TestWebhookIsSigned(t *testing.T) {
	var first, second Message
	got := request(t, hook, Target{URL: "https://example.com/hook", SigningKey: []byte("key")}, escalated(), v1alpha1.NotificationEscalated, &first)
	mac := hmac.New(sha256.New, []byte("key"))
	fmt.Fprintf(mac, "%d.%s", now.Unix(), got.Body)
	if want := fmt.Sprintf("t=%d,v1=%x", now.Unix(), mac.Sum(nil)); got.Header.Get("Bridgestack-Signature") != want {
		t.Errorf("signature %q, want %q", got.Header.Get("Bridgestack-Signature"), want)
	}
	if first.Version != "1" || first.Workload != "Deployment/api" || first.Cause != v1alpha1.CausePostgresAuthFailed || len(first.Evidence) != 1 || first.Times.Resolved != nil {
		t.Errorf("document: %s", got.Body)
	}
	over := escalated()
	over.Status.State, over.Status.Times.Recovered = v1alpha1.StateRecovered, &metav1.MicroTime{Time: now}
	again := request(t, hook, Target{URL: "https://example.com/hook"}, over, v1alpha1.NotificationEscalated, &second)
	if first.ID != second.ID || again.Header.Get("Bridgestack-Id") != first.ID || first.ID == "" {
		t.Errorf("the same message has the ids %q and %q", first.ID, second.ID)
	}
	if again.Header.Get("Bridgestack-Signature") != "" {
		t.Error("signed without a key")
	}
	request(t, hook, Target{}, over, v1alpha1.NotificationResolved, &second)
	if first.ID == second.ID || second.Times.Resolved == nil {
		t.Errorf("resolved: id %q, times %+v", second.ID, second.Times)
	}
}

// What a container logs cannot call a channel, hide a link, or leave its quotation.
func TestSlackIsHarmless(t *testing.T) {
	d := escalated()
	d.Status.Message = "<!channel> @here `rm` <https://evil.example|docs>\n*bold*"
	d.Status.Evidence[0].Text = "```<@U123> @channel & " + strings.Repeat("<", 5000)
	var got struct {
		Text        string
		UnfurlLinks *bool `json:"unfurl_links"`
	}
	request(t, v1alpha1.Receiver{Name: "chat", Slack: &v1alpha1.SlackReceiver{}}, Target{}, d, v1alpha1.NotificationEscalated, &got)
	for _, forbidden := range []string{"<", ">", "@here", "@channel", "@U123", "``", "rm`"} {
		if strings.Contains(got.Text, forbidden) {
			t.Errorf("%q is in the text: %.300s", forbidden, got.Text)
		}
	}
	for _, wanted := range []string{"api of shop/shop", "needs a person", "PostgresAuthFailed (High)", "kubectl -n shop describe bd api-1"} {
		if !strings.Contains(got.Text, wanted) {
			t.Errorf("%q is not in the text: %.300s", wanted, got.Text)
		}
	}
	if len(got.Text) > 8000 || got.UnfurlLinks == nil || *got.UnfurlLinks {
		t.Errorf("%d bytes, unfurls %v", len(got.Text), got.UnfurlLinks)
	}
}

// An alert is the same one from its beginning to its end, whatever the cause is
// taken for in between.
func TestAlertKeepsItsIdentity(t *testing.T) {
	var open, over []alert
	d := escalated()
	got := request(t, alerts, Target{URL: "http://alertmanager:9093/", Authorization: "Bearer abc"}, d, v1alpha1.NotificationEscalated, &open)
	if got.URL != "http://alertmanager:9093/api/v2/alerts" || got.Header.Get("Authorization") != "Bearer abc" {
		t.Errorf("%s %v", got.URL, got.Header)
	}
	d.Status.Cause, d.Status.State = v1alpha1.CauseOOMKilled, v1alpha1.StateClosed
	d.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-2 * time.Minute))}}
	request(t, alerts, Target{}, d, v1alpha1.NotificationResolved, &over)
	if fmt.Sprint(open[0].Labels) != fmt.Sprint(over[0].Labels) || !open[0].StartsAt.Equal(over[0].StartsAt) {
		t.Errorf("another alert: %v, %v", open[0].Labels, over[0].Labels)
	}
	if !open[0].EndsAt.After(now.Add(2 * Refresh)) {
		t.Errorf("it ends at %s if one renewal fails", open[0].EndsAt)
	}
	// The condition's seconds may lie before the escalation's microseconds.
	if over[0].EndsAt.After(now) || over[0].EndsAt.Before(over[0].StartsAt) {
		t.Errorf("resolved from %s to %s", over[0].StartsAt, over[0].EndsAt)
	}
}

func TestCheckURL(t *testing.T) {
	for text, says := range map[string]string{
		"https://hooks.example.com/services/T/B/x": "", "http://alertmanager:9093": "",
		"ftp://example.com": "http://", "example.com/hook": "http://", "https://": "no host", "https://:443/": "no host",
		"https://user:secret@example.com": "password", "https://example.com\n": "no URL", "": "http://",
	} {
		err := CheckURL(text)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("repeats what is secret: %v", err)
		}
	}
}
