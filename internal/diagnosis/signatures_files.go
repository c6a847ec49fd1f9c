package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

const (
	// configPath is a path or a name of a configuration file.
	configPath = `[\w./@-]*\.(?:ya?ml|toml|json5?|conf|cfg|ini|properties|xml|hcl|cnf|cf|vcl|rc|edn|config)\b`
	// etcPath is a file where configuration is kept, whatever it is called.
	etcPath = `/(?:etc|config|conf|usr/local/etc|opt/[\w.-]+/(?:etc|conf|config))/[\w./@-]+`
	// notThere is how a file is told to be missing.
	notThere = `(?:no such file|not found|(?:does not|doesn't|not) exist|is missing|ENOENT|not readable|` +
		`(?:could not|cannot|couldn't|can't) be (?:found|opened|read|located))`
	// rejectedHere is what parsers say of a place that they name.
	rejectedHere = `(?:error|expected|unknown|invalid|unexpected|not valid|missing|EOF|failed|unrecognized|illegal)`
	// failsTo is how programs say that they could not do a thing.
	failsTo = `(?:can't|cannot|could not|couldn't|can not|unable to|failed to|failure to|error|failed) (?:\w+ )?`
)

// goesOnWithoutFile are the words of a program that does without a file.
var goesOnWithoutFile = ignoreCase(
	`\bdefaults?\b.{0,20}(?:used|using|instead)`,
	`using (?:the )?default`,
	// A warning that does not begin with "failed".
	`\bskip|ignor|optional|continu(?:ing|es|ed)|\bwarn(?:ing)?\b\W{0,4}(?:[^\Wf]|f[^a])|\bdebug\b`,
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
				`\bno (?:\w+ )?(?:configuration|config) (?:file )?(?:was |were )?(?:found|provided|specified|given)`,
				failsTo+`(?:open|read|find|load|access|stat)\w* (?:the )?["'\x60]/\S+["'\x60] `+
					`(?:environment|settings?|configuration|properties|options) file`,
				`could not access the server configuration file`,
				`Config data (?:resource|location) '[^']*' (?:via location '[^']*' )?does not exist`,
				`Could not load database configuration`,
				`error reading secret file`,
				`errors? (?:reading|parsing|loading|in)(?: or \w+)? ["']?`+etcPath,
				`(?:open|read|find|load|access)\w* (?:\w+ ){0,3}config(?:uration)? (?:dir|folder|path)`,
				`(?:can't|cannot|could not|couldn't|unable to|failed to) \w+/\w+ (?:\w+ ){0,3}config(?:uratio`+
					`n)?\b`,
				`(?:didn't|did not|does not|doesn't) (?:find|contain|have)\b.{0,60}\bconfig(?:uration)? file`,
				`(?:^|[ \'"=(:])[\w./@-]+\.(?:ya?ml|toml|json|conf|cfg|ini|xml|hcl)["\'\x60)]? (?:is |was )?(`+
					`?:could not be|cannot be|couldn\'t be|can\'t be) (?:found|opened|read|loaded)`,
				`missing required config(?:uration)? (?:file )?[\"'\x60]?/`,
				`please (?:edit|adjust|fix|complete|create) (?:the |your )?config(?:uration)?\b`,
			),
			unless: append(ignoreCase(
				`permission denied|EACCES|package\.json|node_modules|tsconfig|cannot find module`,
				`certificate|\.pem|\.crt|\.key|keystore|truststore|\.env\b|kubeconfig|\bdebconf\b`,
				`/(?:tls|ssl|certs?|pki)/|^exec |\bexec:|command not `+
					`found|resolv\.conf|/etc/(?:passwd|hosts|localtime)`,
				`creating|generat|read-only|too many open|no space`,
				`dial tcp|connection refused|no such host|https?://`,
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
				`[\w./@-]+\.(?:ya?ml|toml|hcl|conf|cfg|ini|rules?): ?\d+:\d+: `,
				` for key "[^"]+" in \S+ (?:TOML|YAML|JSON) file`,
				`(?i)[\w./@-]+\.(?:ya?ml|toml|hcl|conf|cfg|ini|xml) config(?:uration)? is (?:invalid|not valid)`,
				`(?i)does not contain valid (?:YAML|XML|JSON|TOML)\b`,
				`(?i)\binvalid (?:yaml|toml|xml)\. `,
				`(?i)\bunrecognized setting\. `,
				`(?i)\bUnable to parse at line \d+ \(near\b`,
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
					`(?:syntax|parse|unknown|unexpected|invalid|expected|unrecognized|error|unsupported|not allowed` +
					`|missing|unterminated|unclosed|illegal|undefined|duplicate|expecting)`,
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
				`(?i)\bno \w+ (?:were |was )?(?:found|defined|configured|given|specified) in (?:the )?(?:file` +
					` )?["\'\x60]?[\w./@-]*\.(?:ya?ml|toml|json|conf|cfg|ini|xml|hcl)\b`,
				`(?i)[\w./@-]+\.(?:conf|cfg|ini|ya?ml|toml|xml)["\')]?: ?(?:file )?(?:I/O|io|read|parse|parsi` +
					`ng|syntax) error`,
				`(?i)\bconfig(?:uration)? (?:option|directive|setting|parameter|entry|item) .{0,40}(?:was|is|` +
					`were|are) (?:not (?:specified|set|given|defined|known|recognized|valid|supported)|missing|re` +
					`quired|unknown|invalid)`,
				`(?i)['\"\x60][\w.-]+['\"\x60] config(?:uration)? (?:option|directive|setting|parameter|entry` +
					`) (?:was|is) (?:not (?:specified|set|given|defined|known|recognized|valid|supported)|missing` +
					`|required|unknown|invalid)`,
				`(?i)(?:no|can ?not find|could not find|without) (?:an? )?(?:suitable|valid|usable|required) ` +
					`configuration`,
				`(?i)unknown (?:config(?:uration)? )?(?:directive|setting|option|parameter|key|attribute|stat` +
					`ement|command) ["\'\x60][^"\'\x60]+["\'\x60],? (?:on|at|in) line`,
				`(?i)unknown config(?:uration)? (?:directive|setting|option|parameter|key|attribute|statement` +
					`|command) ["\'\x60]`,
				`(?i)(?:invalid|unknown) (?:options?|config\w*|settings?|zones?|plugins?|globals?) (?:key|sec` +
					`tion|stanza|block|entry) ["\'\x60]`,
				`Invalid value of option [\w>-]+`,
				`(?i)(?:improper|incorrect|bad|wrong|invalid) format (?:of|in) (?:the )?(?:\w+ )?config(?:ura` +
					`tion)? file`,
				`(?i)[\w./@-]+\.(?:conf|cfg|ini|ya?ml|toml): [\w.-]+ (?:is )?(?:unset|not set|missing|require` +
					`d)\b`,
				`No section ['\"\x60]`,
				`(?i)\bXML syntax error on line`,
				`(?i)\b(?:ini|toml|yaml) section should\b`,
				`(?i)syntax error at .{1,60}\(file: \S+, line: \d+`,
				`(?i)(?:decod|pars)\w* config(?:uration)?: .{0,60}\b(?:expected|unexpected|got)\b`,
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
			// What a parser says where the line before tells what was read.
			id:      "config-file-rejected-when-read",
			cause:   v1alpha1.CauseConfigFileInvalid,
			weight:  weightConsequence,
			guessed: true,
			words: []string{
				`^(?:Uncaught )?(?:[\w.]+\.)?\w*(?:Syntax|Parse|Decode|Scanner|Format)\w*(?:Error|Exception)\b: `,
				`(?i)^(?:syntax|parse|parsing) error\b`,
			},
			within: ignoreCase(`(?:reading|loading|parsing|opening|using) (?:the )?(?:\w+ )?config(?:uration)?\b`),
			unless: []string{`\.(?:go|py|rb|php)\b`},
			match:  "reading config file: /srv/shop.js\nSyntaxError: Unexpected end of input",
			not:    "SyntaxError: Unexpected end of input",
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
		{
			// A script that a server reads as its configuration.
			id:      "config-script-rejected",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words: []string{
				`\[string "(?:chunk|=?config\w*|[\w./-]+\.(?:conf|cfg))"\]:\d+: `,
				`(?i)\bin config(?:uration)? script\b`,
			},
			match: `Fatal Lua error: [string "chunk"]:1: attempt to call global 'setLocl' (a nil value)`,
			not:   `[string "app.lua"]:1: attempt to index a nil value`,
		},
		{
			// A file is not there, and what reads it is a reader of configuration.
			id:      "config-file-of-reader-missing",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words: []string{
				`\bNo such file or directory\b`,
				`\bENOENT\b`,
				`\bNoSuchFileException\b`,
				`\bno such file or directory$`,
			},
			within: []string{
				`(?i)[\w-]*(?:config|settings)\w*\.(?:rb|py|js|cjs|mjs|ts|pl|pm|php|java|go|ex)\b`,
				`(?i)\b(?:read|load|parse|open|init)_?(?:the_)?(?:config|settings)\w*\b`,
			},
			unless: ignoreCase(
				`certificate|\.pem|\.crt|\.cer|\.key\b|/(?:tls|ssl|certs?|pki)/|permission denied`,
				`node_modules|cannot find module|\.sock\b`,
			),
			match: "/usr/lib/ruby/vendor_ruby/unicorn/configurator.rb:85:in `read': No such file or directory " +
				"@ rb_sysopen - /app/u.rb (Errno::ENOENT)\n\tfrom configurator.rb:85:in `reload'",
			not: "/app/orders.rb:3:in `read': No such file or directory @ rb_sysopen - /app/orders.csv (Errno::ENOENT)",
		},
		{
			// A file that the program names as one that it needs.
			id:      "named-file-missing",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words: ignoreCase(
				`(?:error|failed|failure|cannot|can't|could not|unable to) ?(?:to )?(?:load|read|open)\w* ` +
					`(?:\w+ ){1,3}file\b.{0,120}` + notThere,
			),
			unless: append(ignoreCase(
				`certificate|\.pem|\.crt|\.cer|\.key\b|/(?:tls|ssl|certs?|pki)/|keystore|truststore|permission denied`,
				`\blog ?file\b|\.log\b|shared object|library|\bpid ?file\b|\.env\b`,
			), goesOnWithoutFile...),
			match: "Error loading script file /app/x.lua err: open /app/x.lua: no such file or directory",
			not:   "Error loading shared library file libssl.so.3: no such file or directory",
		},
		{
			// The end of a chain of errors of Rust, whose head names what was read.
			id:      "config-file-of-chain-missing",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words:   []string{`^\s*(?:\d+: )?No such file or directory \(os error 2\)$`},
			within: ignoreCase(
				`^Error: .{0,60}(?:[ '"=(])`+etcPath,
				`^Error: .{0,60}\b`+configPath,
			),
			match: "Error: reading /etc/orders/rules.txt\n\nCaused by:\n    No such file or directory (os error 2)",
			not:   "Error: starting convert\n\nCaused by:\n    No such file or directory (os error 2)",
		},
		{
			// A part of the configuration is not there, or was never made.
			id:      "config-part-missing",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words: ignoreCase(
				`(?:could not|cannot|can't|couldn't|did not|unable to) find (?:a |the |any )?`+
					`(?:profile|section|environment|stanza|context)\b`,
				`you need to (?:run|use) .{1,40}\b(?:init|initiali[sz]e|setup|configure)\b`,
				`\b(?:run|use) ["'\x60]?[\w./-]+ (?:init|initiali[sz]e|setup|configure)\b.{0,40}\bfirst\b`,
				`(?:has not been|is not|not yet) (?:initiali[sz]ed|configured|set up)\b.{0,80}\b(?:run|use|call)\b`,
			),
			unless: append(ignoreCase(`certificate|database|schema|migration`), goesOnWithoutFile...),
			match:  "Could not find profile named 'shop'",
			not:    "INFO found the profile shop",
		},
		{
			// A place in a text without the name of a file.
			id:      "config-place-rejected",
			cause:   v1alpha1.CauseConfigFileInvalid,
			guessed: true,
			words: ignoreCase(
				`(?:^|\berror:? )\W*(?:line )?\d+:\d+:? `+
					`(?:unexpected|expected|syntax error|invalid|unterminated|trailing)`,
				`(?:can't|cannot|could not|couldn't|unable to|failed to) `+
					`(?:load|read|parse) (?:\w+ ){1,3}from (?:the )?`+
					`(?:config(?:uration)? )?file\b`,
				`\b(?:unsupported|unrecognized|unknown) property: \S`,
				`\b(?:illegal|invalid|bad|server)?configuration(?:exception|error)\b`,
				`\bunpack\w* config(?:uration)?\b`,
				`\b(?:with|of) (?:type|kind|driver|provider) \S+ (?:is )?(?:not supported|unsupported|unknown)\b`,
			),
			unless: append(ignoreCase(`\.(?:js|ts|py|rb|go|sql)\b|certificate|\bkey\b`), goesOnWithoutFile...),
			match:  "ERROR: 1:0: Unexpected `",
			not:    "ERROR the order of 12:30 was expected",
		},
	},
}
