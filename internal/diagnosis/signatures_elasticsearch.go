package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// elasticsearch is what Elasticsearch and OpenSearch answer, by the names of
// their exceptions.
var elasticsearch = knowledge{
	server: "Elasticsearch",
	source: "Elasticsearch and OpenSearch: ElasticsearchException.java, ClusterBlocks, " +
		"DiskThresholdMonitor; elastic-transport",
	signatures: []signature{
		{
			id:    "elasticsearch-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`security_exception`,
				`(?i)unable to authenticate user`,
				`(?i)missing authentication credentials for REST request`,
				`\bauthentication_exception\b`,
				`action \[[\w:/*]+\] is unauthorized for`,
			},
			unless: ignoreCase(`license is non-compliant`),
			match:  "ResponseError: security_exception: unable to authenticate user [app] for REST request [/]",
			not:    "INFO security is enabled",
		},
		{
			id:    "elasticsearch-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`disk usage exceeded flood-stage watermark`,
				`index has read-only-allow-delete block`,
				`FORBIDDEN/\d+/index read-only`,
				`FORBIDDEN/\d+/cluster (?:read-only|create-index blocked)`,
				`(?i)this cluster currently has \[\d+\]/\[\d+\] maximum`,
				`(?i)this action would add \[\d+\] .{0,20}shards`,
			},
			match: "cluster_block_exception: index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded " +
				"flood-stage watermark, index has read-only-allow-delete block];",
			not: "INFO disk usage is under the watermark",
		},
		{
			id:    "elasticsearch-starting",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`SERVICE_UNAVAILABLE/\d+/(?:state not recovered|no master)`,
				`master_not_discovered_exception`,
				`MasterNotDiscoveredException`,
				`(?i)no_shard_available_action_exception`,
				`(?i)all shards failed`,
			},
			unless: ignoreCase(`^\[.*\]\[o\.e\.`),
			match:  "ResponseError: master_not_discovered_exception",
			not:    "INFO master discovered",
		},
		{
			id:    "elasticsearch-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: ignoreCase(
				`es_rejected_execution`,
				`EsRejectedExecution`,
				`circuit_breaking_exception`,
			),
			match: "TransportError(429, 'circuit_breaking_exception', '[parent] Data too large')",
			not:   "INFO circuit closed",
		},
		{
			id:    "elasticsearch-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`(?i)client noticed that the server is not (?:Elasticsearch|a supported)`,
				`\bUnsupportedProductError\b|ProductNotSupportedError`,
				`\bmedia_type_header_exception\b`,
				`(?i)Accept version must be either version`,
				`(?i)incompatible with the following (?:Elasticsearch|OpenSearch)`,
				`(?i)This version of \w+ .{0,30}is incompatible with .{0,20}(?:Elasticsearch|OpenSearch) nodes`,
				`\bresource_already_exists_exception\b`,
				`\bindex_not_found_exception\b`,
				`\b(?:mapper_parsing|illegal_argument)_exception\b`,
			},
			match: "UnsupportedProductError: The client noticed that the server is not Elasticsearch",
			not:   "INFO the server is Elasticsearch 8.15",
		},
		{
			id:     "elasticsearch-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`NoNodeAvailable`,
				`No living connections`,
				`all hosts (?:failed|unreachable)`,
				`none of the configured nodes`,
				`No Elasticsearch node|Unable to retrieve version information from Elasticsearch nodes`,
				`no available connection: no Elasticsearch node`,
				`elasticsearch: no available`,
			),
			match: "NoLivingConnectionsError: There are no living connections; No Living connections",
			not:   "INFO nodes are configured",
		},
	},
}
