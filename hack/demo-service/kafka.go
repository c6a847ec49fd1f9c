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
	member   sarama.ConsumerGroup // nil where no group is joined
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
	config.Producer.Return.Successes = true // the producer waits for them
	config.Net.TLS.Enable = k.settings.tls
	client, err := sarama.NewClient(k.settings.bootstrapServers, config)
	if err != nil {
		return err
	}
	k.client = client
	if err := k.check(context.Background()); err != nil {
		_ = client.Close() // the error that counts is the one above
		return err
	}
	if err := k.join(); err != nil {
		return err
	}
	return k.send()
}

// send sends the first message.
func (k *kafka) send() error {
	if k.settings.message == "" {
		return nil
	}
	producer, err := sarama.NewSyncProducerFromClient(k.client)
	if err != nil {
		return err
	}
	_, _, err = producer.SendMessage(&sarama.ProducerMessage{Topic: k.settings.topic, Value: sarama.StringEncoder(k.settings.message)})
	if err != nil {
		return fmt.Errorf("sending to topic %s: %w", k.settings.topic, err)
	}
	return nil
}

// join becomes a member of the consumer group, and stays one until the process
// ends.
func (k *kafka) join() error {
	if k.settings.group == "" {
		return nil
	}
	member, err := sarama.NewConsumerGroupFromClient(k.settings.group, k.client)
	if err != nil {
		return err
	}
	joined, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		failed <- member.Consume(context.Background(), []string{k.settings.topic}, &reader{joined: joined})
	}()
	select {
	case <-joined:
		k.member = member
		return nil
	case err := <-failed:
		_ = member.Close() // closes the client too; the error that counts is the one above
		return fmt.Errorf("joining consumer group %s: %w", k.settings.group, err)
	}
}

// reader reads nothing: that it is let in is all that matters.
type reader struct{ joined chan struct{} }

// Setup implements sarama.ConsumerGroupHandler.
func (r *reader) Setup(sarama.ConsumerGroupSession) error { close(r.joined); return nil }

// Cleanup implements sarama.ConsumerGroupHandler.
func (r *reader) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (r *reader) ConsumeClaim(session sarama.ConsumerGroupSession, _ sarama.ConsumerGroupClaim) error {
	<-session.Context().Done()
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

func (k *kafka) close() { // the process ends
	if k.member != nil {
		_ = k.member.Close()
	}
	_ = k.client.Close()
}
