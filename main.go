// The BridgeStack operator: flags and wiring.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // the image has no certificates of its own
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/controllers"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/notify"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/workload"
)

// flags of the operator.
type flags struct {
	metrics, health string
	pprof           loopback
	leaderElect     bool
	namespaces      list
	excluded        namespaces
	clusterDomain   string
	allowHosts      list
	allowNetworks   list
	notifyHosts     list
	gitHosts        list
	accounts        permission.Accounts
	concurrency     int
	image           string
	digestRequired  bool
	kubeletMetrics  bool
	kubeletCA       string
}

// loopback is a flag for an address that only this machine reaches: a profile
// shows memory, and with it secrets.
type loopback string

func (l *loopback) String() string { return string(*l) }

func (l *loopback) Set(value string) error {
	address, err := netip.ParseAddrPort(value)
	if err != nil {
		return fmt.Errorf("want an address and a port: %w", err)
	}
	if !address.Addr().IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", address.Addr())
	}
	*l = loopback(value)
	return nil
}

// list is a flag that may be given several times or with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
	return nil
}

// namespaces is a list with a default: the first value that is given takes its place.
// One that is empty leaves none.
type namespaces struct {
	names []string
	given bool
}

func (n *namespaces) String() string { return strings.Join(n.names, ",") }

func (n *namespaces) Set(value string) error {
	if !n.given {
		n.names, n.given = nil, true
	}
	n.names = append(n.names, strings.FieldsFunc(value, func(r rune) bool { return r == ',' })...)
	return nil
}

// notOurs are the namespaces of the cluster itself.
var notOurs = []string{metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease}

func parse() flags {
	f := flags{excluded: namespaces{names: notOurs}}
	flag.StringVar(&f.metrics, "metrics-bind-address", "0", "address of the authenticated metrics endpoint, such as :8443; 0 switches it off")
	flag.StringVar(&f.health, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	flag.Var(&f.pprof, "pprof-bind-address", "loopback address for profiles (/debug/pprof), such as 127.0.0.1:6060 (default: off)")
	flag.BoolVar(&f.leaderElect, "leader-elect", false, "let only one of several replicas act at a time")
	flag.Var(&f.namespaces, "namespace", "namespace to watch; may be given several times (default: all)")
	flag.Var(&f.excluded, "exclude-namespace", "namespace in which nothing is looked at, whatever its stacks say; may be given several times or with commas, and empty for none. In config/admission, the policy stack-authors has the same list")
	flag.StringVar(&f.clusterDomain, "cluster-domain", "", "DNS domain of the cluster's Services (default: as in the operator's own resolv.conf, else cluster.local)")
	flag.Var(&f.allowHosts, "probe-allow-host", "host outside of a stack's namespace that may be probed, an absolute name such as git.example.com or db.shop.svc.cluster.local, or *.example.com; may be given several times")
	flag.Var(&f.allowNetworks, "probe-allow-network", "network, such as 10.20.0.0/16, that may be probed beside a stack's own pods and Services; may be given several times")
	flag.Var(&f.notifyHosts, "notify-allow-host", "host outside of a stack's namespace that receivers of notifications may be on, an absolute name such as git.example.com or db.shop.svc.cluster.local, or *.example.com; may be given several times")
	flag.Var(&f.gitHosts, "git-allow-host", "host outside of a stack's namespace that Git repositories may be on, an absolute name such as git.example.com or db.shop.svc.cluster.local, or *.example.com; may be given several times")
	flag.StringVar(&f.accounts.Default, "default-service-account", "", "ServiceAccount, in the stack's namespace, that has to be allowed what is written for a stack that names none (spec.serviceAccountName)")
	flag.BoolVar(&f.accounts.Required, "require-service-account", false, "write nothing for a stack that names no ServiceAccount, where there is no default one")
	flag.IntVar(&f.concurrency, "concurrency", 8, "incidents worked on at once")
	flag.StringVar(&f.image, "image", os.Getenv("OPERATOR_IMAGE"), "the operator's own image, for containers that it adds to pods; without it, it adds none (default: the environment variable OPERATOR_IMAGE)")
	flag.BoolVar(&f.digestRequired, "require-image-digest", false, "do not start with an --image that has no digest: what is put into pods is then the same image for good")
	flag.BoolVar(&f.kubeletMetrics, "kubelet-metrics", false, "ask kubelets how much containers are throttled, which takes the right to get nodes/metrics")
	flag.StringVar(&f.kubeletCA, "kubelet-certificate-authority", "", "file with the CA of the kubelets' certificates (default: the cluster's CA)")
	options := zap.Options{}
	options.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(report.Logger(options))
	return f
}

func main() {
	ctx := ctrl.SetupSignalHandler()
	if code, found := subcommand(ctx, os.Args[1:]); found {
		os.Exit(code)
	}
	f := parse() // first: --kubeconfig is one of them
	if err := run(ctx, ctrl.GetConfigOrDie(), f); err != nil {
		ctrl.Log.Error(err, "the operator stopped")
		os.Exit(1)
	}
}

func run(ctx context.Context, config *rest.Config, f flags) error {
	warning, err := checkImage(f.image, f.digestRequired)
	if err != nil {
		return err
	}
	if warning != "" {
		ctrl.Log.Info(warning, "image", f.image)
	}
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	go diagnosis.Prepare()
	config.QPS = -1 // the API server's own priority and fairness is the limit
	mgr, err := ctrl.NewManager(config, managerOptions(scheme, f))
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(protobuf(config))
	if err != nil {
		return fmt.Errorf("making a client for logs: %w", err)
	}
	options, err := probeOptions(ctx, mgr.GetAPIReader(), f)
	if err != nil {
		return err
	}
	observer, err := observerOf(mgr, clientset, f)
	if err != nil {
		return err
	}
	measured := metrics.New(metrics.Options{Cached: mgr.GetClient(), Elected: mgr.Elected(), Now: time.Now})
	if err := ctrlmetrics.Registry.Register(measured); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	recorder, err := eventRecorder(mgr, config)
	if err != nil {
		return err
	}
	wired := controllers.Options{
		Client:      mgr.GetClient(),
		APIReader:   mgr.GetAPIReader(),
		Observer:    observer,
		Prober:      probe.New(probe.Options{Dialer: egress.New(options), Observe: measured.Probe}),
		Applier:     &apply.Applier{Live: mgr.GetAPIReader(), Writer: mgr.GetClient()},
		Reporter:    &report.Reporter{Client: mgr.GetClient(), Events: recorder, Metrics: measured},
		Metrics:     measured,
		Accounts:    f.accounts,
		Excluded:    f.excluded.names,
		Sender:      &notify.Sender{Dialer: egress.New(elsewhere(options, f.notifyHosts)), Now: time.Now},
		Git:         &gitrepo.Client{Dialer: egress.New(elsewhere(options, f.gitHosts)), Now: time.Now},
		Clock:       clock.RealClock{},
		Image:       f.image,
		Concurrency: f.concurrency,
	}
	if err := controllers.SetupWithManager(mgr, wired); err != nil {
		return err
	}
	if err := fillCache(ctx, mgr.GetCache(), options.Denylist); err != nil {
		return err
	}
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return fmt.Errorf("adding health checks: %w", err)
	}
	return mgr.Start(ctx)
}

