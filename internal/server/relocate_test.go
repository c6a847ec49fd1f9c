package server

import (
	"errors"
	"testing"

	"github.com/bridgestack/operator/internal/evidence"
)

func TestRelocateKeepsTheForm(t *testing.T) {
	postgres, kafka := at("postgres", 5432), at("redpanda", 9092)
	two := []evidence.HostPort{{Host: "a", Port: 9092}, {Host: "b", Port: 9093}}
	for value, c := range map[string]struct {
		to        []evidence.HostPort
		port      int32
		elsewhere bool
		want      string // empty is refused
	}{
		"localhost:5432":       {postgres, postgresPort, false, "postgres:5432"},
		"localhost:5436":       {postgres, postgresPort, false, "postgres:5432"},
		"localhost":            {postgres, postgresPort, true, "postgres"},
		" localhost ":          {postgres, postgresPort, true, " postgres "},
		`"localhost"`:          {postgres, postgresPort, true, `"postgres"`},
		"'localhost:5436'":     {postgres, postgresPort, false, "'postgres:5432'"},
		"localhost:5432 ":      {at("postgres", 6000), postgresPort, true, "postgres:6000 "},
		"127.0.0.1":            {at("postgres", 6000), postgresPort, true, "postgres"},
		"db.internal":          {at("postgres", 6000), postgresPort, false, ""}, // no port is written, and 6000 is no default
		"tcp://localhost:5432": {postgres, postgresPort, false, "tcp://postgres:5432"},
		"jdbc:postgresql://localhost:5436/d?ssl=on": {postgres, postgresPort, false, "jdbc:postgresql://postgres:5432/d?ssl=on"},
		"postgres://localhost/d":                    {postgres, postgresPort, false, "postgres://postgres/d"},
		"postgres://app@localhost:1/d":              {postgres, postgresPort, false, "postgres://app@postgres:5432/d"},
		"postgres://app:pw@localhost:1/d":           {postgres, postgresPort, false, ""}, // a secret is not written down
		"[::1]:5432":                                {postgres, postgresPort, false, "postgres:5432"},
		"::1":                                       {postgres, postgresPort, true, "postgres"},
		"localhost:1":                               {at("fd00::5", 5432), postgresPort, false, "[fd00::5]:5432"},
		"tcp://localhost":                           {at("fd00::5", 5432), postgresPort, false, "tcp://[fd00::5]"},
		"kafka://localhost:29092":                   {kafka, kafkaPort, false, "kafka://redpanda:9092"},
		"PLAINTEXT://localhost:29092":               {kafka, kafkaPort, false, "PLAINTEXT://redpanda:9092"},
		`["localhost:29092"]`:                       {kafka, kafkaPort, false, `["redpanda:9092"]`},
		`["x:1", "y:2"]`:                            {two, kafkaPort, false, `["a:9092", "b:9093"]`},
		`["PLAINTEXT://x:1"]`:                       {two, kafkaPort, false, `["PLAINTEXT://a:9092","PLAINTEXT://b:9093"]`},
		"x:1,y:2":                                   {two, kafkaPort, false, "a:9092,b:9093"},
		"x:1, y:2, z:3":                             {two, kafkaPort, false, "a:9092, b:9093"},
		"x:1;y:2":                                   {kafka, kafkaPort, false, "redpanda:9092"},
		"x:1 y:2":                                   {two, kafkaPort, false, "a:9092 b:9093"},
		"PLAINTEXT://x:1,PLAINTEXT://y:2":           {two, kafkaPort, false, "PLAINTEXT://a:9092,PLAINTEXT://b:9093"},
		"localhost:29092":                           {two, kafkaPort, false, "a:9092,b:9093"},
		"localhost:":                                {postgres, postgresPort, false, ""},
		"localhost:http":                            {postgres, postgresPort, false, ""},
		"/var/run/postgresql":                       {postgres, postgresPort, true, ""},
		"${DB_HOST}":                                {postgres, postgresPort, true, ""},
		"$(DB_HOST):5432":                           {postgres, postgresPort, false, ""},
		"host=localhost port=5432":                  {postgres, postgresPort, false, ""},
		"Host=localhost;Port=5432":                  {postgres, postgresPort, false, ""},
		"['localhost:29092']":                       {kafka, kafkaPort, false, ""},
		"[localhost:29092]":                         {kafka, kafkaPort, false, ""},
		"localhost:29092,":                          {kafka, kafkaPort, false, ""},
		`{"host":"localhost"}`:                      {postgres, postgresPort, false, ""},
		"":                                          {postgres, postgresPort, true, ""},
	} {
		got, err := Relocate(value, c.to, c.port, c.elsewhere)
		if got != c.want || (err != nil) != (c.want == "") || err != nil && !errors.Is(err, ErrForm) {
			t.Errorf("%s to %v: got %q, %v, want %q", value, c.to, got, err, c.want)
		}
	}
}

// Whatever the value is, what comes out is read as the servers that were asked for.
func FuzzRelocate(f *testing.F) {
	for _, value := range []string{"localhost:5432", `["a:1","b"]`, "kafka://x:1/y?z", "[::1]:1", `"q"`, "a:1; b:2", "jdbc:postgresql://a,b/d"} {
		f.Add(value, "postgres", uint16(5432), true)
	}
	f.Fuzz(func(t *testing.T, value, host string, port uint16, elsewhere bool) {
		if !hostName.MatchString(host) || port == 0 {
			return
		}
		to := at(host, int32(port))
		out, err := Relocate(value, to, kafkaPort, elsewhere)
		if err != nil {
			return
		}
		v := evidence.ConnectionVariables{BootstrapServers: "X"}
		got := ServersOf(evidence.Kafka, v, func(string) string { return out })
		if len(got) == 0 || got[0].Host != host || got[0].Port != int32(port) && got[0].Port != kafkaPort {
			t.Errorf("%q became %q, read as %v", value, out, got)
		}
		if again, err := Relocate(out, to, kafkaPort, elsewhere); err != nil || again != out {
			t.Errorf("%q became %q, and then %q (%v)", value, out, again, err)
		}
	})
}
