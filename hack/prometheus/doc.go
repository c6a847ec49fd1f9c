// Package prometheus tests config/prometheus and config/grafana with Prometheus
// itself, over what the operator really exports. It is a module of its own:
// nothing else needs what Prometheus needs.
package prometheus
