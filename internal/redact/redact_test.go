package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bridgestack/operator/internal/evidence"
)

// canary has every character that some encoding changes.
const canary = `c4N"ry/<&>'p@ss:w%rd=é +$\x`

func TestSecretsAreFoundInEveryEncoding(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	inJSON, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	twice, err := json.Marshal(string(inJSON))
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{
		"raw":                 "the password is " + canary + ", they say",
		"wrapped":             "the password is " + canary[:9] + "\n" + canary[9:] + ", they say",
		"wrapped, CRLF":       "the password is " + canary[:5] + "\r\n" + canary[5:],
		"base64":              b64([]byte(canary)),
		"base64 raw":          base64.RawStdEncoding.EncodeToString([]byte(canary)),
		"base64 URL":          base64.URLEncoding.EncodeToString([]byte(canary)),
		"base64 raw URL":      base64.RawURLEncoding.EncodeToString([]byte(canary)),
		"base64, aligned 0":   "data " + b64([]byte("usr"+canary+"tail")),
		"base64, aligned 1":   "data " + b64([]byte("user"+canary+"tail")),
		"base64, aligned 2":   "data " + b64([]byte("users"+canary+"tail")),
		"base64, wrapped":     b64([]byte("user:" + canary))[:20] + "\n" + b64([]byte("user:" + canary))[20:],
		"URL query":           "x=" + url.QueryEscape(canary),
		"URL query, lower":    "x=" + lowerPercent(url.QueryEscape(canary)),
		"URL path":            "x/" + url.PathEscape(canary),
		"URL userinfo":        "see " + url.UserPassword("u", canary).String() + " there",
		"URL, all escaped":    percent(canary, "%%%02X"),
		"URL, twice":          url.QueryEscape(url.QueryEscape(canary)),
		"JSON":                string(inJSON),
		"JSON without HTML":   `{"x":"` + asJSON(canary, false) + `"}`,
		"JSON in ASCII":       `{"x":"` + jsonASCII(canary) + `"}`,
		"JSON in JSON":        string(twice),
		"Go":                  strconv.Quote(canary),
		"Go in ASCII":         strconv.QuoteToASCII(canary),
		"HTML":                "<b>" + html.EscapeString(canary) + "</b>",
		"hex":                 hex.EncodeToString([]byte(canary)),
		"hex, upper":          strings.ToUpper(hex.EncodeToString([]byte(canary))),
		"SQL":                 "ALTER ROLE x PASSWORD '" + strings.ReplaceAll(canary, "'", "''") + "'",
		"shell":               "echo '" + strings.ReplaceAll(canary, "'", `'\''`) + "'",
		"libpq keyword":       `x='` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(canary) + `'`,
		"DSN, unescaped":      "postgres://u:" + canary + "@db:5432/x",
		"CSV":                 `"` + strings.ReplaceAll(canary, `"`, `""`) + `"`,
		"with terminal codes": "\x1b[31m" + canary[:4] + "\x1b[0m" + canary[4:],
	}
	r := New(evidence.NewSecret(canary))
	for name, line := range lines {
		t.Run(name, func(t *testing.T) {
			got := r.Clean("before\n"+line+"\nafter", 64<<10)
			if !strings.Contains(got, evidence.Redacted) {
				t.Errorf("%q: nothing was redacted", got)
			}
			if !strings.HasPrefix(got, "before\n") || !strings.HasSuffix(got, "\nafter") {
				t.Errorf("%q: more than the secret's line was changed", got)
			}
			// No piece of the secret that is long enough to help may be left.
			for i := 0; i+6 <= len(canary); i++ {
				if piece := canary[i : i+6]; strings.Contains(got, piece) {
					t.Errorf("%q: %q of the secret is left", got, piece)
				}
			}
		})
	}
}

