package main

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

type redisSettings struct{ address, password string }

type redisServer struct {
	settings redisSettings
	client   *redis.Client
}

func (r *redisServer) name() string { return "Redis" }
func (r *redisServer) key() string  { return "redis" }

func (r *redisServer) connect(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: r.settings.address, Password: r.settings.password, DialTimeout: connectTimeout, MaxRetries: -1, DialerRetries: 1})
	if err := client.Ping(ctx).Err(); err != nil {
		_ = client.Close() // the error that counts is the one above
		return err
	}
	r.client = client
	return nil
}

func (r *redisServer) giveUp(err error) error {
	return fmt.Errorf("Failed to connect to Redis after all retry attempts: %w", err) //nolint:staticcheck // a line of the log
}

func (r *redisServer) check(ctx context.Context) error { return r.client.Ping(ctx).Err() }
func (r *redisServer) close()                          { _ = r.client.Close() } // the process ends
