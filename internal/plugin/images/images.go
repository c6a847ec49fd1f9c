// Package images is what everybody knows of well-known images, and no compose file
// says: where their servers listen, whether they keep data, whom they run as.
package images

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Image is what is known of one.
type Image struct {
	// Ports that its server listens on, the one that clients ask first. In compose
	// nobody has to write them down: inside, every port is reached.
	Ports []int32
	// Data says that it keeps data of its own: a database or a broker.
	Data bool
	// Group of the user that it runs as from the start: a new volume is root's. 0
	// where it starts as root and gives its directories away itself.
	Group int64
	// server is a pattern of the commands that run its server, where a command is
	// more than options.
	server string
}

// Where the servers listen of which a kind is known.
var (
	postgresPort = server.Of(evidence.Postgres).Port
	mysqlPort    = server.Of(evidence.MySQL).Port
	kafkaPort    = server.Of(evidence.Kafka).Port
	redisPort    = server.Of(server.Redis).Port
	rabbitPort   = server.Of(server.RabbitMQ).Port
	memcached    = server.Of(server.Memcached).Port
)

// knownImages by the end of their repository's name.
var knownImages = map[string]Image{
	"postgres":        {Ports: []int32{postgresPort}, Data: true, server: `postgres`},
	"mysql":           {Ports: []int32{mysqlPort, 33060}, Data: true, server: `mysqld(?:_safe)?|mariadbd`},
	"mongo":           {Ports: []int32{27017}, Data: true, server: `mongod`},
	"redis":           {Ports: []int32{redisPort}, Data: true, server: `(?:redis|valkey|keydb)-server`},
	"memcached":       {Ports: []int32{memcached}, server: `memcached`},
	"rabbitmq":        {Ports: []int32{rabbitPort, 15672, 4369, 25672, 15692}, Data: true, server: `rabbitmq-server`},
	"nats":            {Ports: []int32{4222, 6222, 8222}, Data: true, server: `nats-server`},
	"kafka":           {Ports: []int32{kafkaPort, 9093}, Data: true, Group: 1000, server: `kafka-server-start(?:\.sh)?|docker/run|run`},
	"redpanda":        {Ports: []int32{kafkaPort, 9644, 8081, 8082, 33145}, Data: true, Group: 101, server: `redpanda start|rpk redpanda start`},
	"zookeeper":       {Ports: []int32{2181, 2888, 3888}, Data: true, Group: 1000, server: `zkServer\.sh|docker/run|run`},
	"schema registry": {Ports: []int32{8081}, server: `schema-registry-start|run`},
	"kafka connect":   {Ports: []int32{8083}, Group: 1000, server: `connect-distributed(?:\.sh)?|run`},
	"ksqldb":          {Ports: []int32{8088}, server: `ksql-server-start|run`},
	"elasticsearch":   {Ports: []int32{9200, 9300}, Data: true, Group: 1000, server: `elasticsearch`},
	"opensearch":      {Ports: []int32{9200, 9300, 9600}, Data: true, Group: 1000, server: `opensearch`},
	"kibana":          {Ports: []int32{5601}, Group: 1000, server: `kibana|opensearch-dashboards`},
	"logstash":        {Ports: []int32{5044, 9600}, Group: 1000, server: `logstash`},
	"clickhouse":      {Ports: []int32{8123, 9000, 9009}, Data: true, Group: 101, server: `clickhouse-server|clickhouse server`},
	"cassandra":       {Ports: []int32{9042, 7000, 7001, 7199}, Data: true, server: `cassandra`},
	"scylla":          {Ports: []int32{9042, 7000, 7001, 10000}, Data: true, server: `scylla`},
	"couchdb":         {Ports: []int32{5984, 4369, 9100}, Data: true, server: `couchdb`},
	"neo4j":           {Ports: []int32{7687, 7474, 7473}, Data: true, Group: 7474, server: `neo4j`},
	"influxdb":        {Ports: []int32{8086}, Data: true, server: `influxd`},
	"minio":           {Ports: []int32{9000, 9001}, Data: true, server: `(?:minio\s+)?server`},
	"etcd":            {Ports: []int32{2379, 2380}, Data: true, Group: 1001, server: `etcd`},
	"consul":          {Ports: []int32{8500, 8300, 8301, 8302, 8600}, Data: true, Group: 1000, server: `(?:consul )?agent`},
	"vault":           {Ports: []int32{8200, 8201}, Group: 1000, server: `(?:vault )?server`},
	"mssql":           {Ports: []int32{1433}, Data: true, Group: 10001, server: `sqlservr`},
	"cockroach":       {Ports: []int32{26257, 8080}, Data: true, server: `(?:cockroach )?start(?:-single-node)?`},
	"solr":            {Ports: []int32{8983}, Data: true, Group: 8983, server: `solr(?:-\w+)?`},
	"meilisearch":     {Ports: []int32{7700}, Data: true, server: `meilisearch`},
	"typesense":       {Ports: []int32{8108}, Data: true, server: `typesense-server`},
	"qdrant":          {Ports: []int32{6333, 6334}, Data: true, server: `qdrant`},
	"weaviate":        {Ports: []int32{8080, 50051}, Data: true, server: `weaviate`},
	"milvus":          {Ports: []int32{19530, 9091}, Data: true, server: `(?:milvus )?run`},
	"chroma":          {Ports: []int32{8000}, Data: true, server: `(?:chroma )?run|uvicorn`},
	"questdb":         {Ports: []int32{9000, 8812, 9009}, Data: true},
	"arangodb":        {Ports: []int32{8529}, Data: true, server: `arangod`},
	"pulsar":          {Ports: []int32{6650, 8080}, Data: true, Group: 10000, server: `(?:bin/)?pulsar`},
	"activemq":        {Ports: []int32{61616, 8161, rabbitPort}, Data: true},
	"mosquitto":       {Ports: []int32{1883}, Group: 1883, server: `mosquitto`},
	"emqx":            {Ports: []int32{1883, 8083, 8084, 8883, 18083, 4370, 5369}, Data: true, Group: 1000, server: `emqx`},
	"openldap":        {Ports: []int32{389, 636}, Data: true},

	"prometheus":   {Ports: []int32{9090}, Data: true, Group: 65534, server: `prometheus`},
	"alertmanager": {Ports: []int32{9093, 9094}, Group: 65534, server: `alertmanager`},
	"grafana":      {Ports: []int32{3000}, Group: 472, server: `grafana(?:-server)?|run\.sh`},
	"loki":         {Ports: []int32{3100, 9095, 7946}, Group: 10001, server: `loki`},
	"tempo":        {Ports: []int32{3200, 4317, 4318, 9095, 7946}, Group: 10001, server: `tempo`},
	"mimir":        {Ports: []int32{8080, 9095, 7946}, Group: 10001, server: `mimir`},
	"pyroscope":    {Ports: []int32{4040}, Group: 10001},
	"jaeger":       {Ports: []int32{16686, 4317, 4318, 14268, 14250, 9411}, Group: 10001},
	"zipkin":       {Ports: []int32{9411}},
	"otel":         {Ports: []int32{4317, 4318}, Group: 10001, server: `otelcol(?:-contrib)?`},
	"victoria":     {Ports: []int32{8428}, Data: true},
	"nodeexporter": {Ports: []int32{9100}, server: `node_exporter`},
	"cadvisor":     {Ports: []int32{8080}},
	"pushgateway":  {Ports: []int32{9091}, Group: 65534},
	"blackbox":     {Ports: []int32{9115}},

	"web server": {Ports: []int32{80}, server: `nginx|httpd(?:-foreground)?|apache2(?:ctl|-foreground)?`},
	"nginx1":     {Ports: []int32{8080}, Group: 101, server: `nginx`},
	"caddy":      {Ports: []int32{80, 443, 2019}, server: `(?:caddy )?run`},
	"traefik":    {Ports: []int32{80, 443}, server: `traefik`},
	"kong":       {Ports: []int32{8000, 8443, 8001, 8444}, server: `kong`},
	"adminer":    {Ports: []int32{8080}},
	"mongoui":    {Ports: []int32{8081}},
	"kafkaui":    {Ports: []int32{8080}},
	"mailpit":    {Ports: []int32{1025, 8025}},
	"keycloak":   {Ports: []int32{8080, 9000}, server: `start(?:-dev)?|start-dev`},
	"flink":      {Ports: []int32{8081, 6123, 6124}, server: `jobmanager|standalone-job`},
	"spark":      {Ports: []int32{7077, 8080}, server: `\S*deploy\.master\.\w+|start-master\.sh`},
	"airflow":    {Group: 50000},
	"superset":   {Ports: []int32{8088}},
	"metabase":   {Ports: []int32{3000}},
	"n8n":        {Ports: []int32{5678}, Group: 1000, server: `(?:n8n )?start`},
	"nodered":    {Ports: []int32{1880}, Group: 1000},
	"nexus":      {Ports: []int32{8081}, Group: 200},
	"sonarqube":  {Ports: []int32{9000}, Group: 1000},
	"jenkins":    {Ports: []int32{8080, 50000}, Group: 1000},
	"gitlab":     {Ports: []int32{80, 443, 22}},
	"gitea":      {Ports: []int32{3000, 22}},
	"registry":   {Ports: []int32{5000}},
	"portainer":  {Ports: []int32{9000, 9443, 8000}},
	"ollama":     {Ports: []int32{11434}, server: `(?:ollama )?serve`},
	"localstack": {Ports: []int32{4566}},
	"temporal":   {Ports: []int32{7233, 7234, 7235, 7239}, Group: 1000},
	"rocketchat": {Ports: []int32{3000}, Group: 65533},
	"vaultward":  {Ports: []int32{80}},
	"pgbouncer":  {Ports: []int32{postgresPort, 6432}},
	"postgrest":  {Ports: []int32{3000}},
	"gotrue":     {Ports: []int32{9999}},
}

