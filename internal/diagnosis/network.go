package diagnosis

// networkSignatures are how runtimes and the C library tell of connections that
// could not be made or were lost: the same words whoever is at the far end.
// Whose connection it was is found out from the words around them, and by
// matching host and port with what the container is configured to use.
var networkSignatures = []signature{
	// Names that do not exist: EAI_NONAME, EAI_NODATA, NXDOMAIN.
	network(faultHostNotFound, familyAny, `lookup (?P<host>[^\s:]+)(?: on [^ ]+)?: (?:no such host|no answer from DNS server)`, "no such host", "no answer from DNS server"),
	network(faultHostNotFound, familyAny, `ENOTFOUND(?: (?P<host>[\w.-]+))?`, "ENOTFOUND"),
	network(faultHostNotFound, familyAny, `(?i)name or service not known|nodename nor servname provided|no address associated with (?:host ?name|name)|name does not resolve`,
		"ame or service not known", "odename nor servname", "o address associated with", "ame does not resolve"),
	network(faultHostNotFound, familyAny, `UnknownHostException: (?:Failed to resolve ')?(?P<host>[\w.-]+)`, "UnknownHostException"),
	network(faultHostNotFound, familyAny, `(?i)(?:no such host is known|host not found|unknown host|could not resolve host(?:name)?:?|couldn't resolve host|failed to resolve host|getaddrinfo failed|nxdomain)(?:[: (]+'?(?P<host>[\w-]+(?:\.[\w-]+)*))?`,
		"o such host is known", "ost not found", "nknown host", "ould not resolve host", "ouldn't resolve host", "ailed to resolve host", "getaddrinfo failed", "NXDOMAIN", "nxdomain").but(`(?i)temporary failure|try again|errno -3\b`),
	network(faultHostNotFound, familyAny, `UnresolvedAddressException|failed to lookup address information: (?:Name|No)|no record found for|Domain name not found|DNS server returned answer with no data|produced zero addresses|NameResolutionError`,
		"UnresolvedAddressException", "failed to lookup address information", "no record found for", "Domain name not found", "answer with no data", "produced zero addresses", "NameResolutionError").but(`(?i)temporary failure|try again`),

	// The resolver itself: EAI_AGAIN, SERVFAIL, time-outs of port 53.
	network(faultResolver, familyAny, `EAI_AGAIN(?: (?P<host>[\w.-]+))?|EAI_FAIL\b`, "EAI_AGAIN", "EAI_FAIL"),
	network(faultResolver, familyAny, `(?i)temporary failure in name resolution`, "emporary failure in name resolution"),
	network(faultResolver, familyAny, `lookup (?P<host>[^\s:]+)(?: on [^ ]+)?: (?:server misbehaving|read udp|dial udp|i/o timeout|write udp|.*:53: )`, "server misbehaving", "read udp", "dial udp", "write udp", ":53: "),
	network(faultResolver, familyAny, `(?i)SERVFAIL|name resolution (?:timed out|failed due to|error.*try again)|dns.{0,40}(?:timed? ?out|timeout)|resolver .*timed out|non-recoverable failure in name resolution|getaddrinfo.*try again|name lookup timed out|could not contact dns servers|timeout while contacting dns servers|dns server returned (?:general failure|query refused)|DnsNameResolverTimeoutException|ESERVFAIL|EDNS|queryA ETIMEOUT`,
		"SERVFAIL", "ame resolution", "dns query", "dns resolution", "dns server", "dns request", "dns timeout", "dns timed", "dns lookup t", "esolver timed", "resolver error", "getaddrinfo", "ESERVFAIL", "ame lookup timed out", "contact DNS servers", "contacting DNS servers", "returned general failure", "returned query refused", "ResolverTimeoutException", "queryA "),

	// Nothing listens there.
	network(faultRefused, familyAny, `(?i)(?:connection|connect)\w* (?:was |has been |is |is being )?(?:actively )?refused|refused the connection|refused to connect|No connection could be made because the target machine`,
		"onnection refused", "onnection was refused", "onnect refused", "ctively refused", "efused the connection", "efused to connect", "onnection Refused", "target machine").but(`lookup \S+ on |read udp|:53: `),
	network(faultRefused, familyAny, `(?:ECONN|CONNECTION_)REFUSED(?: (?P<host>[\w.:-]+?):(?P<port>\d+))?`, "ECONNREFUSED", "econnrefused", "CONNECTION_REFUSED"),
	network(faultRefused, familyAny, `(?i)(?:\[Errno 111\]|Errno::ECONNREFUSED|error 111|os error 111|\(111\)|ConnectionRefusedError)`, "rrno 111", "rror 111", "(111)", "ConnectionRefusedError"),

	// No way there.
	network(faultNoRoute, familyAny, `(?i)no route to host|EHOSTUNREACH|ENETUNREACH|network is unreachable|host is unreachable|NoRouteToHost|network unreachable|host unreachable`,
		"o route to host", "EHOSTUNREACH", "ENETUNREACH", "etwork is unreachable", "ost is unreachable", "NoRouteToHost", "etwork unreachable", "ehostunreach", "enetunreach"),

	// localhost in the other version of the protocol, where the host has no address of it.
	network(faultRefused, familyAny, `(?i)EADDRNOTAVAIL|cannot assign requested address|address not available`, "EADDRNOTAVAIL", "annot assign requested", "ddress not available").within(`(?i)connect`).but(`(?i)\b(?:bind|listen)`),

	// No answer.
	network(faultTimeout, familyAny, `(?i)dial tcp (?P<host>[^\s]+):(?P<port>\d+): (?:i/o timeout|connect: connection timed out|operation was canceled)`, "dial tcp"),
	network(faultTimeout, familyAny, `(?i)(?:connect(?:ion)?(?: attempt)?|connecting|handshake)[^.;]{0,60}(?:timed[ -]?out|timeout)|ETIMEDOUT|connect(?:ion)? timeout|timed? ?out (?:while |when |trying to )?(?:connecting|to connect)|ConnectTimeout|errno 110|error 110|\(110\)|TimeoutError|UND_ERR_CONNECT_TIMEOUT|TimedOut|deadline has elapsed`,
		"timed out", "timed-out", "ETIMEDOUT", "onnect timeout", "onnection timeout", "ConnectTimeout", "rrno 110", "rror 110", "(110)", "TimeoutError", "etimedout", "CONNECT_TIMEOUT", "TimedOut", "deadline has elapsed", "onnection Timeout").
		but(`KafkaTimeoutError|Batch for|ProducerBatch|read timed out|command timed out|statement|lock|prober`),
	network(faultTimeout, familyAny, `(?i)timeout expired|context deadline exceeded|Client\.Timeout exceeded|i/o timeout|read timed out|SocketTimeoutException|operation was aborted due to timeout|configured HttpClient\.Timeout|(?:request|operation) timed out`,
		"imeout expired", "ontext deadline exceeded", "Client.Timeout", "i/o timeout", "ead timed out", "SocketTimeoutException", "aborted due to timeout", "configured HttpClient", "equest timed out", "peration timed out"),

	// Scripts that wait for a server before the program: wait-for-it, dockerize.
	network(faultTimeout, familyAny, `(?i)time-?out (?:occurred )?after (?:waiting )?\S+(?: seconds)? (?:for|waiting (?:for|on)).{0,60}?(?P<host>[\w.-]+):(?P<port>\d+)`, "imeout occurred after", "imeout after").weighing(weightNetwork).guess(),

	// The peer hung up.
	network(faultClosed, familyAny, `(?i)connection reset by peer|connection reset|ECONNRESET|econnreset|broken pipe|\bEPIPE\b|socket hang ?up|connection (?:was |has been |is )?(?:closed|aborted|lost|terminated|dropped)|closed connection|unexpected EOF|EOFError|end of (?:file|stream)|socket (?:disconnected|closed)|other side closed|RemoteDisconnected|software caused connection abort|response ended prematurely|past the end of the stream`,
		"onnection reset", "ECONNRESET", "econnreset", "roken pipe", "EPIPE", "ocket hang up", "onnection was closed", "onnection is closed", "onnection closed", "onnection has been closed", "onnection aborted", "onnection lost", "onnection terminated", "onnection dropped", "losed connection", "nexpected EOF", "EOFError", "nd of file", "nd of stream", "ocket disconnected", "ocket closed", "ther side closed", "RemoteDisconnected", "onnection abort", "ended prematurely", "end of the stream").but(serverSide),
	network(faultClosed, familyAny, `driver: bad connection`, "driver: bad connection").guess(), // database/sql, of any driver
	network(faultClosed, familyAny, `(?:: EOF|^EOF)\b\s*(?:$|\(|[";])`, ": EOF"),

	// TLS: one side speaks it and the other does not.
	network(faultTLS, familyAny, `(?i)wrong[_ ]version[_ ]number|first record does not look like a tls handshake|unsupported or unrecognized ssl message|not an ssl/tls record|received http response to https|http request to an https|packet length too long|record layer failure|unexpected message|plaintext connection\?|InvalidContentType|received corrupt message|corrupted frame|cannot determine the status of the ssl|received record with version|server gave HTTP response`,
		"rong version number", "WRONG_VERSION_NUMBER", "first record does not", "nrecognized SSL message", "not an SSL/TLS record", "HTTP response", "HTTPS server", "acket length too long", "PACKET_LENGTH_TOO_LONG", "ecord layer failure", "RECORD_LAYER_FAILURE", "laintext connection", "InvalidContentType", "eceived corrupt message", "orrupted frame", "etermine the frame size", "received record with version"),
	// TLS: the peer's certificate does not verify.
	network(faultCertificate, familyAny, `(?i)certificate verify failed|CERTIFICATE_VERIFY_FAILED|certificate signed by unknown authority|self[- ]signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer certificate|UNABLE_TO_|DEPTH_ZERO_SELF|does not match certificate's altnames|ERR_TLS_CERT|PKIX path|SunCertPathBuilder|no subject alternative|doesn't contain any IP SANs|certificate is (?:not )?valid for|hostname .*(?:could not be verified|mismatch|doesn't match)|does not match host ?name|RemoteCertificate|remote certificate (?:is|was) (?:invalid|rejected)|UntrustedRoot|UnknownIssuer|NotValidForName|invalid peer certificate|unknown ca|bad certificate|certificate required|certificate verification failed|unable to find valid certification path|CertificateException|x509: certificate|certificate has expired|tlsv1 alert|sslv3 alert`,
		"ertificate verify failed", "CERTIFICATE_VERIFY_FAILED", "unknown authority", "signed certificate", "first certificate", "issuer certificate", "UNABLE_TO_", "DEPTH_ZERO_SELF", "certificate's altnames", "ERR_TLS_CERT", "PKIX path", "SunCertPathBuilder", "o subject alternative", "any IP SANs", "ertificate is valid for", "ertificate is not valid for", "ould not be verified", "ostname mismatch", "ame mismatch", "doesn't match", "oes not match host", "RemoteCertificate", "emote certificate", "UntrustedRoot", "UnknownIssuer", "NotValidForName", "nvalid peer certificate", "nknown ca", "ad certificate", "ertificate required", "ertificate verification failed", "ertification path", "CertificateException", "x509: certificate", "ertificate has expired", "tlsv1 alert", "sslv3 alert").
		but(`(?i)certificate (?:file )?\S*[/\\]\S+ (?:has )?expired|serving certificate|verification keys`),

	// What shows that an attempt succeeded after all.
	{fault: faultRecovered, weight: weightNone, family: familyPostgres, pattern: `(?i)(?:re)?connected to (?:the )?(?:postgres|database|db\b)|database (?:connection )?(?:is )?(?:ready|established|connected|available|healthy)|postgres\w*[: ]+(?:is )?(?:ready|connected|available)|connection to (?:postgres\w*|database) (?:established|successful)|HikariPool-\d+ - (?:Start completed|Added connection)`,
		literals: []string{"onnected to ", "database ready", "database is ", "database connection ", "database connected", "database established", "database available", "postgres ready", "postgres connected", "postgresql ready", "postgresql connected", "postgres: ", "connection to postgres", "connection to database", "HikariPool-"}},
	{fault: faultRecovered, weight: weightNone, family: familyKafka, pattern: `(?i)(?:re)?connected to (?:the )?(?:kafka|broker|redpanda)\b|kafka (?:producer|consumer|client|connection)?[: ]*(?:is )?(?:ready|connected|established)`,
		literals: []string{"onnected to ", "kafka ready", "kafka connected", "kafka producer ", "kafka consumer ", "kafka client ", "kafka connection ", "kafka: "}},
}

// serverSide are a server's words for clients of its own that went away.
const serverSide = `(?i)client closed|\b499\b|client disconnected|by client|from client`
