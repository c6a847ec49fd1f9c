package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// sightings are when what happens could be seen, by whoever watches the API server.
type sightings struct {
	mu sync.Mutex
	// crashed is when the first change of a pod was seen, by namespace/pod.
	crashed map[string]time.Time
	// found is what was found, by namespace/workload.
	found map[string]found
	err   error
	stop  context.CancelFunc
	done  sync.WaitGroup
}

type found struct {
	at    time.Time
	cause v1alpha1.Cause
	// names of its diagnoses.
	names map[string]bool
}

// look begins to watch pods and diagnoses.
func (l *load) look(ctx context.Context) (*sightings, error) {
	ctx, stop := context.WithCancel(ctx)
	s := &sightings{crashed: map[string]time.Time{}, found: map[string]found{}, stop: stop}
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	for list, saw := range map[client.ObjectList]func(client.Object, time.Time){pods: s.sawPod, &v1alpha1.BridgeDiagnosisList{}: s.sawDiagnosis} {
		events, err := l.watchFromNow(ctx, list)
		if err != nil {
			stop()
			return nil, err
		}
		s.done.Go(func() { s.follow(ctx, events, saw) })
	}
	return s, nil
}

func (l *load) watchFromNow(ctx context.Context, list client.ObjectList) (watch.Interface, error) {
	if err := l.List(ctx, list, client.Limit(1)); err != nil {
		return nil, fmt.Errorf("list %T: %w", list, err)
	}
	events, err := l.Watch(ctx, list, &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
	if err != nil {
		return nil, fmt.Errorf("watch %T: %w", list, err)
	}
	return events, nil
}

func (s *sightings) follow(ctx context.Context, events watch.Interface, saw func(client.Object, time.Time)) {
	defer events.Stop()
	for event := range events.ResultChan() {
		now := time.Now()
		object, ok := event.Object.(client.Object)
		if !ok || event.Type == watch.Error {
			s.fail(ctx, fmt.Errorf("a watch ended: %v", event.Object))
			return
		}
		saw(object, now)
	}
	s.fail(ctx, errors.New("the API server ended a watch"))
}

// fail notes an error, if it is not that nobody watches any more.
func (s *sightings) fail(ctx context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() == nil {
		s.err = err
	}
}

func (s *sightings) sawPod(o client.Object, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := o.GetNamespace() + "/" + o.GetName()
	if _, seen := s.crashed[key]; !seen {
		s.crashed[key] = now
	}
}

func (s *sightings) sawDiagnosis(o client.Object, now time.Time) {
	d, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := d.Namespace + "/" + d.Spec.Workload.Name
	f := s.found[key]
	if f.names == nil {
		f.names = map[string]bool{}
	}
	f.names[d.Name] = true
	if d.Status.Cause != "" {
		f.cause = d.Status.Cause
		if f.at.IsZero() {
			f.at = now
		}
	}
	s.found[key] = f
}

// end stops watching.
func (s *sightings) end() error {
	s.stop()
	s.done.Wait()
	return s.err
}

// count how many of the services have a diagnosis.
func (s *sightings) count(services []*service) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, svc := range services {
		if !s.found[svc.namespace+"/"+svc.name].at.IsZero() {
			n++
		}
	}
	return n, s.err
}

// await that all have one, for so long.
func (s *sightings) await(ctx context.Context, services []*service, patience time.Duration) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		n, err := s.count(services)
		if err != nil || n == len(services) {
			return err
		}
		if err := wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil // who is missing is told in the end
}

// outcome of services that began to loop.
type outcome struct {
	// latencies from the pod's change being visible to its cause being visible.
	latencies []time.Duration
	// last is when the last cause was visible.
	last time.Time
	// lost have no diagnosis, twice more than one, wrong another cause.
	lost, twice, wrong int
}

func (s *sightings) outcome(services []*service) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out outcome
	for _, svc := range services {
		f, crashed := s.found[svc.namespace+"/"+svc.name], s.crashed[svc.namespace+"/"+svc.pod.Name]
		if f.at.IsZero() || crashed.IsZero() {
			out.lost++
			continue
		}
		if len(f.names) > 1 {
			out.twice++
		}
		if f.cause != faultOf(svc.pod.Name).cause {
			out.wrong++
		}
		out.latencies = append(out.latencies, f.at.Sub(crashed))
		if f.at.After(out.last) {
			out.last = f.at
		}
	}
	return out
}
