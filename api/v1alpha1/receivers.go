package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Receiver is someone who is told of incidents that need a person: once when the
// person is called, and once when the incident is over. A symptom is not told
// of: the incident at its root is. What is sent is what the diagnosis' status
// says. A message is sent again until it is accepted, as long as the diagnosis
// is there, and so may come twice; its id stays the same.
//
// A receiver has to be a Service of the stack's own namespace that carries the
// label bridgestack.dev/receiver: "true", or a host that the cluster's admin
// allowed. Redirects are not followed.
//
// +kubebuilder:validation:XValidation:rule="[has(self.webhook), has(self.slack), has(self.alertmanager)].filter(x, x).size() == 1",message="set exactly one of webhook, slack and alertmanager"
type Receiver struct {
	// name of the receiver in the diagnoses' status.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`
	Name string `json:"name"`
	// webhook receives a JSON document by POST.
	// +optional
	Webhook *WebhookReceiver `json:"webhook,omitempty"`
	// slack is an incoming webhook of Slack, or of one that takes the same, such
	// as Mattermost.
	// +optional
	Slack *SlackReceiver `json:"slack,omitempty"`
	// alertmanager is an Alertmanager with API v2. It is told anew every five
	// minutes while the incident is open; what it is not told of for twenty
	// minutes, it takes for resolved.
	// +optional
	Alertmanager *AlertmanagerReceiver `json:"alertmanager,omitempty"`
}

// WebhookReceiver receives a JSON document by POST.
//
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.urlFrom)",message="set exactly one of url and urlFrom"
type WebhookReceiver struct {
	// url to send to. Not for URLs that are secret: use urlFrom.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s/@?#]+(/[^\s#]*)?$`
	URL string `json:"url,omitempty"`
	// urlFrom names the key of a Secret that holds the URL.
	// +optional
	URLFrom *KeyReference `json:"urlFrom,omitempty"`
	// signingKeyFrom names the key of a Secret by which messages are signed:
	// the header Bridgestack-Signature is then t=SECONDS,v1=HEX, where HEX is the
	// HMAC-SHA256 of SECONDS, a full stop and the body; SECONDS are those since
	// 1970, so that what is old can be turned away.
	// +optional
	SigningKeyFrom *KeyReference `json:"signingKeyFrom,omitempty"`
	// caFrom names the key that holds the certificates, in PEM, of who may vouch
	// for the receiver. Default: those that the operator's image trusts.
	// +optional
	CAFrom *EnvSource `json:"caFrom,omitempty"`
}

// SlackReceiver is an incoming webhook of Slack.
type SlackReceiver struct {
	// urlFrom names the key of a Secret that holds the URL: it is all that one
	// needs to write to the channel.
	// +required
	URLFrom KeyReference `json:"urlFrom"`
	// caFrom names the key that holds the certificates, in PEM, of who may vouch
	// for the receiver. Default: those that the operator's image trusts.
	// +optional
	CAFrom *EnvSource `json:"caFrom,omitempty"`
}

// AlertmanagerReceiver is an Alertmanager.
type AlertmanagerReceiver struct {
	// url of the Alertmanager, without /api/v2/alerts.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^\s/@?#]+(/[^\s?#]*)?$`
	URL string `json:"url"`
	// authorizationFrom names the key of a Secret that holds the value of the
	// header Authorization, such as "Bearer abc".
	// +optional
	AuthorizationFrom *KeyReference `json:"authorizationFrom,omitempty"`
	// caFrom names the key that holds the certificates, in PEM, of who may vouch
	// for the receiver. Default: those that the operator's image trusts.
	// +optional
	CAFrom *EnvSource `json:"caFrom,omitempty"`
}

// NotificationEvent is what a message tells of.
//
// +kubebuilder:validation:Enum=Escalated;Resolved
type NotificationEvent string

// The events.
const (
	// NotificationEscalated: a person is called.
	NotificationEscalated NotificationEvent = "Escalated"
	// NotificationResolved: an incident for which a person was called is over.
	NotificationResolved NotificationEvent = "Resolved"
)

// Delivery is how far a receiver has been told of an incident.
type Delivery struct {
	// receiver by its name in spec.notifications.
	Receiver string `json:"receiver"`
	// delivered is the last event that the receiver accepted.
	// +optional
	Delivered NotificationEvent `json:"delivered,omitempty"`
	// deliveredAt is when it accepted it; for an Alertmanager, when it was last
	// told anew.
	// +optional
	DeliveredAt *metav1.Time `json:"deliveredAt,omitempty"`
	// failures in a row of the message that is due.
	// +optional
	Failures int32 `json:"failures,omitempty"`
	// nextAttemptAt is when the message that failed is sent again.
	// +optional
	NextAttemptAt *metav1.Time `json:"nextAttemptAt,omitempty"`
	// message says why it failed.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}
