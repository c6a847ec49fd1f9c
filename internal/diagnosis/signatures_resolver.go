package diagnosis

// resolver is names that do not resolve, and resolvers that do not answer.
var resolver = knowledge{
	source: "getaddrinfo(3): EAI codes in glibc, musl, Go, Java, Node, Python, Rust, .NET; c-ares; RFC 1035 RCODEs",
	signatures: []signature{
		{
			id:    "host-not-found-lookup-on-no-such",
			fault: faultHostNotFound,
			words: []string{
				`lookup (?P<host>\S+?)(?: on [^ ]+)?: (?:no such host|no answer from DNS server)`,
			},
			match: "dial tcp: lookup kafka-1.kafka-broker on 10.96.0.10:53: no such host",
			not:   "INFO lookup orders on cache: hit",
		},
		{
			id:    "host-not-found-enotfound",
			fault: faultHostNotFound,
			words: []string{
				`ENOTFOUND(?: (?P<host>[\w.-]+))?`,
			},
			match: "      code: 'ENOTFOUND',",
			not:   "ModuleNotFoundError: No module named 'shop'",
		},
		{
			id:    "host-not-found-name-or-service-not",
			fault: faultHostNotFound,
			words: ignoreCase(
				`name or service not known`,
				`nodename nor servname provided`,
				`no address associated with (?:host ?name|name)`,
				`name does not resolve`,
			),
			unless: []string{
				`(?i)\b(?:bind|listen)\w*\b`,
			},
			match: "gaierror: [Errno -2] Name or service not known",
			not:   "INFO name or service was renamed",
		},
		{
			id:    "host-not-found-unknown-host-exception-failed-to-resolve",
			fault: faultHostNotFound,
			words: []string{
				`UnknownHostException$`,
				`UnknownHostException: (?:Failed to resolve ')?(?P<host>[\w.-]+)`,
			},
			match: "java.net.UnknownHostException: vm: vm: Name or service not known",
			not:   "UnknownServiceException: protocol doesn't support input",
		},
		{
			id:    "host-not-found-no-such-host-is",
			fault: faultHostNotFound,
			words: ignoreCase(
				`(?:no such host is known|host not found|unknown host)(?:[: (]+'?(?P<host>[\w-]+(?:\.[\w-]+)*))?`,
				`could not resolve host(?:name)?:?(?:[: (]+'?(?P<host>[\w-]+(?:\.[\w-]+)*))?`,
				`couldn't resolve host(?:[: (]+'?(?P<host>[\w-]+(?:\.[\w-]+)*))?`,
				`(?:failed to resolve host|getaddrinfo failed|nxdomain)(?:[: (]+'?(?P<host>[\w-]+(?:\.[\w-]+)*))?`,
				`unknown (?:\w+ )?server host '(?P<host>[\w.-]+)'`,
			),
			unless: ignoreCase(
				`temporary failure`,
				`try again`,
				`errno -3\b`,
			),
			match: "pika.adapters.utils.connection_workflow: getaddrinfo failed: gaierror(-2, 'Name or service " +
				"not known').",
			not: "INFO host orders was found",
		},
		{
			id:    "host-not-found-unresolved-address-exception",
			fault: faultHostNotFound,
			words: []string{
				`UnresolvedAddressException`,
				`failed to lookup address information: (?:Name|No)`,
				`no record found for`,
				`Domain name not found`,
				`DNS server returned answer with no data`,
				`produced zero addresses`,
				`NameResolutionError`,
			},
			unless: ignoreCase(
				`temporary failure`,
				`try again`,
			),
			match: "    raise NameResolutionError(self.host, self, e) from e",
			not:   "    failed to lookup address information: Temporary failure in name resolution",
		},
		{
			id:    "resolver-eai-again",
			fault: faultResolver,
			words: []string{
				`EAI_AGAIN(?: (?P<host>[\w.-]+))?`,
				`EAI_FAIL\b`,
			},
			match: "      code: 'EAI_AGAIN',",
			not:   "INFO EAI of the provider is up",
		},
		{
			id:    "resolver-temporary-failure-in-name",
			fault: faultResolver,
			words: ignoreCase(
				`temporary failure in name resolution`,
			),
			match: "socket.gaierror: [Errno -3] Temporary failure in name resolution",
			not:   "temporary failure in payment, retrying",
		},
		{
			id:    "resolver-lookup-on-server-misbehaving",
			fault: faultResolver,
			words: []string{
				`lookup (?P<host>[^\s:]+)(?: on [^ ]+)?: (?:server misbehaving|read udp)`,
				`lookup (?P<host>[^\s:]+)(?: on [^ ]+)?: (?:dial udp|i/o timeout|write udp|.*:53: )`,
			},
			match: "\tlookup orders-db on 10.96.0.11:53: server misbehaving",
			not:   "\tclient.dns.lookup = use_all_dns_ips",
		},
		{
			id:    "resolver-servfail",
			fault: faultResolver,
			words: ignoreCase(
				`SERVFAIL`,
				`name resolution (?:timed out|failed due to|error.*try again)`,
				`dns.{0,40}(?:timed? ?out|timeout)`,
				`resolver .*timed out`,
				`non-recoverable failure in name resolution`,
				`getaddrinfo.*try again`,
				`name lookup timed out`,
				`could not contact dns servers`,
				`timeout while contacting dns servers`,
				`dns server returned (?:general failure|query refused)`,
				`DnsNameResolverTimeoutException`,
				`ESERVFAIL`,
				`EDNS`,
				`queryA ETIMEOUT`,
			),
			match: "\tdetails = \"errors resolving pricing.prod.svc.cluster.local:8080: [field:hostname lookup " +
				"error:address lookup failed for pricing.prod.svc.cluster.local:8080: DNS server returned " +
				`general failure]"`,
			not: "Error: connect ETIMEDOUT",
		},
	},
}