// imageNames are other names of those images.
var imageNames = map[string]string{
	"postgresql": "postgres", "postgis": "postgres", "pgvector": "postgres", "timescaledb": "postgres", "timescaledb-ha": "postgres", "citus": "postgres",
	"mariadb": "mysql", "percona": "mysql", "mysql-server": "mysql", "percona-server": "mysql",
	"mongodb": "mongo", "mongodb-community-server": "mongo", "percona-server-mongodb": "mongo",
	"valkey": "redis", "keydb": "redis", "redis-stack": "redis", "redis-stack-server": "redis", "dragonfly": "redis",
	"cp-kafka": "kafka", "cp-server": "kafka", "kafka-native": "kafka", "confluent-local": "kafka", "cp-zookeeper": "zookeeper",
	"cp-schema-registry": "schema registry", "cp-kafka-connect": "kafka connect", "cp-kafka-connect-base": "kafka connect", "cp-ksqldb-server": "ksqldb", "ksqldb-server": "ksqldb",
	"debezium/connect": "kafka connect", "opensearch-dashboards": "kibana", "logstash-oss": "logstash",
	"clickhouse-server": "clickhouse", "mssql/server": "mssql", "azure-sql-edge": "mssql", "cockroachdb": "cockroach", "cockroach": "cockroach",
	"activemq-artemis": "activemq", "activemq-classic": "activemq", "opentelemetry-collector": "otel", "opentelemetry-collector-contrib": "otel",
	"all-in-one": "jaeger", "victoria-metrics": "victoria", "node-exporter": "nodeexporter", "blackbox-exporter": "blackbox",
	"grafana-oss": "grafana", "grafana-enterprise": "grafana",
	"nginx": "web server", "httpd": "web server", "wordpress": "web server", "phpmyadmin": "web server", "pgadmin4": "web server", "nextcloud": "web server", "drupal": "web server", "joomla": "web server", "openresty": "web server",
	"nginx-unprivileged": "nginx1", "mongo-express": "mongoui", "redis-commander": "mongoui", "kafka-ui": "kafkaui", "akhq": "kafkaui",
	"mailhog": "mailpit", "eclipse-mosquitto": "mosquitto", "node-red": "nodered", "nexus3": "nexus", "jobmanager": "flink",
	"gitlab-ce": "gitlab", "gitlab-ee": "gitlab", "portainer-ce": "portainer", "auto-setup": "temporal", "rocket.chat": "rocketchat",
	"vaultwarden/server": "vaultward",
}

