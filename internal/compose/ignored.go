package compose

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// Why an attribute means nothing here.
const (
	becauseOneNetwork = "the pods of a namespace reach each other; separate them by NetworkPolicies"
	becauseHost       = "containers share nothing with the host here"
	becauseCluster    = "the cluster decides that"
	becauseEngine     = "it is the container engine's own"
	becauseLimit      = "deploy.resources.limits.cpus is what counts"
	becauseOnly       = "it is for working on the code"
)

// meaningless are the attributes of a service that are valid and have no meaning
// on Kubernetes.
var meaningless = []struct {
	path, because string
	set           func(types.ServiceConfig) bool
}{
	{"annotations", "what reads annotations of containers is not here", func(s types.ServiceConfig) bool { return len(s.Annotations) > 0 }},
	{"attach", becauseEngine, func(s types.ServiceConfig) bool { return s.Attach != nil }},
	{"blkio_config", becauseCluster, func(s types.ServiceConfig) bool { return s.BlkioConfig != nil }},
	{"build", "images are built before they are deployed", func(s types.ServiceConfig) bool { return s.Build != nil }},
	{"cgroup", becauseEngine, func(s types.ServiceConfig) bool { return s.Cgroup != "" }},
	{"cgroup_parent", becauseEngine, func(s types.ServiceConfig) bool { return s.CgroupParent != "" }},
	{"cpu_count", becauseLimit, func(s types.ServiceConfig) bool { return s.CPUCount != 0 }},
	{"cpu_percent", becauseLimit, func(s types.ServiceConfig) bool { return s.CPUPercent != 0 }},
	{"cpu_period", becauseLimit, func(s types.ServiceConfig) bool { return s.CPUPeriod != 0 }},
	{"cpu_quota", becauseLimit, func(s types.ServiceConfig) bool { return s.CPUQuota != 0 }},
	{"cpu_rt_period", becauseEngine, func(s types.ServiceConfig) bool { return s.CPURTPeriod != 0 }},
	{"cpu_rt_runtime", becauseEngine, func(s types.ServiceConfig) bool { return s.CPURTRuntime != 0 }},
	{"cpu_shares", "deploy.resources.reservations.cpus is what counts", func(s types.ServiceConfig) bool { return s.CPUShares != 0 }},
	{"cpuset", becauseCluster, func(s types.ServiceConfig) bool { return s.CPUSet != "" }},
	{"credential_spec", becauseEngine, func(s types.ServiceConfig) bool { return s.CredentialSpec != nil }},
	{"deploy.endpoint_mode", becauseCluster, func(s types.ServiceConfig) bool { return s.Deploy != nil && s.Deploy.EndpointMode != "" }},
	{"deploy.placement", becauseCluster, func(s types.ServiceConfig) bool {
		return s.Deploy != nil && (len(s.Deploy.Placement.Constraints) > 0 || len(s.Deploy.Placement.Preferences) > 0 || s.Deploy.Placement.MaxReplicas != 0)
	}},
	{"deploy.resources.limits.pids", becauseCluster, func(s types.ServiceConfig) bool {
		return s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.Pids != 0
	}},
	{"deploy.rollback_config", "a remedy rolls back where the policy enables RollbackRollout", func(s types.ServiceConfig) bool { return s.Deploy != nil && s.Deploy.RollbackConfig != nil }},
	{"deploy.update_config", "the workload's own strategy counts", func(s types.ServiceConfig) bool { return s.Deploy != nil && s.Deploy.UpdateConfig != nil }},
	{"develop", becauseOnly, func(s types.ServiceConfig) bool { return s.Develop != nil }},
	{"device_cgroup_rules", becauseHost, func(s types.ServiceConfig) bool { return len(s.DeviceCgroupRules) > 0 }},
	{"devices", becauseHost, func(s types.ServiceConfig) bool { return len(s.Devices) > 0 }},
	{"domainname", "names are those of Services, in the cluster's own domain", func(s types.ServiceConfig) bool { return s.DomainName != "" && s.Hostname == "" }},
	{"env_file", "the file is optional and is not read here", func(s types.ServiceConfig) bool {
		return slices.ContainsFunc(s.EnvFiles, func(f types.EnvFile) bool { return !bool(f.Required) })
	}},
	{"external_links", becauseOneNetwork, func(s types.ServiceConfig) bool { return len(s.ExternalLinks) > 0 }},
	{"gpus", "ask for the device plugin's resource on the workload", func(s types.ServiceConfig) bool { return len(s.Gpus) > 0 }},
	{"init", "the image's own first process counts", func(s types.ServiceConfig) bool { return s.Init != nil && *s.Init }},
	{"ipc", becauseHost, func(s types.ServiceConfig) bool { return s.Ipc != "" }},
	{"isolation", becauseEngine, func(s types.ServiceConfig) bool { return s.Isolation != "" }},
	{"labels", "what reads labels of containers is not here; an Ingress, or a custom resource, says it to a proxy", func(s types.ServiceConfig) bool { return len(s.Labels) > 0 }},
	{"logging", "the cluster keeps the logs", func(s types.ServiceConfig) bool { return s.Logging != nil || s.LogDriver != "" || len(s.LogOpt) > 0 }},
	{"mac_address", becauseEngine, func(s types.ServiceConfig) bool { return s.MacAddress != "" }},
	{"mem_swappiness", becauseCluster, func(s types.ServiceConfig) bool { return s.MemSwappiness != 0 }},
	{"memswap_limit", becauseCluster, func(s types.ServiceConfig) bool { return s.MemSwapLimit != 0 }},
	{"models", becauseEngine, func(s types.ServiceConfig) bool { return len(s.Models) > 0 }},
	{"network_mode", becauseOneNetwork, func(s types.ServiceConfig) bool { return s.NetworkMode != "" }},
	{"networks", becauseOneNetwork, func(s types.ServiceConfig) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(s.Networks)), func(name string) bool { return name != "default" })
	}},
	{"oom_kill_disable", becauseCluster, func(s types.ServiceConfig) bool { return s.OomKillDisable }},
	{"oom_score_adj", becauseCluster, func(s types.ServiceConfig) bool { return s.OomScoreAdj != 0 }},
	{"pid", becauseHost, func(s types.ServiceConfig) bool { return s.Pid != "" }},
	{"pids_limit", becauseCluster, func(s types.ServiceConfig) bool { return s.PidsLimit != 0 }},
	{"platform", becauseCluster, func(s types.ServiceConfig) bool { return s.Platform != "" }},
	{"post_start", "the workload's own lifecycle counts", func(s types.ServiceConfig) bool { return len(s.PostStart) > 0 }},
	{"pre_stop", "the workload's own lifecycle counts", func(s types.ServiceConfig) bool { return len(s.PreStop) > 0 }},
	{"provider", becauseEngine, func(s types.ServiceConfig) bool { return s.Provider != nil }},
	{"pull_policy", "an image is pulled Always, IfNotPresent or Never here", func(s types.ServiceConfig) bool {
		return !slices.Contains([]string{"", types.PullPolicyAlways, types.PullPolicyNever, types.PullPolicyMissing, types.PullPolicyIfNotPresent, types.PullPolicyBuild}, s.PullPolicy)
	}},
	{"runtime", becauseCluster, func(s types.ServiceConfig) bool { return s.Runtime != "" }},
	{"stop_signal", "a container is stopped by the signal that its image names, else by SIGTERM", func(s types.ServiceConfig) bool { return s.StopSignal != "" && s.StopSignal != "SIGTERM" }},
	{"storage_opt", becauseEngine, func(s types.ServiceConfig) bool { return len(s.StorageOpt) > 0 }},
	{"sysctls", "the pod's own securityContext.sysctls count", func(s types.ServiceConfig) bool { return len(s.Sysctls) > 0 }},
	{"umask", becauseEngine, func(s types.ServiceConfig) bool { return s.Umask != nil }},
	{"ulimits", becauseCluster, func(s types.ServiceConfig) bool { return len(s.Ulimits) > 0 }},
	{"use_api_socket", becauseHost, func(s types.ServiceConfig) bool { return s.UseAPISocket }},
	{"userns_mode", becauseHost, func(s types.ServiceConfig) bool { return s.UserNSMode != "" }},
	{"uts", becauseHost, func(s types.ServiceConfig) bool { return s.Uts != "" }},
	{"volume_driver", becauseCluster, func(s types.ServiceConfig) bool { return s.VolumeDriver != "" }},
	{"volumes_from", "containers of different pods share no volumes", func(s types.ServiceConfig) bool { return len(s.VolumesFrom) > 0 }},
}

// ignored are the attributes without a meaning, in the order of the files.
func (p *Project) ignored() []Ignored {
	var out []Ignored
	add := func(because string, path ...string) {
		out = append(out, Ignored{p.At(path...), strings.Join(path, "."), because})
	}
	for _, s := range p.services() {
		for _, m := range meaningless {
			if m.set(s) {
				add(m.because, append([]string{"services", s.Name}, strings.Split(m.path, ".")...)...)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Model.Networks)) {
		if name != "default" {
			add(becauseOneNetwork, "networks", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Model.Models)) {
		add(becauseEngine, "models", name)
	}
	slices.SortStableFunc(out, func(a, b Ignored) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return out
}
