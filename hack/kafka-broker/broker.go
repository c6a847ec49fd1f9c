package main

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

type topic struct {
	name       string
	partitions int32
}

type config struct {
	listen string
	// advertised host and port; an empty port is the one that is listened on.
	advertisedHost, advertisedPort string
	topics                         []topic
	mechanism, user, password      string
	fencedGroup                    string
	// tls is all that it speaks; deny authorizes nobody for anything.
	tls, deny bool
	// produceError answers whatever is sent, 0 for none.
	produceError int16
}

func configOf(getenv func(string) string) (config, error) {
	c := config{
		listen:    cmp.Or(getenv("LISTEN_ADDRESS"), "0.0.0.0:9092"),
		mechanism: getenv("SASL_MECHANISM"),
		user:      getenv("SASL_USERNAME"),
		password:  getenv("SASL_PASSWORD"),

		fencedGroup: getenv("FENCED_GROUP"),
		tls:         getenv("TLS") == "true",
		deny:        getenv("DENY") == "true",
	}
	if code := getenv("PRODUCE_ERROR"); code != "" {
		n, err := strconv.ParseInt(code, 10, 16)
		if err != nil {
			return config{}, fmt.Errorf("PRODUCE_ERROR: %q is no code of the protocol", code)
		}
		c.produceError = int16(n)
	}
	if err := c.advertise(getenv("ADVERTISED_HOST")); err != nil {
		return config{}, err
	}
	if c.mechanism != "" && (c.user == "" || c.password == "") {
		return config{}, fmt.Errorf("SASL_MECHANISM is %s: SASL_USERNAME and SASL_PASSWORD must be set too", c.mechanism)
	}
	for entry := range strings.SplitSeq(getenv("TOPICS"), ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		t, err := topicOf(entry)
		if err != nil {
			return config{}, err
		}
		c.topics = append(c.topics, t)
	}
	return c, nil
}

func (c *config) advertise(host string) error {
	if host == "" {
		name, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("ADVERTISED_HOST is not set and the host has no name: %w", err)
		}
		host = name
	}
	c.advertisedHost = host
	if h, p, err := net.SplitHostPort(host); err == nil {
		c.advertisedHost, c.advertisedPort = h, p
	}
	return nil
}

func topicOf(entry string) (topic, error) {
	name, count, given := strings.Cut(entry, ":")
	if !given {
		return topic{name: name, partitions: 1}, nil
	}
	n, err := strconv.ParseInt(count, 10, 32)
	if err != nil || n < 1 {
		return topic{}, fmt.Errorf("TOPICS: %q is not name:partitions", entry)
	}
	return topic{name: name, partitions: int32(n)}, nil
}

func (c config) topicNames() string {
	if len(c.topics) == 0 {
		return "none"
	}
	names := make([]string, len(c.topics))
	for i, t := range c.topics {
		names[i] = t.name
	}
	return strings.Join(names, ",")
}

// start listens and serves until the cluster is closed.
func start(c config) (*kfake.Cluster, error) {
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(1),
		kfake.ClusterID("bridgestack-demo"),
		kfake.ListenFn(c.listener),
	}
	for _, t := range c.topics {
		options = append(options, kfake.SeedTopics(t.partitions, t.name))
	}
	if c.fencedGroup != "" { // where there are groups, there is this topic
		options = append(options, kfake.SeedTopics(1, "__consumer_offsets"))
	}
	if c.mechanism != "" {
		options = append(options, kfake.EnableSASL(), kfake.Superuser(c.mechanism, c.user, c.password))
	}
	if c.tls {
		config, err := selfSigned(c.advertisedHost)
		if err != nil {
			return nil, err
		}
		options = append(options, kfake.TLS(config))
	}
	if c.deny {
		options = append(options, kfake.EnableACLs()) // without an ACL all is denied
	}
	broker, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("start a broker on %s: %w", c.listen, err)
	}
	if c.produceError != 0 {
		refuse(broker, c.produceError)
	}
	if c.fencedGroup != "" {
		if err := fence(broker, c); err != nil {
			broker.Close()
			return nil, err
		}
	}
	return broker, nil
}

// listener ignores the address that kfake asks for, which is on loopback.
func (c config) listener(network, _ string) (net.Listener, error) {
	l, err := net.Listen(network, c.listen)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	return advertisedListener{l, net.JoinHostPort(c.advertisedHost, cmp.Or(c.advertisedPort, port))}, nil
}

// advertisedListener listens on one address and says another: kfake tells its
// clients the address of its listener, in every answer that names a broker.
type advertisedListener struct {
	net.Listener
	advertised string
}

// Addr implements net.Listener.
func (l advertisedListener) Addr() net.Addr { return advertisedAddr(l.advertised) }

type advertisedAddr string

func (advertisedAddr) Network() string  { return "tcp" }
func (a advertisedAddr) String() string { return string(a) }
