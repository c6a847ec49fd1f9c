package report

import (
	"context"
	"fmt"

	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Deliveries writes how far the receivers of a diagnosis have been told. What was
// sent cannot be unsent: where someone else wrote the status in between, the
// change is made to what they wrote.
func (r *Reporter) Deliveries(ctx context.Context, live client.Reader, key client.ObjectKey, change func([]v1alpha1.Delivery) []v1alpha1.Delivery) error {
	var before, after []v1alpha1.Delivery
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		var d v1alpha1.BridgeDiagnosis
		if err := live.Get(ctx, key, &d); err != nil {
			return client.IgnoreNotFound(err)
		}
		before, after = d.Status.Notifications, change(d.Status.Notifications)
		d.Status.Notifications = after
		redactStatus(&d.Status, r.Secrets(&d))
		return r.Client.Status().Update(ctx, &d)
	})
	if err != nil {
		return fmt.Errorf("writing to whom diagnosis %s was told: %w", key, err)
	}
	r.Metrics.Deliveries(before, after)
	return nil
}
