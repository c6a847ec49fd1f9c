package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

type settings struct {
	environment string
	port        int
	postgres    *postgresSettings // nil: not needed
	kafka       *kafkaSettings    // nil: not needed
	redis       *redisSettings    // nil: not needed
	rabbitMQ    *rabbitSettings   // nil: not needed
	retry       retry
	memoryMiB   int
	runFor      time.Duration // 0: for ever
}

type postgresSettings struct {
	host, database, user, password, sslMode string
	port, poolMaxSize                       int
}

type kafkaSettings struct {
	bootstrapServers []string
	topic            string // empty: none is needed
	group            string // empty: none is joined
	message          string // empty: none is sent
	tls              bool
}

// What a service can require.
const (
	requirePostgres = "postgres"
	requireKafka    = "kafka"
	requireTopic    = "topic"
	requireRedis    = "redis"
	requireRabbitMQ = "rabbitmq"
	requireAPIKey   = "api_key"
)

// variables that must be set for a requirement, each with what is said if not.
var variables = map[string][][2]string{
	requireAPIKey: {{"API_KEY", "API_KEY environment variable is required for authentication"}},
	requirePostgres: {
		{"POSTGRES_HOST", "POSTGRES_HOST environment variable is required"},
		{"POSTGRES_DATABASE", "POSTGRES_DATABASE environment variable is required"},
		{"POSTGRES_USER", "POSTGRES_USER environment variable is required"},
		{"POSTGRES_PASSWORD", "Database password must be provided"},
	},
	requireKafka:    {{"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS environment variable is required"}},
	requireTopic:    {{"KAFKA_WORKFLOW_TOPIC", "KAFKA_WORKFLOW_TOPIC environment variable is required"}},
	requireRedis:    {{"REDIS_HOST", "REDIS_HOST environment variable is required"}},
	requireRabbitMQ: {{"RABBITMQ_HOST", "RABBITMQ_HOST environment variable is required"}},
}

// environment is the variables, with the first one that could not be parsed.
type environment struct {
	get func(string) string
	err error
}

// settingsOf reads and checks the settings; the error is a line for the log.
func settingsOf(getenv func(string) string) (settings, error) {
	env := environment{get: getenv}
	required := env.required()
	for _, requirement := range []string{requireAPIKey, requirePostgres, requireKafka, requireTopic, requireRedis, requireRabbitMQ} {
		for _, variable := range variables[requirement] {
			if slices.Contains(required, requirement) && getenv(variable[0]) == "" {
				return settings{}, errors.New(variable[1])
			}
		}
	}
	s := settings{
		environment: cmp.Or(getenv("ENVIRONMENT"), "development"),
		port:        env.number("PORT", 8001),
		retry:       retry{attempts: env.number("CONNECT_ATTEMPTS", 3), delay: env.duration("CONNECT_DELAY", time.Second)},
		memoryMiB:   env.number("MEMORY_USE_MIB", 0),
		runFor:      env.duration("RUN_FOR", 0),
	}
	if slices.Contains(required, requirePostgres) {
		s.postgres = env.postgres()
	}
	if slices.Contains(required, requireKafka) || slices.Contains(required, requireTopic) {
		s.kafka = &kafkaSettings{
			bootstrapServers: strings.Split(getenv("KAFKA_BOOTSTRAP_SERVERS"), ","),
			topic:            getenv("KAFKA_WORKFLOW_TOPIC"),
			group:            getenv("KAFKA_CONSUMER_GROUP"),
			message:          getenv("KAFKA_FIRST_MESSAGE"),
			tls:              getenv("KAFKA_SECURITY_PROTOCOL") == "SSL",
		}
	}
	if slices.Contains(required, requireRedis) {
		s.redis = &redisSettings{address: env.address("REDIS", 6379), password: getenv("REDIS_PASSWORD")}
	}
	if slices.Contains(required, requireRabbitMQ) {
		s.rabbitMQ = &rabbitSettings{
			address: env.address("RABBITMQ", 5672), virtualHost: cmp.Or(getenv("RABBITMQ_VHOST"), "/"),
			user: cmp.Or(getenv("RABBITMQ_USER"), "guest"), password: cmp.Or(getenv("RABBITMQ_PASSWORD"), "guest"),
		}
	}
	return s, env.err
}

// address is NAME_HOST and NAME_PORT.
func (e *environment) address(name string, port int) string {
	return net.JoinHostPort(e.get(name+"_HOST"), strconv.Itoa(e.number(name+"_PORT", port)))
}

// required is REQUIRE, or else every requirement of which a variable is set.
func (e *environment) required() []string {
	var out []string
	for requirement := range strings.SplitSeq(e.get("REQUIRE"), ",") {
		if requirement = strings.TrimSpace(requirement); requirement == "" {
			continue
		}
		if variables[requirement] == nil {
			e.fail("REQUIRE names %q, which is none of postgres, kafka, topic, redis, rabbitmq, api_key", requirement)
		}
		out = append(out, requirement)
	}
	if out != nil {
		return out
	}
	for requirement, needed := range variables {
		if slices.ContainsFunc(needed, func(v [2]string) bool { return e.get(v[0]) != "" }) {
			out = append(out, requirement)
		}
	}
	return out
}

func (e *environment) postgres() *postgresSettings {
	return &postgresSettings{
		host:        e.get("POSTGRES_HOST"),
		port:        e.number("POSTGRES_PORT", 5432),
		database:    e.get("POSTGRES_DATABASE"),
		user:        e.get("POSTGRES_USER"),
		password:    e.get("POSTGRES_PASSWORD"),
		sslMode:     cmp.Or(e.get("POSTGRES_SSL_MODE"), "disable"),
		poolMaxSize: max(1, e.number("POSTGRES_POOL_MAX_SIZE", 5)),
	}
}

func (e *environment) number(name string, otherwise int) int {
	value := e.get(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		e.fail("%s environment variable must be a number, not %q", name, value)
	}
	return int(n)
}

func (e *environment) duration(name string, otherwise time.Duration) time.Duration {
	value := e.get(name)
	if value == "" {
		return otherwise
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		e.fail("%s environment variable must be a duration such as 2s, not %q", name, value)
	}
	return d
}

func (e *environment) fail(format string, values ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, values...)
	}
}
