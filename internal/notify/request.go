package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	// SignatureHeader of a webhook's message: see Sign.
	SignatureHeader = "Bridgestack-Signature"
	// IDHeader is the message's id, by which a receiver knows one that it has.
	IDHeader = "Bridgestack-Id"
)

// Target is a receiver with what its references hold.
type Target struct {
	// URL to send to.
	URL string
	// SigningKey of a webhook, empty where messages are not signed.
	SigningKey []byte
	// Authorization is the value of the header, empty where there is none.
	Authorization string
	// CA are certificates in PEM; empty for those that the image trusts.
	CA []byte
}

// Request is a POST of JSON.
type Request struct {
	URL    string
	Header http.Header
	Body   []byte
	// CA as in Target.
	CA []byte
}

// RequestOf puts a message into the words of a receiver.
func RequestOf(r v1alpha1.Receiver, t Target, m Message, now time.Time) (Request, error) {
	request := Request{URL: t.URL, CA: t.CA, Header: http.Header{"Content-Type": {"application/json"}, IDHeader: {m.ID}}}
	var body any = m
	switch {
	case r.Slack != nil:
		body = slackOf(m)
	case r.Alertmanager != nil:
		request.URL = strings.TrimRight(t.URL, "/") + "/api/v2/alerts"
		body = alertsOf(m, now)
	}
	var err error
	if request.Body, err = json.Marshal(body); err != nil {
		return Request{}, fmt.Errorf("encoding the message for %s: %w", r.Name, err)
	}
	if len(t.SigningKey) > 0 {
		request.Header.Set(SignatureHeader, Sign(t.SigningKey, now, request.Body))
	}
	if t.Authorization != "" {
		request.Header.Set("Authorization", t.Authorization)
	}
	return request, nil
}

// Sign is t=SECONDS,v1=HEX: the HMAC-SHA256 of the seconds since 1970, a full
// stop and the body. A receiver computes it anew, compares it in constant time
// and turns away what is older than some minutes.
func Sign(key []byte, at time.Time, body []byte) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(seconds + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// CheckURL says what keeps a URL from being sent to, without repeating it: it
// may be a secret.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("must begin with http:// or https://")
	case u.Hostname() == "":
		return fmt.Errorf("names no host")
	case u.User != nil:
		return fmt.Errorf("must not hold a user or a password")
	}
	return nil
}

// CheckAuthorization says what keeps a value from being sent in a header.
func CheckAuthorization(value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("must be one line without control characters")
	}
	return nil
}
