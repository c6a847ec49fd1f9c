package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// kafkaClients is what Kafka clients say of reaching and finding brokers.
var kafkaClients = knowledge{
	source: "kafka-clients, librdkafka, kafka-python, sarama, franz-go, kafkajs",
	signatures: []signature{
		{
			id:      "kafka-auth-failed-terminated-during-authentication",
			cause:   v1alpha1.CauseKafkaAuthFailed,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`terminated during authentication`,
			},
			match: "Id=producer-1] Connection to node -1 (kafka/10.96.41.10:9192) terminated during " +
				"authentication. This may happen due to any of the following reasons: (1) Firewall blocking " +
				"Kafka TLS traffic (eg it may only allow HTTPS traffic), (2) Transient network issue.",
			not: "the session was terminated during checkout",
		},
		{
			id:    "kafka-tls-mismatch-connecting-to-plaintext-broker",
			cause: v1alpha1.CauseKafkaTLSMismatch,
			words: ignoreCase(
				`connecting to a (?:PLAINTEXT broker|SSL) listener\?`,
				`is TLS missing\?`,
				`in state SSL_HANDSHAKE`,
				`SSL connection closed by server during handshake`,
				`SslAuthentication(?:Error|Exception)`,
				`SSL handshake failed`,
				`TLS handshake.*(?:EOF|reset)`,
				`Disconnected while requesting ApiVersion`,
			),
			within: kafkaContext,
			match:  "org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed",
			not:    "    1: error performing TLS handshake",
		},
		{
			id:    "kafka-tls-mismatch-size-length-of-352518",
			cause: v1alpha1.CauseKafkaTLSMismatch,
			words: ignoreCase(
				`(?:size|length|of) ?=? ?(?:352518\d{3}|369295\d{3}|1213486160|335741\d{3})\b`,
			),
			match: "kafka: invalid message length: got size 352518912",
			not:   "INFO read 352518912 bytes of the backup",
		},
		{
			id:      "kafka-topic-missing-topic-not-present-in",
			cause:   v1alpha1.CauseKafkaTopicMissing,
			weight:  weightGeneric,
			guessed: true,
			words: []string{
				`Topic (?P<topic>\S+) not present in metadata after`,
				`No partition metadata for topic (?P<topic>\S+)`,
			},
			match: "No partition metadata for topic orders.created.v2",
			not:   "the key is not present in metadata of the image",
		},
		{
			id:     "kafka-coordinator-unavailable-failed-to-find-group",
			cause:  v1alpha1.CauseKafkaCoordinatorUnavailable,
			weight: weightGeneric,
			words: ignoreCase(
				`failed to find group coordinator`,
				`KafkaJSGroupCoordinatorNotFound`,
				`GroupCoordinatorNotFound`,
				`Group coordinator lookup failed`,
				`found some partitions to be leaderless`,
			),
			match: "KafkaJSGroupCoordinatorNotFound: Failed to find group coordinator",
			not:   "failed to find group of the user",
		},
		{
			id:     "kafka-host-not-found-no-resolvable-bootstrap-urls",
			fault:  faultHostNotFound,
			family: familyKafka,
			words: []string{
				`No resolvable bootstrap urls`,
				`DNS lookup failed for (?P<host>[\w.-]+):\d+, exception`,
			},
			unless: ignoreCase(
				`temporary failure`,
				`EAI_AGAIN`,
			),
			match: "Caused by: org.apache.kafka.common.config.ConfigException: No resolvable bootstrap urls " +
				"given in bootstrap.servers",
			not: "DNS lookup failed for kafka.kafka.svc.cluster.local:9092 (0)",
		},
		{
			id:      "kafka-host-not-found-couldn-resolve-server",
			fault:   faultHostNotFound,
			family:  familyKafka,
			guessed: true,
			words: []string{
				`Couldn't resolve server (?P<host>[\w.-]+)`,
			},
			match: "Couldn't resolve server kafka.prod.svc.cluster.local:9092 from bootstrap.servers as DNS " +
				"resolution failed for kafka.prod.svc.cluster.local",
			not: "Couldn't resolve conflict in orders.json",
		},
		{
			id:     "kafka-host-not-found-dns-lookup-failed-for",
			fault:  faultHostNotFound,
			family: familyKafka,
			weight: weightConsequence,
			words: []string{
				`DNS lookup failed for (?P<host>[\w.-]+):\d+ \(0\)`,
			},
			match: "DNS lookup failed for kafka-1.kafka-broker:9092 (0)",
			not:   "DNS lookup for kafka took 3 ms",
		},
		{
			id:     "kafka-host-not-found-failed-to-resolve",
			fault:  faultHostNotFound,
			family: familyKafka,
			words: []string{
				`Failed to resolve '(?P<host>[^']+)'`,
			},
			unless: ignoreCase(
				`temporary failure`,
				`try again`,
			),
			match: "kafka.staging.svc.cluster.local:9092/bootstrap: Failed to resolve " +
				"'kafka.staging.svc.cluster.local:9092': Name or service not known (after 4ms in state " +
				"CONNECT)",
			not: "Failed to resolve dependencies of module orders",
		},
		{
			id:     "kafka-resolver-failed-to-resolve-dns",
			fault:  faultResolver,
			family: familyKafka,
			words: ignoreCase(
				`(?:Failed to resolve '(?P<host>[^']+)'|DNS lookup failed).*(?:temporary failure|try again)`,
			),
			match: "kafka.prod.svc.cluster.local:9092/bootstrap: Failed to resolve " +
				"'kafka.prod.svc.cluster.local:9092': Temporary failure in name resolution (after 17ms in " +
				"state CONNECT)",
			not: "DNS lookup failed for kafka.kafka.svc.cluster.local:9092 (0)",
		},
		{
			id:     "kafka-refused-connect-to-ipv-failed",
			fault:  faultRefused,
			family: familyKafka,
			words: []string{
				`Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: (?:Connection refused)`,
			},
			match: "localhost:19092/0: Connect to ipv4#127.0.0.1:19092 failed: Connection refused (after 0ms in " +
				"state CONNECT)",
			not: " ipv4#10.96.41.99:9092 failed: Connection refused (after 0ms in state CONNECT)",
		},
		{
			id:     "kafka-no-route-connect-to-ipv-failed",
			fault:  faultNoRoute,
			family: familyKafka,
			words: []string{
				`Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: (?:No route|Network|Host)`,
				`returned error 113`,
			},
			match: "Connect attempt to <BrokerConnection node_id=bootstrap-0 " +
				"host=kafka-legacy.corp.internal:9092 <connecting> [IPv4 ('10.97.3.4', 9092)]> returned " +
				"error 113. Disconnecting.",
			not: `psql: error: connection to server at "orders-db-far" (10.97.0.5), port 5432 failed: No ` +
				"route to host",
		},
		{
			id:     "kafka-timeout-connect-to-ipv-failed",
			fault:  faultTimeout,
			family: familyKafka,
			weight: weightNetwork,
			words: []string{
				`Connect to (?:ipv[46]#)?(?P<host>\S+?):(?P<port>\d+) failed: .*timed out`,
				`Connection setup timed out`,
				`returned error 110`,
			},
			unless: []string{
				`SSL_HANDSHAKE`,
			},
			match: "%3|1764000000.123|FAIL|orders-api#producer-1| [thrd:kafka:9092/bootstrap]: " +
				"kafka:9092/bootstrap: Connect to ipv4#10.96.7.4:9092 failed: Connection timed out (after " +
				"30000ms in state CONNECT)",
			not: "Error: failed to connect to Postgres",
		},
		{
			id:     "kafka-timeout-connection-attempt-to-broker-connection",
			fault:  faultTimeout,
			family: familyKafka,
			weight: weightNetwork,
			words: []string{
				`Connection attempt to <BrokerConnection .*host=(?P<host>[^\s:]+):(?P<port>\d+).* timed out`,
				`KafkaConnectionError: timeout`,
				`\[Connection\] Connection timeout`,
			},
			match: "[Connection] Connection timeout",
			not:   "INFO Connection attempt 1 to broker succeeded",
		},
		{
			id:     "kafka-refused-connection-to-node-could",
			fault:  faultRefused,
			family: familyKafka,
			words: []string{
				`Connection to node -?\d+ \((?P<host>[^/:]*)/?[^:]*:(?P<port>\d+)\) could not be established`,
				`Connect attempt to <BrokerConnection .*host=(?P<host>[^\s:]+):.*returned error 111`,
			},
			match: "Connect attempt to <BrokerConnection node_id=0 host=localhost:9092 <connecting> [IPv4 " +
				"('127.0.0.1', 9092)]> returned error 111. Disconnecting.",
			not: "onnection to node 0 (localhost/127.0.0.1:9999) could not be established. Node may not be " +
				"available.",
		},
		{
			id:     "kafka-closed-bootstrap-broker-disconnected",
			fault:  faultClosed,
			family: familyKafka,
			words: []string{
				`Bootstrap broker (?P<host>[^\s:]+):(?P<port>\d+).*disconnected`,
				`\[Bootstrap broker`,
				`Node -?\d+ disconnected`,
				`socket disconnected`,
				`Closed connection to broker`,
				`KafkaJSConnectionClosedError`,
				`\[BrokerPool\] Closed connection`,
				`broker transport failure`,
				`UnrecognizedBrokerVersion`,
				`got error from broker .*: EOF`,
			},
			match: "[BrokerPool] Closed connection",
			not:   "ocal: Broker transport failure (after 0ms in state DOWN)",
		},
		{
			id:     "kafka-gave-up-no-brokers-available",
			fault:  faultGaveUp,
			family: familyKafka,
			words: ignoreCase(
				`NoBrokersAvailable`,
				`run out of available brokers`,
				`out of brokers`,
				`brokers? (?:are|is) down`,
				`ALL_BROKERS_DOWN`,
				`Message timed out`,
				`MSG_TIMED_OUT`,
				`Failed to update metadata after`,
				`KafkaTimeoutError`,
				`KafkaJSNumberOfRetriesExceeded`,
				`waiting for a node assignment`,
				`Unable to bootstrap from`,
				`failed to get metadata`,
				`Failed to fetch metadata`,
				`timed? ?out (?:while )?(?:fetching|waiting for).*metadata`,
				`any of the seed brokers`,
				`Local: Timed out`,
				`Local: Host resolution failure`,
				`Failed to construct kafka`,
				`Timed out trying to create or validate schema topic`, // Schema Registry
				`Timeout of \d+ms expired before`,
				`records have timed out before`,
				`Expiring \d+ record`,
			),
			match: "    raise Errors.KafkaTimeoutError(",
			not:   "    pool timed out while waiting for an open connection",
		},
	},
}
