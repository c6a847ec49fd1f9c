package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout of one attempt.
	connectTimeout = 5 * time.Second
	// invalidPassword is a SQLSTATE.
	invalidPassword = "28P01"
)

type postgres struct {
	settings postgresSettings
	pool     *pgxpool.Pool
}

func (p *postgres) name() string { return "PostgreSQL" }
func (p *postgres) key() string  { return "postgres" }

// connect opens the whole pool at once, as many frameworks do: a server without
// enough slots shows at start-up and not under load.
func (p *postgres) connect(ctx context.Context) error {
	config, err := p.settings.config()
	if err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	for range config.MaxConns {
		connection, err := pool.Acquire(ctx)
		if err != nil {
			go pool.Close() // waits for those that are acquired
			return err
		}
		defer connection.Release()
	}
	p.pool = pool
	return nil
}

func (s postgresSettings) config() (*pgxpool.Config, error) {
	dsn := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(s.user, s.password),
		Host:   net.JoinHostPort(s.host, strconv.Itoa(s.port)),
		Path:   "/" + s.database,
		RawQuery: url.Values{
			"sslmode":         {s.sslMode},
			"connect_timeout": {strconv.Itoa(int(connectTimeout.Seconds()))},
			"pool_max_conns":  {strconv.Itoa(s.poolMaxSize)},
		}.Encode(),
	}
	return pgxpool.ParseConfig(dsn.String())
}

func (p *postgres) giveUp(err error) error {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == invalidPassword {
		return fmt.Errorf("Database authentication failed during initialization: %w", err) //nolint:staticcheck // a line of the log
	}
	return fmt.Errorf("Failed to connect to PostgreSQL after all retry attempts: %w", err) //nolint:staticcheck // a line of the log
}

func (p *postgres) check(ctx context.Context) error { return p.pool.Ping(ctx) }
func (p *postgres) close()                          { p.pool.Close() }
