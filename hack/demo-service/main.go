// Command demo-service stands in for a service of a stack: it reads its settings
// from the environment, connects to its servers with real clients, ends
// with exit code 1 when it cannot, and serves its health as JSON. What is wrong
// with it in a demo or a test is real: a wrong host is dialled, memory is used
// until the kernel ends the process.
//
// It is configured by environment variables:
//
//	SERVICE_NAME      name in the log. Default: the host's name.
//	ENVIRONMENT       shown in the health. Default: development.
//	PORT              of GET /health. Default: 8001.
//	REQUIRE           what it cannot work without, of postgres, kafka, topic,
//	                  redis, rabbitmq and api_key, separated by commas. Default: those of which a
//	                  variable is set.
//	API_KEY           the key for requests from outside.
//	POSTGRES_HOST, POSTGRES_PORT (5432), POSTGRES_DATABASE, POSTGRES_USER,
//	POSTGRES_PASSWORD, POSTGRES_POOL_MAX_SIZE (5), POSTGRES_SSL_MODE (disable)
//	KAFKA_BOOTSTRAP_SERVERS  host:port pairs, separated by commas.
//	KAFKA_WORKFLOW_TOPIC     a topic that must exist: it is not created.
//	KAFKA_SECURITY_PROTOCOL  PLAINTEXT or SSL. Default: PLAINTEXT.
//	KAFKA_CONSUMER_GROUP     a consumer group that it joins, of KAFKA_WORKFLOW_TOPIC.
//	KAFKA_FIRST_MESSAGE      what it sends to KAFKA_WORKFLOW_TOPIC at its start. Default: nothing.
//	REDIS_HOST, REDIS_PORT (6379), REDIS_PASSWORD
//	RABBITMQ_HOST, RABBITMQ_PORT (5672), RABBITMQ_USER, RABBITMQ_PASSWORD (guest),
//	RABBITMQ_VHOST (/)
//	CONNECT_ATTEMPTS  before it gives up. Default: 3.
//	CONNECT_DELAY     after the first failed attempt; doubles with each. Default: 1s.
//	MEMORY_USE_MIB    memory that its work takes, in MiB. Default: 0.
//	RUN_FOR           ends it with exit code 0 after this time. Default: never.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	os.Exit(run())
}

// run is the process from start to exit code.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	hostname, _ := os.Hostname() // Only the name in the log depends on it.
	log := logger{os.Stdout, cmp.Or(os.Getenv("SERVICE_NAME"), hostname), time.Now}
	log.info("Starting up")

	s, err := settingsOf(os.Getenv)
	if err == nil {
		err = work(ctx, log, s)
	}
	if err != nil {
		log.error(err.Error())
		return 1
	}
	log.info("Shut down")
	return 0
}

// work connects, takes its memory and goes on until it is told to end.
func work(ctx context.Context, log logger, s settings) error {
	if s.runFor > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.runFor)
		defer cancel()
	}
	h := newHealth(s.environment)
	failed := h.serve(ctx, s.port)

	for _, d := range dependencies(s) {
		if err := connect(ctx, log, s.retry, d); err != nil {
			return unlessDone(ctx, err)
		}
		defer d.close()
		log.info("Connected to " + d.name())
		h.watch(d)
	}
	memory := useMemory(ctx, s.memoryMiB)
	defer runtime.KeepAlive(memory)
	h.ready()
	log.info(fmt.Sprintf("Ready on port %d, using %d MiB", s.port, len(memory)))
	select {
	case err := <-failed:
		return fmt.Errorf("health endpoint on port %d: %w", s.port, err)
	case <-ctx.Done():
		return nil
	}
}

// unlessDone is nil where the work ended because it was told to end.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
