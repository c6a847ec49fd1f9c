// Package realserver starts real servers for tests: PostgreSQL from the
// machine's packages, and kfake, a broker that speaks the Kafka protocol.
package realserver
