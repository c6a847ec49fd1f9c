package servers

import (
	"context"
	_ "embed"
	"encoding/xml"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bridgestack/operator/internal/evidence"
)

// The listeners that each ApacheKafkaBroker has, named for their security
// protocol. Who comes by PLAINTEXT or SSL is a super user; who authenticates may
// do what the ACLs say, which is nothing at first.
const (
	Plaintext     = "PLAINTEXT"
	SSL           = "SSL"
	SASLPlaintext = "SASL_PLAINTEXT" // PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512
	SASLSSL       = "SASL_SSL"       // SCRAM-SHA-512 alone
	MutualTLS     = "MUTUAL_TLS"     // SSL, and wants a certificate of the client
)

// controller is the listener by which the broker speaks to itself.
const controller = "CONTROLLER"

// ApacheKafkaBroker is Apache Kafka itself in KRaft mode: one process that is
// both broker and controller, with ACLs, and topics that are created by asking
// for them. It ends with its test.
type ApacheKafkaBroker struct {
	directory string
	jars      string
	// listeners and what they advertise, by name.
	listeners  map[string]evidence.HostPort
	advertised map[string]evidence.HostPort
	logins     []login
	tls        Certificate
	process    *exec.Cmd
	ended      chan struct{}
	log        *lockedBuffer
}

type login struct{ user, password string }

// ApacheKafkaOption changes how a broker is started.
type ApacheKafkaOption func(*ApacheKafkaBroker)

// Login lets a user in at the SASL listeners, by each of their mechanisms.
func Login(user, password string) ApacheKafkaOption {
	return func(k *ApacheKafkaBroker) { k.logins = append(k.logins, login{user, password}) }
}

// Advertise adds a plaintext listener of this name, whose clients are told that
// the broker is at another address.
func Advertise(name string, address evidence.HostPort) ApacheKafkaOption {
	return func(k *ApacheKafkaBroker) { k.advertised[name] = address }
}

// ApacheKafka starts a broker on free ports of 127.0.0.1, with this certificate,
// and waits until it serves. It skips the test where no broker is prepared.
func ApacheKafka(t testing.TB, certificate Certificate, options ...ApacheKafkaOption) *ApacheKafkaBroker {
	t.Helper()
	k := &ApacheKafkaBroker{
		jars: findApacheKafka(t), directory: t.TempDir(), tls: certificate, log: &lockedBuffer{},
		listeners: map[string]evidence.HostPort{}, advertised: map[string]evidence.HostPort{},
	}
	for _, o := range options {
		o(k)
	}
	k.listen(t)
	k.configure(t)
	k.format(t)
	t.Cleanup(k.kill)
	k.Start(t)
	k.Wait(t)
	return k
}

// Connection is how a client is configured for one of the listeners, as far as
// that takes no user.
func (k *ApacheKafkaBroker) Connection(listener string, topics ...string) evidence.Connection {
	c := evidence.Connection{Service: "kafka", Protocol: evidence.Kafka, Servers: []evidence.HostPort{k.listeners[listener]}, Topics: topics}
	if protocol(listener) == SSL || protocol(listener) == SASLSSL {
		c.TLS = evidence.TLSVerifyFull
	}
	return c
}

// Client is one of the super user's, which ends with the test.
func (k *ApacheKafkaBroker) Client(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.listeners[Plaintext].String())}, options...)...)
	if err != nil {
		t.Fatalf("making a Kafka client: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

//go:embed kafka/pom.xml
var apacheKafkaPOM []byte

// findApacheKafka gives the folder of its jars.
func findApacheKafka(t testing.TB) string {
	t.Helper()
	var pom struct {
		Version string `xml:"version"`
	}
	if err := xml.Unmarshal(apacheKafkaPOM, &pom); err != nil {
		t.Fatalf("reading kafka/pom.xml: %v", err)
	}
	cache := os.Getenv("BRIDGESTACK_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("looking for the cache: %v", err)
		}
		cache = filepath.Join(user, "bridgestack")
	}
	jars := filepath.Join(cache, "kafka-"+pom.Version)
	if _, err := os.Stat(jars); err != nil {
		t.Skipf("no Apache Kafka in %s: `make test-unit` fetches it", jars)
	}
	if _, err := exec.LookPath("java"); err != nil {
		t.Skip("no java to run Apache Kafka with: `make test-unit` installs it")
	}
	return jars
}

// listen decides on the ports. Another process may take one before the broker
// does; then the broker does not start, and says so.
func (k *ApacheKafkaBroker) listen(t testing.TB) {
	t.Helper()
	for _, name := range k.names() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("looking for a free port: %v", err)
		}
		defer func() { _ = l.Close() }() // not before all are found: they must differ
		k.listeners[name] = evidence.HostPort{Host: "127.0.0.1", Port: int32(l.Addr().(*net.TCPAddr).Port)}
	}
}

// names of all listeners.
func (k *ApacheKafkaBroker) names() []string {
	return append(slices.Sorted(maps.Keys(k.advertised)), controller, Plaintext, SSL, MutualTLS, SASLPlaintext, SASLSSL)
}

// protocol of a listener.
func protocol(listener string) string {
	switch listener {
	case SSL, SASLPlaintext, SASLSSL:
		return listener
	case MutualTLS:
		return SSL
	default:
		return Plaintext
	}
}

