package v1alpha1

// ConnectionEnv names the environment variables that hold a client's settings.
// Empty fields are found by the usual names.
type ConnectionEnv struct {
	// host is the variable with the host name.
	// +optional
	Host string `json:"host,omitempty"`
	// port is the variable with the port.
	// +optional
	Port string `json:"port,omitempty"`
	// database is the variable with the database's name.
	// +optional
	Database string `json:"database,omitempty"`
	// user is the variable with the user or SASL user name. It counts only where the
	// stack's serviceAccountName may get Secrets, and who writes it must be allowed
	// to. Without it, user and password are those that the pod's template has beside
	// the address, under names with the same beginning.
	// +optional
	User string `json:"user,omitempty"`
	// password is the variable with the password, under the conditions of user. Its
	// value stays in memory, and goes to the server that the variables name only.
	// +optional
	Password string `json:"password,omitempty"`
	// url is the variable with a connection string in URL, JDBC or libpq form, or in
	// that of Go's MySQL driver. Who
	// writes it must be allowed to get Secrets.
	// +optional
	URL string `json:"url,omitempty"`
	// sslMode is the variable with the libpq sslmode.
	// +optional
	SSLMode string `json:"sslMode,omitempty"`
	// bootstrapServers is the variable with Kafka's host:port list.
	// +optional
	BootstrapServers string `json:"bootstrapServers,omitempty"`
	// topics are the variables that hold names of topics that the service needs.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Topics []string `json:"topics,omitempty"`
	// consumerGroup is the variable with the consumer group's name.
	// +optional
	ConsumerGroup string `json:"consumerGroup,omitempty"`
}

// Endpoint is what a service offers. Exactly one member is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.postgres), has(self.mysql), has(self.kafka), has(self.redis), has(self.rabbitmq), has(self.memcached), has(self.http), has(self.tcp)].exists_one(x, x)",message="set exactly one member, such as postgres, kafka, http or tcp"
type Endpoint struct {
	// postgres: a PostgreSQL server.
	// +optional
	Postgres *PostgresEndpoint `json:"postgres,omitempty"`
	// mysql: a MySQL or MariaDB server.
	// +optional
	MySQL *MySQLEndpoint `json:"mysql,omitempty"`
	// kafka: a broker that speaks the Kafka protocol, such as Redpanda.
	// +optional
	Kafka *KafkaEndpoint `json:"kafka,omitempty"`
	// redis: a server that speaks Redis' protocol, such as Valkey.
	// +optional
	Redis *RedisEndpoint `json:"redis,omitempty"`
	// rabbitmq: a broker that speaks AMQP 0-9-1, as RabbitMQ does.
	// +optional
	RabbitMQ *RabbitMQEndpoint `json:"rabbitmq,omitempty"`
	// memcached: a memcached server.
	// +optional
	Memcached *MemcachedEndpoint `json:"memcached,omitempty"`
	// http: an HTTP health endpoint.
	// +optional
	HTTP *HTTPEndpoint `json:"http,omitempty"`
	// tcp: anything that accepts TCP connections.
	// +optional
	TCP *TCPEndpoint `json:"tcp,omitempty"`
}

// PostgresEndpoint is where a PostgreSQL server listens for the stack.
type PostgresEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 5432.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// database that the stack uses. Default: what the client is configured with.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Database string `json:"database,omitempty"`
}

// MySQLEndpoint is where a MySQL or MariaDB server listens for the stack.
type MySQLEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 3306.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// database that the stack uses. Default: what the client is configured with.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Database string `json:"database,omitempty"`
}

// KafkaEndpoint is where a Kafka cluster listens for the stack.
type KafkaEndpoint struct {
	// bootstrapServers are host:port pairs as the stack's own pods reach them.
	// Default: the service's name with port 9092.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=261
	BootstrapServers []string `json:"bootstrapServers,omitempty"`
	// topics are those that the stack needs, as CreateTopic may create them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	Topics []DeclaredTopic `json:"topics,omitempty"`
}

// DeclaredTopic is a Kafka topic as it should be.
type DeclaredTopic struct {
	// name of the topic.
	// +required
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Name string `json:"name"`
	// partitions of the topic. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Partitions int32 `json:"partitions,omitempty"`
	// replicationFactor of the topic. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	ReplicationFactor int32 `json:"replicationFactor,omitempty"`
}

// RedisEndpoint is where a server that speaks Redis' protocol listens for the stack.
type RedisEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 6379.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// RabbitMQEndpoint is where a RabbitMQ broker listens for the stack.
type RabbitMQEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 5672.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// virtualHost that the stack uses. Default: what the client is configured with.
	// +optional
	// +kubebuilder:validation:MaxLength=255
	VirtualHost string `json:"virtualHost,omitempty"`
}

// MemcachedEndpoint is where a memcached server listens for the stack.
type MemcachedEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the server. Default: 11211.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
}

// HTTPEndpoint is a health endpoint that answers 2xx when all is well, and may
// answer with JSON such as {"status": "healthy", "infrastructure_health": {}}.
type HTTPEndpoint struct {
	// host is a Service of this namespace. Default: the service's pods
	// themselves, by their addresses.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port of the endpoint.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// path of the endpoint. Default: /health.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path,omitempty"`
}

// TCPEndpoint is a host and port that accepts connections.
type TCPEndpoint struct {
	// host is a Service of this namespace, or a host that the cluster's admin
	// allowed to be probed. Default: the service's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Host string `json:"host,omitempty"`
	// port that accepts connections.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
}
