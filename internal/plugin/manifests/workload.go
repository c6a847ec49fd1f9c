package manifests

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/plugin/images"
	"github.com/bridgestack/operator/internal/workload"
)

// unitOf prepares a service: everything but the workload around the pod.
func (b *builder) unitOf(s compose.Service) *unit {
	u := &unit{builder: b, Service: s, name: b.names[s.Name], ports: b.podPorts(s)}
	config := b.Project.Model.Services[s.Name]
	// A compose container has no token for the cluster, and knows no other
	// service by variables such as POSTGRES_PORT=tcp://10.96.0.9:5432.
	u.pod = corev1.PodSpec{EnableServiceLinks: new(false), AutomountServiceAccountToken: new(false)}
	u.container = corev1.Container{
		Name: u.name, Image: u.image(config), WorkingDir: config.WorkingDir, Stdin: config.StdinOpen, TTY: config.Tty,
		Command: u.arguments("entrypoint", config.Entrypoint), Args: u.arguments("command", config.Command),
		Resources: u.resources(config), ImagePullPolicy: pullPolicy(config.PullPolicy),
	}
	for _, p := range u.servicePorts(u.portsOf(s)) {
		c := corev1.ContainerPort{ContainerPort: p.Port, Protocol: p.Protocol}
		if p.Protocol == corev1.ProtocolTCP {
			c.Protocol = "" // the default
		}
		u.container.Ports = append(u.container.Ports, c)
	}
	u.probes()
	u.security(config)
	u.mounts(config)
	u.groups(config)
	u.waiters()
	u.pod.InitContainers = append(u.pod.InitContainers, u.seedsAs(u.container.SecurityContext)...)
	u.hosts(config)
	u.place(config)
	u.hooks(config)
	u.host(config)
	if g := config.StopGracePeriod; g != nil {
		period := int64(time.Duration(*g).Round(time.Second).Seconds())
		u.pod.TerminationGracePeriodSeconds = &period
	}
	u.container.Env = append(u.env(), u.added...)
	slices.SortStableFunc(u.container.Env, func(a, b corev1.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	u.pod.Containers = []corev1.Container{u.container}
	u.tell()
	return u
}

// seedsAs are the init containers that fill volumes, as the user of the container.
func (u *unit) seedsAs(security *corev1.SecurityContext) []corev1.Container {
	for i := range u.seeds {
		u.seeds[i].SecurityContext = security.DeepCopy()
	}
	return u.seeds
}

// tell why it is what it is.
func (u *unit) tell() {
	if u.name != u.Name {
		u.noteAt([]string{"services", u.Name}, fmt.Sprintf("%s cannot be the name of a Service: it is %s here", u.Name, u.name))
	}
	switch {
	case u.oneShot() && u.OneShotGuessed:
		u.note(u.Name, "command", "it is a Job, as "+u.OneShotReason+"; x-bridge: {oneShot: false} makes it go on")
	case u.OneShotGuessed:
		u.note(u.Name, "restart", "it goes on, though "+u.OneShotReason+"; x-bridge: {oneShot: true} makes it a Job")
	case u.oneShot():
		u.decide("restart", "a Job, as "+u.OneShotReason)
	case u.OneShotReason != "":
		u.decide("restart", "no Job, as "+u.OneShotReason)
	}
	if !u.oneShot() && u.joins(u.Name) == "" {
		u.tellPorts()
	}
}

func (u *unit) tellPorts() {
	var list []string
	for _, p := range u.servicePorts(u.ports) {
		list = append(list, p.Name)
	}
	switch {
	case len(list) > 0:
		u.decide("ports", "its Service has "+strings.Join(list, ", ")+": what it publishes, exposes, checks, is known for, or is addressed at")
	case len(u.ports) == 0:
		u.decide("ports", "its Service has no port and leads to the pods themselves, as nothing says where it listens")
	}
	if len(u.templates) > 0 {
		u.decide("volumes", "a StatefulSet, as it keeps data that nobody else has; each claim is of "+claimed+", as compose does not say")
	}
}

// image is what compose builds under that name where none is named.
func (u *unit) image(s types.ServiceConfig) string {
	name := u.imageName(s)
	switch {
	case s.Image == "":
		u.note(u.Name, "build", fmt.Sprintf("the image is built by compose only: push it to a registry and put its name in the place of %s", name))
	case s.Build != nil:
		u.note(u.Name, "build", fmt.Sprintf("%s is built by compose: build and push it, so that the nodes can pull it", name))
	}
	return name
}

func (b *builder) imageName(s types.ServiceConfig) string {
	return cmp.Or(s.Image, b.project+"-"+b.names[s.Name])
}

func pullPolicy(p string) corev1.PullPolicy {
	switch p {
	case types.PullPolicyAlways:
		return corev1.PullAlways
	case types.PullPolicyNever:
		return corev1.PullNever
	case types.PullPolicyIfNotPresent, types.PullPolicyMissing:
		return corev1.PullIfNotPresent
	}
	return ""
}

func (u *unit) oneShot() bool { return u.Service.OneShot }

// oneShot services run to their end: a Job.
func (b *builder) oneShot(s compose.Service) bool { return s.OneShot }

// resources are limits and reservations. Compose takes more reserved than
// allowed; Kubernetes does not.
func (u *unit) resources(config types.ServiceConfig) corev1.ResourceRequirements {
	var out corev1.ResourceRequirements
	set := func(list *corev1.ResourceList, name corev1.ResourceName, q *resource.Quantity) {
		if q.Sign() <= 0 {
			return
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = *q
	}
	set(&out.Limits, corev1.ResourceMemory, bytesOf(u.Limits.Memory))
	set(&out.Limits, corev1.ResourceCPU, resource.NewMilliQuantity(u.Limits.CPU, resource.DecimalSI))
	set(&out.Requests, corev1.ResourceMemory, bytesOf(u.Reservations.Memory))
	set(&out.Requests, corev1.ResourceCPU, resource.NewMilliQuantity(u.Reservations.CPU, resource.DecimalSI))
	for name, request := range out.Requests {
		if limit, limited := out.Limits[name]; limited && request.Cmp(limit) > 0 {
			u.note(u.Name, "deploy", fmt.Sprintf("more %s is reserved than the limit allows: the limit is requested", name))
			out.Requests[name] = limit
		}
	}
	if len(out.Limits)+len(out.Requests) > 0 {
		u.decide("deploy", "its limits and requests are those of the file")
	}
	if n := gpus(config); n > 0 {
		set(&out.Limits, "nvidia.com/gpu", resource.NewQuantity(n, resource.DecimalSI))
		u.note(u.Name, "deploy", fmt.Sprintf("GPUs are asked for as nvidia.com/gpu: %d, which a device plugin must offer", n))
	}
	return out
}

// bytesOf prints as 64Mi rather than 67108864 where it is that.
func bytesOf(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.BinarySI) }

func gpus(config types.ServiceConfig) int64 {
	n := int64(0)
	add := func(d types.DeviceRequest) {
		n = max(n, int64(d.Count), int64(len(d.IDs)), 1)
	}
	for _, d := range config.Gpus {
		add(d)
	}
	if config.Deploy != nil && config.Deploy.Resources.Reservations != nil {
		for _, d := range config.Deploy.Resources.Reservations.Devices {
			if slices.ContainsFunc(d.Capabilities, func(c string) bool { return c == "gpu" || c == "nvidia" }) || d.Driver == "nvidia" {
				add(d)
			}
		}
	}
	return n
}

// hosts are names that are in no DNS.
func (u *unit) hosts(config types.ServiceConfig) {
	for _, host := range sortedKeys(config.ExtraHosts) {
		for _, ip := range config.ExtraHosts[host] {
			if ip == "host-gateway" {
				u.note(u.Name, "extra_hosts", host+" is the machine that compose runs on: there is none here")
				continue
			}
			u.pod.HostAliases = append(u.pod.HostAliases, corev1.HostAlias{IP: ip, Hostnames: []string{host}})
		}
	}
	if len(config.DNS) > 0 {
		u.note(u.Name, "dns", "the cluster's DNS is used: another one would not know the project's own names")
	}
	if len(config.DNSSearch)+len(config.DNSOpts) > 0 {
		u.pod.DNSConfig = &corev1.PodDNSConfig{Searches: config.DNSSearch}
		for _, o := range config.DNSOpts {
			name, value, valued := strings.Cut(o, ":")
			option := corev1.PodDNSConfigOption{Name: name}
			if valued {
				option.Value = &value
			}
			u.pod.DNSConfig.Options = append(u.pod.DNSConfig.Options, option)
		}
	}
}

// hostname of the pod: the one that is given or, where the server listens at its
// own name, that. The pod's /etc/hosts has it then, with the pod's own address.
func (u *unit) hostname(config types.ServiceConfig) string {
	given, _, _ := strings.Cut(config.Hostname, ".")
	if config.Hostname == u.Name {
		given = u.name
	}
	switch {
	case given != "" && isDNS(given) && (u.bindsItself() || !u.keepsData() || namesData[images.Repository(u.Service.Image)]):
		return given
	case u.bindsItself():
		return u.name
	}
	return ""
}

// namesData are images that keep their data under the name of their host.
var namesData = map[string]bool{"rabbitmq": true}

// host is what the pod has of a host, or is called like one.
func (u *unit) host(config types.ServiceConfig) {
	u.pod.Hostname = u.hostname(config)
	switch given := config.Hostname; {
	case given != "" && u.pod.Hostname == "" && len(u.templates) > 0:
		u.note(u.Name, "hostname", fmt.Sprintf("the pod's own name is its host name in a StatefulSet: %s-0; %s leads to it by its Service", u.name, given))
	case u.pod.Hostname != "":
		u.fullName(config)
	}
	u.namespaces(config)
}

// mostHostName is how long a host's name may be for Linux.
const mostHostName = 64

// fullName is a host name with its domain, as mail servers ask for it.
func (u *unit) fullName(config types.ServiceConfig) {
	name := config.Hostname
	if config.DomainName != "" && !strings.Contains(name, ".") {
		name += "." + config.DomainName
	}
	switch {
	case !strings.Contains(name, ".") || name == u.Name || config.NetworkMode == "host":
	case len(name) > mostHostName || len(validation.IsDNS1123Subdomain(name)) > 0:
		u.note(u.Name, "hostname", fmt.Sprintf("a pod's host name cannot be %s: it is %s", name, u.pod.Hostname))
	default:
		u.pod.HostnameOverride = &name
		u.note(u.Name, "hostname", fmt.Sprintf("the pod is called %s by hostnameOverride, which Kubernetes knows from 1.35 on: take it away for an older one", name))
	}
}

// namespaces are those that the pod has of the node, or would share with another
// container.
func (u *unit) namespaces(config types.ServiceConfig) {
	if kind, other, shares := strings.Cut(config.NetworkMode, ":"); shares && (kind == "service" || kind == "container") && u.joins(u.Name) == "" {
		u.note(u.Name, "network_mode", fmt.Sprintf("it does not share the network of %s: put both containers into one pod, where they reach each other at localhost", other))
	}
	if config.NetworkMode == "host" {
		u.pod.HostNetwork, u.pod.DNSPolicy = true, corev1.DNSClusterFirstWithHostNet
		u.pod.Hostname = ""
		u.note(u.Name, "network_mode", "it has the node's own network here, which few clusters allow")
	}
	if config.NetworkMode == "none" {
		u.note(u.Name, "network_mode", "it has a network here: a NetworkPolicy that lets nothing in and out takes it away")
	}
	if config.Pid == "host" {
		u.pod.HostPID = true
		u.note(u.Name, "pid", "it sees the node's own processes here, which few clusters allow")
	}
}

func (u *unit) keepsData() bool {
	return u.Role == compose.RolePostgres || u.runsData(u.Service)
}

// runsData says that a service runs the database or broker that its image is known
// for, and not a client of it: one with a command that nobody knows is told by its
// volumes.
func (b *builder) runsData(s compose.Service) bool {
	config := b.Project.Model.Services[s.Name]
	known, _ := b.imageOf(s)
	return known.Data && (known.RunsServer(config.Entrypoint, config.Command) || len(config.Volumes) > 0)
}

// workload is a Job for what runs to its end, a StatefulSet for what keeps data
// in a volume, a DaemonSet for what runs on every node, else a Deployment.
func (u *unit) workload() Document {
	m := workload.Manifest{
		ObjectMeta: metav1.ObjectMeta{Name: u.name, Labels: u.labels()}, Selector: &metav1.LabelSelector{MatchLabels: u.selector()},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: u.labels()}, Spec: u.pod},
		Replicas: u.replicas(), ServiceName: u.name, VolumeClaims: u.templates,
		Recreate: u.keepsData() || u.hasClaims(),
	}
	switch {
	case u.oneShot():
		m.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		o := &batchv1.Job{TypeMeta: metav1.TypeMeta{Kind: "Job", APIVersion: batchv1.SchemeGroupVersion.String()}, ObjectMeta: m.ObjectMeta}
		o.Spec.Template = m.Template
		o.Spec.BackoffLimit = u.retries()
		return Document{Object: o, Comment: "It runs to its end, once: delete the Job to have it run again."}
	case u.onEveryNode():
		return workloadDocument(m, v1alpha1.DaemonSet)
	case len(u.templates) > 0:
		return workloadDocument(m, v1alpha1.StatefulSet)
	}
	d := workloadDocument(m, v1alpha1.Deployment)
	if m.Recreate {
		d.Comment = "Two at once, as while one is replaced, would both write the same data."
	}
	return d
}