// isFPM are tags of images that run PHP behind a web server of another container.
var isFPM = regexp.MustCompile(`(?:^|-)fpm(?:-|$)`)

// Of is what is known of an image, by the last parts of its repository.
func Of(image string) (Image, bool) {
	path, _, _ := strings.Cut(image, "@")
	tag := ""
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		path, tag = path[:i], path[i+1:]
	}
	if isFPM.MatchString(tag) {
		return Image{Ports: []int32{9000}, server: `php-fpm`}, true
	}
	parts := strings.Split(path, "/")
	for n := min(2, len(parts)); n > 0; n-- {
		name := strings.Join(parts[len(parts)-n:], "/")
		if other, aliased := imageNames[name]; aliased {
			name = other
		}
		if known, ok := knownImages[name]; ok {
			if known.server == "" {
				known.server = regexp.QuoteMeta(parts[len(parts)-1])
			}
			if slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, "bitnami") }) {
				known.Group, known.server = 1001, known.server+`|run\.sh`
			}
			return known, true
		}
	}
	return Image{}, false
}

// RunsServer says that a container runs the server that its image is known for, and
// not something else that the image has in it, such as a client or a shell.
func (i Image) RunsServer(entrypoint, command []string) bool {
	words := slices.Concat(entrypoint, command)
	if len(words) == 0 || len(entrypoint) == 0 && strings.HasPrefix(words[0], "-") {
		return true
	}
	if len(command) == 0 && len(entrypoint) == 1 && usualEntrypoint.MatchString(entrypoint[0]) {
		return true
	}
	server := regexp.MustCompile(`(?:^|/|\bexec |&&\s*|;\s*|\|\|\s*|-c |\n\s*)(?:` + i.server + `)(?:$|[\s;&"'])`)
	return server.MatchString(strings.Join(words, " ")) || server.MatchString(strings.Join(command, " "))
}