func TestSecretsAreFoundByForm(t *testing.T) {
	tests := []struct{ in, want string }{
		{"postgres://hook:s3cr/et@db:5432/bridge", "postgres://hook:[redacted]@db:5432/bridge"},
		{"postgresql+asyncpg://hook:pa@ss@db/bridge?sslmode=require", "postgresql+asyncpg://hook:[redacted]@db/bridge?sslmode=require"},
		{"GET https://example.com:8443/a@b", "GET https://example.com:8443/a@b"},
		{"redis://:s3cret@cache:6379/0", "redis://:[redacted]@cache:6379/0"},
		{"jdbc:postgresql://db:5432/x?user=u&password=hunter2&ssl=true", "jdbc:postgresql://db:5432/x?user=u&password=[redacted]&ssl=true"},
		{"host=db password=hunter2 user=x", "host=db password=[redacted] user=x"},
		{"host=db password='hun ter2' user=x", "host=db password='[redacted]' user=x"},
		{`{"user":"x","password":"hun\"ter2","n":1}`, `{"user":"x","password":"[redacted]","n":1}`},
		{`{\"password\":\"hunter2\"}`, `{\"password\":\"[redacted]\"}`},
		{`{'db_password': 'hunter2'}`, `{'db_password': '[redacted]'}`},
		{"PGPASSWORD=hunter2 psql", "PGPASSWORD=[redacted] psql"},
		{"POSTGRES_PASSWORD: hunter2", "POSTGRES_PASSWORD: [redacted]"},
		{"spring.datasource.password=hunter2", "spring.datasource.password=[redacted]"},
		{"Config{Host:db Password:hunter2 Port:5432}", "Config{Host:db Password:[redacted] Port:5432}"},
		{"Authorization: Bearer abcdef0123456789", "Authorization: Bearer [redacted]"},
		{"authorization: Basic dXNlcjpodW50ZXIy", "authorization: Basic [redacted]"},
		{"X-Api-Key: 0123456789abcdef", "X-Api-Key: [redacted]"},
		{`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="hunter2";`,
			`org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="[redacted]";`},
		{"{'API_TOKEN': ['hunter2']}", "{'API_TOKEN': ['[redacted]']}"},
		{"API_TOKEN: hunter2", "API_TOKEN: [redacted]"},
		{"password=set", "password=[redacted]"},
		{"secret=>required", "secret=>[redacted]"},
		{"--db-password hunter2 --port 5", "--db-password [redacted] --port 5"},
		{"key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nafter", "key:\n[redacted]\nafter"},
		{"-----BEGIN PRIVATE KEY-----\\nMIIE", "[redacted]"},
		{"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"},
		{"pw=hunter2xyz", "pw=[redacted]"},
		{"otp=123456", "otp=[redacted]"},
		{"the password is hunter2xyz", "the password is [redacted]"},
		{`login with password "hunter2xyz"`, `login with password "[redacted]"`},
		{"Password for user hook: hunter2xyz", "Password for user hook: [redacted]"},
		{"password -> hunter2xyz", "password -> [redacted]"},
		{"<password>hunter2xyz</password>", "<password>[redacted]</password>"},
		{"PASS hunter2xyz", "PASS [redacted]"},
		{"mysql -phunter2xyz shop", "mysql -p[redacted] shop"},
		{"Cookie: sid=hunter2xyz; path=/", "Cookie: [redacted]; path=/"},
		{"user:hunter2xyz@tcp(db:3306)/x", "user:[redacted]@tcp(db:3306)/x"},
		{"hook/hunter2xyz@//db:1521/x", "hook/[redacted]@//db:1521/x"},
		{"https://tok3n123456789012@host/x", "https://[redacted]@host/x"},
		{"https://tok3nwithout:@host/x", "https://[redacted]:@host/x"},
		{"https://u:p'a<ss@host/x", "https://u:[redacted]@host/x"},
		{"https://api.example.com/?sig=abcdef0123456789&x=1", "https://api.example.com/?sig=[redacted]&x=1"},
		{"SENTRY_DSN=https://abcdef0123456789@o1.ingest.example/1", "SENTRY_DSN=https://[redacted]@o1.ingest.example/1"},
		{"push as ghp_0123456789abcdefghijABCDEFGHIJ012345 failed", "push as [redacted] failed"},
		{"sk_live_51H0123456789abcdefghij", "[redacted]"},
		{"POST https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXX: 404", "POST https://hooks.slack.com/services/[redacted]: 404"},
		{"key=hunter2xyzhunter2xyz", "key=[redacted]"},
		{"LICENSE=hunter2xyz", "LICENSE=[redacted]"},
		{"license: AB12-CD34-EF56-GH78", "license: [redacted]"},
		{"AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[redacted] [redacted]"},
		{"key id AKIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY: denied", "key id [redacted], [redacted]: denied"},
		{"postgres://u:pa ss@host/x", "postgres://u:[redacted]@host/x"},
		{"cannot use postgres://u:pa ss w0rd@host:5432/x here", "cannot use postgres://u:[redacted]@host:5432/x here"},
		{"tool -p hunter2xyz --port 5", "tool -p [redacted] --port 5"},
		{"curl -u bot:hunter2xyz http://db", "curl -u bot:[redacted] http://db"},
		{`{"password":{"value":"hunter2xyz"}}`, `{"password":{"value":"[redacted]"}}`},
		{"STRIPE_KEY_LIVE=abc", "STRIPE_KEY_LIVE=[redacted]"},
		{"SSH_KEY_1=abcd", "SSH_KEY_1=[redacted]"},
		{"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl from", "got [redacted] from"},
		// A name in a value's place is a value, unless what follows is said of a setting.
		{"password: my_secret", "password: [redacted]"},
		{"password: my_secret is too short", "password: [redacted] is too short"},
		{"password=my_secret must be longer", "password=[redacted] must be longer"},
		{"cookie: my_s3cret must be 16 bytes", "cookie: [redacted] must be 16 bytes"},
		{"cookie_secret: hunter2 must be 16 bytes", "cookie_secret: [redacted] must be 16 bytes"},
		{"cookie_secret=hunter2xyz must be 16 bytes", "cookie_secret=[redacted] must be 16 bytes"},
		{`cookie: cookie_secret must be 16 bytes, but "hunter2xyz" is: secret: hunter2xyz`, `cookie: cookie_secret must be 16 bytes, but "hunter2xyz" is: secret: [redacted]`},
	}
	for _, tt := range tests {
		if got := New().Text(tt.in); got != tt.want {
			t.Errorf("Text(%q)\n got %q\nwant %q", tt.in, got, tt.want)
		}
	}
}

