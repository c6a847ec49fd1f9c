package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// pydantic is pydantic and pydantic-settings.
var pydantic = knowledge{
	source: "pydantic_core error messages",
	signatures: []signature{
		{
			id:    "pydantic-field-required",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				`^\s*field required`,
			),
			within: []string{
				`(?is)validation errors? for \w*settings\w*.*?\n(?P<var>[A-Za-z_][\w.]*)\n\s+field required`,
				`(?is)validation errors? for \w*(?:config|env)\w*.*?\n(?P<var>[A-Za-z_][\w.]*)\n\s+field required`,
				`(?is)pydantic_settings.*?\n(?P<var>[A-Za-z_][\w.]*)\n\s+field required`,
				`(?is)(?:^|\n)(?P<var>(?-i:` + upperName + `|[A-Z]{3,}))\n\s+field required`,
			},
			match: "    raise validation_error\n" +
				"pydantic.error_wrappers.ValidationError: 1 validation error for Settings\n" +
				"database_url\n" +
				"  field required (type=value_error.missing)\n" +
				"\n" +
				"The above exception was the direct cause of the following exception:\n" +
				"\n" +
				"Traceback (most recent call last):\n" +
				"  File \"/app/service.py\", line 363, in <module>\n" +
				"    run(main)\n" +
				"  File \"/app/bootstrap.py\", line 127, in run\n" +
				"    raise StartupError(\"application startup failed\") from e\n" +
				"bootstrap.StartupError: application startup failed",
			not: "INFO the field is required by the schema",
		},
		{
			id:      "pydantic-field-required-of-anything",
			cause:   v1alpha1.CauseEnvVarMissing,
			guessed: true,
			words: ignoreCase(
				`^\s*field required`,
			),
			within: ignoreCase(
				seq(
					`(?:^|\n)`,
					`(?P<var>`+seq(
						`\w*(?:url|dsn|host|port|token|secret|password|key|bucket|topic|brokers?)`,
					)+`)`,
					`\n\s+field required`,
				),
			),
			match: "api_token\n" +
				"  Field required [type=missing, input_value={}, input_type=dict]\n" +
				"    For further information visit https://errors.pydantic.dev/2.14/v/missing",
			not: "INFO the field is required by the schema",
		},
		{
			id:    "env-var-invalid-value-input-none-unable",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				seq(
					`^\W*(?:value|input|none|unable|invalid|field|ensure|string|url).*`,
					oneOf(
						`type=(?:type_error|value_error|\w+_parsing)`,
						`type=(?:\w+_type|enum|literal_error|greater_than|less_than)`,
						`is not a valid (?:integer|float|boolean|enumeration member)`,
						`value_error`,
						`should be a valid`,
					),
				),
			),
			within: ignoreCase(
				`validation errors? for \w*Settings\w*[^\n]*\n(?:[^\n]*\n)*?(?P<var>[A-Za-z_][\w.]*)\n`,
				`validation errors? for \w*(?:Config|Env)\w*[^\n]*\n(?:[^\n]*\n)*?(?P<var>[A-Za-z_][\w.]*)\n`,
			),
			unless: []string{
				`value_error\.missing`,
				`type=missing`,
			},
			match: "ValidationError: 1 validation error for Settings\n" +
				"database_url\n" +
				"  invalid or missing URL scheme (type=value_error.url.scheme)\n" +
				"cleaning up resources\n" +
				"bye",
			not: "  field required (type=value_error.missing)",
		},
		{
			// A validator of the whole model names no field.
			id:    "pydantic-settings-refused-as-a-whole",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: ignoreCase(
				`^\s+(?:value|assertion) error, .*type=(?:value|assertion)_error`,
			),
			within: ignoreCase(
				`validation errors? for \w*(?:settings|config|env)\w*\n\s+(?:value|assertion) error, `,
			),
			unless: ignoreCase(
				`(?:is|are|be|been) (?:required (?:for|by)|missing|not set|set\b|provided|given|configured)`,
				`\w+_\w+[^,\[]{0,40} required`,
			),
			match: "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\n" +
				"  Value error, TLS is wanted in production [type=value_error, input_value={'tls': 0}]\n" +
				"    For further information visit https://errors.pydantic.dev/2.14/v/value_error",
			not: "  Value error, TLS is wanted in production [type=value_error, input_value={'tls': 0}]",
		},
	},
}
