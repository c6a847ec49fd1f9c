package manifests

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bridgestack/operator/internal/compose"
)

// unitOf prepares a service: everything but the workload around the pod.
func (b *builder) unitOf(s compose.Service) *unit {
	u := &unit{builder: b, Service: s, name: b.names[s.Name], ports: b.portsOf(s)}
	config := b.Project.Model.Services[s.Name]
	// A compose container has no token for the cluster, and knows no other
	// service by variables such as POSTGRES_PORT=tcp://10.96.0.9:5432.
	u.pod = corev1.PodSpec{EnableServiceLinks: new(false), AutomountServiceAccountToken: new(false)}
	u.container = corev1.Container{
		Name: u.name, Image: u.image(config), WorkingDir: config.WorkingDir, Stdin: config.StdinOpen, TTY: config.Tty,
		Command: u.words("entrypoint", config.Entrypoint), Args: u.words("command", config.Command), Env: u.env(),
		Resources: u.resources(config), ImagePullPolicy: pullPolicy(config.PullPolicy),
	}
	for _, p := range u.ports {
		c := corev1.ContainerPort{ContainerPort: p.Port, Protocol: p.Protocol}
		if p.Protocol == corev1.ProtocolTCP {
			c.Protocol = "" // the default
		}
		u.container.Ports = append(u.container.Ports, c)
	}
	u.probes()
	u.security(config)
	u.mounts(config)
	u.waiters()
	u.hosts(config)
	if g := config.StopGracePeriod; g != nil {
		period := int64(time.Duration(*g).Round(time.Second).Seconds())
		u.pod.TerminationGracePeriodSeconds = &period
	}
	u.pod.Containers = []corev1.Container{u.container}
	return u
}

func (u *unit) words(attribute string, words []string) []string {
	var out []string
	for _, w := range words {
		out = append(out, u.hidden(attribute, u.renamed(w, false)))
	}
	return literals(out)
}

// image is what compose builds under that name where none is named.
func (u *unit) image(s types.ServiceConfig) string {
	if s.Image != "" {
		return s.Image
	}
	name := u.project + "-" + u.name
	u.note(u.Name, "build", fmt.Sprintf("the image is built by compose only: push it to a registry and put its name in the place of %s", name))
	return name
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

func (u *unit) oneShot() bool { return u.builder.oneShot(u.Service) }

// oneShot services run to their end: a Job.
func (b *builder) oneShot(s compose.Service) bool {
	d := b.Project.Model.Services[s.Name].Deploy
	return s.OneShot || d != nil && (strings.HasSuffix(d.Mode, "-job") || d.RestartPolicy != nil && d.RestartPolicy.Condition == "none")
}

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
	if n := gpus(config); n > 0 {
		set(&out.Limits, "nvidia.com/gpu", resource.NewQuantity(n, resource.DecimalSI))
		u.note(u.Name, "deploy", fmt.Sprintf("GPUs are asked for as nvidia.com/gpu: %d, which a device plugin must offer", n))
	}
	return out
}

// bytesOf prints as 64Mi rather than 67108864 where it is that.
func bytesOf(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.BinarySI) }

func gpus(config types.ServiceConfig) int64 {
	n := int64(len(config.Gpus))
	if config.Deploy != nil && config.Deploy.Resources.Reservations != nil {
		for _, d := range config.Deploy.Resources.Reservations.Devices {
			if slices.Contains(d.Capabilities, "gpu") {
				n = max(n, int64(d.Count), 1)
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
	if other, shares := strings.CutPrefix(config.NetworkMode, "service:"); shares {
		u.note(u.Name, "network_mode", "it shares no network with "+other+": put both containers in one pod")
	}
}

// workload is a Job for what runs to its end, a StatefulSet for what keeps data
// in a volume, a DaemonSet for what runs on every node, else a Deployment.
func (u *unit) workload() Document {
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: u.labels()}, Spec: u.pod}
	meta := metav1.ObjectMeta{Name: u.name, Labels: u.labels()}
	selector := &metav1.LabelSelector{MatchLabels: u.selector()}
	apps := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{Kind: kind, APIVersion: appsv1.SchemeGroupVersion.String()}
	}
	switch {
	case u.oneShot():
		template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		o := &batchv1.Job{TypeMeta: metav1.TypeMeta{Kind: "Job", APIVersion: batchv1.SchemeGroupVersion.String()}, ObjectMeta: meta}
		o.Spec.Template = template
		return Document{Object: o, Comment: "It runs to its end, once: delete the Job to have it run again."}
	case u.onEveryNode():
		return Document{Object: &appsv1.DaemonSet{TypeMeta: apps("DaemonSet"), ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}}
	case keepsData(u.Service.Image) && len(u.templates) > 0:
		o := &appsv1.StatefulSet{TypeMeta: apps("StatefulSet"), ObjectMeta: meta}
		o.Spec = appsv1.StatefulSetSpec{ServiceName: u.name, Replicas: u.replicas(), Selector: selector, Template: template, VolumeClaimTemplates: u.templates}
		return Document{Object: o}
	}
	o := &appsv1.Deployment{TypeMeta: apps("Deployment"), ObjectMeta: meta}
	o.Spec = appsv1.DeploymentSpec{Replicas: u.replicas(), Selector: selector, Template: template}
	d := Document{Object: o}
	if keepsData(u.Service.Image) || u.hasClaims() {
		o.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
		d.Comment = "Two at once, as while one is replaced, would both write the same data."
	}
	return d
}

func (u *unit) onEveryNode() bool {
	d := u.Project.Model.Services[u.Name].Deploy
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

// dataImages keep data of their own: databases and brokers.
var dataImages = []string{
	"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "timescaledb-ha", "mysql", "mariadb", "percona", "mongo", "mongodb",
	"redis", "valkey", "keydb", "rabbitmq", "nats", "kafka", "cp-kafka", "cp-server", "kafka-native", "redpanda", "zookeeper", "cp-zookeeper",
	"elasticsearch", "opensearch", "clickhouse-server", "cassandra", "scylla", "couchdb", "neo4j", "influxdb", "minio", "etcd", "consul", "prometheus",
}

func keepsData(image string) bool { return slices.Contains(dataImages, repository(image)) }
