package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// spring is Spring Boot's failure analysers, Micronaut, Quarkus, and Java's own configuration.
var spring = knowledge{
	source: "org.springframework.boot.diagnostics.analyzer; SmallRye Config; Typesafe Config",
	signatures: []signature{
		{
			id:    "env-var-missing-could-not-resolve-placeholder",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`Could not resolve (?:placeholder|substitution)[^$\n]*?(?:'(?P<var>[^']+)'|\$\{(?P<var2>[^}]+)\})`,
			},
			match: "io.micronaut.context.exceptions.ConfigurationException: Could not resolve placeholder " +
				"${MAIL_TOKEN}",
			not: "Could not resolve type alias",
		},
		{
			id:    "env-var-missing-must-not-be-null",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`must not be (?:null|blank|empty)`,
			},
			within: []string{
				`(?is)failed to bind properties under`,
				`(?is)@ConfigurationProperties`,
				`(?is)Property: (?P<var>[\w.-]+)`,
			},
			match: "\n" +
				"    Property: payments.apiKey\n" +
				"    Value: \"null\"\n" +
				"    Reason: must not be blank\n" +
				"\n" +
				"Action:\n" +
				"\n" +
				"Update your application's configuration",
			not: "IllegalArgumentException: order must not be null",
		},
		{
			id:    "env-var-missing-failed-to-configure-data-source",
			cause: v1alpha1.CauseEnvVarMissing,
			words: []string{
				`Failed to configure a DataSource: '(?P<var>\w+)' attribute is not specified`,
				`Error resolving property value \[(?:\$\{)?(?P<var>[\w.-]+)\}?\]\. Property doesn't exist`,
				`Missing required configuration "(?P<var>[\w.]+)" which has no default`,
				`ArgumentException: (?P<var>\w+) can't be null`,
			},
			match: "Failed to configure a DataSource: 'url' attribute is not specified and no embedded " +
				"datasource could be configured.",
			not: "      System.ArgumentException: Couldn't set hots (Parameter 'hots')",
		},
		{
			id:    "env-var-invalid-config-data-resource-location",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`Invalid url in bootstrap\.servers`,
				`(?:kafka|org\.apache)\S*ConfigException: Invalid value`,
				`Failed to load configuration from file '`,
				`Origin: System Environment Property "(?P<var>\w+)"`,
			},
			match: `    Origin: System Environment Property "ORDERS_POLL"`,
			not:   `    1: role "ghost" does not exist`,
		},
		{
			id:    "env-var-invalid-error-parsing-value-for",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`error parsing value for field "(?P<var>\w+)" from source`,
				`FATAL: +invalid value for parameter "(?P<var>\w+)"`,
				`unrecognized configuration parameter`,
				`SRCFG000(?:29|39)`,
				`ConfigException\$(?:WrongType|BadValue)`,
				`OptionsValidationException`,
				`has type \w+ rather than \w+`,
				`Couldn't set [\w ]+ \(Parameter '`,
				`Keyword not supported: '`,
				`(?i:port out of range)\b`,
			},
			unless: []string{
				`field is required`,
			},
			match: "      System.ArgumentException: Couldn't set hots (Parameter 'hots')",
			not:   " ---> System.ArgumentException: ten is not a valid value for Int32. (Parameter 'value')",
		},
		{
			id:     "env-var-invalid-failed-to-bind-properties",
			cause:  v1alpha1.CauseEnvVarInvalid,
			weight: weightConsequence,
			words: []string{
				`Failed to bind properties under '(?P<var>[\w.-]+)'`,
			},
			match: "Failed to bind properties under 'server.port' to java.lang.Integer:",
			not:   "Failed to bind to port 8080",
		},
	},
}
