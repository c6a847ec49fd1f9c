package diagnosis

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/logscan"
)

// thrown is how the name of an exception goes on: to the end of the name and what
// follows it, so that a class in a stack frame, a path or a list of imports is none.
const thrown = `\w*(?:Error|Exception|Failure)\b(?:[:)]|\(["']|$| in | thrown| - )`

// guesses are what a complaint is probably about of which nothing else is known: what the
// name of an exception's class tells, whatever the library (their authors name them by what
// happened), and which thing a sentence names as it complains. They are asked only then,
// one after the other, and what they say is Low.
var guesses = []signature{
	{
		id:    "class-of-missing-settings",
		cause: v1alpha1.CauseEnvVarMissing,
		words: []string{
			`\b\w*(?:Missing|Undefined|Unset|Required|Unknown)(?:Env|Environment|Setting|Config|Configuration` +
				`|Secret|Key|Variable|Credential|Option|Parameter)s?` + thrown,
			`\b\w*(?:Env|Environment|Setting|Secret|Variable|Credential)s?(?:Var|Variable)?s?` +
				`(?:NotFound|Missing|NotSet|Undefined|Required)` + thrown,
		},
		unless: []string{`Missing(?:Key|Parameter)\w*: .{0,40}(?i:request|header|body)`},
		match:  `EnvNotFoundException: Environment variable not found: "MAILER_DSN".`,
		not:    "INFO MissingSettingHandler is registered",
	},
	{
		id:    "class-of-configuration",
		cause: v1alpha1.CauseConfigFileInvalid,
		words: []string{
			`\b(?:[A-Z]\w*)?Config(?:uration|Files?)?(?:Invalid|Pars(?:e|ing)|Syntax|Load(?:ing)?|Validation` +
				`|Format|Read|Key|Value|NotFound|Missing|File|Schema)?` + thrown,
		},
		unless: ignoreCase(`environment variable|\benv(?:ironment)? var|os\.environ|bean|\bssl\b|\btls\b`),
		match:  `dagster._core.errors.DagsterInvalidConfigError: Errors whilst loading instance config`,
		not:    `  File "/app/config/errors.py", line 3, in ConfigErrorHandler`,
	},
	{
		id:    "class-of-parsing-a-file",
		cause: v1alpha1.CauseConfigFileInvalid,
		words: []string{
			`\b\w*(?:Pars|Syntax|Format|Scan|Lex|Token|Decod|Path|Mapping|Y(?:aml|AML)|J(?:son|SON)|T(?:oml|OML))` +
				thrown + `.{0,160}(?i:` + configPath + `|[./]env\b)`,
		},
		unless: ignoreCase(`package\.json|node_modules|tsconfig|permission denied|\.lock\b`),
		match: `Uncaught Symfony\Component\Yaml\Exception\ParseException: Indentation problem in ` +
			`"/srv/services.yaml" at line 3`,
		not: `INFO JSONFormatter of /etc/app/log.yaml is in use`,
	},
	{
		id:     "class-of-migrations",
		cause:  v1alpha1.CauseMigrationFailed,
		words:  []string{`\b\w*Migrat(?:ion|e|or)s?` + thrown},
		unless: ignoreCase(`connection refused|no such host|timed? ?out|password authentication`),
		match:  "orders.MigrationChecksumException: migration 7 was changed",
		not:    "INFO MigrationErrors are reported to the log",
	},
	{
		id:    "class-of-locks",
		cause: v1alpha1.CauseDataLocked,
		words: []string{
			`\b\w*(?:File|Dir|Directory|Store|Index|Data|Database|Pid|)Lock(?:ed|File|Held)?` + thrown +
				` .{0,80}/[\w.-]+/`,
		},
		unless: ignoreCase(`deadlock|optimistic|pessimistic|version|block|clock`),
		match:  "zc.lockfile.LockError: Couldn't lock '/data/d.fs.lock'",
		not:    "psycopg2.errors.DeadlockDetected: deadlock detected",
	},
	{
		id:    "class-of-logins",
		fault: faultAuth,
		words: []string{
			`\b\w*(?:Auth(?:entication)?(?:Failed|Failure)?|(?:Bad|Invalid)Credentials?|AccessRefused` +
				`|Login(?:Failed)?|Unauthori[sz]ed|NotAuthori[sz]ed)` + thrown,
		},
		unless: ignoreCase(`UnauthorizedAccess|no attribute|cannot be cast|not configured|author|ran out of`),
		match:  "broker.errors.AuthenticationFailedError: the broker said no",
		not:    "INFO AuthenticationErrors are logged",
	},
	{
		id:    "class-of-connections",
		fault: faultGaveUp,
		words: []string{
			`\b\w*(?:Connect(?:ion|ions|or)?(?:Failed|Refused)?|ServiceUnavailable|NoServers?(?:Available)?` +
				`|No(?:Host|Node)Available|AllNodesFailed|Unreachable|BrokerNotAvailable|NetworkDown)` + thrown,
		},
		unless: []string{`Connection(?:Reset|Aborted)`, `(?i)pool|disconnect`, `\bconnect\.errors\.`, `Error$`},
		match: "paramiko.ssh_exception.NoValidConnectionsError: [Errno None] Unable to connect to port 22 " +
			"on 10.96.2.99",
		not: "INFO ConnectionErrors are retried",
	},
	{
		id:    "class-of-names",
		fault: faultHostNotFound,
		words: []string{
			// WebExceptionStatus of .NET and Mono.
			`\bNameResolution(?:Failure|Error)\b`,
			`\b(?:Host|HostName|Hostname|DomainName)(?:NotFound|NotResolved|Resolution|Lookup)` + thrown,
		},
		unless: ignoreCase(`temporary failure|try again`),
		match:  "System.Net.WebException: Error: NameResolutionFailure",
		not:    "INFO NameResolver is ready",
	},
	{
		id:    "complaint-of-a-connection",
		fault: faultGaveUp,
		words: ignoreCase(
			`(?:can't|cannot|could not|couldn't|unable to|failed to) (?:establish|open|make|create|obtain|get|acquire) `+
				`(?:\w+ ){0,4}connection\b.{0,40}\b(?:database|server|broker|queue|cache|host|node)`,
			`(?:can't|cannot|could not|couldn't|unable to|failed to) (?:connect to|reach|contact|talk to) (?:\w+ ){0,4}`+
				`(?:database|server|broker|queue|cache|host|node|cluster|backend|api)\b`,
		),
		unless: ignoreCase(`display|\bX server|d-?bus|systemd`),
		match:  "Couldn't establish the primary connection with the database server.",
		not:    "INFO the connection to the database server was made",
	},
	{
		id:    "complaint-of-a-configuration-file",
		cause: v1alpha1.CauseConfigFileInvalid,
		words: ignoreCase(
			complaining+`.{0,160}`+configThing,
			configThing+`.{0,160}`+complaining,
			`\bfile ["'\x60]?/\S+ must (?:exist|be readable)`,
			`(?:unknown|unrecogni[sz]ed|unexpected) (?:config\w* )?(?:key|directive|section)(?:: | ["'\x60])`,
			`\berror loading ["'\x60]?/\S+`,
			`\bfile not found: ["'\x60]?/\S+`,
		),
		unless: ignoreCase(
			`package\.json|node_modules|tsconfig|permission denied|\.lock\b|environment variable|connection refused` +
				`|no space|read-only|timed? ?out|no such host|certificate|kubeconfig`,
		),
		match: "unable to configure the daemon with file /etc/daemon.json: invalid character '}'",
		not:   "INFO read /etc/daemon.json",
	},
}

