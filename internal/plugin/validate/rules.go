package validate

// rules in the order in which they are asked: what keeps a project from being
// loaded first, then addresses, order, health, sizes and secrets.
var rules = []rule{
	invalid,
	requiredVariable,
	unsetVariable,
	dependencyCycle,
	unknownHost,
	localhostAddress,
	publishedPort,
	kafkaListener,
	sharedNetwork,
	healthyWithoutCheck,
	neverCompleted,
	healthcheckPort,
	poolSize,
	javaHeap,
	kafkaBuffer,
	redpandaMemory,
	postgresMemory,
	reservation,
	weakSecret,
	shortSecret,
	emptySecret,
	productionSettings,
	envFileSyntax,
	duplicateVariable,
	stackInvalid,
	stackProblem,
}