// What rules match must come through, even where the password is as bad as
// passwords get.
func TestEvidenceSurvives(t *testing.T) {
	lines := []string{
		`FATAL:  password authentication failed for user "hook"`,
		`FATAL:  database "postgres" does not exist`,
		`kafka server: SASL Authentication failed`,
		`ERROR - API_KEY environment variable is required for authentication`,
		`ERROR - Database password must be provided`,
		`password: field required (type=value_error.missing)`,
		`SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string`,
		`fe_sendauth: no password supplied`,
		`Error: secret "db-credentials" not found`,
		`couldn't find key password in Secret shop/db`,
		`KeyError: 'API_KEY'`,
		"1 validation error for Settings\nAPI_KEY\n  Field required [type=missing, input_value={}, input_type=dict]",
		`env: JWT_SECRET: undefined`,
		`JWT_SECRET: required`,
		`dash: 1: API_TOKEN: parameter not set`,
		`/bin/sh: SMTP_PASSWORD: unbound variable`,
		`cat: secret: Permission denied`,
		`cp: cannot create regular file 'db.password': Read-only file system`,
		`Error: Missing option '--token' (env var: 'BOT_TOKEN').`,
		`error: --password is required`,
		`marshmallow.exceptions.ValidationError: {'API_TOKEN': ['Missing data for required field.']}`,
		`SESSION_SECRET: at least 32 characters are needed`,
		`dial tcp 10.96.0.12:5432: connect: connection refused`,
		`SyntaxError: Unexpected token } in JSON at position 12`,
		`ssl.key.password = null`,
		`sasl.jaas.config = [hidden]`,
		`key.deserializer = class org.apache.kafka.common.serialization.StringDeserializer`,
		`auth: SCRAM exchange failed`,
		`open /run/svc/secret.key: permission denied`,
		`kafka.errors.GroupAuthorizationFailedError: [Error 30] GroupAuthorizationFailedError: orders-worker`,
		"cannot parse `postgres://orders_app:xxxxx@pg-tls:5432/orders`: failed to configure TLS",
		`MAX_TOKENS=512 TOKEN_TTL=3600 PASSWORD_FILE=/run/secrets/db`,
		`spec.notifications[2].alertmanager.authorizationFrom: Secret "none" does not exist in this namespace`,
		`the password is wrong`,
		`your password is required.`,
		`FATAL: connection with password authentication failed`,
		`pg_hba.conf: user "a@b", see https://example.com/@scope/pkg and git@example.com://x`,
		`PASS tests/test_db.py::test_login`,
		`key=value cache key=session:42 partition key=orders-2024-01 key=user-123456`,
		`LICENSE=MIT license: Apache-2.0 license=BSD-3-Clause`,
		`postgres://db:5432 refused the connection of a@b/c`,
		`connect to postgres://db:5432/shop as app@db/x failed`,
		`redis://cache:6379 is not reachable (mail ops@example.com)`,
		`docker run -p 8080:80 -p 127.0.0.1:5432:5432 -w /srv/app -a stdin`,
		`mkdir -p /srv/app2024 && psql -p 5432`,
		`kubectl -p profile`,
		`docker run -u 1000:1000 -u app2024x`,
		`SECRET_NAME=orders-db-2 KEY_COUNT=12 KEY_SIZE_BITS=2048`,
		`{"password":{"type":"string","required":true}}`,
		`time="2026-01-01T00:00:00Z" level=error msg="basic authentication failed"`,
		`error initialising session store: cookie: cookie_secret must be 16, 24 or 32 bytes to create an AES cipher, but is 5 bytes`,
		`password: db_password is required`,
		`token: "webhook-token" must be set`,
		`invalid secret: AUTH_SECRET is not set`,
	}
	weak := New(evidence.NewSecret("postgres"), evidence.NewSecret("kafka"), evidence.NewSecret("5432"), evidence.NewSecret("abc"))
	for _, line := range lines {
		if got := weak.Text(line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
	if got, want := weak.Text("postgres://postgres:postgres@postgres:5432/postgres"), "postgres://postgres:[redacted]@postgres:5432/postgres"; got != want {
		t.Errorf("a weak password in a URL: got %q, want %q", got, want)
	}
	user := New(evidence.NewSecret("hookhook"))
	if got, want := user.Text(`password authentication failed for user "hookhook"`), `password authentication failed for user "[redacted]"`; got != want {
		t.Errorf("a password that is the user's name: got %q, want %q", got, want)
	}
}

func TestSensitiveName(t *testing.T) {
	for _, name := range []string{"POSTGRES_PASSWORD", "PGPASSWORD", "DB_PASS", "API_KEY", "apiKey", "JWT_SECRET", "WEBHOOK_SIGNING_SECRET",
		"AUTH_TOKEN", "spring.datasource.password", "SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", "ENCRYPTION_KEY", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY_BASE", "Authorization"} {
		if !SensitiveName(name) {
			t.Errorf("SensitiveName(%q) = false", name)
		}
	}
	for _, name := range []string{"", "POSTGRES_HOST", "PORT", "KEYSPACE", "PARTITION_KEY", "PUBLIC_KEY", "MAX_TOKENS", "TOKEN_TTL", "PASSWORD_FILE", "authorizationFrom",
		"COMPASS", "MONKEY", "KAFKA_WORKFLOW_TOPIC", "SECRET_NAME", "ENVIRONMENT", "SECURITY_MODE", "PASSTHROUGH"} {
		if SensitiveName(name) {
			t.Errorf("SensitiveName(%q) = true", name)
		}
	}
}

func TestClean(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "a\tb\nc", "a\tb\nc"},
		{"colours", "\x1b[1;31mERROR\x1b[0m gone", "ERROR gone"},
		{"title", "\x1b]0;evil\x07text", "text"},
		{"hyperlink", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"},
		{"unfinished title", "\x1b]0;evil\nnext line", "0;evil\nnext line"},
		{"controls", "a\x00b\x08c\x7fd", "abcd"},
		{"progress", "10%\r20%\r\ndone", "10%\n20%\ndone"},
		{"bidi", "user\u202etxt\u2066x\u200b", "usertxtx"},
		{"C1", "a\u009bb", "ab"},
		{"invalid UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd"},
		{"umlauts", "Größe 5 µs 日本", "Größe 5 µs 日本"},
		{"long line", strings.Repeat("x", 5000) + "why it ended\nend", strings.Repeat("x", MaxLine*3/4-3) + "..." + strings.Repeat("x", MaxLine/4-12) + "why it ended\nend"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Clean(tt.in, 64<<10); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
	if got := Clean("first line\nsecond\nthird", 14); got != "second\nthird" && got != "third" {
		t.Errorf("the end of a log is kept in whole lines, got %q", got)
	}
}

func TestSecretAcrossTheCapIsGoneAsAWhole(t *testing.T) {
	secret := "Tr0ub4dor&3-horse"
	r := New(evidence.NewSecret(secret))
	x := func(n int) string { return strings.Repeat("x", n) }
	for at := range len(secret) {
		for _, line := range []string{x(MaxLine*3/4-at) + secret + x(MaxLine), x(MaxLine) + secret + x(MaxLine/4-at)} {
			got := r.Clean(line, 64<<10)
			if strings.Contains(got, secret[:4]) || strings.Contains(got, secret[len(secret)-4:]) {
				t.Fatalf("with %d bytes of it on one side of the cut, %q is left", at, strings.Trim(got, "x"))
			}
		}
	}
}

// A log is hostile: none may take more than linear time.
func TestHostileLogsAreCheap(t *testing.T) {
	secret := evidence.NewSecret("Tr0ub4dor&3-horse")
	encoded := base64.StdEncoding.EncodeToString([]byte("user:" + secret.Reveal()))
	r := New(secret)
	for _, unit := range []string{"pass=", "password='", "://", "postgres://a:", "//x ://y", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "bearer ", "eyJ", "eyJ.",
		"\x1b]", "\x1b[", "\\", "pass", "pass\\\\", "key ", "secret:  ", "\n", "\xff", strings.TrimRight(encoded, "=")} {
		log := strings.Repeat(unit, 1<<20/len(unit))
		started := time.Now()
		r.Clean(log, 64<<10)
		// Quadratic work on 1 MiB would take minutes.
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("%q repeated to 1 MiB took %v", unit, took)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("hunter22", "user:hunter22@host\nx")
	f.Add(canary, base64.StdEncoding.EncodeToString([]byte("user:"+canary)))
	f.Add("secret\nlines", "sec\nret\nlines password=\"")
	f.Fuzz(func(t *testing.T, secret, around string) {
		r := New(evidence.NewSecret(secret))
		for _, s := range []string{around, around + secret, secret + around, around + base64.StdEncoding.EncodeToString([]byte(around+secret))} {
			got := r.Clean(s, 64<<10)
			if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r") {
				t.Fatalf("%q is not clean", got)
			}
			// The mark itself is not searched for what it stands for.
			if len(secret) >= 12 && strip(secret) == secret && !common(secret) && strings.Contains(strings.ReplaceAll(got, evidence.Redacted, "\x00"), secret) {
				t.Fatalf("%q still has the secret %q", got, secret)
			}
		}
	})
}

func logOf64KiB() string {
	var b bytes.Buffer
	for i := 0; b.Len() < 64<<10; i++ {
		fmt.Fprintf(&b, "2026-01-01T00:00:%02dZ INFO hook-receiver request id=%d path=/events/%d status=200 took=12ms key=value auth ok\n", i%60, i*7919, i)
		if i%40 == 0 {
			b.WriteString("ERROR could not connect to postgresql://hook:hunter2@postgres:5432/bridge: password authentication failed\n")
		}
	}
	return b.String()[:64<<10]
}

func BenchmarkClean(b *testing.B) {
	var secrets []evidence.Secret
	for i := range 8 {
		secrets = append(secrets, evidence.NewSecret(fmt.Sprintf("S3cret-%d/value+%d", i, i*i)))
	}
	r := New(secrets...)
	log := logOf64KiB()
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		r.Clean(log, 64<<10)
	}
}

func TestSensitiveByForm(t *testing.T) {
	for _, v := range []string{"postgres://u:hunter2@db/d", "host=db password=hunter2", `x required username="u" password="hunter2";`, "-----BEGIN PRIVATE KEY-----\nMII"} {
		if !Sensitive("SETTING", v) {
			t.Errorf("%q holds a secret", v)
		}
	}
	for _, v := range []string{"", "postgres://u@db/d", "http://db:80/x", "info", "a:9092,b:9092"} {
		if Sensitive("SETTING", v) {
			t.Errorf("%q holds none", v)
		}
	}
	for value, want := range map[string]bool{"/etc/tls/tls.key": false, "/etc/tls/tls.key hunter2": true, "/wJalrXUtnFEMI/K7MDENG": true} {
		if got := Sensitive("TLS_KEY", value); got != want {
			t.Errorf("TLS_KEY=%s: %t, want %t", value, got, want)
		}
	}
}
