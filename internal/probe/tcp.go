package probe

import "context"

// tcp asks whether the server accepts connections.
func (r *run) tcp(ctx context.Context) {
	if conn := r.connect(ctx, r.settings.Server()); conn != nil {
		_ = conn.Close()
	}
}
