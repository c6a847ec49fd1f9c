package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// parsers is values that a parser rejects, where the environment or the record shows that they are a setting's.
var parsers = knowledge{
	source: "parsers of numbers, URLs, JSON and durations in Python, Node, Java, Go, Rust, .NET, Ruby",
	signatures: []signature{
		{
			id:    "env-var-invalid-invalid-literal-for-int",
			cause: v1alpha1.CauseEnvVarInvalid,
			ofEnv: true,
			words: []string{
				`[Nn]o (?:database|suitable driver|driver|handler|dialect|scheme|adapter) (?:was )?found`,
				`[Uu]n(?:known|supported) (?:scheme|protocol|\w+ ?driver|database)`,
				`[Uu]n(?:known|supported) (?:backend|provider|engine|format|mode|dialect)`,
				`[Nn]ot (?:supported|recogni[sz]ed|a known|a supported)`,
				`[Ii]nvalid url`,
				`invalid literal for int\(\) with base`,
				`could not convert string`,
				`is not a valid \w+`,
				`Expecting (?:value|property name)`,
				`Invalid URL`,
				`NumberFormatException`,
				`For input string`,
				`not in a correct format`,
				`invalid value for (?:Integer|Float)\(\)`,
				`strconv\.`,
				`received "`,
				`unsupported value`,
				`[Ii]nvalid (?:value|duration|port|number|URL|URI|integer)`,
				`parse "`,
				`parsing`,
				`unknown unit`,
				`missing unit`,
				`[Cc]annot parse`,
				`[Cc]ould not parse`,
				`[Ff]ailed to parse`,
				`[Uu]nexpected value`,
				`relative URL without a base`,
				`RelativeUrlWithoutBase`,
				`Failed to convert`,
				`Input should be `,
				`[Ii]nvalid truth value`,
				`value was `,
				`ERR_SOCKET_BAD_PORT`,
				`not a textual representation of an integer`,
				`Unknown level`,
				`[Nn]o time zone found`,
				`invalid digit`,
				`invalid type:`,
			},
			match: "  [cause]: TypeError: Invalid URL",
			not:   "    (received undefined)",
		},
		{
			id:    "env-var-invalid-invalid-literal-for-int-2",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`invalid literal for int\(\) with base`,
				`could not convert string to float`,
				`Expecting (?:value|property name)`,
				`Invalid URL`,
				`NumberFormatException`,
				`invalid digit found`,
				`not in a correct format`,
				`invalid value for (?:Integer|Float)\(\)`,
			},
			within: ignoreCase(
				`os\.environ(?:\[|\.get\()["'](?P<var>\w+)`,
				`getenv\(["'](?P<var>\w+)`,
				`process\.env\.(?P<var>\w+)`,
				`ENV\[["'](?P<var>\w+)`,
				`environ`,
				`GetEnvironmentVariable`,
			),
			match: "Error: loading configuration from environment\n" +
				"\n" +
				"Caused by:\n" +
				"    invalid digit found in string while parsing value 'many' provided by WORKERS",
			not: "      System.FormatException: Invalid url: '8080'",
		},
		{
			id:    "env-var-invalid-number-too-large-small",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`number too (?:large|small) to fit in target type`,
				`invalid digit found in string`,
				`cannot parse integer from empty string`,
				`invalid float literal`,
				`provided string was not .true. or .false.`,
				`\bParse(?:Int|Float|Bool)Error\b`,
			},
			within: []string{
				`(?:parsing|parse) ["'\x60]?(?P<var>` + upperName + `|PORT|WORKERS|TIMEOUT)\b`,
				`(?:invalid|for|reading) ["'\x60]?(?P<var>` + upperName + `|PORT|WORKERS|TIMEOUT)\b`,
				`Error: (?P<var>` + upperName + `|[A-Z]{3,})\n`,
				`(?m:^)(?P<var>` + upperName + `|PORT|WORKERS|TIMEOUT): Parse(?:Int|Float|Bool)Error`,
			},
			match: "Error: parsing PORT\n" +
				"\n" +
				"Caused by:\n" +
				"    number too large to fit in target type",
			not: "thread main: invalid digit found in string",
		},
		{
			// An address to listen on that is none, or that is of another machine.
			id:      "env-var-invalid-listen-address",
			cause:   v1alpha1.CauseEnvVarInvalid,
			guessed: true,
			words: []string{
				`\binvalid socket address(?: syntax)?\b`,
				`\bAddrParseError\b`,
				`(?i)\bcannot assign requested address\b|\bEADDRNOTAVAIL\b|\bos error 99\b`,
			},
			within: ignoreCase(`\b(?:listen\w*|bind\w*)\b|AddrParseError|panicked`),
			unless: ignoreCase(`\bconnect`),
			match:  "listen tcp 10.0.0.9:8080: bind: cannot assign requested address",
			not:    "redis: dial tcp [::1]:6379: connect: cannot assign requested address",
		},
		{
			// How Rust prints the errors of figment.
			id:    "env-var-invalid-figment",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`\bname: "\x60[^"\x60]*\x60 environment variable\(s\)".*\bkind: Invalid(?:Type|Value|Length)\(`,
			},
			match: "settings: Error { tag: Tag(Default, 2), metadata: Some(Metadata { name: \"`ORDERS_` " +
				"environment variable(s)\" }), path: [\"port\"], kind: InvalidType(Str(\"x\"), \"u16\") }",
			not: "INFO 3 environment variable(s) read",
		},
		{
			id:    "env-var-invalid-failed-to-convert-property",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`Failed to convert (?:property )?value of type`,
				`(?i:failed to convert configuration value)`,
				`The connection string.*(?:invalid|format)`,
				`Format of the initialization string does not conform`,
				`Invalid connection string`,
				`invalid (?:dsn|connection string|database url)`,
				`invalid port (?:number )?in`,
				`missing .?=.? after`,
				`invalid URI query`,
				`Could not parse (?:SQLAlchemy URL|rfc1738)`,
				`cannot parse \x60[^\x60]*\x60: failed to parse`,
				`unknown (?:dialect|scheme)`,
				`invalid integer value "[^"]*" for connection option`,
				`(?:invalid|unsupported|unknown) sslmode`,
				`invalid port`,
			},
			match: "      System.InvalidOperationException: Failed to convert configuration value 'ten' at " +
				"'Worker:Count' to type 'System.Int32'.",
			not: "Missing required argument: port",
		},
	},
}
