// Package prometheus tests config/prometheus and config/grafana with Prometheus
// itself, over what the operator really exports: in its own test, and in a run of the
// demo that is recorded in testdata (make demo-scrapes records another one). It is a
// module of its own: nothing else needs what Prometheus needs.
package prometheus
