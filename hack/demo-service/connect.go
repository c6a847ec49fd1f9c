package main

import (
	"context"
	"fmt"
	"time"
)

// dependency is something that the service connects to.
type dependency interface {
	// name as it is written in the log, and as a key of the health's JSON.
	name() string
	key() string
	// connect tries once.
	connect(ctx context.Context) error
	// giveUp is the line for the log when no attempt succeeded.
	giveUp(err error) error
	// check says whether an established connection still works.
	check(ctx context.Context) error
	close()
}

// dependencies are those that the settings ask for, in the order of start-up.
func dependencies(s settings) []dependency {
	var out []dependency
	if s.postgres != nil {
		out = append(out, &postgres{settings: *s.postgres})
	}
	if s.kafka != nil {
		out = append(out, &kafka{settings: *s.kafka})
	}
	if s.redis != nil {
		out = append(out, &redisServer{settings: *s.redis})
	}
	if s.rabbitMQ != nil {
		out = append(out, &rabbitMQ{settings: *s.rabbitMQ})
	}
	return out
}

// retry says how often and how fast: the delay doubles with each attempt.
type retry struct {
	attempts int
	delay    time.Duration
}

func connect(ctx context.Context, log logger, r retry, d dependency) error {
	delay := r.delay
	for attempt := 1; ; attempt++ {
		err := d.connect(ctx)
		if err == nil {
			return nil
		}
		if attempt >= r.attempts {
			return d.giveUp(err)
		}
		log.warning(fmt.Sprintf("Initialization attempt %d failed, retrying in %s: %v", attempt, delay, err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(delay):
		}
		delay *= 2
	}
}
