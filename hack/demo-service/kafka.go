package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

type kafka struct {
	settings kafkaSettings
	client   sarama.Client
}

func (k *kafka) name() string { return "Kafka" }
func (k *kafka) key() string  { return "kafka" }

// connect fetches the cluster's metadata and looks for the topic.
func (k *kafka) connect(context.Context) error {
	config := sarama.NewConfig()
	config.Net.DialTimeout = connectTimeout
	config.Net.ReadTimeout = connectTimeout
	config.Metadata.Retry.Max = 0 // connect is itself retried
	config.Metadata.AllowAutoTopicCreation = false
	client, err := sarama.NewClient(k.settings.bootstrapServers, config)
	if err != nil {
		return err
	}
	k.client = client
	if err := k.check(context.Background()); err != nil {
		_ = client.Close() // the error that counts is the one above
		return err
	}
	return nil
}

func (k *kafka) giveUp(err error) error {
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return fmt.Errorf("Failed to subscribe to topic %s after all retry attempts: %w", k.settings.topic, err) //nolint:staticcheck // a line of the log
	}
	return fmt.Errorf("Failed to connect to Kafka broker after all retry attempts: %w", err) //nolint:staticcheck // a line of the log
}

func (k *kafka) check(context.Context) error {
	if k.settings.topic == "" {
		return k.client.RefreshMetadata()
	}
	return k.client.RefreshMetadata(k.settings.topic)
}

func (k *kafka) close() { _ = k.client.Close() } // the process ends
