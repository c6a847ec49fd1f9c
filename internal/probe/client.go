package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// Dial connects a client that is no probe, such as one that sends notifications.
// Like all probes it goes where the guard lets it: the name is resolved once, as
// the stack's own pods do, and each address is checked right before its dial.
// The connection ends with ctx.
func (p *Prober) Dial(ctx context.Context, scope Scope, address string) (net.Conn, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return nil, errors.New("the port is none")
	}
	resolving, cancel := context.WithTimeout(ctx, p.options.Timeouts.Resolve)
	defer cancel()
	t, v := p.resolve(resolving, scope, host)
	if !v.passed() {
		return nil, errors.New(v.message)
	}
	return p.dial(ctx, scope, t, int32(port))
}
