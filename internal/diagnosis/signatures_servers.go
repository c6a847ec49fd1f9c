package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// servers is how servers, as Helm charts run them, reject their own
// configuration in words that are theirs alone.
var servers = knowledge{
	source: "nginx conf_file.c; HAProxy cfgparse.c; Apache httpd core.c; Envoy; Redis config.c; " +
		"PostgreSQL guc.c, hba.c; MySQL my_default.cc; " +
		"RabbitMQ cuttlefish; ZooKeeper QuorumPeerConfig.java; Elasticsearch Settings; Squid " +
		"cache_cf.cc; Varnish VCC; BIND; Unbound; Kea; " +
		"Fluentd; Logstash; OpenTelemetry Collector; Caddy; CoreDNS; Mosquitto; Jenkins CasC; Zabbix; Tomcat",
	signatures: []signature{
		{
			id:    "server-config-invalid",
			cause: v1alpha1.CauseConfigFileInvalid,
			words: []string{
				`\[emerg\] (?:\d+#\d+: )?(?:unknown|invalid|unexpected|directive)`,
				`\[emerg\] (?:\d+#\d+: )?(?:duplicate|no |".*" directive|open\(\) ".*\.conf")`,
				`\[ALERT\].*(?:parsing \[|Could not open configuration)`,
				`(?i)Cannot read (?:-f|VCL) file`,
				`(?i)No security protocol defined for listener`,
				`(?i)Error creating broker listeners from`,
				`\bAH00(?:526|534|111|112|558)\b`,
				`Invalid command '[^']*', perhaps misspelled`,
				`unrecognized directive`,
				`\bunrecognized: '`,
				`error initializing config '.*(?:Protobuf|unknown fields|no such field|INVALID_ARGUMENT)`,
				`(?i)error initializing configuration '`,
				`FATAL CONFIG FILE ERROR`,
				`could not load \S*(?:pg_hba|pg_ident)\S*`,
				`syntax error in file "[^"]+"`,
				`unrecognized configuration parameter "[^"]+" in file`,
				`must specify restore_command when standby mode`,
				`could not access file "[^"]+": No such file`,
				`(?i)Could not open required defaults file|Found option without preceding group`,
				`(?i)Conf file attempted to set unknown variable|Error generating config in phase`,
				`QuorumPeerConfig\$ConfigException|Invalid config, exiting abnormally`,
				`(?i)unknown setting \[[^\]]+\]`,
				`(?i)Failed to load settings from \[`,
				`\bFATAL: Bungled\b|Bungled \S+ line \d+`,
				`(?i)Could not read config file`,
				`(?i)doveconf: Fatal: `,
				`config error processing|slaptest: bad configuration`,
				`Fluent::Config(?:Parse)?Error|config error file=`,
				`(?i)Expected one of .{0,80}at line \d+, column \d+`,
				`(?i)cannot unmarshal the configuration|'(?:receivers|exporters)' .{0,40}unknown`,
				`(?i)cannot unmarshal the configuration|'processors' .{0,40}unknown`,
				`(?i)cannot unmarshal the configuration|'(?:extensions|service)' .{0,40}unknown`,
				`(?i)adapting config using \w+: |Corefile:\d+ - Error`,
				`Unknown configuration variable`,
				`\bConfiguratorException\b|Invalid configuration elements for type`,
				`\bUnknownAttributesException\b|Invalid configuration elements for type`,
				`\bUnknownConfiguratorException\b|Invalid configuration elements for type`,
				`(?i)invalid "?\w+"? configuration parameter|unknown parameter ["']?\w+["']? in ` +
					`config|wrong value of configuration`,
				`(?i)cannot use database .{0,20}: its "users" table|unable to load ` +
					`configuration|missing mandatory parameter "\w+"`,
				`(?i)Cannot start server\. Server instance (?:is )?not configured|server\.xml`,
				`Unknown lvalue|bad option at line \d+`,
				`(?i)Undefined but requested (?:input|output|processor|aggregator)`,
				`\bUnable to acquire security key`, // MongoDB
				`Protobuf message \(type envoy\.`,
				`(?i)\bconfig(?:uration)? error (?:file|in)\b|^config error$`,
				`(?i)\bstorage backend must be specified\b`,
			},
			unless: ignoreCase(
				`cannot load certificate|certificate|unable to (?:stat|load)|BIO_new|\bssl\b|already `+
					`in use|host not found`,
				`permission denied|\bINFO\b|\bnotice\b|\bwarn(?:ing)?\b`,
			),
			match: "nginx: [emerg] unknown directive \"proxy_pas\" in /etc/nginx/conf.d/default.conf:9",
			not:   "[notice] 1#1: using the \"epoll\" event method",
		},
		{
			id:     "server-config-summary",
			cause:  v1alpha1.CauseConfigFileInvalid,
			weight: weightGeneric,
			words: []string{
				`(?i)Error\(s\) found in configuration file`,
				`(?i)Fatal errors found in configuration`,
				`(?i)VCL compilation failed`,
				`\bDHCP[46]_(?:INIT_FAIL|CONFIG_LOAD_FAIL|PARSER_FAIL)\b`,
				`(?i)loading configuration: (?:failure|file not found|unexpected|permission)`,
				`(?i)failed to prepare configuration`,
				`failed_to_prepare_configuration`,
				`(?i)Error during parsing: `,
				`configuration file "[^"]+" contains errors`,
			},
			match: "[ALERT]    (1) : config : Fatal errors found in configuration.",
			not:   "INFO no errors found in configuration",
		},
	},
}