// protobuf is the configuration of a client of Kubernetes' own kinds, as the manager's
// is: in JSON, an event that someone filled with control characters has six times its
// size.
func protobuf(config *rest.Config) *rest.Config {
	out := rest.CopyConfig(config)
	out.ContentType, out.AcceptContentTypes = runtime.ContentTypeProtobuf, runtime.ContentTypeProtobuf+","+runtime.ContentTypeJSON
	return out
}

// fillCache begins to watch what no controller does: the first incident must not wait
// for it.
func fillCache(ctx context.Context, informers cache.Informers, nodes *egress.Denylist) error {
	for _, o := range []client.Object{&appsv1.ReplicaSet{}, &corev1.Service{}, &corev1.Node{}} {
		informer, err := informers.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("filling the cache of %T: %w", o, err)
		}
		if _, ok := o.(*corev1.Node); !ok {
			continue
		}
		if err := denyNodes(informer, nodes); err != nil {
			return err
		}
	}
	return nil
}

// eventRecorder writes events at a measured pace: they are for people, and where
// much happens at once they must not keep the API server from what matters more.
func eventRecorder(mgr ctrl.Manager, config *rest.Config) (events.EventRecorder, error) {
	limited := rest.CopyConfig(config)
	limited.QPS, limited.Burst = 50, 100
	clientset, err := kubernetes.NewForConfig(limited)
	if err != nil {
		return nil, fmt.Errorf("making a client for events: %w", err)
	}
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: clientset.EventsV1()})
	err = mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
			return fmt.Errorf("beginning to write events: %w", err)
		}
		<-ctx.Done()
		broadcaster.Shutdown()
		return nil
	}))
	return broadcaster.NewRecorder(mgr.GetScheme(), "bridgestack"), err
}

func observerOf(mgr ctrl.Manager, clientset kubernetes.Interface, f flags) (*observe.Reader, error) {
	options := observe.Options{
		Cached: mgr.GetClient(), Live: mgr.GetAPIReader(), Logs: observe.PodLogs(clientset.CoreV1()),
		EventWatch: observe.NewEventWatch(clientset.CoreV1(), f.namespaces...),
	}
	if err := mgr.Add(options.EventWatch); err != nil {
		return nil, fmt.Errorf("beginning to follow events: %w", err)
	}
	if f.kubeletMetrics {
		kubelets, err := observe.NewKubelets(mgr.GetConfig(), f.kubeletCA)
		if err != nil {
			return nil, fmt.Errorf("flag --kubelet-metrics: %w", err)
		}
		options.Kubelets = kubelets
	}
	return observe.New(options), nil
}

