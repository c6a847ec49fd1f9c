package notify

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// Targets reads what receivers' references hold, live and one by one: nothing of
// it is kept.
type Targets struct {
	APIReader client.Reader
	// MayRead says why a stack's author may not have a Secret sent, empty where he may.
	MayRead func(ctx context.Context, s *v1alpha1.BridgeStack, secret string) (denied string, err error)
}

// Problems finds receivers that cannot be sent to as they are described.
func (t Targets) Problems(ctx context.Context, s *v1alpha1.BridgeStack) ([]stack.Problem, error) {
	var out []stack.Problem
	for i, r := range s.Spec.Notifications {
		_, problem, err := t.Of(ctx, s, i, r)
		if err != nil {
			return nil, err
		}
		if problem != nil {
			out = append(out, *problem)
		}
	}
	return out, nil
}

// references is what the references of a receiver hold.
type references struct{ url, signingKey, authorization, ca []byte }

// lookup is a reference of a receiver, and where its value goes.
type lookup struct {
	field string
	from  v1alpha1.EnvSource
	into  *[]byte
}

// describe is a receiver's field, the URL that it names openly, and its references.
func describe(r v1alpha1.Receiver, h *references) (kind, url string, lookups []lookup) {
	var ca *v1alpha1.EnvSource
	secret := func(field string, key *v1alpha1.KeyReference, into *[]byte) {
		if key != nil {
			lookups = append(lookups, lookup{field, v1alpha1.EnvSource{SecretKeyRef: key}, into})
		}
	}
	switch {
	case r.Webhook != nil:
		kind, url, ca = "webhook", r.Webhook.URL, r.Webhook.CAFrom
		secret("urlFrom", r.Webhook.URLFrom, &h.url)
		secret("signingKeyFrom", r.Webhook.SigningKeyFrom, &h.signingKey)
	case r.Slack != nil:
		kind, ca = "slack", r.Slack.CAFrom
		secret("urlFrom", &r.Slack.URLFrom, &h.url)
	case r.Alertmanager != nil:
		kind, url, ca = "alertmanager", r.Alertmanager.URL, r.Alertmanager.CAFrom
		secret("authorizationFrom", r.Alertmanager.AuthorizationFrom, &h.authorization)
	}
	if ca != nil {
		lookups = append(lookups, lookup{"caFrom", *ca, &h.ca})
	}
	return kind, url, lookups
}

// Of is a receiver with what its references hold. A problem is for the stack's owner
// to put right.
func (t Targets) Of(ctx context.Context, s *v1alpha1.BridgeStack, index int, r v1alpha1.Receiver) (Target, *stack.Problem, error) {
	var h references
	kind, url, lookups := describe(r, &h)
	field := fmt.Sprintf("spec.notifications[%d].%s.", index, kind)
	for _, l := range lookups {
		problem, err := t.forbidden(ctx, s, l, field, r.Name)
		if problem != nil || err != nil {
			return Target{}, problem, err
		}
		value, missing, err := t.value(ctx, s.Namespace, l.from)
		if err != nil {
			return Target{}, nil, err
		}
		if missing != "" {
			return Target{}, &stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound, Field: field + l.field,
				Message: fmt.Sprintf("%s; receiver %q cannot be told", missing, r.Name)}, nil
		}
		*l.into = value
	}
	target := Target{URL: url, SigningKey: h.signingKey, Authorization: strings.TrimSpace(string(h.authorization)), CA: h.ca}
	at := "url"
	if url == "" {
		target.URL, at = strings.TrimSpace(string(h.url)), "urlFrom"
	}
	if err := CheckURL(target.URL); err != nil {
		return target, &stack.Problem{Reason: v1alpha1.ReasonInvalidReceiver, Field: field + at, Message: "the URL " + err.Error()}, nil
	}
	if err := CheckAuthorization(target.Authorization); err != nil {
		return target, &stack.Problem{Reason: v1alpha1.ReasonInvalidReceiver, Field: field + "authorizationFrom", Message: "the value " + err.Error()}, nil
	}
	return target, nil, nil
}

// forbidden is the problem that a stack's author may not read what he wants to be sent.
func (t Targets) forbidden(ctx context.Context, s *v1alpha1.BridgeStack, l lookup, field, receiver string) (*stack.Problem, error) {
	if l.from.SecretKeyRef == nil {
		return nil, nil
	}
	denied, err := t.MayRead(ctx, s, l.from.SecretKeyRef.Name)
	if denied == "" || err != nil {
		return nil, err
	}
	return &stack.Problem{Reason: v1alpha1.ReasonNotPermitted, Field: field + l.field, Message: fmt.Sprintf("%s; receiver %q cannot be told", denied, receiver)}, nil
}

// value of a key; missing says what of it does not exist.
func (t Targets) value(ctx context.Context, namespace string, from v1alpha1.EnvSource) (value []byte, missing string, err error) {
	var secret corev1.Secret
	var configMap corev1.ConfigMap
	var object client.Object = &secret
	key, kind := from.SecretKeyRef, "Secret"
	if key == nil {
		object, key, kind = &configMap, from.ConfigMapKeyRef, "ConfigMap"
	}
	err = t.APIReader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: key.Name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Sprintf("%s %q does not exist in this namespace", kind, key.Name), nil
	case err != nil:
		return nil, "", fmt.Errorf("reading %s %s/%s, which a receiver names: %w", kind, namespace, key.Name, err)
	}
	value, found := secret.Data[key.Key]
	if text, plain := configMap.Data[key.Key]; plain {
		value, found = []byte(text), true
	}
	if !found || len(value) == 0 {
		return nil, fmt.Sprintf("%s %q has no value under the key %q", kind, key.Name, key.Key), nil
	}
	return value, "", nil
}
