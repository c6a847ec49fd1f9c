package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// dotnet is .NET options and configuration.
var dotnet = knowledge{
	source: "Microsoft.Extensions.Options, Microsoft.Extensions.Configuration",
	signatures: []signature{
		{
			id:    "env-var-missing-connection-string-configuration-key",
			cause: v1alpha1.CauseEnvVarMissing,
			words: ignoreCase(
				seq(
					oneOf(
						`connection string`,
						`configuration (?:key|value|property|section)`,
						`config key`,
						`property`,
						`setting`,
					),
					` ["'\x60]?(?P<var>[\w:.-]+)["'\x60]? (?:is |was |has )?`,
					oneOf(
						`not (?:been )?(?:set|found|configured|initialized|provided|defined|present)`,
						`missing`,
						`required`,
						`null`,
					),
				),
				`No configuration (?:setting|value) found for key '(?P<var>[\w.]+)'`,
				`required (?:configuration )?(?:option|property|setting)s? ["'\x60]?(?P<var>[\w.:]+)`,
				`Required property '(?P<var>[\w.]+)' not found`,
				`SRCFG00014`,
				`missing required (?:config(?:uration)?|setting|key|value|option):? ["'\x60]?(?P<var>[\w.]+)`,
			),
			unless: goesWithout,
			match:  "T: missing required value: API_TOKEN",
			not:    "Missing required argument: port",
		},
		{
			id:    "env-var-missing-value-cannot-be-null",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`Value cannot be null\. \(Parameter '(?P<var>\w+)'\)`,
			},
			within: ignoreCase(
				`GetEnvironmentVariable`,
				`Configuration`,
				`ConnectionString`,
				`connectionString`,
			),
			match: "Unhandled exception. System.ArgumentNullException: Value cannot be null. (Parameter " +
				"'connectionString')",
			not: "ArgumentNullException: Value cannot be null. (Parameter 'order')",
		},
		{
			id:    "env-var-missing-options-validation-exception-the-field-is",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`OptionsValidationException: .*The (?P<var>\w+) field is required`,
				`Section '(?P<var>[\w:.-]+)' not found in configuration`,
			},
			match: "      System.InvalidOperationException: Section 'Payments:ApiKey' not found in " +
				"configuration.",
			not: "the field is required",
		},
		{
			id:      "env-var-invalid-uri-format-exception-invalid-uri",
			cause:   v1alpha1.CauseEnvVarInvalid,
			guessed: true,
			words: []string{
				`UriFormatException: Invalid URI`,
			},
			match: "System.UriFormatException: Invalid URI: The format of the URI could not be determined.",
			not:   "System.FormatException: the input is not a number",
		},
	},
}
