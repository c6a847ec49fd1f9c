package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	amqp "github.com/rabbitmq/amqp091-go"
)

type rabbitSettings struct{ address, user, password, virtualHost string }

type rabbitMQ struct {
	settings   rabbitSettings
	connection *amqp.Connection
}

func (r *rabbitMQ) name() string { return "RabbitMQ" }
func (r *rabbitMQ) key() string  { return "rabbitmq" }

func (r *rabbitMQ) connect(context.Context) error {
	address := url.URL{Scheme: "amqp", User: url.UserPassword(r.settings.user, r.settings.password), Host: r.settings.address}
	connection, err := amqp.DialConfig(address.String(), amqp.Config{Vhost: r.settings.virtualHost, Dial: amqp.DefaultDial(connectTimeout)})
	r.connection = connection
	return err
}

func (r *rabbitMQ) giveUp(err error) error {
	return fmt.Errorf("Failed to connect to RabbitMQ after all retry attempts: %w", err) //nolint:staticcheck // a line of the log
}

func (r *rabbitMQ) check(context.Context) error {
	if r.connection.IsClosed() {
		return errors.New("the connection is closed")
	}
	return nil
}

func (r *rabbitMQ) close() { _ = r.connection.Close() } // the process ends
