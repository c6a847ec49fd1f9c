package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// jvmLauncher is the options of the JVM and of Node that their launchers reject.
var jvmLauncher = knowledge{
	source: "arguments.cpp, node.cc",
	signatures: []signature{
		{
			id:    "env-var-invalid-is-not-allowed-in",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: []string{
				`is not allowed in NODE_OPTIONS`,
				`JAVA_TOOL_OPTIONS.*(?:invalid|unrecognized)`,
				`NODE_OPTIONS.*(?:invalid|bad)`,
			},
			match: "/usr/bin/node: --max-old-spacesize= is not allowed in NODE_OPTIONS",
			not:   "Picked up JAVA_TOOL_OPTIONS: -Xmx512megs",
		},
		{
			id:    "env-var-invalid-unrecognized-vm-option",
			cause: v1alpha1.CauseEnvVarInvalid,
			words: jvmRejects,
			within: []string{
				`Picked up (?P<var>\w+):`,
			},
			match: "Picked up JAVA_TOOL_OPTIONS: -Xmx512megs\n" +
				"Invalid maximum heap size: -Xmx512megs\n" +
				"Error: Could not create the Java Virtual Machine.\n" +
				"Error: A fatal exception has occurred. Program will exit.",
			not: "Unrecognized VM option 'UseConcMarkSweepGC'",
		},
		{
			id:     "arguments-invalid-unrecognized-vm-option",
			cause:  v1alpha1.CauseArgumentsInvalid,
			weight: weightConsequence,
			words:  jvmRejects,
			match:  "Invalid maximum heap size: -Xmx",
			not:    "INFO heap size is 512 MB",
		},
	},
}