const (
	// complaining is how a sentence says that a thing is wrong.
	complaining = `(?:can't|cannot|could not|couldn't|can not|unable to|fail(?:ed|ure|s)?|errors?|invalid|no such|missing` +
		`|not (?:found|valid|readable|exist|set)|non-?existent|doesn't exist|unknown|unrecogni[sz]ed|unexpected|malformed` +
		`|must (?:exist|be)|illegal|bad|conflict\w*|duplicate|incorrect|no [\w ]{1,30} (?:was |were )?found)\b`
	// configThing is a configuration file, by its path or by its name.
	configThing = `(?:["'\x60/ =(:]` + configPath + `|\bconf(?:ig(?:uration)?)?[ _-]?(?:files?|dir(?:ectory)?|folder|path)\b)`
)

// guesser is the guesses with their patterns ready.
var guesser = sync.OnceValue(func() []compiledGuess {
	out := make([]compiledGuess, len(guesses))
	for i, g := range guesses {
		scanned, done, err := compileSignature(g)
		if err != nil {
			panic("diagnosis: guess " + g.id + ": " + err.Error()) // A mistake in the table: no test passes with it.
		}
		out[i] = compiledGuess{signature: done.signature, words: scanned.Pattern, unless: scanned.Unless}
	}
	return out
})

type compiledGuess struct {
	signature
	words, unless *logscan.Matcher
}

// about is what the last of some lines that one of the guesses is found in is about.
func (r *reading) about(lines []string) (clue, bool) {
	for i, line := range slices.Backward(lines) {
		text, level := logscan.Plain(line)
		if level == logscan.LevelInfo || level == logscan.LevelDebug || stackFrame.MatchString(line) || benignError.MatchString(text) {
			continue
		}
		for _, g := range guesser() {
			hit, found := g.words.Find(text)
			if !found || g.unless != nil && g.unless.MatchString(text) {
				continue
			}
			k := clue{
				id: g.id, cause: g.cause, fault: g.fault, family: g.family, weight: weightGeneric, guessed: true, named: g.family != familyAny,
				order: len(r.lines), record: -1, level: level, text: text, subject: subjectOf(hit),
			}
			r.attribute(&k, func() string { return strings.Join(lines[:i+1], "\n") })
			return k, true
		}
	}
	return clue{}, false
}

// stackFrame is a line of a stack trace, or of what is drawn around one.
var stackFrame = regexp.MustCompile(`^(?:\s|[│╭╰┌└|]|#\d+ |at \S+[:(]|from \S+:\d+)`)
