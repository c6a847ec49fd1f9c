package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// report bundles what helps someone else to find a fault.
type report struct {
	access *access
	file   string
	// logs are read through the API server unless this is set.
	logs observe.LogStreamer
}

func reportCommand() *cobra.Command {
	var r report
	command := &cobra.Command{
		Use:   "report STACK|DIAGNOSIS",
		Short: "Write a redacted bundle about a stack for a bug report",
		Long: `Writes a zip file with the stack's policy and diagnoses, its page and timeline, the version of the operator, and of each
looping container the evidence as kubectl bridge classify reads it. Secrets are redacted; read it before you send it on:
the names of hosts, images and services are in it. What could not be read is listed in it.`,
		Example: `  kubectl bridge report omninode-bridge
  kubectl bridge report event-publisher-1803b6 -f bug.zip`,
		RunE: func(command *cobra.Command, args []string) error { return r.run(command, args[0]) },
	}
	badArgs(command, cobra.ExactArgs(1))
	flags := command.Flags()
	flags.StringVarP(&r.file, "file", "f", "", "file to write, which must not exist (default: bridge-report-STACK-TIME.zip)")
	r.access = newAccess(flags)
	command.ValidArgsFunction = completing(r.access, namedStacks)
	return command
}

func (r *report) run(command *cobra.Command, name string) error {
	cluster, err := r.access.connect()
	if err != nil {
		return err
	}
	ctx := command.Context()
	owner, err := cluster.stackOf(ctx, name)
	if err != nil {
		return err
	}
	if r.file == "" {
		r.file = fmt.Sprintf("bridge-report-%s-%s.zip", owner.Name, time.Now().UTC().Format("20060102T150405Z"))
	}
	file, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return badInput{fmt.Errorf("making the bundle: %w", err)}
	}
	b := &bundle{connection: cluster, zip: zip.NewWriter(file), redactor: redact.New(), logs: r.logs}
	err = errors.Join(b.write(ctx, owner), b.zip.Close(), file.Close())
	if err != nil {
		return errors.Join(err, os.Remove(r.file))
	}
	fmt.Fprintf(command.OutOrStdout(), "wrote %s: read it before you send it on\n", r.file)
	for _, m := range b.missing {
		fmt.Fprintf(command.ErrOrStderr(), "missing in it: %s\n", m)
	}
	return nil
}

// stackOf that name, or the stack of the diagnosis of that name.
func (c connection) stackOf(ctx context.Context, name string) (v1alpha1.BridgeStack, error) {
	owner, err := c.stack(ctx, c.namespace, name)
	if err == nil {
		return owner, nil
	}
	var d v1alpha1.BridgeDiagnosis
	if c.client.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: name}, &d) == nil {
		return c.stack(ctx, c.namespace, d.Spec.Stack)
	}
	return owner, err
}

// bundle is a zip file in the making.
type bundle struct {
	connection
	zip      *zip.Writer
	redactor *redact.Redactor
	logs     observe.LogStreamer
	missing  []string
}

func (b *bundle) lacks(what string, err error) {
	if err != nil {
		b.missing = append(b.missing, b.redactor.Clean(what+": "+explained(err).Error(), 2048))
	}
}

func (b *bundle) write(ctx context.Context, owner v1alpha1.BridgeStack) error {
	in, err := b.contentsOf(ctx, owner.Namespace)
	if err != nil {
		return err
	}
	b.missing = append(b.missing, in.missing...)
	var errSecrets error
	b.redactor, errSecrets = b.redactorOf(ctx, in.pods) // of all, before anything is written
	b.lacks("the values of some Secrets, which are known by their form only", errSecrets)
	owner.ManagedFields, owner.Annotations = nil, nil // annotations may hold whole manifests
	diagnoses := in.of(owner.Name)
	for i := range diagnoses {
		diagnoses[i].ManagedFields, diagnoses[i].Annotations = nil, nil
	}
	line, errLine := b.timeline(ctx, owner, 24*time.Hour)
	b.lacks("the timeline", errLine)
	err = errors.Join(
		b.object("stack.yaml", owner),
		b.object("diagnoses.yaml", diagnoses),
		b.text("status.txt", b.page(ctx, owner, in).Text(time.Now(), page.Style{Wide: true, Width: 200})),
		b.text("timeline.txt", line.Text(page.Style{})),
		b.captures(ctx, diagnoses),
		b.text("operator.txt", b.operators(ctx)),
	)
	// Last, as it tells of all the others.
	return errors.Join(err, b.text("missing.txt", strings.Join(append(b.missing, ""), "\n")))
}

func (b *bundle) text(name, text string) error {
	w, err := b.zip.Create(name)
	if err == nil {
		_, err = io.WriteString(w, b.redactor.Text(text))
	}
	if err != nil {
		return fmt.Errorf("writing %s into the bundle: %w", name, err)
	}
	return nil
}

func (b *bundle) object(name string, value any) error {
	masked, err := observe.Masked(value, b.redactor)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(masked)
	if err != nil {
		return fmt.Errorf("writing %s as YAML: %w", name, err)
	}
	return b.text(name, string(text))
}

// captures are the evidence on each container that loops. Without the values of
// the pod's Secrets there is none: they could not be kept out of it.
func (b *bundle) captures(ctx context.Context, diagnoses []v1alpha1.BridgeDiagnosis) error {
	for _, d := range diagnoses {
		if d.Status.State.Final() || d.Status.Loop == nil {
			continue
		}
		taker := capture{container: d.Spec.Container, logs: b.logs}
		document, missing, err := taker.take(ctx, b.connection, d.Namespace, d.Status.Loop.Pod)
		b.lacks("the evidence on "+d.Name, errors.Join(err, missing))
		if err != nil {
			continue
		}
		text, err := json.Marshal(document)
		if err != nil {
			return fmt.Errorf("writing the evidence on %s: %w", d.Name, err)
		}
		if err := b.text("evidence/"+d.Name+".jsonl", string(text)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// operators are the images of the operators in the cluster.
func (b *bundle) operators(ctx context.Context) string {
	all, err := lookup.List(ctx, b.client, "", client.MatchingLabels{"app.kubernetes.io/name": "bridgestack"})
	if err != nil && !apierrors.IsNotFound(err) {
		b.lacks("the operator's version", err)
	}
	var out strings.Builder
	for _, w := range all {
		n := w.Replicas()
		for _, c := range w.Template().Spec.Containers {
			fmt.Fprintf(&out, "%s/%s %s ready %d/%d\n", w.Object().GetNamespace(), w.Object().GetName(), c.Image, n.Ready, n.Desired)
		}
	}
	return out.String()
}