// java runs a main class of Kafka's.
func (k *ApacheKafkaBroker) java(class string, arguments ...string) *exec.Cmd {
	// Started often and for short: what makes for a fast start counts.
	flags := []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(k.jars, "*"), class}
	c := exec.Command("java", append(flags, arguments...)...)
	c.Dir = k.directory
	// The broker goes when the test's process does, however that ends.
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// format prepares the broker's directory, with the SCRAM credentials in it.
func (k *ApacheKafkaBroker) format(t testing.TB) {
	t.Helper()
	arguments := []string{"format", "--cluster-id", "YnJpZGdlc3RhY2stdGVzdA", "--config", k.path("server.properties")}
	for _, l := range k.logins {
		for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
			arguments = append(arguments, "--add-scram", fmt.Sprintf("%s=[name=%q,password=%q]", mechanism, l.user, l.password))
		}
	}
	if output, err := k.java("kafka.tools.StorageTool", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("formatting Kafka's storage: %v\n%s", err, output)
	}
}

// Start the broker, and do not wait for it.
func (k *ApacheKafkaBroker) Start(t testing.TB) {
	t.Helper()
	k.process = k.java("kafka.Kafka", k.path("server.properties"))
	k.process.Stdout, k.process.Stderr = k.log, k.log
	if err := k.process.Start(); err != nil {
		t.Fatalf("starting Kafka: %v", err)
	}
	process, ended := k.process, make(chan struct{})
	k.ended = ended
	go func() {
		_ = process.Wait() // how it ended is in its ProcessState
		close(ended)
	}()
}

// Wait until the broker serves.
func (k *ApacheKafkaBroker) Wait(t testing.TB) {
	t.Helper()
	client := k.Client(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		select {
		case <-k.ended:
			t.Fatalf("Kafka ended: %v\n%s", k.process.ProcessState, k.log)
		default:
		}
		if k.serves(ctx, client) {
			return
		}
	}
	t.Fatalf("Kafka did not serve within two minutes:\n%s", k.log)
}

// Stop the broker in order; its ports then refuse connections.
func (k *ApacheKafkaBroker) Stop(t testing.TB) {
	t.Helper()
	if err := k.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("stopping Kafka: %v", err)
	}
	select {
	case <-k.ended:
	case <-time.After(time.Minute):
		t.Fatalf("Kafka did not stop within a minute:\n%s", k.log)
	}
}

func (k *ApacheKafkaBroker) kill() {
	if k.process != nil {
		_ = k.process.Process.Kill()
		<-k.ended
	}
}

// Log is what the broker has logged so far: warnings and errors.
func (k *ApacheKafkaBroker) Log() string { return k.log.String() }

func (k *ApacheKafkaBroker) path(name string) string { return filepath.Join(k.directory, name) }

func (k *ApacheKafkaBroker) write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(k.path(name), []byte(content), 0o600); err != nil {
		t.Fatalf("writing %s: %v", name, err)
	}
}

// configure writes server.properties and the certificate.
func (k *ApacheKafkaBroker) configure(t testing.TB) {
	t.Helper()
	k.write(t, "server.pem", string(k.tls.Key)+string(k.tls.Chain))
	var listen, advertise, protocols []string
	for _, name := range k.names() {
		listen = append(listen, name+"://"+k.listeners[name].String())
		protocols = append(protocols, name+":"+protocol(name))
		address, elsewhere := k.advertised[name]
		if !elsewhere {
			address = k.listeners[name]
		}
		if name != controller {
			advertise = append(advertise, name+"://"+address.String())
		}
	}
	k.write(t, "server.properties", strings.Join([]string{
		"process.roles=broker,controller",
		"node.id=1",
		"log.dir=" + k.path("data"),
		"controller.listener.names=" + controller,
		"controller.quorum.voters=1@" + k.listeners[controller].String(),
		"inter.broker.listener.name=" + Plaintext,
		"listeners=" + strings.Join(listen, ","),
		"advertised.listeners=" + strings.Join(advertise, ","),
		"listener.security.protocol.map=" + strings.Join(protocols, ","),
		"ssl.keystore.type=PEM",
		"ssl.keystore.location=" + k.path("server.pem"),
		"listener.name.mutual_tls.ssl.client.auth=required",
		"listener.name.sasl_plaintext.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config=" + k.plainLogins(),
		"listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=" + scramModule,
		"listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=" + scramModule,
		"listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=" + scramModule,
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS", // who has not authenticated: see the listeners
		"auto.create.topics.enable=true",
		"num.partitions=1",
		"default.replication.factor=1",
		"offsets.topic.num.partitions=1",
		"offsets.topic.replication.factor=1",
		"transaction.state.log.num.partitions=1",
		"transaction.state.log.replication.factor=1",
		"transaction.state.log.min.isr=1",
		"share.coordinator.state.topic.replication.factor=1",
		"share.coordinator.state.topic.min.isr=1",
		"group.initial.rebalance.delay.ms=0",
		"log.cleaner.dedupe.buffer.size=2097152", // in bytes; half of the heap otherwise
		"broker.heartbeat.interval.ms=250",       // clients are told of the broker after some of them
		"",
	}, "\n"))
}

const scramModule = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

func (k *ApacheKafkaBroker) plainLogins() string {
	var b strings.Builder
	b.WriteString("org.apache.kafka.common.security.plain.PlainLoginModule required")
	for _, l := range k.logins {
		fmt.Fprintf(&b, " user_%s=%q", l.user, l.password)
	}
	return b.String() + ";"
}

// serves reports whether clients are told of the broker: it has registered with
// its controller, which then unfenced it.
func (k *ApacheKafkaBroker) serves(ctx context.Context, client *kgo.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none; without a list it would be all
	answer, err := request.RequestWith(ctx, client)
	return err == nil && len(answer.Brokers) == 1
}
