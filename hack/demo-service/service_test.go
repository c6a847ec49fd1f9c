package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// The tests here run the service against real servers.

func serveKafka(t *testing.T) kafkaSettings {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "workflows"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return kafkaSettings{bootstrapServers: cluster.ListenAddrs(), topic: "workflows"}
}

var once = retry{attempts: 1}

func quiet() logger { return logger{&strings.Builder{}, "test", time.Now} }

func TestWhatIsLoggedWhenItGivesUp(t *testing.T) {
	server, broker := servePostgres(t), serveKafka(t)
	nobody := fmt.Sprintf("localhost:%d", freePort(t))
	for name, c := range map[string]struct {
		postgres func(*postgresSettings)
		kafka    func(*kafkaSettings)
		want     []string
	}{
		"wrong password": {
			postgres: func(s *postgresSettings) { s.password = "wrong" },
			want:     []string{"Database authentication failed during initialization: ", `password authentication failed for user "bridge" (SQLSTATE 28P01)`},
		},
		"nobody listens": {
			postgres: func(s *postgresSettings) { s.host, s.port = "localhost", freePort(t) },
			want:     []string{"Failed to connect to PostgreSQL after all retry attempts: ", "connection refused"},
		},
		"no such database": {
			postgres: func(s *postgresSettings) { s.database = "absent" },
			want:     []string{"Failed to connect to PostgreSQL after all retry attempts: ", "(SQLSTATE 3D000)"},
		},
		"pool larger than the server": {
			postgres: func(s *postgresSettings) { s.poolMaxSize = 20 },
			want:     []string{"Failed to connect to PostgreSQL after all retry attempts: ", "(SQLSTATE 53300)"},
		},
		"no broker": {
			kafka: func(s *kafkaSettings) { s.bootstrapServers = []string{nobody} },
			want:  []string{"Failed to connect to Kafka broker after all retry attempts: kafka: client has run out of available brokers to talk to", "connection refused"},
		},
		"no topic": {
			kafka: func(s *kafkaSettings) { s.topic = "absent" },
			want:  []string{"Failed to subscribe to topic absent after all retry attempts: absent: kafka server: Request was for a topic or partition that does not exist on this broker"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings{port: freePort(t), retry: once}
			if c.postgres != nil {
				p := server
				c.postgres(&p)
				s.postgres = &p
			} else {
				k := broker
				c.kafka(&k)
				s.kafka = &k
			}
			err := work(t.Context(), quiet(), s)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		})
	}
}

func TestHealthOfAWorkingService(t *testing.T) {
	server, broker := servePostgres(t), serveKafka(t)
	s := settings{environment: "test", port: freePort(t), retry: once, postgres: &server, kafka: &broker}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- work(ctx, quiet(), s) }()

	report := awaitStatus(t, s.port, http.StatusOK)
	if report.Status != healthy || report.Environment != "test" ||
		report.Infrastructure["postgres"].Status != healthy || report.Infrastructure["kafka"].Status != healthy {
		t.Errorf("health = %+v, want all healthy", report)
	}
	if report.System.Disk <= 0 || report.System.Disk > 100 {
		t.Errorf("disk use = %v, want a percentage", report.System.Disk)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("told to end, it ended with: %v", err)
	}
}

func TestHealthTellsOfALostDependency(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "workflows"))
	if err != nil {
		t.Fatal(err)
	}
	s := settings{port: freePort(t), retry: once, kafka: &kafkaSettings{bootstrapServers: cluster.ListenAddrs(), topic: "workflows"}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = work(ctx, quiet(), s) }()
	awaitStatus(t, s.port, http.StatusOK)
	cluster.Close()
	report := awaitStatus(t, s.port, http.StatusServiceUnavailable)
	if kafka := report.Infrastructure["kafka"]; report.Status != unhealthy || kafka.Status != unhealthy || kafka.Error == "" {
		t.Errorf("health = %+v, want kafka unhealthy with its error", report)
	}
}

// awaitStatus asks until the health endpoint answers with the status.
func awaitStatus(t *testing.T, port, status int) healthReport {
	t.Helper()
	last := "no answer"
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/health", port))
		if err != nil {
			last = err.Error()
			continue
		}
		var report healthReport
		err = json.NewDecoder(answer.Body).Decode(&report)
		answer.Body.Close()
		if err == nil && answer.StatusCode == status {
			return report
		}
		last = fmt.Sprintf("%s %+v %v", answer.Status, report, err)
	}
	t.Fatalf("no answer %d within 15s, but: %s", status, last)
	return healthReport{}
}
