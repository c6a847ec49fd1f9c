package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// amqp is what RabbitMQ and other AMQP brokers answer, by their reply codes.
var amqp = knowledge{
	server: "RabbitMQ",
	source: "AMQP 0-9-1, 1.2 reply codes (amqp0-9-1.xml); rabbit_channel.erl, rabbit_reader.erl; " +
		"pika, aiormq, amqplib, " +
		"amqp091-go, RabbitMQ.Client, spring-amqp, lapin, bunny",
	signatures: []signature{
		{
			id:    "amqp-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`ACCESS[_-]REFUSED`, // 403
				`403 \(ACCESS_REFUSED\)`,
				`NOT_ALLOWED - (?:access to vhost|vhost)`, // 530
				`530 \(NOT[_-]ALLOWED\)`,
				`(?i)\b(?:PLAIN|AMQPLAIN|EXTERNAL) login refused`,
				`(?i)login (?:was )?refused`,
				`username or password not allowed`,
				`ProbableAuthenticationError`,
				`Exception \(403\) Reason: "no access`,
				`(?i)can only be accessed via localhost`,
			},
			unless: ignoreCase(`kafka|postgres`),
			match: "Error: Handshake terminated by server: 403 (ACCESS-REFUSED) with message " +
				"\"ACCESS_REFUSED - Login was refused\"",
			not: "INFO access to vhost / granted",
		},
		{
			id:    "amqp-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`PRECONDITION[_-]FAILED`, // 406
				`inequivalent arg '`,
				`NOT_FOUND - no (?:queue|exchange|vhost|binding|'vhost')`, // 404
				`RESOURCE[_-]LOCKED`,    // 405
				`NOT_IMPLEMENTED - `,    // 540
				`COMMAND[_-]INVALID - `, // 503
				`FRAME[_-]ERROR`,        // 501
				`SYNTAX[_-]ERROR - `,    // 502
				`ProtocolVersionMismatch`,
				`(?i)Feature [\x60']\w+[\x60'] is deprecated`,
			},
			within: ignoreCase(`amqp|rabbit|channel|pika|aiormq|lapin|bunny|queue|exchange|40[456]|50[123]|540`),
			unless: ignoreCase(`delivery acknowledgement|^\s+at `),
			match: "pika.exceptions.ChannelClosedByBroker: (406, \"PRECONDITION_FAILED - " +
				"inequivalent arg 'durable' for " +
				"queue 'orders' in vhost '/': received 'true' but current is 'false'\")",
			not: "412 Precondition Failed",
		},
		{
			id:    "amqp-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`(?i)connection\.blocked`,
				`(?i)blocked by (?:the )?(?:broker|server|resource alarm)`,
				`(?i)connection (?:is |was )?blocked:? (?:due to |reason: ?)?['"]?low on (?:memory|disk)`,
			},
			match: "WARN connection blocked: low on memory",
			not:   "INFO blocked by the firewall",
		},
		{
			id:    "amqp-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: ignoreCase(
				`channel(?:-| )max`,
				`connection limit .{0,60}(?:is )?reached`,
				`RESOURCE[_-]ERROR - `,
				`number of channels opened \(\d+\) has reached`,
			),
			unless: ignoreCase(`postgres|for role|for database`),
			match:  "NOT_ALLOWED - number of channels opened (10) has reached the negotiated channel_max (10)",
			not:    "INFO channel opened",
		},
		{
			id:     "amqp-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words: ignoreCase(
				`StreamLostError`,
				`ConnectionClosedByBroker`,
				`AMQPConnectionClosed`,
				`AMQConnectionException`,
				`CONNECTION[_-]FORCED`, // 320
				`Exception \((?:504|320)\)`,
				`channel/connection is not open`,
				`Heartbeat timeout`,
				`delivery acknowledgement on channel \d+ timed out`,
			),
			within: ignoreCase(
				`amqp|rabbit|pika|amq|bunny|lapin`,
				`broker forced connection closure`,
			),
			unless: ignoreCase(`refused`),
			match: "pika.exceptions.ConnectionClosedByBroker: (320, \"CONNECTION_FORCED - broker " +
				"forced connection closure\")",
			not: "Exception (504) Reason: gateway",
		},
		{
			id:     "amqp-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`AMQPConnectionError`,
				`BrokerUnreachableException`,
				`Connection\.open.*timeout`,
			),
			unless: ignoreCase(`kafka`),
			match:  "pika.exceptions.AMQPConnectionError",
			not:    "INFO Connection.open-ok",
		},
	},
}
