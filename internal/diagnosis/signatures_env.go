package diagnosis

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// environment is variables and settings that are missing or rejected, in the words of programs and of most libraries.
var environment = knowledge{
	source: "what services and configuration libraries print",
	signatures: []signature{
		{
			id:    "env-var-missing-named-first",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					`(?:required |mandatory )?(?:environment|env)[ .]?(?:variable|var)s?(?: named)?:? ["'\x60$]?`,
					`(?P<var>`+envName+`)["'\x60]? (?:is |was |are |must be |has |have )?(?:not |un)`,
					`(?:been )?(?:set|defined|found|provided|present|specified|configured|exist)`,
				),
			),
			unless: goesWithout,
			match:  "panic: environment variable SLACK_TOKEN not set",
			not: "Error connecting to SENTRY_DSN: environment variable SENTRY_DSN is not set (feature " +
				"disabled)",
		},
		{
			id:    "env-var-missing-by-name",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				seq(
					`(?:^|[\s:"'\x60(])["'\x60]?\$?\{?`,
					`(?P<var>`+oneOf(
						upperName,
						seq(
							`[A-Z]*`,
							oneOf(
								`PORT`,
								`DSN`,
								`TOKEN`,
								`SECRET`,
								`PASSWORD`,
								`KEY`,
								`HOST`,
								`URL`,
								`URI`,
								`DATABASE`,
								`USER`,
								`WORKERS`,
								`TOPIC`,
								`BROKERS`,
								`BUCKET`,
								`REGION`,
								`ENV`,
							),
						),
					)+`)`,
					`\}?["'\x60]? `,
					`(?:`+seq(
						`(?:environment|env|config|configuration)[ ]?(?:variable|var|setting|key|option)?s? `,
					)+`)?`,
					oneOf(
						`is`,
						`are`,
						`was`,
						`were`,
						`must be`,
						`must`,
						`should be`,
						`needs to be`,
						`has to be`,
						`cannot be`,
						`can't be`,
					)+`?`,
					` ?`,
					oneOf(
						`not (?:be )?(?:set|defined|provided|configured|empty|specified|blank|found|present)`,
						`required`,
						`missing`,
						`unset`,
						`undefined`,
						`mandatory`,
						`empty`,
						`blank`,
						`must be (?:set|provided|defined|specified)`,
						`set\b.*(?:required|before)`,
					),
				),
			},
			unless: append([]string{`\(\w+ not set\)`}, goesWithout...),
			match:  "Error: API_KEY is not set",
			not:    "Sentry disabled: SENTRY_DSN not set",
		},
		{
			id:    "env-var-missing-missing-undefined-unset-required",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					`(?:missing|undefined|unset|required|mandatory)[\w\s]{0,24}(?:environment|env|config(?:uration)?)`,
					`[ .]?(?:variable|var|key|setting|value|parameter|option)?\(?s?\)?`,
					`(?: for| named| is missing| are missing| not set)?`,
					`(?:[:= ]+["'\x60\[]*(?P<var>`+envName+`))?`,
				),
			),
			unless: slices.Concat(goesWithout, ignoreCase(
				`required (?:by|for|in|to)\b`,
				`not required`,
				`missing (?:or|from) cache`,
				`config(?:uration)? (?:file|is|was|loaded)`,
				`authentication credentials for`,
				`\bconfig(?:uration)? [\"'\x60]?/`,
			)),
			match: " Missing environment variables:",
			not:   "dynaconf.validator.ValidationError: API_TOKEN is required in env main",
		},
		{
			id:    "env-var-missing-missing-environment-variables",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				`missing[\w\s]{0,20}environment variables?`,
				`environment variables?:? (?:are )?(?:missing|required)`,
			),
			within: []string{
				`(?is)missing.{0,20}environment variables?[^A-Z]{0,40}?(?P<var>[A-Z][A-Z0-9_]{2,})`,
				`(?is)environment variables?`,
			},
			unless: goesWithout,
			match:  " Missing environment variables:",
			not:    "    environment variable not found",
		},
		{
			id:    "env-var-missing-required-key-field-is",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`required (?:key|field) (?P<var>[\w.]+) (?:is )?missing value`,
				`required environment variable "(?P<var>\w+)" is not set`,
				`env: (?:required )?environment variable "(?P<var>\w+)"`,
				`(?P<var>\w+) not found\. Declare it as envvar or define a default`,
				`Set the (?P<var>\w+) environment variable`,
				`couldn't find env(?:ironment)? var(?:iable)? (?P<var>\w+)`,
				`(?i:environment variable not found): (?P<var>\w+)`,
				`\bMissingValue\(\s*"(?P<var>\w+)"`, // envy
				`["'\x60](?P<var>[A-Z]\w*)["'\x60] (?i:env(?:ironment)? variable is (?:missing|required|not set))`,
				`(?i:missing (?:encryption|master) key to decrypt)`,
				`Error: (?P<var>\w+): (?:missing|required)`,
			},
			unless: append([]string{`_exception: `}, goesWithout...),
			match:  "required key API_KEY missing value",
			not: "decouple.UndefinedValueError: API_TOKEN not found. Declare it as envvar or define a default " +
				"value.",
		},
		{
			id:    "env-var-missing-unbound-variable-parameter-null",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`(?:^|: )(?P<var>[A-Za-z_]\w*): (?:unbound variable|parameter (?:null or )?not set)`,
				`\$\{?(?P<var>\w+)\}?: unbound`,
			},
			match: "sh: API_TOKEN: parameter not set",
			not:   "proof failed: unbound variables in lemma",
		},
		{
			id:    "env-var-missing-line-not-be-set",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				seq(
					`^\S+: (?:line )?\d+: (?P<var>[A-Za-z_]\w*): (?:.{0,60} )?`,
					oneOf(
						`not (?:be )?(?:set|provided|configured|empty|defined|specified)`,
						`unset`,
						`missing`,
						`required`,
						`must be set`,
					),
					`\b`,
				),
			},
			match: "dash: 1: API_TOKEN: parameter not set",
			not:   "    keyword: 'required',",
		},
		{
			id:    "env-var-missing-key-error",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`KeyError: ['"](?P<var>` + upperName + `)['"]`,
			},
			match: "KeyError: 'PAYMENTS_TOKEN'",
			not:   `KeyError: "Config 'BILLING_URL' is missing, and has no default."`,
		},
		{
			id:    "env-var-missing-key-error-2",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`KeyError: ['"](?P<var>\w+)['"]`,
			},
			within: []string{
				`os\.environ\[`,
				`os\.py", line \d+, in __getitem__`,
				`environ\[`,
			},
			match: "Traceback (most recent call last):\n" +
				"  File \"/app/keyenv.py\", line 2, in <module>\n" +
				"    CFG={'key':os.environ['SENDGRID_API_KEY']}\n" +
				"               ~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^\n" +
				"  File \"<frozen os>\", line 679, in __getitem__\n" +
				"KeyError: 'SENDGRID_API_KEY'",
			not: `KeyError: "Config 'BILLING_URL' is missing, and has no default."`,
		},
		{
			id:    "env-var-missing-failed-error-exception-exited",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`(?:failed|error|exception|exited|crashed)\w*: ['"](?P<var>` + upperName + `)['"]$`,
			},
			match: "startup failed: 'PAYMENTS_API_KEY'",
			not:   "KafkaJSNonRetriableError",
		},
		{
			id:    "env-var-missing-key-not-found",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`key not found: "(?P<var>[A-Z][A-Z0-9_]+)"`,
				`NotPresent`,
				`environment variable not found`,
			},
			match: "API_TOKEN must be set: NotPresent",
			not:   "-e:1:in `fetch': key not found: \"customer_id\" (KeyError)",
		},
		{
			id:    "env-var-missing-database-db-postgres-kafka",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					oneOf(
						`database`,
						`db`,
						`postgres\w*`,
						`kafka`,
						`redis`,
						`smtp`,
						`admin`,
						`jwt`,
						`signing`,
						`encryption`,
						`session`,
						`api`,
						`auth\w*`,
						`secret`,
						`superuser`,
						`access`,
						`webhook`,
					),
					`[ _-]?(?:(?:access|signing|private|secret|api)[ _-]?)?`,
					`(?:password|secret|key|token|credentials?|url|dsn) `,
					oneOf(
						`must be (?:provided|set|configured|specified)`,
						`is (?:not set|required|missing|not configured|not specified|not provided)`,
						`not (?:set|provided|configured|specified)`,
						`was not (?:set|provided)`,
					),
				),
			),
			unless: slices.Concat(goesWithout, ignoreCase(
				`requested`,
				`backend`,
				`server`,
			)),
			match: "Error: API_KEY is not set",
			not:   "INFO REDIS_URL not configured; falling back to in-memory cache",
		},
		{
			id:    "env-var-missing-the-setting-must-not",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`The (?P<var>[A-Z][A-Z0-9_]+) setting must not be empty`,
				`superuser password is not specified`,
				`You need to specify one of`,
			},
			match: "startup failed: The SECRET_KEY setting must not be empty.",
			not:   "the setting must not be changed while running",
		},
		{
			id:    "env-var-missing-not-found-declare-it",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`(?P<var>\w+) not found\. Declare it as envvar`,
				`field "(?P<var>\w+)" is required but the value is not provided`,
				`fields? required but not set: "?(?P<var>\w+)`,
				`^MissingEnvVarsError: `,
			},
			match: "load config: fields required but not set: ApiToken",
			not: "    raise UndefinedValueError('{} not found. Declare it as envvar or define a default " +
				"value.'.format(option))",
		},
		{
			id:    "env-var-missing-missing-env-config-setting",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				seq(
					`\b`,
					oneOf(
						`Missing\w*(?:Env|Config|Setting|Variable)\w*`,
						`\w*(?:Env|Config|Configuration|Setting|Variable)s?(?:\w*Missing|Undefined|NotSet)\w*`,
					),
					`(?:Error|Exception)\b(?:[:( ]+["'\x60]?(?P<var>[A-Za-z_]\w+)?)?`,
				),
			},
			unless: []string{
				`^\s+at `,
				`\braise\b`,
				`^import `,
				`^from `,
			},
			match: "environ.exceptions.MissingEnvValueError: APP_REGION",
			not:   "    raise EnvNotSetError(",
		},
		{
			id:    "env-var-missing-issing-required-mandatory-field",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				seq(
					`[Mm]issing (?:required |mandatory )?`,
					`(?:field|propert(?:y|ies)|key|value|variable|argument|attribute)s?:? ["'\x60\[]*`,
					`(?P<var>`+upperName+`)\b`,
				),
				seq(
					oneOf(
						`[Cc]onfig(?:uration)?`,
						`[Vv]ariable`,
						`[Kk]ey`,
						`[Ss]etting`,
						`[Pp]arameter`,
						`[Oo]ption`,
					),
					` ["'\x60](?P<var>`+upperName+`)["'\x60] (?:is|was) `,
					`(?:missing|not set|not defined|undefined|required|mandatory)`,
				),
			},
			unless: ignoreCase(
				`using (?:the )?default`,
				`ignor`,
				`skip`,
				`optional`,
				`disabl`,
				`deprecat`,
				`\b(?:warn(?:ing)?|info|debug)\b[:\] ]`,
			),
			match: "T: missing required value: API_TOKEN",
			not:   "Error: API_KEY is not set",
		},
		{
			id:    "env-var-missing-must-need-to-have",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					`\b(?:must|need to|have to|please)\b (?:\w+ ){0,2}(?:define|set|specify|provide|export) `,
					`(?:the |a |an )?(?:(?:required |valid )?(?:environment|env) var(?:iable)?s? )?["'\x60$]?`,
					`(?P<var>(?-i:`+upperName+`))\b`,
				),
			),
			unless: slices.Concat(goesWithout, ignoreCase(
				`\b(?:if|unless|either)\b.*\bto (?:enable|use)\b`,
			)),
			match: "You need to specify MYAPP_ADMIN_PASSWORD",
			not:   "    Reason: must not be blank",
		},
		{
			id:    "env-var-missing-issing-equired-ield-required",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`['"](?P<var>` + upperName + `)['"]: \[?['"](?:[Mm]issing|[Rr]equired)`,
				`['"](?P<var>` + upperName + `)['"]: \[?['"][Ff]ield required`,
				`['"](?P<var>` + upperName + `)['"]: \[?['"][Tt]his field is required`,
			},
			match: "marshmallow.exceptions.ValidationError: {'API_TOKEN': ['Missing data for required field.']}",
			not:   "    keyword: 'required',",
		},
		{
			id:    "env-var-missing-missing-required-env-ironment",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					`(?:missing|required)\b.{0,60}[(\[]env(?:ironment)?(?:[ _]?var(?:iable)?)?: ?["'\x60]?`,
					`(?P<var>`+envName+`)`,
				),
			),
			match: "Error: Missing option '--token' (env var: 'BOT_TOKEN').",
			not:   "    keyword: 'required',",
		},
		{
			id:    "env-var-missing-read-trace-on-env",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`\(read trace on "env\((?P<var>\w+)\)"\)`,
				`can't read "env\((?P<var>\w+)\)"`,
			},
			match: `    (read trace on "env(LEDGER_URL)")`,
			not:   "could not read build info, using defaults",
		},
		{
			id:      "env-var-missing-missing-field",
			cause:   v1alpha1.CauseEnvVarMissing,
			guessed: true,
			words: []string{
				`missing field ["'\x60](?P<var>\w+)["'\x60]`,
			},
			unless: []string{
				`at line \d+`,
				`\blevel=\w*warn`,
			},
			match: "Error: missing field `api_token`",
			not:   "missing field order",
		},
		{
			id:      "env-var-missing-load-read-open-find",
			cause:   v1alpha1.CauseEnvVarMissing,
			weight:  weightConsequence,
			guessed: true,
			words: ignoreCase(
				`(?:load|read|open|find)\w*\b.{0,24}[ /"']\.env\b.*(?:no such file|not found|ENOENT)`,
			),
			match: "Error loading .env file: open /app/.env: no such file or directory",
			not:   "sh: 1: migrate: not found",
		},
		{
			id:    "env-var-invalid-failed-to-could-not",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				seq(
					`(?:failed to|could not|cannot|can't|unable to|error) `,
					`(?:parse|parsing|decode|decoding|convert|converting|read|reading) (?:the )?(?:value of )?`,
					oneOf(
						`env(?:ironment)?(?: variable| var)?`,
						`config\w*(?: key| value)?`,
						`setting`,
					),
					` ["'\x60$]?(?P<var>(?-i:`+upperName+`|[A-Z]{3,}))\b`,
				),
			),
			match: "Error: Failed to parse environment variable WORKERS",
			not:   "error parsing User-Agent header, ignored",
		},
		{
			id:    "env-var-invalid-by-dollar",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`\$\{?(?P<var>` + upperName + `)\}? (?:["'(].{1,100}["')] )?` +
					`(?:is not|isn't|does not|doesn't|must|should|cannot)\b`,
			},
			unless: ignoreCase(`is not (?:set|defined|given|exported)|must be (?:set|defined|given)|\bwarn`),
			match:  `$SHOP_HOME "/srv/shop/data" is not a directory or does not exist`,
			not:    "$SHOP_HOME is not set",
		},
		{
			id:    "env-var-invalid-invalid-config-setting-env",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`\bInvalid(?:Config|Setting|Env)\w*(?:Error|Exception): `,
				`\b(?:Config|Configuration|Setting|Env)s?(?:Type|Value)\w*(?:Error|Exception): `,
				`\b(?:Config|Configuration|Setting|Env)s?(?:Invalid|Validation|Parse)\w*(?:Error|Exception): `,
			},
			unless: ignoreCase(
				`\b(?:missing|required|not set)\b`,
			),
			match: "confuse.exceptions.ConfigTypeError: workers: must be a number",
			not:   "    raise EnvValidationError(",
		},
		{
			id:    "env-var-invalid-xpected-nvalid-eceived-got",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				seq(
					`(?:[Ee]xpected|[Ii]nvalid|[Rr]eceived|\bgot)\b.*\b(?:at|path|field|key)\b:? ["'\x60$.\[]*`,
					`(?P<var>`+upperName+`|PORT|WORKERS|TIMEOUT)\b`,
				),
				seq(
					`[Aa]t path:? ["'\x60$.\[]*(?P<var>`+upperName+`|PORT|WORKERS|TIMEOUT)\b.*`,
					`(?:[Ee]xpected|[Ii]nvalid|must)`,
				),
			},
			unless: ignoreCase(
				`\bmissing\b`,
				`required`,
				`undefined`,
			),
			match: "msgspec.ValidationError: Expected `int`, got `str` - at `$.WORKERS`",
			not:   "    (received undefined)",
		},
		{
			id:    "env-var-invalid-environment-variable-invalid",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`Environment variable "(?P<var>\w+)" invalid`,
				`env-var: "(?P<var>\w+)" should be`,
				`validator\.ValidationError: (?P<var>[A-Z]\w+) must`,
			},
			match: `EnvVarError: env-var: "MODE" should be one of [a, b]`,
			not:   "    environment variable not found",
		},
		{
			id:    "env-var-invalid-invalid-illegal-bad-malformed",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				seq(
					`(?:invalid|illegal|bad|malformed|unsupported|unparsable|wrong)`,
					`(?:`+seq(
						` (?:value|setting|format|duration|number|integer|port|url|config\w*|environment variable)s?`,
					)+`)?`,
					`(?: for| of| in)?`,
					`(?:`+seq(
						` (?:env(?:ironment)?(?: variable| var)?|variable|setting|config\w*|option|key)`,
					)+`)?`,
					`[: ]+["'\x60$]?(?P<var>`+upperName+`|PORT|WORKERS|TIMEOUT)\b`,
				),
			),
			match: `    PORT: Invalid port input: "http"`,
			not:   "  reason: 'unsupported',",
		},
		{
			id:    "env-var-invalid-port-workers-timeout-environment",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				seq(
					`["'\x60]?\b(?P<var>`+upperName+`|PORT|WORKERS|TIMEOUT)\b["'\x60]?`,
					`(?: (?:environment|env) var(?:iable)?)?`,
					`(?::| =| has| must| should| is| contains| value| cannot| needs|=)[^\n]{0,80}?`,
					oneOf(
						`must be`,
						`\bbe an? (?:\w+ ){0,2}(?:number|integer|duration|boolean|bool|float|URL|port)\b`,
						`invalid`,
						`not (?:a )?valid`,
						`unsupported`,
						`not (?:a|an|one of|in)\b`,
						`expected`,
						`missing unit`,
						`unknown unit`,
						`unparseable`,
						`cannot parse`,
						`can't parse`,
						`could not`,
						`out of range`,
						`not supported`,
						`has to be`,
						`should be`,
						`malformed`,
						`too short`,
						`too long`,
						`at least`,
						`positive`,
						`parse error`,
						`parsing`,
					),
				),
			},
			unless: ignoreCase(
				`must be (?:set|provided|defined|specified|present)\b`,
				`not (?:set|found|defined|provided)`,
			),
			match: "REQUEST_TIMEOUT must be a positive number, got -5.0",
			not:   "bash: line 1: STRIPE_SECRET_KEY: must be set",
		},
		{
			id:    "env-var-invalid-envconfig-process-assigning",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`envconfig\.Process: assigning (?P<var>\w+)`,
				`env: parse error on field "(?P<var>\w+)"`,
				`parse error on field`,
				`environment variable (?P<var>[A-Z_]\w+) (?:contains|has|is) (?:an? )?invalid`,
				`environment variable (?P<var>[A-Z_]\w+) (?:contains|has|is) (?:an? )?(?:malformed|unsupported)`,
			},
			match: `env: parse error on field "W" of type "int": strconv.ParseInt: parsing "1e3x": invalid ` +
				"syntax",
			not: "    environment variable not found",
		},
		{
			id:     "env-var-invalid-invalid-environment-variables",
			cause:  v1alpha1.CauseEnvVarInvalid,
			weight: weightConsequence,
			words: ignoreCase(
				`invalid environment variables?`,
			),
			match: " Invalid environment variables:",
			not:   "INFO environment variables: 12",
		},
		{
			id:    "env-var-invalid-must",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`\b(?P<var>` + upperName + `)["'\x60]?,? (?:\w+ ){0,3}(?:must|should|has to|needs ` +
					`to|cannot|can't|may not) ` +
					`(?:be|have|contain|start|end|match|not|use|point|refer)\b`,
			},
			unless: append(ignoreCase(
				`(?:be|not be) (?:set|provided|defined|specified|present|empty|blank|given|configured|null|nil)\b`,
				`is (?:not set|missing|required|unset)`,
			), goesWithout...),
			match: "BASE_URL scheme must be http or https",
			not:   "DATABASE_URL must be set",
		},
		{
			id:    "env-var-invalid-secret",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				`\b(?:password|secret|secret[ _-]?key|key|token|passphrase|salt)\b (?:\w+ ){0,3}`+
					`(?:must|should|has to|needs to) (?:have|be|contain) (?:at least|longer|more `+
					`than|a minimum|exactly|no more|\d+)`,
				`\b(?:password|secret)\b.{0,20}\btoo (?:short|weak|simple|long)\b`,
				`\bsecret[ _-]?key\b.{0,20}\btoo (?:short|weak|simple|long)\b`,
				`\b(?:token|passphrase|salt)\b.{0,20}\btoo (?:short|weak|simple|long)\b`,
				`(?:secret|key|password|token|cookie)\b.{0,20}\bmust be \d+(?:, ?\d+)*,? (?:or \d+ )?`+
					`(?:bytes|characters)`,
				`\bminimum (?:password|secret|key|token) length is\b`,
				`\bdoes not match the (?P<var>`+upperName+`) env(?:ironment)? var`,
				`(?:insecure|default|weak|placeholder|unsafe) (?P<var>`+envName+`_(?:KEY|SECRET|PASSW`+
					`ORD|TOKEN|SALT))\b`,
				`refus\w+ to (?:start|run|boot).{0,60}(?:insecure|default|weak|placeholder|unsafe|example)`,
				`(?:insecure|default|weak|placeholder|example) (?:secret|password|key|token|value)s? `+
					`.{0,20}(?:not allowed|forbidden|refus)`,
			),
			unless: goesWithout,
			match:  "Refusing to start due to insecure SECRET_KEY",
			not:    "INFO the password was changed",
		},
		{
			id:    "setting-invalid-dotted",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`\b(?P<var>[a-z]\w*(?:[.-][a-z]\w*){1,5}) (?:cannot|can't|must|should|has to|needs to|may not) ` +
					`(?:use|be|contain|have|start|not|point)\b`,
				`(?i)\b(?:setting|property|parameter|option|configuration) ` +
					`["'\x60]?(?P<var>[a-z]\w*(?:[._-]\w+){1,5})["'\x60]? ` +
					`is (?:not (?:valid|supported|allowed|a valid)|invalid|unsupported|out of)`,
				`has an? (?:invalid|bad)`,
				`couldn't find local name "[^"]+" in the initial cluster configuration`,
				`(?i)has different advertised URLs in the cluster and advertised peer URLs`,
			},
			within: ignoreCase(`config|requirement failed|setting|property|properties|parameter|option`),
			unless: append(ignoreCase(`^\s+at |certificate|migration`), goesWithout...),
			match: "java.lang.IllegalArgumentException: requirement failed: advertised.listeners " +
				"cannot use the nonroutable " +
				"meta-address 0.0.0.0.",
			not: "INFO app.orders must be started before app.billing",
		},
		{
			id:    "settings-not-given",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				`\b(?:configure|set|specify|provide|define) (?:the|a|your) (?:database |db )`+
					`?(?:url|dsn|user|password|host|connection string)\b`,
				`(?:database )?is uninitialized and .{0,30}password (?:option )?is not specified`,
				`you (?:must|need to|have to) (?:specify|set|provide|define) (?:one of |either |at least )?[\w$]*`+
					`(?:PASSWORD|URL|KEY|TOKEN|SECRET|HOST|USER)`,
				`\b(?:parameter|directive|setting|option|property) ["\'\x60](?P<var>[\w.-]+)["\'\x60] (?:must`+
					` be|has to be|needs to be) (?:defined|set|specified|given|configured)`,
				`\b(?P<var>[A-Za-z]\w*(?:\.\w+)+) (?:must be|has to be|needs to be) (?:specified|set|given|pr`+
					`ovided|defined|configured)\b`,
				`you must (?:either )?(?:specify|set|provide|supply|make) .{0,120}\b(?P<var>[A-Z][A-Z0-9]+_[A`+
					`-Z0-9_]+)\b`,
			),
			unless: goesWithout,
			match:  "Unable to connect to the database. Configure the url, user and password!",
			not:    "INFO configured the language of 3 users",
		},
		{
			id:    "setting-unresolved-placeholder",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`(?:For input string|Value): ?["'\x60]?\$\{(?P<var>[A-Za-z_][A-Za-z0-9_]{2,})\}`,
				`(?:value|parse): ?["'\x60]?\$\{(?P<var>[A-Za-z_][A-Za-z0-9_]{2,})\}`,
				`(?:convert|port|URL|url|host): ?["'\x60]?\$\{(?P<var>[A-Za-z_][A-Za-z0-9_]{2,})\}`,
			},
			match: `For input string: "${SHOP_SERVER_PORT}"`,
			not:   "INFO template ${ORDER_ID} rendered",
		},
		{
			id:    "dsn-empty",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				`(?:malformed|invalid|empty|missing|no) (?:dsn|data source name):? ?(?:""|''|$)`,
				`(?:malformed|invalid|empty|missing|no) connection (?:string|uri|url):? ?(?:""|''|$)`,
				`(?:malformed|invalid|empty|missing|no) database url:? ?(?:""|''|$)`,
				`no value (?:was )?(?:set|provided|given) for (?:required )?(?:option|setting|key|variable|parameter)`,
			),
			match: `level=error msg="Failed to create collector" err="malformed dsn \"\""`,
			not:   "INFO dsn is set",
		},
		{
			id:    "dsn-malformed",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`(?i)(?:malformed|unparsable|unparseable|unsupported|illegal) (?:dsn|data source ` +
					`name|connection (?:string|uri|url))\b`,
				`(?i)(?:malformed|unsupported|illegal) (?:database |store |broker )?(?:uri|url)(?: scheme)?\b`,
				`Can't load plugin: sqlalchemy\.dialects:`,
				`\bORA-12154\b|\bDPY-40(?:00|17|18|26|27)\b`, // Oracle's connect identifier
				`(?i)\bunsupported (?:scheme|protocol|database (?:type|driver|dialect)) ["'\x60:]`,
			},
			unless: ignoreCase(`(?:dsn|string|url|uri):? ?(?:""|'')`),
			match:  "sqlalchemy.exc.NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres",
			not:    "INFO the URL is supported",
		},
		{
			// What a program asks of whoever starts it.
			id:      "settings-asked-for",
			cause:   v1alpha1.CauseEnvVarMissing,
			guessed: true,
			words: ignoreCase(
				`^\W*(?:\w+: )?please (?:define|specify|set|configure|provide|supply|give) (?:\w+ ){1,4}`,
				`^[\w ./'\"-]{3,60} (?:is |are )?required[.!]?$`,
				`\b(?:empty|blank) (?:password|secret|key|token|passphrase|user ?name|dsn|url)\b.{0,20}\b(?:i`+
					`s )?not\b`,
				`\b(?:password|secret|token|passphrase|user ?name|dsn|url) (?:is|was|must not be|cannot be|ca`+
					`n\'t be) (?:empty|blank)\b`,
				`\brequires (?:the |a )?['\"\x60](?P<var>[\w.-]+)['\"\x60] (?:parameter|setting|option|variab`+
					`le|property|key)`,
				`\bGetPassWarning\b`,
				`\b(?:api|app|master|secret|access|signing|encryption) keys? (?:is|are|was|were) `+
					`(?:required|missing|not (?:set|specified|provided|given|configured))\b`,
				`(?:cannot|can\'t|unable to|could not) (?:read|prompt for) (?:the )?(?:password|passphrase|us`+
					`ername)\b`,
				`could not read (?:Username|Password) for`,
			),
			unless: append(ignoreCase(
				`\bto (?:enable|use|see|silence|avoid)\b|support|feedback|issue`,
				`restart|upgrade|authenticat|login|\broot\b|\bno \w+ (?:is )?required|argument|if |when `,
				`etcdserver:|REST request`,
			), goesWithout...),
			match: "Please define server type (local and/or TCP).",
			not:   "Please report this issue",
		},
		{
			id:    "url-scheme-rejected",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				`failed to parse scheme from (?:\w+ )?url`,
				`database driver: unknown driver`,
				`\bno scheme$`,
				`(?:url|uri|dsn|address|endpoint)\b.{0,60}\b(?:has no|missing|without an?|lacks an?|no) `+
					`(?:protocol )?scheme`,
				`missing protocol scheme`,
				`first path segment in URL cannot contain colon`,
				`(?:url|uri|dsn|connection string) (?:must|should|has to) (?:start|begin) with`,
				`invalid (?:scheme|protocol), expected`,
				`unknown (?:url|dsn) (?:type|scheme|protocol)`,
				`scheme (?:is )?not supported in url`,
				`\bunknown driver "`,
				`\bConfiguration\((?:RelativeUrlWithoutBase|EmptyHost|InvalidPort|Invalid\w+)\)`, // sqlx
			),
			unless: goesWithout,
			match:  "error: failed to parse scheme from database URL: no scheme",
			not:    "INFO the colour scheme is dark",
		},
		{
			id:    "config-key-missing",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				`\b(?:config(?:uration)?|environment|env|settings?) (?:key|variable|property|value|option|parameter) `+
					`["'\x60](?P<var>[\w.:-]+)["'\x60] `+
					`(?:does not exist|is (?:not defined|undefined|missing|not set)|not found)`,
				`No application encryption key has been specified`,
				`Environment variable not found: ["'](?P<var>\w+)`,
				`Missing [\x60'"](?P<var>secret_key_base)['"\x60]`,
			),
			unless: goesWithout,
			match:  `TypeError: Configuration key "HTTP_PORT" does not exist`,
			not:    "INFO the configuration key of orders exists",
		},
		{
			// A variable that is not set shows as what the runtime calls nothing.
			id:      "setting-undefined",
			cause:   v1alpha1.CauseEnvVarMissing,
			guessed: true,
			words: ignoreCase(
				`\b(?:uri|url|dsn|secret|key|token|password|host|connection ?string)\b.{0,60}`+
					`must be (?:an? |of type )(?:non-empty )?string\b.{0,40}(?:got|received|was) ?`+
					`(?:type )?["'\x60]?(?:undefined|null|None|nil)`,
				`secretOrPrivateKey must have a value`,
				`(?:client password|SASL: .{0,60}password) must be a string`,
				`expected a string but received (?:an? )?undefined`,
			),
			unless: ignoreCase(`postgres|SCRAM|client password`),
			match:  "MongooseError: The `uri` parameter to `openUri()` must be a string, got \"undefined\".",
			not:    "TypeError: name must be a string, got undefined",
		},
		{
			id:    "framework-setting-rejected",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`isn't an available database backend`,
				`(?i)Unsupported cipher or incorrect key length`,
				`(?i)\bkey length (?:must be|should be|is) (?:\d+|too short|invalid)`,
				`(?i)unknown time ?zone|ZoneInfoNotFoundError|UnknownTimeZoneError|invalid time ?zone`,
				`(?i)unknown log ?level|invalid log ?level|not a valid log ?level`,
			},
			unless: goesWithout,
			match: "ImproperlyConfigured: 'django.db.backends.postgre' isn't an available database backend " +
				"or couldn't be imported.",
			not: "INFO the time zone is UTC",
		},
		{
			// A validator's complaint, with the key before it.
			id:      "setting-rejected-by-validator",
			cause:   v1alpha1.CauseEnvVarInvalid,
			guessed: true,
			words: ignoreCase(
				`^(?:\w*Error: |\W+)?(?P<var>[\w.-]{2,40}): ` +
					`(?:\w+ ){0,2}must be (?:within|an?|one of|in|between|greater|less|at)\b`,
			),
			match: "Error: port: ports must be within range 0 - 65535",
			not:   "Error: the port must be free",
		},
		{
			id:      "secret-wrong",
			cause:   v1alpha1.CauseEnvVarInvalid,
			guessed: true,
			words: ignoreCase(
				`\b(?:passphrase|encryption key|master key|secret key)\b.{0,80}\bis (?:incorrect|wrong|not valid)\b`,
			),
			match: "passphrase supplied in BORG_PASSPHRASE, by BORG_PASSCOMMAND is incorrect.",
			not:   "INFO the passphrase is correct",
		},
		{
			// A variable that is not set, as a runtime writes it where a URL should be.
			id:    "url-undefined",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`^\s+input: ['"](?:undefined|null|)['"],?$`,
			},
			within: []string{`ERR_INVALID_URL`},
			match: "TypeError: Invalid URL\n    at new URL (node:internal/url:806:29) {\n" +
				"  code: 'ERR_INVALID_URL',\n  input: 'undefined'\n}",
			not: "TypeError: Invalid URL\n    at new URL (node:internal/url:806:29) {\n" +
				"  code: 'ERR_INVALID_URL',\n  input: 'orders'\n}",
		},
	},
}
