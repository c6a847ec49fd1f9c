package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// transfers is what the tools say that scripts fetch and send with.
var transfers = knowledge{
	source: "libcurl-errors(3); wget's exits.c; BusyBox wget.c",
	signatures: []signature{
		{
			id:     "transfer-host-not-found",
			fault:  faultHostNotFound,
			family: familyUpstream,
			words: []string{
				`curl: \((?:5|6)\) (?:Could not|Couldn't) resolve (?:host|proxy)[^:]*: (?P<host>[\w.-]+)`,
				`wget: bad address '(?P<host>[^'/:]+)`,
				`wget: unable to resolve host address '(?P<host>[^']+)'`,
			},
			match: "wget: bad address 'pricing'",
			not:   "INFO the bad address of a customer",
		},
		{
			id:     "transfer-refused",
			fault:  faultRefused,
			family: familyUpstream,
			words: []string{
				`curl: \(7\) Failed to connect to (?P<host>\S+) port (?P<port>\d+)`,
				`curl: \(7\) `,
				`wget: can't connect to remote host`,
				`Failed to connect to (?P<host>\S+) port (?P<port>\d+)[^:]*: (?:Couldn\'t|Could not) connect ` +
					`to server`,
			},
			unless: ignoreCase(`timed out|no route`),
			match:  "curl: (7) Failed to connect to pricing port 80 after 1 ms: Couldn't connect to server",
			not:    "curl: (22) The requested URL returned error: 500",
		},
		{
			id:     "transfer-timeout",
			fault:  faultTimeout,
			family: familyUpstream,
			words: []string{
				`curl: \(28\) `,
				`wget: download timed out`,
			},
			match: "curl: (28) Connection timed out after 5001 milliseconds",
			not:   "curl: (7) Failed to connect",
		},
		{
			id:     "transfer-closed",
			fault:  faultClosed,
			family: familyUpstream,
			words: []string{
				`curl: \((?:18|52|55|56|92)\) `,
				`wget: (?:error getting response|server returned error)`,
			},
			unless: ignoreCase(`returned error: HTTP`),
			match:  "curl: (52) Empty reply from server",
			not:    "curl: (28) Connection timed out",
		},
		{
			id:     "transfer-certificate",
			fault:  faultCertificate,
			family: familyUpstream,
			words: []string{
				`curl: \((?:51|60|83|90|91)\) `,
			},
			match: "curl: (60) SSL certificate problem: unable to get local issuer certificate",
			not:   "curl: (28) Connection timed out",
		},
		{
			id:     "transfer-tls",
			fault:  faultTLS,
			family: familyUpstream,
			words: []string{
				`curl: \((?:35|64)\) `,
			},
			unless: ignoreCase(`reset by peer|SSL_ERROR_SYSCALL`),
			match:  "curl: (35) error:0A00010B:SSL routines::wrong version number",
			not:    "curl: (60) SSL certificate problem",
		},
		{
			id:    "transfer-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`curl: \((?:67|94)\) `,
				`curl: \(22\) .{0,40}\b40[13]\b`,
				`wget: server returned error: HTTP/\S+ 40[13]`,
			},
			match: "curl: (67) Access denied: 535",
			not:   "curl: (22) The requested URL returned error: 404",
		},
		{
			id:    "transfer-own-certificate",
			cause: v1alpha1.CauseTLSConfigInvalid,
			words: []string{
				`curl: \((?:58|77|82)\) `,
			},
			match: "curl: (77) error setting certificate file: /etc/ssl/ca.pem",
			not:   "curl: (60) SSL certificate problem",
		},
		{
			id:    "transfer-arguments",
			cause: v1alpha1.CauseArgumentsInvalid,
			words: []string{
				`curl: \(2\) |curl: option \S+: `,
				`curl: \(1\) Protocol .{1,40} not supported`,
				`curl: \(3\) `,
			},
			match: "curl: option --prot: is unknown",
			not:   "curl: (22) The requested URL returned error: 404",
		},
	},
}
