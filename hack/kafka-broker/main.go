// Command kafka-broker is a one-node Kafka for demos and tests: it speaks the
// protocol, keeps its topics in memory and starts at once. It creates no topic
// by itself, as a broker in production should not.
//
// It is configured by environment variables:
//
//	LISTEN_ADDRESS   where it listens. Default: 0.0.0.0:9092.
//	ADVERTISED_HOST  host or host:port that clients are told to come back to,
//	                 such as the Service's name. Default: the host's name, and
//	                 the port that it listens on.
//	TOPICS           topics to start with, as name or name:partitions, separated
//	                 by commas. Default: none; 1 partition each.
//	SASL_MECHANISM   PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Default: no SASL.
//	SASL_USERNAME    the one user, and its password.
//	SASL_PASSWORD
//	FENCED_GROUP     a consumer group, empty at the start, whose members are
//	                 fenced until the group has been deleted. Default: none.
//	TLS              true: it speaks TLS only, with a certificate of its own making.
//	DENY             true: nobody is authorized for any topic or group.
//	PRODUCE_ERROR    the protocol's code that answers whatever is sent, such as
//	                 10 for MESSAGE_TOO_LARGE. Default: 0, it is stored.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatalf("kafka-broker: %v", err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	config, err := configOf(os.Getenv)
	if err != nil {
		return err
	}
	broker, err := start(config)
	if err != nil {
		return err
	}
	defer broker.Close()
	fmt.Printf("listening on %s, advertised as %s, topics: %s\n",
		config.listen, strings.Join(broker.ListenAddrs(), ","), config.topicNames())
	<-ctx.Done()
	return nil
}
