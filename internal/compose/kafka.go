package compose

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// Listener is an address that a Kafka broker tells its clients.
type Listener struct {
	Name string `json:",omitempty"`
	Host string
	Port int32
	// Inside says that the host is a name of the broker itself: clients in the
	// project reach it there.
	Inside bool `json:",omitempty"`
}

// advertised is Redpanda's option, as word or with =.
var advertised = regexp.MustCompile(`--advertise-kafka-addr[=\s]+["']?([^\s"']+)`)

// listeners of a broker, as its settings advertise them.
func listeners(s types.ServiceConfig, names []string) []Listener {
	text := cmp.Or(environment(s, "KAFKA_ADVERTISED_LISTENERS"), environment(s, "KAFKA_CFG_ADVERTISED_LISTENERS"))
	if m := advertised.FindStringSubmatch(commandLine(s)); text == "" && m != nil {
		text = m[1]
	}
	if host := environment(s, "KAFKA_ADVERTISED_HOST_NAME"); text == "" && host != "" {
		text = host + ":" + cmp.Or(environment(s, "KAFKA_ADVERTISED_PORT"), strconv.Itoa(int(server.Of(evidence.Kafka).Port)))
	}
	var out []Listener
	for part := range strings.SplitSeq(text, ",") {
		name, address, named := strings.Cut(strings.TrimSpace(part), "://")
		if !named {
			name, address = "", name
		}
		host, port, _ := strings.Cut(address, ":")
		if host == "" {
			continue
		}
		out = append(out, Listener{Name: name, Host: host, Port: cmp.Or(portNumber(port), server.Of(evidence.Kafka).Port), Inside: slices.Contains(names, host)})
	}
	return out
}

// Commands that create topics, each up to where the next one begins.
var (
	topicCommand  = regexp.MustCompile(`(?:kafka-topics(?:\.sh)?|rpk topic create)\s[^;&|\n]*`)
	topicContinue = regexp.MustCompile(`\\\s*\n`)
	topicName     = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
)

// mostTopics is the API's limit for one endpoint.
const mostTopics = 256

func createsTopics(s types.ServiceConfig) bool {
	return len(createdTopics(commandLine(s))) > 0
}

// creation are topics that a command creates, at the broker of that name.
type creation struct {
	broker string
	topics []v1alpha1.DeclaredTopic
}

func createdTopics(commands string) []creation {
	var out []creation
	for _, command := range topicCommand.FindAllString(topicContinue.ReplaceAllString(commands, " "), -1) {
		words := strings.Fields(command)
		if c := creationOf(words, words[0] == "rpk"); len(c.topics) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// creationOf reads one command's words. rpk takes the topics' names as words,
// kafka-topics by --topic and only with --create.
func creationOf(words []string, rpk bool) creation {
	if rpk {
		words = words[2:] // rpk topic
	}
	options, rest := parseWords(words[1:])
	names := options["--topic"]
	if _, create := options["--create"]; rpk {
		names = rest
	} else if !create {
		return creation{}
	}
	last := func(of ...string) string {
		for _, name := range of {
			if values := options[name]; len(values) > 0 {
				return values[len(values)-1]
			}
		}
		return ""
	}
	var c creation
	c.broker, _, _ = strings.Cut(strings.TrimPrefix(last("--bootstrap-server", "--brokers", "-X"), "brokers="), ":")
	topic := v1alpha1.DeclaredTopic{Partitions: count32(last("--partitions", "-p")), ReplicationFactor: count32(last("--replication-factor", "--replicas", "-r"))}
	for _, topic.Name = range names {
		if topicName.MatchString(topic.Name) {
			c.topics = append(c.topics, topic)
		}
	}
	return c
}

// valued are options that are followed by a value where they have no =.
var valued = []string{
	"--topic", "--partitions", "--replication-factor", "--bootstrap-server", "--config", "--command-config", "--zookeeper",
	"-p", "-r", "--replicas", "--brokers", "-X", "-c", "--topic-config",
}

func parseWords(words []string) (options map[string][]string, rest []string) {
	options = map[string][]string{}
	for i := 0; i < len(words); i++ {
		name, value, joined := strings.Cut(words[i], "=")
		switch {
		case !strings.HasPrefix(name, "-"):
			rest = append(rest, strings.Trim(words[i], `"'`))
			continue
		case !joined && slices.Contains(valued, name) && i+1 < len(words):
			i++
			value = words[i]
		}
		options[name] = append(options[name], strings.Trim(value, `"'`))
	}
	return options, rest
}

// count32 is a count of partitions or replicas, 0 where it is none.
func count32(text string) int32 {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n > 10000 {
		return 0
	}
	return int32(n)
}

// listedTopics reads KAFKA_CREATE_TOPICS: name:partitions:replicas[:policy], ...
func listedTopics(list string) []v1alpha1.DeclaredTopic {
	var out []v1alpha1.DeclaredTopic
	for item := range strings.SplitSeq(list, ",") {
		parts := append(strings.Split(strings.TrimSpace(item), ":"), "", "")
		if topicName.MatchString(parts[0]) {
			out = append(out, v1alpha1.DeclaredTopic{Name: parts[0], Partitions: count32(parts[1]), ReplicationFactor: count32(parts[2])})
		}
	}
	return out
}

// declareTopics gives each broker the topics that the project declares for it.
// The first declaration of a name counts: x-bridge's, then those of commands.
func (p *Project) declareTopics(f *Facts) error {
	brokers := f.brokers()
	top, err := p.projectBridge()
	if !brokers.add("", top) {
		err = &Error{p.At(extension, "topics"), "x-bridge.topics at the top is for a project with one broker; declare them under the broker's own x-bridge"}
	}
	for _, s := range f.Services {
		if !brokers.add(s.Name, s.Bridge.Topics) {
			err = errors.Join(err, &Error{p.At("services", s.Name, extension, "topics"), "x-bridge.topics: which broker is to have them is not clear; declare them under the broker"})
		}
	}
	for _, s := range p.services() {
		brokers.add(s.Name, listedTopics(environment(s, "KAFKA_CREATE_TOPICS")))
		for _, c := range createdTopics(commandLine(s)) {
			brokers.add(c.broker, c.topics)
		}
	}
	return err
}

// brokers of a project.
type brokers []*Service

func (f *Facts) brokers() brokers {
	var out brokers
	for i := range f.Services {
		if f.Services[i].Role.SpeaksKafka() {
			out = append(out, &f.Services[i])
		}
	}
	return out
}

// add declares topics of the broker of that name, or of the only one; false
// where there are topics and no such broker.
func (bs brokers) add(name string, topics []v1alpha1.DeclaredTopic) bool {
	i := slices.IndexFunc(bs, func(b *Service) bool { return slices.Contains(b.Names, name) })
	if i < 0 && len(bs) == 1 {
		i = 0
	}
	if i >= 0 {
		bs[i].addTopics(topics)
	}
	return i >= 0 || len(topics) == 0
}

func (s *Service) addTopics(topics []v1alpha1.DeclaredTopic) {
	for _, t := range topics {
		known := slices.ContainsFunc(s.Topics, func(o v1alpha1.DeclaredTopic) bool { return o.Name == t.Name })
		if !known && len(s.Topics) < mostTopics {
			s.Topics = append(s.Topics, t)
		}
	}
}
