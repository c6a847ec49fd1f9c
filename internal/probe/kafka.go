package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
)

func init() { probes[evidence.Kafka] = (*run).kafka }

const (
	// mostServers of a bootstrap list, and mostListeners of a cluster, that are tried.
	mostServers   = 8
	mostListeners = 32
	// offsetsTopic exists once a cluster had a consumer group. Asking for a
	// group's coordinator would create it.
	offsetsTopic = "__consumer_offsets"
)

// mostResponse of a broker, in bytes. sarama has one bound for all of a process.
const mostResponse = 512 << 10

func init() {
	sarama.MaxResponseSize = mostResponse
	// Of its own goroutines: the call that waits for one ends with its time.
	sarama.PanicHandler = func(any) {}
}

// kafka asks a Kafka cluster: the first bootstrap server that can be reached,
// then each listener that it advertises.
func (r *run) kafka(ctx context.Context) {
	conn := r.bootstrap(ctx)
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	b, ok := r.openBroker(ctx, conn)
	if !ok {
		return
	}
	defer b.close()
	metadata, ok := r.askMetadata(ctx, b)
	if !ok {
		return
	}
	if !r.stage(ctx, evidence.StageListeners, r.prober.options.Total, func(ctx context.Context) verdict { return r.listeners(ctx, metadata) }) {
		return
	}
	if len(r.settings.Topics) > 0 && !r.exchange(ctx, evidence.StageTopics, func(context.Context) verdict { return r.topics() }) {
		return
	}
	if r.settings.Group != "" {
		r.exchange(ctx, evidence.StageGroup, func(ctx context.Context) verdict { return r.group(ctx, b, metadata) })
	}
}

// askMetadata runs the stage Metadata.
func (r *run) askMetadata(ctx context.Context, b broker) (*sarama.MetadataResponse, bool) {
	started := r.prober.options.Now()
	metadata, v := r.metadata(ctx, b)
	name := evidence.StageMetadata
	if !v.passed() {
		name, v = r.whyClosed(ctx, name, v)
	}
	return metadata, r.record(name, v, r.prober.options.Now().Sub(started))
}

// bootstrap connects to the first bootstrap server that can be reached. Where
// none can, the result is that of the server that the probe got furthest with.
func (r *run) bootstrap(ctx context.Context) net.Conn {
	if len(r.settings.Servers) == 0 {
		return r.connect(ctx, evidence.HostPort{})
	}
	var best evidence.Probe
	empty := r.result
	for i, server := range r.settings.Servers[:min(len(r.settings.Servers), mostServers)] {
		r.result = empty
		if conn := r.connect(ctx, server); conn != nil {
			r.settings.Servers = []evidence.HostPort{server}
			return conn
		}
		if i == 0 || rank(r.result) > rank(best) {
			best = r.result
		}
	}
	r.result = best
	return nil
}

// rank orders the ways not to connect by what they say about the cluster: a
// refused connection says more than an unknown name. What says nothing, such as
// a server that the guard keeps the probe from, ranks above the unknown names
// too: the client may reach that server.
func rank(p evidence.Probe) int {
	switch last := p.Last(); {
	case last.Name == evidence.StageDial:
		return 3
	case last.Outcome == v1alpha1.ProbeUnknown:
		return 2
	default:
		return 1
	}
}

// listeners dials each advertised listener, all at once. Unless all can be
// reached, some partitions cannot.
func (r *run) listeners(ctx context.Context, metadata *sarama.MetadataResponse) verdict {
	brokers := metadata.Brokers[:min(len(metadata.Brokers), mostListeners)]
	found := make([]evidence.KafkaBroker, len(brokers))
	verdicts := make([]verdict, len(brokers))
	var wait sync.WaitGroup
	for i, b := range brokers {
		wait.Go(func() {
			found[i] = evidence.KafkaBroker{ID: b.ID(), Advertised: addressOf(b)}
			verdicts[i] = r.listener(ctx, found[i].Advertised)
			found[i].Code, found[i].Message = verdicts[i].code, r.redactor.Clean(verdicts[i].message, longestMessage)
		})
	}
	wait.Wait()
	r.result.Kafka.Brokers = found
	worst := verdict{}
	for i, v := range verdicts {
		if v.outcome == v1alpha1.ProbeFailed || v.outcome == v1alpha1.ProbeUnknown && worst.passed() {
			v.message = fmt.Sprintf("broker %d advertises %s: %s", found[i].ID, found[i].Advertised, v.message)
			worst = v
		}
		if worst.outcome == v1alpha1.ProbeFailed {
			break
		}
	}
	return worst
}

