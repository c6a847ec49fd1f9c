package probe

import (
	"context"

	"github.com/bridgestack/operator/internal/evidence"
)

func init() { probes[evidence.TCP] = (*run).tcp }

// tcp asks whether the server accepts connections.
func (r *run) tcp(ctx context.Context) {
	if conn := r.connect(ctx, r.settings.Server()); conn != nil {
		_ = conn.Close()
	}
}
