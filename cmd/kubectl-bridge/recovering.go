package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// What a recovery remembers, so that it can go on after it was interrupted.
const (
	// annotationReplicas on a workload is how many it had.
	annotationReplicas = "bridgestack.dev/recover-replicas"
	// annotationRecovering on the stack is what was under way, down or up, and
	// whether the stack was paused before.
	annotationRecovering = "bridgestack.dev/recovering"
)

// perform the recovery, from where an earlier one was interrupted.
func (r *restart) perform(ctx context.Context, out io.Writer) error {
	phase, paused := r.before()
	if phase != "" {
		fmt.Fprintf(out, "an earlier recovery was interrupted while services went %s: it goes on from there\n", phase)
	}
	if phase != "up" {
		if err := r.note(ctx, "down", paused); err != nil {
			return err
		}
		for _, wave := range slices.Backward(r.waves) {
			if err := r.each(ctx, out, wave, r.down, r.isDown, "down"); err != nil {
				return r.interrupted(err)
			}
		}
		if err := r.note(ctx, "up", paused); err != nil {
			return r.interrupted(err)
		}
	}
	for _, wave := range r.waves {
		if err := r.each(ctx, out, wave, r.up, r.isUp, "up"); err != nil {
			return r.interrupted(err)
		}
	}
	if err := r.note(ctx, "", paused); err != nil {
		return r.interrupted(err)
	}
	fmt.Fprintf(out, "stack %s/%s is up again%s\n", r.owner.Namespace, r.owner.Name, r.dryRun.suffix())
	return nil
}

// before is the phase of an interrupted recovery, and whether the stack was
// paused before it.
func (r *restart) before() (phase string, paused bool) {
	phase, was, noted := strings.Cut(r.owner.Annotations[annotationRecovering], "/")
	if !noted {
		return "", r.owner.Spec.Paused
	}
	return phase, was == "paused"
}

// note the phase on the stack, which is paused in each; none is the end.
func (r *restart) note(ctx context.Context, phase string, paused bool) error {
	var annotation, pausing any = phase + "/" + map[bool]string{true: "paused", false: "running"}[paused], true
	if phase == "" {
		annotation, pausing = nil, nil
		if paused {
			pausing = true
		}
	}
	return r.change(ctx, &r.owner, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{annotationRecovering: annotation}},
		"spec":     map[string]any{"paused": pausing},
	}, &r.recovery.dryRun)
}

func (r *restart) interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("%w. Stack %s/%s stays paused; the same command goes on from here, once that is put right", err, r.owner.Namespace, r.owner.Name)
}

// each service of a wave is scaled; then all are waited for.
func (r *restart) each(ctx context.Context, out io.Writer, wave []stack.Service, scale func(context.Context, stack.Service) (string, error),
	done func(context.Context, stack.Service) (string, error), word string) error {
	for _, service := range wave {
		said, err := scale(ctx, service)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s%s\n", service.Name, said, r.recovery.dryRun.suffix())
	}
	if r.recovery.dryRun != "none" {
		return nil
	}
	begin := time.Now()
	for _, service := range wave {
		if err := r.await(ctx, service, done, word); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s after %s\n", service.Name, word, time.Since(begin).Round(time.Second))
	}
	return nil
}

// await that a service is down, or up.
func (r *restart) await(ctx context.Context, service stack.Service, done func(context.Context, stack.Service) (string, error), word string) error {
	deadline := time.Now().Add(r.timeout)
	for {
		left, err := done(ctx, service)
		switch {
		case err != nil:
			return err
		case left == "":
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("%s is not %s after %s: %s; `kubectl bridge status -n %s %s` shows more", service.Name, word, r.timeout, left, r.owner.Namespace, r.owner.Name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.every):
		}
	}
}

// live reads the workload of a service anew.
func (r *restart) live(ctx context.Context, service stack.Service) (workload.Workload, error) {
	named := service.Workload
	w, err := lookup.Get(ctx, r.client, workload.Ref{Kind: named.Kind, Namespace: r.owner.Namespace, Name: named.Name})
	switch {
	case err != nil:
		return nil, explained(fmt.Errorf("reading %s: %w", named, err))
	case !workload.TraitsOf(named.Kind).Scalable:
		return nil, fmt.Errorf("%s cannot be scaled", named)
	}
	return w, nil
}

