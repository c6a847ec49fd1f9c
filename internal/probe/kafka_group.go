package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/bridgestack/operator/internal/evidence"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// DeleteGroup deletes a consumer group that has no members; the broker itself
// refuses one that has (NON_EMPTY_GROUP, 68). One that is gone is success. It
// goes the probes' way and takes at most ten seconds.
func (p *Prober) DeleteGroup(ctx context.Context, scope Scope, c evidence.Connection, group string) error {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := p.newRun(scope, c, v1alpha1.AsDeclared)
	if err := r.deleteGroup(ctx, group); err != nil {
		return fmt.Errorf("deleting consumer group %s at %s: %w", group, r.result.Target, err)
	}
	return nil
}

func (r *run) deleteGroup(ctx context.Context, group string) error {
	conn := r.bootstrap(ctx)
	if conn == nil {
		return r.trouble()
	}
	defer func() { _ = conn.Close() }()
	b, ok := r.openBroker(ctx, conn)
	if !ok {
		return r.trouble()
	}
	defer b.close()
	metadata, v := r.metadata(ctx, b)
	if !v.passed() {
		return errors.New(v.message)
	}
	coordinator, v := r.coordinator(ctx, b, metadata, group)
	if !v.passed() {
		return errors.New(v.message)
	}
	if coordinator.server != b.server {
		defer coordinator.close()
	}
	response, err := within(ctx, r.prober.options.Timeouts.Exchange, func() (*sarama.DeleteGroupsResponse, error) {
		return coordinator.client.DeleteGroups(&sarama.DeleteGroupsRequest{Groups: []string{group}})
	})
	if err != nil {
		return r.clean(err)
	}
	if code := response.GroupErrorCodes[group]; !slices.Contains([]sarama.KError{sarama.ErrNoError, sarama.ErrGroupIDNotFound}, code) {
		return r.clean(code)
	}
	return nil
}
