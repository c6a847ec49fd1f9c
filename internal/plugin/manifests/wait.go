package manifests

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/remedy"
)

const (
	// jobTimeout is how long a pod waits for a Job before it starts to wait anew.
	jobTimeout = "30m0s"
	// nameTimeout is how long it waits for a name to resolve.
	nameTimeout = "5m0s"
)

// waiters makes init containers of depends_on.
//
// One that must be healthy is asked through its Service, which leads only to
// pods that are ready. One that must only be started is asked in the same way:
// that its container runs is nothing that another pod could see. A Job is the
// exception, as it may be what makes its dependency healthy. Where nothing tells
// at which port a service listens, nobody asks at a guess: its name, of a headless
// Service, resolves when it is ready. Dependencies that are not required, or
// are not to run at all, are not waited for: compose goes on without them.
func (u *unit) waiters() {
	for _, d := range u.DependsOn {
		target, known := u.Facts.ByName(d.Service)
		switch {
		case !known || !d.Required || target.Replicas == 0 || u.home(target.Name) == u.home(u.Name):
		case len(u.guests(u.home(u.Name))) > 0 && u.isNeededBy(target):
			u.note(u.Name, "depends_on", u.Name+" does not wait for "+target.Name+", which needs a container of the same pod")
		case d.Condition == v1alpha1.ServiceCompletedSuccessfully:
			u.waitForJob(target, "--timeout="+jobTimeout)
		case u.builder.oneShot(target):
			if d.Condition == v1alpha1.ServiceHealthy && target.Health != nil {
				u.waitForJob(target, "--ready", "--timeout="+jobTimeout)
			}
		case d.Condition == v1alpha1.ServiceStarted && u.mayBeNeededBy(target):
			u.note(u.Name, "depends_on", u.Name+" does not wait for "+target.Name+", which it may be needed for to become healthy")
		default:
			u.waitForService(target, d)
		}
	}
}

// mayBeNeededBy says that another service may become healthy no sooner than this one
// has run.
func (u *unit) mayBeNeededBy(other compose.Service) bool {
	return other.Health != nil && !u.isData(other) && (u.oneShot() || u.isAddressedBy(other))
}

// isData says that a service is a database or broker, which needs nobody to become
// healthy.
func (b *builder) isData(s compose.Service) bool {
	return s.Role != "" || b.runsData(s)
}

// isAddressedBy says that another service asks this one: if it must only be
// started, it may be healthy no sooner than this one is.
func (u *unit) isAddressedBy(other compose.Service) bool {
	for _, v := range other.Env {
		if slices.ContainsFunc(v.References, func(r compose.Reference) bool { return r.Service == u.Name && !r.Outside }) {
			return true
		}
	}
	return slices.ContainsFunc(slices.Concat(u.texts(other), u.fileTexts(other)), func(text string) bool {
		return len(portsAfter(text, u.Names)) > 0 || strings.Contains(text, "//"+u.Name)
	})
}

func (u *unit) waitForService(target compose.Service, d compose.Dependency) {
	ports := u.portsOf(target)
	lead, _ := u.Facts.ByName(u.home(target.Name))
	host := u.builder.names[lead.Name]
	if d.Condition == v1alpha1.ServiceHealthy {
		host = u.readyName(lead)
	}
	c := evidence.Connection{Protocol: evidence.TCP, Service: target.Name}
	c.Servers = []evidence.HostPort{{Host: host, Port: u.builder.mainPort(target, ports)}}
	switch {
	case len(u.servicePorts(ports)) == 0:
		if d.Condition == v1alpha1.ServiceStarted && target.Health != nil {
			u.decide("depends_on", "it waits until "+target.Name+" is ready, by its name: no port of it is known")
		}
		u.pod.InitContainers = append(u.pod.InitContainers, remedy.Waiter(u.Input.Image, target.Name, "wait-for", "--name="+host, "--timeout="+nameTimeout))
		return
	case c.Server().Port == 0:
		u.note(u.Name, "depends_on", u.Name+" does not wait for "+target.Name+", which speaks UDP only")
		return
	case target.Role != "":
		c.Protocol = target.Role.Protocol()
	case target.Health != nil && target.Health.HTTP != nil && target.Health.HTTP.Scheme == "http" && !u.isSecretCheck(target):
		c.Protocol, c.Path = evidence.HTTP, target.Health.HTTP.Path
	}
	u.decide("depends_on", "it waits for "+target.Name+" by "+strings.ToLower(string(c.Protocol))+" at "+c.Server().String())
	u.pod.InitContainers = append(u.pod.InitContainers, remedy.WaiterFor(u.Input.Image, evidence.Dependency{Service: target.Name, Declared: &c}))
}

func (u *unit) waitForJob(target compose.Service, how ...string) {
	job := u.builder.names[target.Name]
	args := append([]string{"wait-for", "--job=" + job}, how...)
	u.pod.InitContainers = append(u.pod.InitContainers, remedy.Waiter(u.Input.Image, target.Name, args...))
	u.pod.ServiceAccountName = u.waitAccount()
	u.pod.AutomountServiceAccountToken = new(true)
	if !slices.Contains(u.awaited, job) {
		u.builder.awaited = append(u.builder.awaited, job)
	}
}

// isAwaitedHealthy says that another service waits for this one to be healthy.
func (b *builder) isAwaitedHealthy(service string) bool {
	return slices.ContainsFunc(b.Facts.Services, func(s compose.Service) bool {
		return slices.ContainsFunc(s.DependsOn, func(d compose.Dependency) bool {
			return b.home(d.Service) == service && d.Condition == v1alpha1.ServiceHealthy
		})
	})
}

func (b *builder) waitAccount() string { return b.project + "-wait-for-jobs" }

// waitRights let pods see whether a Job that they wait for is complete.
func (b *builder) waitRights() []Document {
	slices.Sort(b.awaited)
	account := &corev1.ServiceAccount{ObjectMeta: b.meta(b.waitAccount())}
	account.Kind, account.APIVersion = "ServiceAccount", "v1"
	role := &rbacv1.Role{ObjectMeta: b.meta(b.waitAccount()), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, ResourceNames: b.awaited, Verbs: []string{"get"}},
	}}
	role.Kind, role.APIVersion = "Role", rbacv1.SchemeGroupVersion.String()
	binding := &rbacv1.RoleBinding{ObjectMeta: b.meta(b.waitAccount()),
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: b.waitAccount()},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: b.waitAccount()}}}
	binding.Kind, binding.APIVersion = "RoleBinding", rbacv1.SchemeGroupVersion.String()
	return []Document{
		{Object: account, Comment: "For pods that wait for " + strings.Join(b.awaited, ", ") + " to be complete: they may see that, and nothing else."},
		{Object: role}, {Object: binding},
	}
}