// rememberedReplicas of a workload that was scaled down.
func rememberedReplicas(w workload.Workload) (n int32, remembered bool, err error) {
	text, remembered := w.Object().GetAnnotations()[annotationReplicas]
	if !remembered {
		return 0, false, nil
	}
	parsed, err := strconv.ParseInt(text, 10, 32)
	if err != nil || parsed < 0 {
		return 0, true, fmt.Errorf("annotation %s of %s is %q and no number of replicas: put it right, or remove it", annotationReplicas, workload.RefOf(w), text)
	}
	return int32(parsed), true, nil
}

// down remembers the replicas and sets them to 0, in one write.
func (r *restart) down(ctx context.Context, service stack.Service) (string, error) {
	said := ""
	err := r.scale(ctx, service, func(w workload.Workload) (replicas int32, annotation any, change bool, err error) {
		desired := w.Replicas().Desired
		if desired == 0 {
			said = "has no replicas"
			return 0, nil, false, nil
		}
		said = fmt.Sprintf("replicas: %d -> 0", desired)
		return 0, strconv.Itoa(int(desired)), true, nil
	})
	return said, err
}

// up sets the replicas to what they were, and forgets that.
func (r *restart) up(ctx context.Context, service stack.Service) (string, error) {
	said := ""
	err := r.scale(ctx, service, func(w workload.Workload) (replicas int32, annotation any, change bool, err error) {
		desired := w.Replicas().Desired
		n, remembered, err := rememberedReplicas(w)
		if r.recovery.dryRun != "none" && !remembered { // as nothing was written
			n, remembered = desired, true
		}
		if err != nil || !remembered {
			said = "was brought up already"
			return 0, nil, false, err
		}
		said = fmt.Sprintf("replicas: %d -> %d", desired, max(n, desired))
		return max(n, desired), nil, true, nil // someone may have begun by hand
	})
	return said, err
}

// scale writes replicas and annotation where the workload is as it was read, else
// reads it again.
func (r *restart) scale(ctx context.Context, service stack.Service, decide func(workload.Workload) (int32, any, bool, error)) error {
	for {
		w, err := r.live(ctx, service)
		if err != nil {
			return err
		}
		n, annotation, change, err := decide(w)
		if err != nil || !change {
			return err
		}
		patch, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"uid": w.Object().GetUID(), "resourceVersion": w.Object().GetResourceVersion(), "annotations": map[string]any{annotationReplicas: annotation}},
			"spec":     map[string]any{"replicas": n},
		})
		if err != nil {
			return fmt.Errorf("writing a patch: %w", err)
		}
		err = r.client.Patch(ctx, w.Object(), client.RawPatch(types.MergePatchType, patch), r.recovery.dryRun.options()...)
		if apierrors.IsConflict(err) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return explained(fmt.Errorf("scaling %s: %w", service.Workload, err))
		}
		return nil
	}
}

// isDown says what is left of a service's pods.
func (r *restart) isDown(ctx context.Context, service stack.Service) (string, error) {
	w, err := r.live(ctx, service)
	if err != nil {
		return "", err
	}
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, client.InNamespace(r.owner.Namespace), lookup.Selected(w)); err != nil {
		return "", explained(fmt.Errorf("listing the pods of %s: %w", workload.RefOf(w), err))
	}
	for _, p := range pods.Items {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			return fmt.Sprintf("pod %s is still there", p.Name), nil
		}
	}
	return "", nil
}

// isUp says what a service lacks to be ready.
func (r *restart) isUp(ctx context.Context, service stack.Service) (string, error) {
	w, err := r.live(ctx, service)
	if err != nil {
		return "", err
	}
	n := w.Replicas()
	if w.ObservedGeneration() < w.Object().GetGeneration() || n.Ready < n.Desired {
		return fmt.Sprintf("%d of %d replicas are ready", n.Ready, n.Desired), nil
	}
	return "", nil
}

// loses says why the data of a service would be lost with its pods, empty where
// it has none or they are on a volume that stays.
func loses(w workload.Workload, service stack.Service) string {
	switch claims := w.VolumeClaims(); {
	case claims.DeletedWhenScaled:
		return fmt.Sprintf("spec.persistentVolumeClaimRetentionPolicy.whenScaled of %s deletes its volumes when it is scaled down", workload.RefOf(w))
	case claims.Any:
		return ""
	}
	if kind, declared := server.OfEndpoint(service.Endpoint); !declared || !kind.KeepsData {
		return ""
	}
	if slices.ContainsFunc(w.Template().Spec.Volumes, stays) {
		return ""
	}
	return fmt.Sprintf("it is a database or broker, and %s has no persistent volume", workload.RefOf(w))
}

// stays says that a volume outlives the pod.
func stays(v corev1.Volume) bool {
	return v.PersistentVolumeClaim != nil || v.HostPath != nil || v.NFS != nil || v.CSI != nil
}