// usualEntrypoint is the usual name of what an image starts with.
var usualEntrypoint = regexp.MustCompile(`entrypoint(?:\.sh)?$|^/init$`)

// settings are variables that only the image of a server is given, and what else it
// is called then: an image of one's own is made from it.
var settings = []struct {
	variable    string
	name        *regexp.Regexp
	image, host string
}{
	{"MYSQL_ROOT_PASSWORD", regexp.MustCompile(`(?i)mysql|maria|sql|db|database`), "mysql", "MYSQL_HOST"},
	{"MARIADB_ROOT_PASSWORD", regexp.MustCompile(`(?i)mysql|maria|sql|db|database`), "mysql", "MARIADB_HOST"},
	{"MYSQL_ALLOW_EMPTY_PASSWORD", regexp.MustCompile(`(?i)mysql|maria|sql|db|database`), "mysql", "MYSQL_HOST"},
	{"MONGO_INITDB_ROOT_USERNAME", regexp.MustCompile(`(?i)mongo|db|database`), "mongo", "MONGO_HOST"},
	{"RABBITMQ_DEFAULT_USER", regexp.MustCompile(`(?i)rabbit|mq|queue|broker`), "rabbitmq", "RABBITMQ_HOST"},
	{"MINIO_ROOT_USER", regexp.MustCompile(`(?i)minio|s3|storage`), "minio", "MINIO_HOST"},
	{"ACCEPT_EULA", regexp.MustCompile(`(?i)sql|db|database`), "mssql", "DB_HOST"},
}

// OfService is what is known of a service's image or, where nobody knows that, of
// the one that it must have been made from, by its variables and by what the service
// or the image is called.
func OfService(service, image string, variable func(name string) string) (Image, bool) {
	known, ok := Of(image)
	if ok && Repository(image) == "spark" && variable("SPARK_MODE") == "worker" {
		known.Ports = []int32{8081} // its own page; the master listens for it elsewhere
	}
	if ok {
		return known, ok
	}
	for _, s := range settings {
		if variable(s.variable) != "" && variable(s.host) == "" && (s.name.MatchString(service) || s.name.MatchString(Repository(image))) {
			return knownImages[s.image], true
		}
	}
	return Image{}, false
}

// KeepsData says that an image is a database's or a broker's.
func KeepsData(image string) bool {
	known, _ := Of(image)
	return known.Data
}

// content are the places of what well-known images bring with them and write to: a
// volume there starts with it.
var content = map[string][]string{
	"nginx": {"/usr/share/nginx", "/etc/nginx"}, "httpd": {"/usr/local/apache2"}, "caddy": {"/usr/share/caddy", "/etc/caddy"}, "openresty": {"/usr/local/openresty"},
	"wordpress": {"/var/www/html"}, "nextcloud": {"/var/www/html"}, "drupal": {"/var/www/html", "/opt/drupal"}, "joomla": {"/var/www/html"}, "roundcubemail": {"/var/www/html"},
	"grafana": {"/etc/grafana"}, "airflow": {"/opt/airflow"}, "keycloak": {"/opt/keycloak"}, "kong": {"/etc/kong"}, "superset": {"/app"},
	"elasticsearch": {"/usr/share/elasticsearch/plugins"}, "kibana": {"/usr/share/kibana/plugins"}, "logstash": {"/usr/share/logstash/pipeline"},
}

// BringsContent says that a well-known image has something at a place.
func BringsContent(image, place string) bool {
	return slices.ContainsFunc(content[Repository(image)], func(p string) bool { return place == p || strings.HasPrefix(place, p+"/") })
}

// Repository is an image's name without registry, tag and digest.
func Repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}

// keeps are the places where databases and brokers have their data, by their images.
var keeps = []struct{ place, image string }{
	{"/var/lib/clickhouse", "clickhouse"}, {"/usr/share/elasticsearch/data", "elasticsearch"}, {"/usr/share/opensearch/data", "opensearch"},
	{"/var/lib/mysql", "mysql"}, {"/data/db", "mongo"}, {"/var/lib/rabbitmq", "rabbitmq"}, {"/var/lib/cassandra", "cassandra"},
	{"/var/lib/influxdb", "influxdb"}, {"/var/lib/neo4j", "neo4j"}, {"/var/lib/kafka/data", "kafka"}, {"/var/opt/mssql", "mssql"},
}

// ByData is what is known of the image that an own one was made from, by where it keeps
// its data and by what it, or its service, is called.
func ByData(service, image string, places []string) (Image, bool) {
	for _, k := range keeps {
		if slices.Contains(places, k.place) && (strings.Contains(service, k.image) || strings.Contains(Repository(image), k.image)) {
			return knownImages[k.image], true
		}
	}
	return Image{}, false
}
