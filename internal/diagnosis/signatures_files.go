package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

const (
	// configPath is a path or a name of a configuration file.
	configPath = `[\w./@-]*\.(?:ya?ml|toml|json5?|conf|cfg|ini|properties|xml|hcl|cnf|cf|vcl|rc|edn|config)\b`
	// notThere is how a file is told to be missing.
	notThere = `(?:no such file|not found|(?:does not|doesn't|not) exist|is missing|ENOENT|not readable)`
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
				`config(?:uration)? ?files?\b.{0,100}`+notThere,
				`config(?:uration)?(?: at| from)? ["'\x60]?[\w.-]*/\S* .{0,40}`+notThere,
				failsTo+`(?:open|read|find|load|access|stat|locat)\w* (?:\w+ ){0,3}config(?:uration)?\b.{0,20}\bfile`,
				`(?:open|read|stat|load|access|find)\w*:? ["'\x60]?`+configPath+`["'\x60]?:? .{0,20}`+notThere,
				failsTo+`(?:open|read|find|access|stat|load) (?:the )?(?:file )?["'\x60]?/\S*/conf\S*/\S+`,
				failsTo+`(?:open|read|find|access|stat|load) (?:the )?(?:file )?["'\x60]?`+configPath,
				`ENOENT: no such file or directory, (?:open|stat|access) '`+configPath,
				`(?:No such file or directory|FileNotFound\w*):? .{0,20}["'\x60]`+configPath,
				`^\S*: `+configPath+`: No such file or directory`,
				`(?:settings?|secrets?|credentials?|hba|ident|provisioning|rules?|realm) ?files?\b.{0,80}`+notThere,
				`no (?:configuration|config) (?:file )?(?:was |were )?(?:found|provided|specified|given)`,
				`could not access the server configuration file`,
				`Config data (?:resource|location) '[^']*' (?:via location '[^']*' )?does not exist`,
				`Could not load database configuration`,
				`error reading secret file`,
			),
			unless: append(ignoreCase(
				`permission denied|EACCES|package\.json|node_modules|tsconfig|cannot find module`,
				`certificate|\.pem|\.crt|\.key|keystore|truststore|\.env\b|kubeconfig|\bdebconf\b`,
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
	},
}
