package redact

import (
	"slices"
	"strings"
	"unicode"
)

// strong words make a name a secret's wherever they stand in it, separators
// aside: PGPASSWORD, spring.datasource.password, sasl_jaas_config.
var strong = []string{
	"password", "passwd", "passphrase", "passcode", "secret", "credential",
	"apikey", "privatekey", "accesskey", "authkey", "encryptionkey", "signingkey",
	"masterkey", "jaasconfig", "authorization", "connectionstring",
}

// weak words do so only as a whole word.
var weak = []string{"pwd", "pass", "pw", "token", "jwt", "key", "cookie", "salt", "pin", "otp", "sig", "auth", "bearer", "dsn"}

// glued are endings of a word that make it a weak one, as in DBPASS and USERPWD.
var glued = []string{"pass", "passwd", "pwd", "pw", "token"}

// notGlued are words that end like that, and are others.
var notGlued = []string{"bypass", "compass", "encompass", "surpass", "trespass", "overpass", "underpass"}

// openKeys are words before "key" that make it something public.
var openKeys = []string{"public", "primary", "partition", "routing", "foreign", "sort", "cache", "message", "idempotency", "group", "object", "host"}

// about are last words that make a name speak about a secret instead of
// holding it: PASSWORD_FILE, TOKEN_TTL, secretName, authorizationFrom.
var about = []string{
	"file", "path", "dir", "name", "id", "ids", "length", "size", "min", "max", "limit", "timeout",
	"ttl", "expiry", "expires", "expiration", "lifetime", "enabled", "disabled", "required", "type",
	"policy", "algorithm", "alg", "issuer", "audience", "mode", "count", "hours", "minutes", "seconds", "days",
	"version", "header", "method", "mechanism", "provider", "field", "prefix", "url", "uri", "endpoint",
	"host", "port", "ref", "from", "location", "authentication",
	"error", "exception", "failed", "failure", "denied", "role", "roles",
}

// SensitiveName reports whether a variable or setting of this name holds a
// secret, going by the name alone.
func SensitiveName(name string) bool {
	words := wordsOf(name)
	if len(words) == 0 || slices.Contains(about, words[len(words)-1]) {
		return false
	}
	joined := strings.Join(words, "")
	for _, w := range strong {
		if strings.Contains(joined, w) {
			return true
		}
	}
	for i, w := range words {
		if !slices.Contains(weak, w) && !endsInSecret(w) {
			continue
		}
		if w == "key" && (!ordinal(words[i+1:]) || i > 0 && slices.Contains(openKeys, words[i-1])) {
			continue
		}
		return true
	}
	return false
}

// which are words behind a name that tell one of several from the others.
var which = []string{"live", "test", "prod", "production", "staging", "dev", "old", "new", "current", "previous", "primary", "secondary", "backup"}

// ordinal is true where the words behind a name only say which one it is: STRIPE_KEY_LIVE,
// SSH_KEY_1.
func ordinal(behind []string) bool {
	return !slices.ContainsFunc(behind, func(w string) bool {
		return !slices.Contains(which, w) && strings.Trim(w, "0123456789") != ""
	})
}

func endsInSecret(word string) bool {
	return !slices.Contains(notGlued, word) && slices.ContainsFunc(glued, func(g string) bool { return strings.HasSuffix(word, g) })
}

// wordsOf splits API_KEY, api-key, api.key and apiKey alike, in lower case.
func wordsOf(name string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	lower := false
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush()
			lower = false
			continue
		case unicode.IsUpper(r) && lower:
			flush()
		}
		lower = unicode.IsLower(r) || unicode.IsDigit(r)
		word.WriteRune(unicode.ToLower(r))
	}
	flush()
	return words
}

// vocabulary are words of the protocols' and runtimes' own messages that are
// also met as passwords.
var vocabulary = []string{
	"postgres", "postgresql", "kafka", "redpanda", "mysql", "redis", "mongo", "rabbitmq", "guest",
	"password", "passwd", "secret", "token", "admin", "administrator", "root", "user", "username",
	"test", "testing", "example", "default", "changeme", "localhost", "server", "client", "database",
	"public", "private", "true", "false", "none", "null", "error", "failed", "failure", "fatal",
	"connection", "connect", "timeout", "refused", "host", "port", "role", "topic", "group", "broker",
	"development", "production", "staging", "debug", "info", "warn", "warning", "http", "https", "exit",
	"exception", "required", "missing", "invalid", "authentication", "memory", "killed", "docker",
}

// common reports whether a value cannot be told from ordinary text: a word of
// the vocabulary, or a number of less than six digits such as a port.
func common(value string) bool {
	if slices.Contains(vocabulary, strings.ToLower(value)) {
		return true
	}
	return len(value) < 6 && strings.Trim(value, "0123456789.-:") == ""
}
