package main

import (
	"maps"
	"strings"
	"testing"
	"time"
)

// env is an environment; later ones go over earlier ones.
func env(values ...map[string]string) func(string) string {
	merged := map[string]string{}
	for _, v := range values {
		maps.Copy(merged, v)
	}
	return func(name string) string { return merged[name] }
}

var complete = map[string]string{
	"API_KEY":                 "key",
	"POSTGRES_HOST":           "postgres",
	"POSTGRES_DATABASE":       "omninode_bridge",
	"POSTGRES_USER":           "bridge",
	"POSTGRES_PASSWORD":       "secret",
	"KAFKA_BOOTSTRAP_SERVERS": "redpanda:9092,redpanda-1:9092",
	"KAFKA_WORKFLOW_TOPIC":    "workflows",
}

func TestSettingsOfACompleteEnvironment(t *testing.T) {
	s, err := settingsOf(env(complete))
	if err != nil {
		t.Fatal(err)
	}
	if s.port != 8001 || s.environment != "development" || s.retry != (retry{3, time.Second}) {
		t.Errorf("defaults: %+v", s)
	}
	if s.postgres == nil || s.postgres.port != 5432 || s.postgres.poolMaxSize != 5 || s.postgres.sslMode != "disable" {
		t.Errorf("postgres: %+v", s.postgres)
	}
	if s.kafka == nil || len(s.kafka.bootstrapServers) != 2 || s.kafka.topic != "workflows" {
		t.Errorf("kafka: %+v", s.kafka)
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	all := map[string]string{"REQUIRE": "postgres, kafka, topic, api_key"}
	without := func(name string) func(string) string { return env(complete, all, map[string]string{name: ""}) }
	for name, c := range map[string]struct {
		env  func(string) string
		want string
	}{
		"no API key":           {without("API_KEY"), "API_KEY environment variable is required for authentication"},
		"no password":          {without("POSTGRES_PASSWORD"), "Database password must be provided"},
		"no host":              {without("POSTGRES_HOST"), "POSTGRES_HOST environment variable is required"},
		"no bootstrap servers": {without("KAFKA_BOOTSTRAP_SERVERS"), "KAFKA_BOOTSTRAP_SERVERS environment variable is required"},
		"no topic":             {without("KAFKA_WORKFLOW_TOPIC"), "KAFKA_WORKFLOW_TOPIC environment variable is required"},
		"no host of Redis":     {env(map[string]string{"REQUIRE": "redis"}), "REDIS_HOST environment variable is required"},
		"no host of RabbitMQ":  {env(map[string]string{"REQUIRE": "rabbitmq"}), "RABBITMQ_HOST environment variable is required"},
		// What is set in part is needed as a whole.
		"a host alone":        {env(map[string]string{"POSTGRES_HOST": "postgres"}), "POSTGRES_DATABASE environment variable is required"},
		"port of letters":     {env(complete, map[string]string{"POSTGRES_PORT": "db"}), `POSTGRES_PORT environment variable must be a number, not "db"`},
		"negative pool":       {env(complete, map[string]string{"POSTGRES_POOL_MAX_SIZE": "-1"}), "POSTGRES_POOL_MAX_SIZE environment variable must be a number"},
		"delay without unit":  {env(complete, map[string]string{"CONNECT_DELAY": "2"}), "CONNECT_DELAY environment variable must be a duration"},
		"unknown requirement": {env(complete, map[string]string{"REQUIRE": "mongodb"}), `REQUIRE names "mongodb"`},
	} {
		if s, err := settingsOf(c.env); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want %s", name, s, err, c.want)
		}
	}
}

func TestOnlyWhatIsRequiredIsUsed(t *testing.T) {
	s, err := settingsOf(env(complete, map[string]string{"REQUIRE": "postgres"}))
	if err != nil || s.postgres == nil || s.kafka != nil {
		t.Errorf("%+v, %v; want postgres alone", s, err)
	}
	if s, err := settingsOf(env()); err != nil || s.postgres != nil || s.kafka != nil {
		t.Errorf("of an empty environment: %+v, %v; want nothing required", s, err)
	}
}
