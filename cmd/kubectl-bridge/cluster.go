package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"time"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/observe"
)

// requestTimeout is for one answer of the API server, unless a flag says otherwise.
const requestTimeout = 30 * time.Second

// access is the cluster that kubectl's own flags and files name.
type access struct {
	flags *genericclioptions.ConfigFlags
}

// newAccess adds kubectl's flags: --kubeconfig, --context, --namespace and so on.
func newAccess(flags *pflag.FlagSet) *access {
	a := &access{flags: genericclioptions.NewConfigFlags(false)}
	a.flags.AddFlags(flags)
	return a
}

// connection to a cluster.
type connection struct {
	namespace string
	config    *rest.Config
	client    client.Client
}

func (a *access) connect() (connection, error) {
	config, err := a.flags.ToRESTConfig()
	if err != nil {
		return connection{}, explained(fmt.Errorf("finding the cluster: %w", err))
	}
	config.Timeout = cmp.Or(config.Timeout, requestTimeout)
	config.QPS, config.Burst = 50, 100        // one person's questions, which wait for each other
	config.WarningHandler = rest.NoWarnings{} // they are about what is written, and this only reads
	namespace, _, err := a.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return connection{}, explained(fmt.Errorf("finding the namespace: %w", err))
	}
	c, err := client.New(config, client.Options{Scheme: kinds})
	if err != nil {
		return connection{}, explained(fmt.Errorf("connecting to %s: %w", config.Host, err))
	}
	return connection{namespace: namespace, config: config, client: c}, nil
}

// kinds that verbs read and write.
var kinds = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}()

// observer reads the cluster as the operator does, with the caller's rights.
func (c connection) observer(logs observe.LogStreamer) (*observe.Reader, error) {
	if logs == nil {
		clientset, err := kubernetes.NewForConfig(c.config)
		if err != nil {
			return nil, fmt.Errorf("making a client for logs: %w", err)
		}
		logs = observe.PodLogs(clientset.CoreV1())
	}
	return observe.New(observe.Options{Cached: c.client, Live: c.client, Logs: logs}), nil
}

// explained adds, on the same line, what to do next to errors that a person can
// do something about.
func explained(err error) error {
	var unreachable net.Error
	switch {
	case err == nil:
		return nil
	case clientcmd.IsEmptyConfig(err), clientcmd.IsContextNotFound(err), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w. Name a cluster with --kubeconfig or --context; `kubectl config get-contexts` lists those that you have", err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%w. The cluster does not know you: log in again, or name another user with --context", err)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("%w. Ask whoever manages the cluster for this right, or name another user with --context or --as", err)
	case meta.IsNoMatchError(err):
		return fmt.Errorf("%w. Install the operator first: kubectl apply --server-side -k config/default", err)
	case errors.As(err, &unreachable):
		return fmt.Errorf("%w. The cluster cannot be reached: is it up, and is this its address? `kubectl config view --minify` shows it", err)
	}
	return err
}
