package redact

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// What is a secret by itself within a value is found by itself.
func TestPartsOfStructuredSecrets(t *testing.T) {
	leaked := 0
	tests := []struct{ name, secret, log, leak string }{
		{"the password of a DSN", "postgres://app:Tr0ub4dor3x@db:5432/shop", "retrying login as app with Tr0ub4dor3x on db", "Tr0ub4dor3x"},
		{"one without digits", "postgres://app:correcthorse@db:5432/shop", "retrying login as app with correcthorse on db", "correcthorse"},
		{"one that is escaped", "postgres://app:Tr0ub%2F4dor3x@db:5432/shop", "login app / Tr0ub/4dor3x refused", "Tr0ub/4dor3x"},
		{"in a struct", "postgres://app:Tr0ub4dor3x@db:5432/shop", "connect: {Host:db User:app Pw:Tr0ub4dor3x}", "Tr0ub4dor3x"},
		{"a driver that adds settings", "postgres://app:Tr0ub'4dor3x@db:5432/shop", "connect to postgres://app:Tr0ub'4dor3x@db:5432/shop2?sslmode=require failed", "Tr0ub'4dor3x"},
		{"a piece that a client takes for the host", "postgres://app:p@ssw0rdX/2024@db:5432/shop", `could not translate host name "ssw0rdX" to address: Name or service not known`, "ssw0rdX"},
		{"libpq's form", "host=db password='it is a Tr0ub4dor' user=app", "tried it is a Tr0ub4dor", "Tr0ub4dor"},
		{"JAAS", `org.apache.kafka.common.security.plain.PlainLoginModule required username="svc" password="Kf7Qw9zLm2";`, "SASL PLAIN svc/Kf7Qw9zLm2 rejected by broker", "Kf7Qw9zLm2"},
		{"a file of properties", "server.port=8080\nspring.datasource.password=Kf7Qw9zLm2\nfoo=bar\n", "auth failed for (svc, Kf7Qw9zLm2)", "Kf7Qw9zLm2"},
		{"JSON", `{"type":"service_account","client_id":"1","k":"Kf7Qw9zLm2Kf7Qw9zLm2"}`, "loaded id Kf7Qw9zLm2Kf7Qw9zLm2", "Kf7Qw9zLm2Kf7Qw9zLm2"},
		{"YAML", "db:\n  host: db\n  password: correcthorse\n", "tried correcthorse", "correcthorse"},
		{"a file of users", "alice:Kf7Qw9zLm2\nbob:Zz8Yy7Xx6W\n", "cannot parse line 2: bob:Zz8Yy7Xx6W", "Zz8Yy7Xx6W"},
		{"pgpass", "db:5432:shop:app:Kf7Qw9zLm2\n", "pgpass entry Kf7Qw9zLm2 does not match", "Kf7Qw9zLm2"},
		{"a line of a PEM", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\nMzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu\n-----END PRIVATE KEY-----\n", "unexpected line: MzEfYyjiWA4R4/M2bS1GB4t7NXp98C3SC6dVMvDuictGeurT8jNbvJZHtCSuYEvu", "MzEfYyjiWA4R4"},
		{"two logins", "u1:Kf7Qw9zLm2,u2:Zz8Yy7Xx6W", "user u2 (Zz8Yy7Xx6W) denied", "Zz8Yy7Xx6W"},
	}
	for _, test := range tests {
		got := New(evidence.NewSecret(test.secret)).Clean(test.log, 64<<10)
		if strings.Contains(got, test.leak) {
			leaked++
			t.Errorf("%s: %q", test.name, got)
		}
	}
	t.Logf("security: structured Secrets: %d tried, %d leaked", len(tests), leaked)
}

// Where a secret is structured, what is none in it stays evidence.
func TestEvidenceBesideStructuredSecretsSurvives(t *testing.T) {
	r := New(
		evidence.NewSecret("postgres://hook:Tr0ub4dor3x@orders-db.shop.svc:5432/bridge?sslmode=require"),
		evidence.NewSecret("server.port=8080\nspring.datasource.url=jdbc:postgresql://orders-db:5432/bridge\nspring.datasource.username=hook\nspring.kafka.bootstrap-servers=redpanda:9092\nspring.datasource.password=Kf7Qw9zLm2\n"),
		evidence.NewSecret(`{"host":"orders-db","port":"5432","dbname":"bridge","user":"hook","password":"Kf7Qw9zLm2"}`),
	)
	for _, line := range []string{
		`could not translate host name "orders-db" to address: Name or service not known`,
		`FATAL: password authentication failed for user "hook"`,
		`connection to server at "orders-db.shop.svc" (10.96.0.9), port 5432 failed: Connection refused`,
		`Connection to node -1 (redpanda/10.96.0.9:9092) could not be established`,
		`FATAL:  database "bridge" does not exist`,
	} {
		if got := r.Text(line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// A log may be cut in the middle of a secret.
func TestASecretThatACutLeft(t *testing.T) {
	secret := "Tr0ub4dor3-horse-battery"
	r := New(evidence.NewSecret(secret))
	filling := strings.Repeat("x", 2000)
	for cut := 5; cut < len(secret)-5; cut++ {
		if got := r.Clean(secret[cut:]+" "+filling, 64<<10); strings.Contains(got, secret[len(secret)-5:]) {
			t.Errorf("the last %d bytes: %.60q", len(secret)-cut, got)
		}
		if got := r.Clean(filling+" "+secret[:cut], 64<<10); strings.Contains(got, secret[:5]) {
			t.Errorf("the first %d bytes are left", cut)
		}
	}
}

func noise(n int, seed uint64) string {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not for keeping secrets
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return string(b)
}

// Three Secrets of the largest size, as keystores and models are, take little
// memory, and are found all the same.
func TestLargeSecretsAreBounded(t *testing.T) {
	const largest = 1<<20 - 4096
	stores := []string{noise(largest, 1), noise(largest, 2), noise(largest, 3)}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := time.Now()
	r := New(evidence.NewSecret(stores[0]), evidence.NewSecret(stores[1]), evidence.NewSecret(stores[2]), evidence.NewSecret("Kf7Qw9zLm2"))
	log := logOf64KiB()
	r.Clean(log, 64<<10)
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("security: three Secrets of 1 MiB: %d MiB allocated, %v", allocated, took.Round(time.Millisecond))
	if allocated > 64 {
		t.Errorf("%d MiB were allocated for 3 MiB", allocated)
	}
	for name, text := range map[string]string{
		"as it is": stores[1][5000:5100],
		"base64":   encodingsMet()[1].write(stores[2][70000:70200]),
		"beside":   "the password is Kf7Qw9zLm2",
	} {
		if got := r.Text("it holds " + text + " there"); !strings.Contains(got, evidence.Redacted) {
			t.Errorf("%s: nothing is redacted", name)
		}
	}
	if got := r.Text("dial tcp: connection refused"); got != "dial tcp: connection refused" {
		t.Errorf("evidence became %q", got)
	}
	runtime.KeepAlive(stores)
}

// Secrets that are made to be slow to search for make a text be withheld, not shown.
func TestWhatCannotBeSearchedIsWithheld(t *testing.T) {
	var alike []evidence.Secret
	prefix := strings.Repeat("A", 60)
	for i := range 10000 {
		alike = append(alike, evidence.NewSecret(fmt.Sprintf("%s%05d", prefix, i)))
	}
	r := New(alike...)
	started := time.Now()
	got := r.Text(strings.Repeat("A", 64<<10))
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("a text of 64 KiB took %v", took)
	}
	if strings.Contains(got, prefix) && got != Withheld {
		t.Errorf("it came to %.80q", got)
	}
	if got := r.Text("dial tcp: connection refused"); got != "dial tcp: connection refused" {
		t.Errorf("what can be searched became %q", got)
	}
	var many []evidence.Secret
	for i := range 40 {
		many = append(many, evidence.NewSecret(noise(1<<20, uint64(i))))
	}
	if got := New(many...).Text("anything"); got != Withheld {
		t.Errorf("beyond the bound, %q is shown", got)
	}
}