func workloadDocument(m workload.Manifest, kind v1alpha1.WorkloadKind) Document {
	o, err := m.Make(kind)
	if err != nil {
		panic(err) // the kinds above are constants
	}
	return Document{Object: o}
}

// retries of a Job, nil for Kubernetes' own six: as often as compose would restart
// it.
func (u *unit) retries() *int32 {
	config := u.Project.Model.Services[u.Name]
	restart, count, _ := strings.Cut(config.Restart, ":")
	switch n := atoi32(count); {
	case restart == types.RestartPolicyOnFailure && n > 0:
		return &n
	case restart == types.RestartPolicyOnFailure:
		return new(int32(1000))
	case config.Deploy != nil && config.Deploy.RestartPolicy != nil && config.Deploy.RestartPolicy.MaxAttempts != nil:
		return new(int32(min(*config.Deploy.RestartPolicy.MaxAttempts, 1000)))
	}
	return nil
}

func (u *unit) onEveryNode() bool { return u.builder.onEveryNode(u.Service) }

func (b *builder) onEveryNode(s compose.Service) bool {
	d := b.Project.Model.Services[s.Name].Deploy
	return d != nil && d.Mode == "global"
}

// replicas, nil for one.
func (u *unit) replicas() *int32 {
	if u.Replicas == 1 {
		return nil
	}
	return &u.Service.Replicas
}

func (u *unit) hasClaims() bool {
	return slices.ContainsFunc(u.pod.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil })
}
