package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/bridgestack/operator/internal/evidence"
)

// mayLogIn reports whether the connection's credentials are for this server: it
// is one of those that the pod's own template pairs them with. A server that a
// stack declares and the template does not is asked without any, since whoever
// may write a BridgeStack could be the one who listens there.
func (r *run) mayLogIn(ctx context.Context, server evidence.HostPort) bool {
	for _, paired := range r.settings.PasswordFor {
		if paired.Port != server.Port {
			continue
		}
		if strings.EqualFold(paired.Host, server.Host) || r.sameName(ctx, paired.Host, server.Host) {
			return true
		}
	}
	return false
}

// sameName reports whether two hosts are found as one absolute name, such as db
// and db.shop.svc.
func (r *run) sameName(ctx context.Context, a, b string) bool {
	if a == evidence.Redacted {
		return false
	}
	first, err := r.prober.options.Dialer.Resolve(ctx, r.scope, a)
	if err != nil || first.Name == "" {
		return false
	}
	second, err := r.prober.options.Dialer.Resolve(ctx, r.scope, b)
	return err == nil && first.Name == second.Name
}

// errNotPaired is why a remedy does not log in.
var errNotPaired = errors.New("its credentials go only to the servers that the pod's own template configures them for, and this is none of these")

// asksToLogIn runs the stage Accept at a Kafka listener that gets no
// credentials: it is one that lets clients log in as the client is configured to.
func (r *run) asksToLogIn(ctx context.Context) verdict {
	code, mechanisms, err := r.saslHandshake(ctx, r.settings.Mechanism)
	if err != nil {
		return broken(err)
	}
	r.result.Kafka = &evidence.KafkaFacts{Mechanisms: mechanisms}
	switch code {
	case sarama.ErrNoError:
		return verdict{}
	case sarama.ErrUnsupportedSASLMechanism:
		return failed(nameOf(code), fmt.Sprintf("the broker does not offer %s, but %s", r.settings.Mechanism, strings.Join(mechanisms, ", ")))
	default: // such as ILLEGAL_SASL_STATE, of a listener without SASL
		return failed(nameOf(code), "the broker refuses SASL, which the client is configured for: "+code.Error())
	}
}

// mayAuthenticate reports whether a client may log in at a broker that the
// bootstrap server named. Such a one gets proof of a password, never the password.
func (r *run) mayAuthenticate(ctx context.Context, server evidence.HostPort) bool {
	provesOnly := slices.Contains([]string{sarama.SASLTypeSCRAMSHA256, sarama.SASLTypeSCRAMSHA512}, strings.ToUpper(r.settings.Mechanism))
	return r.settings.Mechanism == "" || provesOnly || r.mayLogIn(ctx, server)
}
