package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

const (
	// configPath is a path or a name of a configuration file.
	configPath = `[\w./@-]*\.(?:ya?ml|toml|json5?|conf|cfg|ini|properties|xml|hcl|cnf|cf|vcl|rc|edn|config)\b`
	// etcPath is a file where configuration is kept, whatever it is called.
	etcPath = `/(?:etc|config|conf|usr/local/etc|opt/[\w.-]+/(?:etc|conf|config))/[\w./@-]+`
	// notThere is how a file is told to be missing.
	notThere = `(?:no such file|not found|(?:does not|doesn't|not) exist|is missing|ENOENT|not readable)`
	// rejectedHere is what parsers say of a place that they name.
	rejectedHere = `(?:error|expected|unknown|invalid|unexpected|not valid|missing|EOF|failed|unrecognized|illegal)`
	// failsTo is how programs say that they could not do a thing.
	failsTo = `(?:can't|cannot|could not|couldn't|can not|unable to|failed to|failure to|error|failed) (?:\w+ )?`
)

// goesOnWithoutFile are the words of a program that does without a file.
var goesOnWithoutFile = ignoreCase(
	`\bdefaults?\b.{0,20}(?:used|using|instead)`,
	`using (?:the )?default`,
	`\bskip|ignor|optional|continu|\bwarn(?:ing)?\b|\bdebug\b`,
)

