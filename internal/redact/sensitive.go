package redact

import (
	"regexp"
	"strings"
)

// Sensitive reports whether a variable holds a secret, by its name or by the
// form of its value, such as a URL with a password in it. Where a key is kept is
// none, and a message about a file is of no use without its name.
func Sensitive(name, value string) bool {
	plain := tooPlain(name) && (generated(value) || isLicence(strings.ToLower(name), value))
	return (SensitiveName(name) || plain) && !keptIn.MatchString(value) || New().Text(value) != value
}

// keptIn are the names of files that hold keys and certificates.
var keptIn = regexp.MustCompile(`^[\w./-]+\.(?:key|pem|crt|cer|p12|pfx|jks|txt|json|ya?ml)$`)
