package images

import (
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	for image, port := range map[string]int32{
		"postgres": 5432, "docker.io/library/postgres:16-alpine": 5432, "localhost:5000/redis:7": 6379, "confluentinc/cp-kafka@sha256:00": 9092,
		"mcr.microsoft.com/mssql/server:2022-latest": 1433, "vaultwarden/server:1": 80, "debezium/connect:2": 8083, "docker.elastic.co/elasticsearch/elasticsearch:8": 9200,
		"acme/web:1": 0, "acme/connect": 0, "acme/server": 0, "nginx": 80, "nextcloud:fpm-alpine": 9000, "wordpress:6-php8.3-fpm": 9000,
	} {
		known, ok := Of(image)
		switch {
		case port == 0 && ok:
			t.Errorf("%s is taken for %+v", image, known)
		case port != 0 && (!ok || known.Ports[0] != port):
			t.Errorf("%s: %+v", image, known)
		}
	}
	if known, _ := Of("bitnami/redis:7"); known.Group != 1001 || !known.Data {
		t.Errorf("bitnami's run as 1001: %+v", known)
	}
}

// TestRunsServer: a known port is one of the server's, and not of whatever else its
// image is used for.
func TestRunsServer(t *testing.T) {
	for _, c := range []struct {
		image, entrypoint, command string
		want                       bool
	}{
		{"postgres", "", "", true}, {"postgres", "", "-c max_connections=200", true}, {"postgres", "", "postgres -c a=b", true}, {"postgres", "", "psql -U postgres -h db", false},
		{"postgres", "sh -c", "pg_dump -U postgres", false}, {"redis", "", "redis-server --appendonly yes", true}, {"redis", "", "sh -c exec redis-server /etc/r.conf", true},
		{"redis", "", "redis-cli -h cache", false}, {"minio/minio", "sh", "-c mkdir -p /data && minio server /data", true}, {"minio/minio", "", "server /data", true},
		{"elasticsearch", "", "bash -c bin/elasticsearch-certutil ca", false}, {"elasticsearch", "", "bash -c make-certs && sleep 1d", false}, {"redpandadata/redpanda", "", "redpanda start --smp 1", true},
		{"redpandadata/redpanda", "", "rpk topic create a", false}, {"flink", "", "jobmanager", true}, {"mongo", "", "mongosh --host m", false}, {"mysql", "docker-entrypoint.sh", "", true},
		{"ollama/ollama", "", "pull llama3", false}, {"nginx", "", "nginx -g daemon off;", true},
	} {
		known, ok := Of(c.image)
		if got := known.RunsServer(strings.Fields(c.entrypoint), strings.Fields(c.command)); !ok || got != c.want {
			t.Errorf("%s %q %q: %t", c.image, c.entrypoint, c.command, got)
		}
	}
}

func TestOfService(t *testing.T) {
	told := func(names ...string) func(string) string {
		return func(name string) string {
			if slices.Contains(names, name) {
				return "set"
			}
			return ""
		}
	}
	if known, ok := OfService("catalogue-db", "acme/catalogue-db:1", told("MYSQL_ROOT_PASSWORD")); !ok || known.Ports[0] != 3306 || !known.Data {
		t.Errorf("%+v", known)
	}
	for name, variables := range map[string][]string{"api": {"MYSQL_ROOT_PASSWORD"}, "db-client": {"MYSQL_ROOT_PASSWORD", "MYSQL_HOST"}} {
		if known, ok := OfService(name, "acme/x", told(variables...)); ok {
			t.Errorf("%s: %+v", name, known)
		}
	}
}
