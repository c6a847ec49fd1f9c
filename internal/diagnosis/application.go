package diagnosis

import (
	"regexp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// applicationSignatures are how runtimes report what nobody caught.
var applicationSignatures = []signature{
	// Mistakes of the program itself.
	program(`^(?:[\w.]+: )?(?:[A-Za-z_][\w]*\.)*(?:KeyError|TypeError|ValueError|IndexError|AttributeError|NameError|ZeroDivisionError|AssertionError|RecursionError|UnboundLocalError|NotImplementedError|ModuleNotFoundError|ImportError|SyntaxError|IndentationError|UnicodeDecodeError|UnicodeEncodeError|JSONDecodeError|StopIteration|OverflowError|LookupError|ArithmeticError|ReferenceError|RangeError|EvalError|URIError|NoMethodError|ArgumentError|FrozenError|LoadError|FloatDomainError|DivideByZero\w*|InvariantError)\b`,
		"KeyError", "TypeError", "ValueError", "IndexError", "AttributeError", "NameError", "DivisionError", "AssertionError", "RecursionError", "UnboundLocalError", "NotImplementedError", "NotFoundError", "ImportError", "SyntaxError", "IndentationError", "UnicodeDecodeError", "UnicodeEncodeError", "JSONDecodeError", "StopIteration", "OverflowError", "LookupError", "ArithmeticError", "ReferenceError", "RangeError", "EvalError", "URIError", "NoMethodError", "ArgumentError", "FrozenError", "LoadError", "FloatDomainError", "DivideByZero", "InvariantError").
		but(`fetch failed|Invalid URL|ERR_PARSE_ARGS`),
	program(`panic: runtime error|panic: interface conversion|panic: assignment to entry in nil map|panic: close of|panic: send on closed|panic: sync|^fatal error: (?:all goroutines|concurrent map|sync|stack overflow)|concurrent map (?:read|write|iteration)|goroutine stack exceeds|nil pointer dereference`,
		"panic: ", "fatal error: ", "concurrent map", "stack exceeds", "nil pointer dereference"),
	program(`(?:NullPointerException|ArrayIndexOutOfBounds|IndexOutOfBoundsException|ClassCastException|IllegalArgumentException|IllegalStateException|NoSuchElementException|UnsupportedOperationException|ClassNotFoundException|NoClassDefFoundError|NoSuchMethodError|StackOverflowError|ArithmeticException|ConcurrentModificationException|NoSuchBeanDefinitionException|UnsatisfiedDependencyException|NullReferenceException|InvalidCastException|ArgumentNullException|ArgumentException|IndexOutOfRangeException|KeyNotFoundException|DivideByZeroException|InvalidOperationException|FormatException|JsonException|StackOverflow\b|StackOverflowException)`,
		"Exception", "NoClassDefFound", "NoSuchMethodError", "StackOverflow").weighing(weightConsequence),
	program(`thread '[^']*' (?:\(\d+\) )?panicked at|called .Option::unwrap\(\). on a .None.|index out of bounds: the len|attempt to (?:divide by zero|subtract with overflow)|PHP Fatal error: |Fatal error: Uncaught|Uncaught (?:Error|Type|\w*Exception)|undefined method|undefined local variable|stack level too deep|Maximum call stack size|is not a function|Cannot read propert|is not defined$|Cannot find module|No module named|Call to undefined|Unexpected token|list index out of range|object has no attribute|unmarshal \w+ into Go`,
		"panicked at", "Option::unwrap", "index out of bounds", "attempt to ", "PHP Fatal error", "Fatal error: Uncaught", "Uncaught ", "undefined method", "undefined local", "stack level too deep", "Maximum call stack", "is not a function", "Cannot read propert", "is not defined", "Cannot find module", "No module named", "Call to undefined", "Unexpected token", "list index out of", "has no attribute", "unmarshal "),
	program(`\*\* \((?:RuntimeError|ArgumentError|KeyError|MatchError|FunctionClauseError|UndefinedFunctionError|CaseClauseError)\)|AssertionError|\[ERR_ASSERTION\]|terminate called after throwing|Assertion .* failed|assertion failed`, "** (", "AssertionError", "ERR_ASSERTION", "terminate called after", "ssertion "),

	program(`:\d+:in [\x60'].*\((?:[A-Z]\w*::)*(?:ZeroDivisionError|LoadError|NoMethodError|NameError|TypeError|ArgumentError|KeyError|IndexError|FrozenError|RangeError|RuntimeError)\)$|required a bean of type|FlywayValidateException: |Some services are not able to be constructed|^You must install or update \.NET to run|^lua\S*: \S.*:\d+: attempt to|^Error in .*: |^Stack overflow\.$`,
		"Error)", "required a bean of type", "FlywayValidateException", "able to be constructed", "install or update .NET", "attempt to ", "Error in ", "Stack overflow."),

	// Perl's die and its own mistakes, both of which end so.
	uncaught(`^.+ at (?:-e|\S+) line \d+(?:, <\w+> (?:line|chunk) \d+)?\.$`, " line "),

	// Lua, Tcl, Erlang, rake.
	uncaught(`^lua\S*: |^\s+\(file "[^"]+" line \d+\)$|^escript: exception |^\*\* exception \w+: |init terminating in do_boot|^Runtime terminating during boot|^\w+ aborted!$`,
		"lua: ", "lua5", "luajit", "(file \"", "exception ", "init terminating in", "terminating during boot", " aborted!"),

	// Anything that nobody caught, whatever it is: wrappers, mostly.
	uncaught(`^(?:\s*\| )?(?:[A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(?:Error|Exception|Exit|Failure|Fault|Rejection)\b(?: \[\w+\])?(?::|$)|^Error: |^Exception in thread|^Unhandled exception|^Uncaught|^panic: |^fatal error: |^\s*\[cause\]: `,
		"Error", "Exception", "Exit", "Failure", "Fault", "Rejection", "nhandled exception", "Uncaught", "panic: ", "fatal error: ", "[cause]"),
}

// program is a signature of a mistake in the program's own logic.
func program(pattern string, literals ...string) signature {
	return signature{cause: v1alpha1.CauseApplicationError, fault: faultProgram, weight: weightDirect, pattern: pattern, literals: literals}
}

// uncaught is a signature of an exception that says by its form that nobody caught it.
func uncaught(pattern string, literals ...string) signature {
	return signature{cause: v1alpha1.CauseApplicationError, fault: faultProgram, weight: weightGeneric, pattern: pattern, literals: literals}
}

var (
	// fatalLine is how programs announce the end in their own words.
	fatalLine = regexp.MustCompile(`(?i)^(?:[\w.-]+: )?(?:fatal|panic|critical|fatal error|uncaught|unhandled)\b[: ]|startup failed|failed to start|application exited|(?:service|server|worker) (?:exited|crashed|failed)|unhandled (?:exception|rejection|error)|terminating (?:due|because)|exiting (?:due|because|with)|aborting|giving up|bootstrap failed|fatal:|could not start|cannot start|unable to start|refusing to start|initiali[sz]ation failed|failed to initiali[sz]e|, exiting$|^[EF]\d{4} \d\d:\d\d:\d\d\.\d+ +\d+ [\w.-]+:\d+\] `)
	// wrapper is a fatal line that says nothing of the reason.
	wrapper = regexp.MustCompile(`(?i)giving up|bootstrap failed|startup failed$|failed to start\w*(?: server| application| service)?[.!]?$|shutting down|exiting|unable to connect|could not connect|failed to connect|connection failed|not ready|after \d+ (?:attempts|retries|tries)|Unhandled (?:exception|rejection)|application (?:run )?failed|Application exited|initiali[sz]ation failed|no progress|no (?:records|messages|assignment)|within \d+ ?s|NonRetriable|Connection is closed|Task failed|operation (?:was )?aborted|timed? ?out|no assignment`)
	// goodbye are the polite lines of a program that stops.
	goodbye = regexp.MustCompile(`(?i)shut(?:ting)? ?down|bye\b|clos(?:ing|ed)|clean(?:ing|ed)? ?up|stopp(?:ing|ed)|exit(?:ing|ed)?\b|goodbye|terminat|flush|releas|drain|graceful|^Node\.js v\d|^npm |exit status|^\s*$|^[})\]]+;?$|^\s+at |goroutine|^\s+`)
)