func (r *run) listener(ctx context.Context, advertised evidence.HostPort) verdict {
	conn, v := r.prober.reach(ctx, r.scope, advertised)
	if conn != nil {
		_ = conn.Close()
		return v
	}
	if v.code == evidence.CodeNotAllowed && isLoopback(advertised.Host) {
		return failed(evidence.CodeLoopback, "a loopback address, at which every pod finds itself")
	}
	return v
}

// topics judges the topics that the metadata told of.
func (r *run) topics() verdict {
	worst := verdict{}
	for _, t := range r.result.Kafka.Topics {
		v := verdict{}
		switch {
		case t.Code == nameOf(sarama.ErrUnknownTopicOrPartition):
			v = failed(evidence.CodeTopicMissing, "topic "+t.Name+" does not exist")
		case t.Code != "":
			v = failed(t.Code, "topic "+t.Name+": "+t.Code)
		case t.Leaderless > 0:
			v = failed(nameOf(sarama.ErrLeaderNotAvailable), fmt.Sprintf("topic %s: %d of %d partitions have no leader", t.Name, t.Leaderless, t.Partitions))
		}
		// A missing topic is more to the point than one without a leader.
		if worst.passed() || worst.code != evidence.CodeTopicMissing && v.code == evidence.CodeTopicMissing {
			worst = v
		}
	}
	return worst
}

// CreateTopic creates a Kafka topic as declared. A topic that is already there
// is success, whatever its partitions. It goes the probes' way, through the
// guard, with the credentials of the connection where they are for that server, and takes at most ten seconds.
func (p *Prober) CreateTopic(ctx context.Context, scope egress.Scope, c evidence.Connection, topic v1alpha1.DeclaredTopic) error {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := p.newRun(scope, c, v1alpha1.AsDeclared)
	if err := r.withBroker(ctx, func(b broker) error { return r.createTopic(ctx, b, topic, limit/2) }); err != nil {
		return fmt.Errorf("creating topic %s at %s: %w", topic.Name, r.result.Target, err)
	}
	return nil
}

// withBroker does something with the first bootstrap server that lets it in.
func (r *run) withBroker(ctx context.Context, do func(broker) error) error {
	conn := r.bootstrap(ctx)
	if conn == nil {
		return r.trouble()
	}
	defer func() { _ = conn.Close() }()
	b, ok := r.openBroker(ctx, conn)
	if !ok {
		return r.trouble()
	}
	defer b.close()
	return do(b)
}

func (r *run) createTopic(ctx context.Context, b broker, topic v1alpha1.DeclaredTopic, limit time.Duration) error {
	err := b.createTopic(ctx, topic, limit)
	if !errors.Is(err, sarama.ErrNotController) {
		return r.clean(err)
	}
	// Clusters with ZooKeeper take it at the controller alone.
	metadata, v := r.metadata(ctx, b)
	if !v.passed() {
		return errors.New(v.message)
	}
	controller, v := r.openListener(ctx, metadata, metadata.ControllerID)
	if !v.passed() {
		return fmt.Errorf("reaching the controller: %s", v.message)
	}
	defer controller.close()
	return r.clean(controller.createTopic(ctx, topic, limit))
}

// trouble is the stage at which a run ended, as an error.
func (r *run) trouble() error {
	last := r.result.Last()
	if last.Name == evidence.StageAccept && last.Outcome == v1alpha1.ProbePassed {
		return errNotPaired
	}
	return fmt.Errorf("stage %s: %s %s", last.Name, last.Code, last.Message)
}

func (r *run) clean(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(r.redactor.Clean(err.Error(), longestMessage))
}
