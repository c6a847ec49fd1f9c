package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// nodeConfig is Joi, envalid, zod, convict, class-validator, t3-env.
var nodeConfig = knowledge{
	source: "the libraries' error messages",
	signatures: []signature{
		{
			id:    "env-var-missing-is-required-variable-but",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`"(?P<var>\w+)" is a required variable, but it was not set`,
				`Expected "(?P<var>` + upperName + `)" but received undefined`,
				`could not fetch environment variable "(?P<var>\w+)"`,
				`missing value for field (?P<var>\w+)`,
				`missing configuration field "(?P<var>\w+)"`,
				`^MissingValue\($`,
			},
			match: "    missing value for field api_token",
			not:   `INFO "name" is a required field of the form`,
		},
		{
			id:    "env-var-missing-is-required",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`"(?P<var>[A-Z][A-Z0-9_]+)" is required`,
			},
			match: `Error: Config validation error: "API_TOKEN" is required`,
			not:   "    This field is required.",
		},
		{
			id:    "env-var-missing-received-undefined",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`received undefined`,
				`received: ['"]undefined['"]`,
				`["']?Required["']?$`,
				`expected \w+, received undefined`,
			},
			within: []string{
				`(?s)["']?path["']?:\s*\[\s*["'](?P<var>[A-Za-z_]\w*)["']`,
			},
			match: "Failed to start server: ZodError: [\n" +
				"  {\n" +
				"    \"expected\": \"string\",\n" +
				"    \"code\": \"invalid_type\",\n" +
				"    \"path\": [\n" +
				"      \"SESSION_SECRET\"\n" +
				"    ],\n" +
				"    \"message\": \"Invalid input: expected string, received undefined\"\n" +
				"  }\n" +
				"]\n" +
				"    at Object.env_zod (/app/service.js:18:188)\n" +
				"    at /app/service.js:55:96\n" +
				"closing open handles",
			not: "    keyword: 'required',",
		},
		{
			id:    "env-var-missing-undefined-required-is-required",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`(?P<var>[A-Z][A-Z0-9_]{2,}):? (?:undefined|Required|is a required)`,
				`(?P<var>[A-Z][A-Z0-9_]{2,}):? (?:should not be empty|must be a string)`,
			},
			unless: ignoreCase(
				`cannot read`,
				`property`,
				`reading`,
			),
			match: "    API_TOKEN: undefined",
			not:   "      [cause]: undefined",
		},
		{
			id:    "env-var-invalid-invalid-environment-variables-2",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`^\s*(?i:invalid).{0,6} environment variables?:`,
			},
			within: []string{
				`(?s)nvalid.{0,6} environment variables?:\s+\W*(?P<var>[A-Z]\w+)`,
			},
			match: "Invalid environment variables: { PORT: [ 'Invalid input: expected number, received NaN' ] }",
			not:   "    environment variable not found",
		},
		{
			id:     "zod-invalid",
			cause:  v1alpha1.CauseEnvVarInvalid,
			weight: weightConsequence,
			words: []string{
				`"code":\s*"(?:invalid_|too_)`,
				`"?(?:invalid_type|invalid_value|invalid_enum_value)"?`,
				`"?(?:invalid_format|too_small|too_big|invalid_string|invalid_union)"?`,
			},
			within: []string{
				`(?s)"path":\s*\[\s*"(?P<var>[A-Za-z_]\w*)"`,
			},
			match: "Failed to start server: ZodError: [\n" +
				"  {\n" +
				"    \"expected\": \"string\",\n" +
				"    \"code\": \"invalid_type\",\n" +
				"    \"path\": [\n" +
				"      \"SESSION_SECRET\"\n" +
				"    ],\n" +
				"    \"message\": \"Invalid input: expected string, received undefined\"\n" +
				"  }\n" +
				"]\n" +
				"    at Object.env_zod (/app/service.js:18:188)\n" +
				"    at /app/service.js:55:96\n" +
				"closing open handles",
			not: "      code: 'EAI_AGAIN',",
		},
	},
}
