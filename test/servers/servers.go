// Package servers starts real servers for tests: PostgreSQL and MariaDB
// from the machine's packages, Apache Kafka from its Maven artifacts, and kfake, a broker
// that speaks the Kafka protocol and answers with the errors that a test wants.
package servers
