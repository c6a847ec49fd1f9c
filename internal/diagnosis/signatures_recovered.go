package diagnosis

// recovered is connections that were made in the end.
var recovered = knowledge{
	source: "what services log",
	signatures: []signature{
		{
			id:     "postgres-recovered-re-connected-to-the",
			fault:  faultRecovered,
			family: familyPostgres,
			words: ignoreCase(
				`(?:re)?connected to (?:the )?(?:postgres|database|db\b)`,
				`database (?:connection )?(?:is )?(?:ready|established|connected|available|healthy)`,
				`postgres\w*[: ]+(?:is )?(?:ready|connected|available)`,
				`connection to (?:postgres\w*|database) (?:established|successful)`,
				`HikariPool-\d+ - (?:Start completed|Added connection)`,
			),
			match: "HikariPool-1 - Start completed.",
			not:   "INFO:     GET /readyz 503 3ms",
		},
		{
			id:     "kafka-recovered-re-connected-to-the",
			fault:  faultRecovered,
			family: familyKafka,
			words: ignoreCase(
				`(?:re)?connected to (?:the )?(?:kafka|broker|redpanda)\b`,
				`kafka (?:producer|consumer|client|connection)?[: ]*(?:is )?(?:ready|connected|established)`,
			),
			match: "[sarama] 2026/11/23 16:35:39 Connected to broker at 10.96.52.25:9092 (registered as #0)",
			not:   "INFO: Kafka version: 3.8.1",
		},
	},
}
