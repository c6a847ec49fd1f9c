package manifests

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// knownImage is what everybody knows of an image, and no compose file says.
type knownImage struct {
	// ports that its server listens on, the one that clients ask first. In compose
	// nobody has to write them down: inside, every port is reached.
	ports []int32
	// data says that it keeps data of its own: a database or a broker.
	data bool
	// group of the user that it runs as from the start: a new volume is root's. 0
	// where it starts as root and gives its directories away itself.
	group int64
	// server is a pattern of the commands that run its server, where a command is
	// more than options.
	server string
}

// knownImages by the end of their repository's name.
var knownImages = map[string]knownImage{
	"postgres":        {ports: []int32{5432}, data: true, server: `postgres`},
	"mysql":           {ports: []int32{3306, 33060}, data: true, server: `mysqld(?:_safe)?|mariadbd`},
	"mongo":           {ports: []int32{27017}, data: true, server: `mongod`},
	"redis":           {ports: []int32{6379}, data: true, server: `(?:redis|valkey|keydb)-server`},
	"memcached":       {ports: []int32{11211}, server: `memcached`},
	"rabbitmq":        {ports: []int32{5672, 15672, 4369, 25672, 15692}, data: true, server: `rabbitmq-server`},
	"nats":            {ports: []int32{4222, 6222, 8222}, data: true, server: `nats-server`},
	"kafka":           {ports: []int32{9092, 9093}, data: true, group: 1000, server: `kafka-server-start(?:\.sh)?|docker/run|run`},
	"redpanda":        {ports: []int32{9092, 9644, 8081, 8082, 33145}, data: true, group: 101, server: `redpanda start|rpk redpanda start`},
	"zookeeper":       {ports: []int32{2181, 2888, 3888}, data: true, group: 1000, server: `zkServer\.sh|docker/run|run`},
	"schema registry": {ports: []int32{8081}, server: `schema-registry-start|run`},
	"kafka connect":   {ports: []int32{8083}, group: 1000, server: `connect-distributed(?:\.sh)?|run`},
	"ksqldb":          {ports: []int32{8088}, server: `ksql-server-start|run`},
	"elasticsearch":   {ports: []int32{9200, 9300}, data: true, group: 1000, server: `elasticsearch`},
	"opensearch":      {ports: []int32{9200, 9300, 9600}, data: true, group: 1000, server: `opensearch`},
	"kibana":          {ports: []int32{5601}, group: 1000, server: `kibana|opensearch-dashboards`},
	"logstash":        {ports: []int32{5044, 9600}, group: 1000, server: `logstash`},
	"clickhouse":      {ports: []int32{8123, 9000, 9009}, data: true, group: 101, server: `clickhouse-server|clickhouse server`},
	"cassandra":       {ports: []int32{9042, 7000, 7001, 7199}, data: true, server: `cassandra`},
	"scylla":          {ports: []int32{9042, 7000, 7001, 10000}, data: true, server: `scylla`},
	"couchdb":         {ports: []int32{5984, 4369, 9100}, data: true, server: `couchdb`},
	"neo4j":           {ports: []int32{7687, 7474, 7473}, data: true, group: 7474, server: `neo4j`},
	"influxdb":        {ports: []int32{8086}, data: true, server: `influxd`},
	"minio":           {ports: []int32{9000, 9001}, data: true, server: `(?:minio\s+)?server`},
	"etcd":            {ports: []int32{2379, 2380}, data: true, group: 1001, server: `etcd`},
	"consul":          {ports: []int32{8500, 8300, 8301, 8302, 8600}, data: true, group: 1000, server: `(?:consul )?agent`},
	"vault":           {ports: []int32{8200, 8201}, group: 1000, server: `(?:vault )?server`},
	"mssql":           {ports: []int32{1433}, data: true, group: 10001, server: `sqlservr`},
	"cockroach":       {ports: []int32{26257, 8080}, data: true, server: `(?:cockroach )?start(?:-single-node)?`},
	"solr":            {ports: []int32{8983}, data: true, group: 8983, server: `solr(?:-\w+)?`},
	"meilisearch":     {ports: []int32{7700}, data: true, server: `meilisearch`},
	"typesense":       {ports: []int32{8108}, data: true, server: `typesense-server`},
	"qdrant":          {ports: []int32{6333, 6334}, data: true, server: `qdrant`},
	"weaviate":        {ports: []int32{8080, 50051}, data: true, server: `weaviate`},
	"milvus":          {ports: []int32{19530, 9091}, data: true, server: `(?:milvus )?run`},
	"chroma":          {ports: []int32{8000}, data: true, server: `(?:chroma )?run|uvicorn`},
	"questdb":         {ports: []int32{9000, 8812, 9009}, data: true},
	"arangodb":        {ports: []int32{8529}, data: true, server: `arangod`},
	"pulsar":          {ports: []int32{6650, 8080}, data: true, group: 10000, server: `(?:bin/)?pulsar`},
	"activemq":        {ports: []int32{61616, 8161, 5672}, data: true},
	"mosquitto":       {ports: []int32{1883}, group: 1883, server: `mosquitto`},
	"emqx":            {ports: []int32{1883, 8083, 8084, 8883, 18083, 4370, 5369}, data: true, group: 1000, server: `emqx`},
	"openldap":        {ports: []int32{389, 636}, data: true},

	"prometheus":   {ports: []int32{9090}, data: true, group: 65534, server: `prometheus`},
	"alertmanager": {ports: []int32{9093, 9094}, group: 65534, server: `alertmanager`},
	"grafana":      {ports: []int32{3000}, group: 472, server: `grafana(?:-server)?|run\.sh`},
	"loki":         {ports: []int32{3100, 9095, 7946}, group: 10001, server: `loki`},
	"tempo":        {ports: []int32{3200, 4317, 4318, 9095, 7946}, group: 10001, server: `tempo`},
	"mimir":        {ports: []int32{8080, 9095, 7946}, group: 10001, server: `mimir`},
	"pyroscope":    {ports: []int32{4040}, group: 10001},
	"jaeger":       {ports: []int32{16686, 4317, 4318, 14268, 14250, 9411}, group: 10001},
	"zipkin":       {ports: []int32{9411}},
	"otel":         {ports: []int32{4317, 4318}, group: 10001, server: `otelcol(?:-contrib)?`},
	"victoria":     {ports: []int32{8428}, data: true},
	"nodeexporter": {ports: []int32{9100}, server: `node_exporter`},
	"cadvisor":     {ports: []int32{8080}},
	"pushgateway":  {ports: []int32{9091}, group: 65534},
	"blackbox":     {ports: []int32{9115}},

	"web server": {ports: []int32{80}, server: `nginx|httpd(?:-foreground)?|apache2(?:ctl|-foreground)?`},
	"nginx1":     {ports: []int32{8080}, group: 101, server: `nginx`},
	"caddy":      {ports: []int32{80, 443, 2019}, server: `(?:caddy )?run`},
	"traefik":    {ports: []int32{80, 443}, server: `traefik`},
	"kong":       {ports: []int32{8000, 8443, 8001, 8444}, server: `kong`},
	"adminer":    {ports: []int32{8080}},
	"mongoui":    {ports: []int32{8081}},
	"kafkaui":    {ports: []int32{8080}},
	"mailpit":    {ports: []int32{1025, 8025}},
	"keycloak":   {ports: []int32{8080, 9000}, server: `start(?:-dev)?|start-dev`},
	"flink":      {ports: []int32{8081, 6123, 6124}, server: `jobmanager|taskmanager|standalone-job`},
	"spark":      {ports: []int32{7077, 8080}, server: `\S*deploy\.(?:master|worker)\.\w+|start-(?:master|worker)\.sh`},
	"airflow":    {group: 50000},
	"superset":   {ports: []int32{8088}},
	"metabase":   {ports: []int32{3000}},
	"n8n":        {ports: []int32{5678}, group: 1000, server: `(?:n8n )?start`},
	"nodered":    {ports: []int32{1880}, group: 1000},
	"nexus":      {ports: []int32{8081}, group: 200},
	"sonarqube":  {ports: []int32{9000}, group: 1000},
	"jenkins":    {ports: []int32{8080, 50000}, group: 1000},
	"gitlab":     {ports: []int32{80, 443, 22}},
	"gitea":      {ports: []int32{3000, 22}},
	"registry":   {ports: []int32{5000}},
	"portainer":  {ports: []int32{9000, 9443, 8000}},
	"ollama":     {ports: []int32{11434}, server: `(?:ollama )?serve`},
	"localstack": {ports: []int32{4566}},
	"temporal":   {ports: []int32{7233, 7234, 7235, 7239}, group: 1000},
	"rocketchat": {ports: []int32{3000}, group: 65533},
	"vaultward":  {ports: []int32{80}},
	"pgbouncer":  {ports: []int32{5432, 6432}},
	"postgrest":  {ports: []int32{3000}},
	"gotrue":     {ports: []int32{9999}},
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

// imageOf is what is known of an image, by the last parts of its repository.
func imageOf(image string) (knownImage, bool) {
	path, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexByte(path, '/') {
		path = path[:i]
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
				known.group, known.server = 1001, known.server+`|run\.sh`
			}
			return known, true
		}
	}
	return knownImage{}, false
}

// runsServer says that a service runs the server that its image is known for, and
// not something else that the image has in it, such as a client or a shell.
func (k knownImage) runsServer(s types.ServiceConfig) bool {
	words := slices.Concat(s.Entrypoint, s.Command)
	if len(words) == 0 || len(s.Entrypoint) == 0 && strings.HasPrefix(words[0], "-") {
		return true
	}
	if len(s.Command) == 0 && len(s.Entrypoint) == 1 && entrypoint.MatchString(s.Entrypoint[0]) {
		return true
	}
	server := regexp.MustCompile(`(?:^|/|\bexec |&&\s*|;\s*|\|\|\s*|-c |\n\s*)(?:` + k.server + `)(?:$|[\s;&"'])`)
	return server.MatchString(strings.Join(words, " ")) || server.MatchString(strings.Join(s.Command, " "))
}

// entrypoint is the usual name of what an image starts with.
var entrypoint = regexp.MustCompile(`entrypoint(?:\.sh)?$|^/init$`)

func keepsData(image string) bool {
	known, _ := imageOf(image)
	return known.data
}

// repository is an image's name without registry, tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	image = image[strings.LastIndexByte(image, '/')+1:]
	image, _, _ = strings.Cut(image, ":")
	return image
}