func managerOptions(scheme *runtime.Scheme, f flags) ctrl.Options {
	namespaces := map[string]cache.Config{}
	for _, n := range f.namespaces {
		namespaces[n] = cache.Config{}
	}
	return ctrl.Options{
		Scheme:                        scheme,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              "operator.bridgestack.dev",
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        f.health,
		PprofBindAddress:              string(f.pprof),
		Metrics: server.Options{
			BindAddress: f.metrics, SecureServing: true,
			FilterProvider: filters.WithAuthenticationAndAuthorization,
			TLSOpts:        []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }},
		},
		Cache: cache.Options{
			DefaultNamespaces: namespaces,
			ByObject:          cached(),
		},
		// Secrets and ConfigMaps are read one by one when a looping pod refers
		// to them, and never kept.
		Client: client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}, &corev1.Event{}}}},
	}
}

// cached is what the cache keeps of each kind.
func cached() map[client.Object]cache.ByObject {
	out := map[client.Object]cache.ByObject{
		&corev1.Pod{}:        {Transform: observe.Transform},
		&appsv1.ReplicaSet{}: {Transform: observe.TransformReplicaSet},
		&corev1.Service{}:    {Transform: cache.TransformStripManagedFields()},
		&corev1.Node{}:       {Transform: observe.TransformNode},
	}
	for _, o := range workload.Objects() {
		out[o] = cache.ByObject{Transform: observe.TransformWorkload}
	}
	return out
}

// probeOptions denies probes the API server and the nodes, whatever a stack says.
func probeOptions(ctx context.Context, live client.Reader, f flags) (egress.Options, error) {
	options := egress.Options{AllowedHosts: f.allowHosts}
	// All pods inherit the search domains of their nodes, the operator's too.
	if text, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		options.ClusterDomain, options.SearchDomains = egress.ParseResolvConf(string(text))
	}
	options.ClusterDomain = cmp.Or(f.clusterDomain, options.ClusterDomain)
	for _, text := range f.allowNetworks {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return options, fmt.Errorf("flag --probe-allow-network: %w", err)
		}
		options.AllowedNetworks = append(options.AllowedNetworks, network)
	}
	addresses, err := apiServer(ctx, live)
	if err != nil {
		return options, fmt.Errorf("finding the addresses that probes must never reach: %w", err)
	}
	if options.Denylist, err = nodes(ctx, live); err != nil {
		return options, fmt.Errorf("finding the nodes, which probes must never reach: %w", err)
	}
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err == nil {
			options.DeniedNetworks = append(options.DeniedNetworks, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return options, nil
}

// elsewhere lets receivers and Git be elsewhere than what is probed: what the
// admin allowed to be probed is no place for tenants to send to.
func elsewhere(probes egress.Options, hosts []string) egress.Options {
	probes.AllowedHosts, probes.AllowedNetworks = hosts, nil
	return probes
}

// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=list
// +kubebuilder:rbac:groups="",resources=services,resourceNames=kubernetes,verbs=get

// apiServer are the addresses of the API server.
func apiServer(ctx context.Context, live client.Reader) ([]string, error) {
	var out []string
	var service corev1.Service
	if err := live.Get(ctx, client.ObjectKey{Namespace: corev1.NamespaceDefault, Name: "kubernetes"}, &service); err != nil {
		return nil, fmt.Errorf("reading Service default/kubernetes: %w", err)
	}
	out = append(out, service.Spec.ClusterIPs...)
	var slices discoveryv1.EndpointSliceList
	if err := live.List(ctx, &slices, client.InNamespace(corev1.NamespaceDefault), client.MatchingLabels{discoveryv1.LabelServiceName: "kubernetes"}); err != nil {
		return nil, fmt.Errorf("listing the API server's endpoints: %w", err)
	}
	for _, s := range slices.Items {
		for _, e := range s.Endpoints {
			out = append(out, e.Addresses...)
		}
	}
	return out, nil
}

// nodes are the addresses of the nodes that there are now; see denyNodes.
func nodes(ctx context.Context, live client.Reader) (*egress.Denylist, error) {
	list := &egress.Denylist{}
	var found corev1.NodeList
	if err := live.List(ctx, &found); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	for i := range found.Items {
		denyNode(list, &found.Items[i])
	}
	return list, nil
}

// denyNodes denies nodes from the moment on that they join the cluster.
func denyNodes(informer cache.Informer, list *egress.Denylist) error {
	_, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { denyNode(list, o) },
		UpdateFunc: func(_, o any) { denyNode(list, o) },
		DeleteFunc: func(o any) {
			if gone, unseen := o.(toolscache.DeletedFinalStateUnknown); unseen {
				o = gone.Obj
			}
			if node, ok := o.(*corev1.Node); ok {
				list.Set(node.Name, nil)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching nodes, which probes must never reach: %w", err)
	}
	return nil
}

func denyNode(list *egress.Denylist, o any) {
	node, ok := o.(*corev1.Node)
	if !ok {
		return
	}
	var addresses []string
	for _, a := range node.Status.Addresses {
		addresses = append(addresses, a.Address)
	}
	list.Set(node.Name, addresses)
}