// files is what programs and parsers say of configuration files that are not
// there, cannot be read or hold what they reject.
var files = knowledge{
	source: "go-yaml, BurntSushi/toml, pelletier/go-toml, encoding/json, mapstructure, hcl, PyYAML, configparser, " +
		"tomllib, SnakeYAML, Jackson, Xerces, Psych, js-yaml, serde; what programs print around them",
	signatures: []signature{
		{
			id:    "config-file-missing",
			cause: v1alpha1.CauseConfigFileInvalid,
			words: ignoreCase(
				`config(?:uration)?[ -]?files?\b.{0,100}`+notThere,
				`(?:^|[ '"=(])`+etcPath+`["'\x60)]?:? .{0,20}`+notThere,
				failsTo+`open\w* (?:\w+ ){0,3}file ["'\x60]?/`,
				`\bError opening (?:\w+ ){0,3}file ["'\x60]?/`,
				`config(?:uration)?(?: at| from)? ["'\x60]?[\w.-]*/\S* .{0,40}`+notThere,
				failsTo+`(?:open|read|find|load|access|stat|locat)\w* (?:\w+ ){0,3}config(?:uration)?\b.{0,20}\bfile`,
				`(?:open|read|stat|load|access|find)\w*:? ["'\x60]?`+configPath+`["'\x60]?:? .{0,20}`+notThere,
				failsTo+`(?:open|read|find|access|stat|load) (?:the )?(?:file )?["'\x60]?/\S*/conf\S*/\S+`,
				failsTo+`(?:open|read|find|access|stat|load) (?:the )?(?:file )?["'\x60]?`+configPath,
				`ENOENT: no such file or directory, (?:open|stat|access) '`+configPath,
				`(?:No such file or directory|FileNotFound\w*):? .{0,20}["'\x60]`+configPath,
				`^\S*: `+configPath+`: No such file or directory`,
				`(?:settings?|secrets?|credentials?|hba|ident|provisioning|rules?|realm) ?files?\b.{0,80}`+notThere,
				`\bconfig(?:uration)? files? (?:is |are )?missing\b`,
				`no (?:configuration|config) (?:file )?(?:was |were )?(?:found|provided|specified|given)`,
				`could not access the server configuration file`,
				`Config data (?:resource|location) '[^']*' (?:via location '[^']*' )?does not exist`,
				`Could not load database configuration`,
				`error reading secret file`,
				`errors? (?:reading|parsing|loading|in)(?: or \w+)? ["']?`+etcPath,
			),
			unless: append(ignoreCase(
				`permission denied|EACCES|package\.json|node_modules|tsconfig|cannot find module`,
				`certificate|\.pem|\.crt|\.key|keystore|truststore|\.env\b|kubeconfig|\bdebconf\b`,
				`/(?:tls|ssl|certs?|pki)/|^exec |\bexec:|command not `+
					`found|resolv\.conf|/etc/(?:passwd|hosts|localtime)`,
				`creating|generat|read-only|too many open|no space`,
			), goesOnWithoutFile...),
			match: "open /etc/app/config.yaml: no such file or directory",
			not:   "INFO loaded configuration file /etc/app/config.yaml",
		},
		{
			id:    "config-file-malformed",
			cause: v1alpha1.CauseConfigFileInvalid,
			words: []string{
				`yaml: (?:unmarshal errors|line \d+|control characters|found|mapping|did not|invalid|block|could not)`,
				`(?i)mapping values are not allowed (?:here|in this context)`,
				`(?i)found character .{1,8} that cannot start any token`,
				`(?i)did not find expected (?:key|node content|alphabetic|<document start>|',' or)`,
				`(?i)could not find expected ':'`,
				`\bYAMLException\b`,
				`\bPsych::SyntaxError\b`,
				`\bYAML(?:Parse|Semantic|Syntax)Error\b`,
				`snakeyaml\.\w+\.(?:Scanner|Parser|Marked)\w*Exception`,
				`^ +in "[^"<]+", line \d+, column \d+`,
				`line \d+: (?:cannot unmarshal|field \S+ not found in)`,
				`line \d+: (?:mapping )?key .{1,60} already (?:set|defined)`,
				`field \S+ not found in type `,
				`(?i)field not found, node: `,
				`json: unknown field "`,
				`(?i)(?:decod\w+|pars\w+|unmarshal\w*|read\w*) .{0,40}unknown field`,
				`has invalid keys?: `,
				`\bconfig(?:uration)?\b.{0,60}\b(?:json|yaml|toml|xml|syntax|parse|parsing) error`,
				`toml: (?:line|invalid|expected|cannot|key|incompatible)`,
				`TOML parse error`,
				`TOMLDecodeError`,
				`(?i)error parsing toml`,
				`\b(?:MissingSectionHeader|DuplicateSection|DuplicateOption|NoSection|NoOption)Error\b`,
				`configparser\.\w+Error`,
				`No section: '`,
				`(?i)An argument named "[^"]+" is not expected here`,
				`(?i)Unsupported (?:argument|block type)\b`,
				`\bSAXParseException\b`,
				`\bXMLSyntaxError\b`,
				`(?i)xml parse error`,
				`(?i)mismatched tag`,
				`The element type .{1,40}must be terminated`,
				`(?i)(?:syntax|parse|parsing) error\b.{0,80}` + configPath,
				`(?i)\bunknown (?:\w+ )?(?:key|field|setting|parameter|section|directive|property|block|option)s?\b` +
					`.{0,60}\bin (?:the )?(?:\w+ )?(?:config|configuration|section|file|/)`,
				`(?i)` + configPath + `(?::\d+|, line \d+|\(\d+\)| line \d+).{0,60}` +
					`(?:syntax|parse|unknown|unexpected|invalid|expected|unrecognized|error|unsupported|not allowed)`,
				`(?i)(?:wrong|invalid|unknown|unsupported|illegal|bad|missing|unexpected|unrecognized)\b.{0,60}` +
					`\b(?:in|of|from|at) (?:the )?config(?:uration)? file\b`,
				`(?i)config(?:uration)? file .{0,100}(?:invalid|malformed|not valid|could not be parsed)`,
				`(?i)(?:invalid|malformed|broken|bad|illegal) (?:\w+ )?config(?:uration)? file`,
				`(?i)error loading settings file`,
				`(?i)(?:error|failed|failure|unable|could not|cannot)\b (?:to )?(?:load|read|pars|decod)\w* ` +
					`(?:the )?(?:\w+ )?(?:file )?["']?` + configPath,
				// A parser's complaint of a place in a file.
				`(?i)` + etcPath + `["')]?(?::\d+|\[\d+\]|\(\d+\)|,? (?:at |on |on or before )?line:? \d+)\b` +
					`.{0,120}` + rejectedHere,
				`(?i)` + etcPath + `["')]?: .{0,40}\b(?:line|at) \d+.{0,40}` + rejectedHere,
				`(?i)\b(?:invalid|unknown|bad)\b.{0,60}\bat line \d+ (?:in|of) (?:file )?["']?/`,
				`(?i)\billegal\b.{0,60}\bat line \d+ (?:in|of) (?:file )?["']?/`,
				`(?i)\b(?:unexpected|unrecognized)\b.{0,60}\bat line \d+ (?:in|of) (?:file )?["']?/`,
				`(?i)problem occurred while reading the config file`,
				`(?i)unknown (?:setting|directive|keyword|configuration variable) ["'\x60]`,
				`(?i)must be (?:specified|defined|set|given|present) in (?:the )?config(?:uration)?(?: file)?\b`,
				`(?i)\bno ["'\x60]?[\w.-]+["'\x60]? (?:key|section|setting|option|entry|block) ` +
					`(?:was )?(?:found|defined|present) in (?:the )?config`,
				`(?i)\bin section ["']?\S+["']? \(file: `,
				`(?i)\.(?:ini|conf|cfg|ya?ml|toml) file (?:does not|doesn't) (?:include|contain|have)`,
			},
			unless: append(ignoreCase(
				`environment variable|env var|in-cluster|kubeconfig|configuration from flags|^\s+at |\braise\b`,
			), goesOnWithoutFile...),
			match: "yaml: line 3: mapping values are not allowed in this context",
			not:   "INFO parsed the configuration",
		},
		{
			// What programs say around the reason that a parser or a server gave, or
			// of settings that they take from elsewhere.
			id:     "config-summary",
			cause:  v1alpha1.CauseConfigFileInvalid,
			weight: weightGeneric,
			words: ignoreCase(
				`(?:error|problem|mistake)s? (?:was |were )?(?:found )?in (?:the |your )?config(?:uration)?\b`,
				`config(?:uration)? file .{0,100}(?:contains errors|error)`,
				failsTo+`(?:to )?(?:pars|decod|unmarshal|valid|load|read)\w* (?:\S+ ){0,3}config(?:uration)?\b`,
				`(?:post[- ]?process|apply|evaluate|process)\w* the config(?:uration)?\b`,
				`(?:parse|parsing|syntax) error (?:on|at|in|near) line \d+`,
				`config(?:uration)? (?:parsing|parse|validation|syntax|check|loading) (?:error|failed|failure)`,
				`(?:loading|reading|parsing|decoding) (?:\w+ )?config(?:uration)?\b.{0,60}(?:failed|failure|error)`,
				`configuration (?:error|is invalid|is not valid|has errors|contains errors|rejected)`,
				`\bconfig(?:uration)? error\b`,
				`\b(?:invalid|bad|broken) config(?:uration)?\b`,
				`(?:your|the) configuration is (?:invalid|not valid|broken)`,
			),
			unless: append(ignoreCase(
				`SSL configuration|TLS configuration|environment variable|env var|in-cluster|kubeconfig`,
				`configuration from flags|^\s+at |\braise\b|connection configuration`,
			), goesOnWithoutFile...),
			match: "configuration error: the section pricing is not known",
			not:   "INFO the configuration is valid",
		},
		{
			// A file that a variable names.
			id:    "config-file-of-variable-missing",
			cause: v1alpha1.CauseConfigFileInvalid,
			ofEnv: true,
			words: ignoreCase(
				`\bfile\b.{0,80}(?:not found|does not exist|doesn't exist)`,
				`No such file or directory: ['"]`,
				`ENOENT: no such file or directory, (?:open|stat|access) '`,
				`open \S+: no such file or directory`,
			),
			unless: append(ignoreCase(
				`certificate|\.pem|\.crt|\.cer|\.key|/(?:tls|ssl|certs?|pki)/|keystore|truststore|permission denied`,
			), goesOnWithoutFile...),
			match: "FileNotFoundError: [Errno 2] No such file or directory: '/app/shop.py'",
			not:   "FileNotFoundError: [Errno 2] No such file or directory: '/app/orders.csv'",
		},
	},
}
