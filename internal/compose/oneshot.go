package compose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// ending is whether a service runs to its end, and why that is thought.
type ending struct {
	oneShot, guessed bool
	reason           string
}

// endingOf a service. Compose has no word for it: restart says what happens when
// it ends, which a server never does. So what only a server has outweighs restart,
// and where neither tells, its command does.
func (p *Project) endingOf(f Facts, s Service) ending {
	config := p.Model.Services[s.Name]
	switch {
	case s.Bridge.OneShot != nil:
		return ending{*s.Bridge.OneShot, false, "x-bridge says so"}
	case f.isAwaited(s.Name, v1alpha1.ServiceCompletedSuccessfully):
		return ending{true, false, "others wait until it has ended"}
	case config.Deploy != nil && strings.HasSuffix(config.Deploy.Mode, "-job"):
		return ending{true, false, "deploy.mode is " + config.Deploy.Mode}
	case createsTopics(config):
		return ending{true, false, "its command creates topics"}
	case restartsAlways(config) || s.Replicas > 1 || len(config.Ports) > 0 || servesByCommand(commandLine(config)):
		return ending{}
	}
	return p.endingByLooks(s, config, p.serverSign(f, s, config))
}

// endingByLooks is what nothing says for sure. server is what only a server has.
func (p *Project) endingByLooks(s Service, config types.ServiceConfig, server string) ending {
	switch {
	case endsByCommand(commandLine(config)):
		return ending{true, true, "its command ends by itself"}
	case server != "":
		return ending{false, false, server}
	case neverRestarts(config):
		return ending{true, false, "it is not restarted, has no port and no health check"}
	case endingName.MatchString(s.Name) && s.Role == "":
		return ending{true, true, "its name says so, and it has no port and no health check"}
	case onlyOnFailure(config) && len(config.Command)+len(config.Entrypoint) > 0:
		return ending{true, true, "it is restarted on failure only, has no port and no health check"}
	case onlyOnFailure(config):
		return ending{false, true, "it is restarted on failure only, and its command is the image's"}
	case p.isAloneNotRestarted(s.Name):
		return ending{true, true, "all others are restarted when they end, and it has no port and no health check"}
	}
	return ending{}
}

// isAloneNotRestarted says that a service has no restart policy where nearly all
// others have one that keeps them up: whoever wrote that meant it.
func (p *Project) isAloneNotRestarted(service string) bool {
	s := p.Model.Services[service]
	if s.Restart != "" || s.Deploy != nil && s.Deploy.RestartPolicy != nil || watchesEngine(s) {
		return false
	}
	kept, not := 0, 0
	for name, s := range p.Model.Services {
		switch {
		case name == service:
		case restartsAlways(s):
			kept++
		default:
			not++
		}
	}
	return kept >= 4 && not*5 <= kept
}

// watchesEngine says that a service has the engine's socket: it waits for what happens.
func watchesEngine(s types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return strings.HasSuffix(v.Source, "docker.sock") })
}

// serverSign is what only a server has, empty where it has nothing of it.
func (p *Project) serverSign(f Facts, s Service, config types.ServiceConfig) string {
	switch {
	case p.isAddressed(s):
		return "others address it"
	case len(s.Ports) > 0:
		return "it has ports"
	case s.Health != nil:
		return "it has a health check"
	case f.isAwaited(s.Name, v1alpha1.ServiceHealthy):
		return "others wait until it is healthy"
	case config.Deploy != nil && config.Deploy.Mode == "global":
		return "it runs on every node"
	}
	return ""
}

// isAddressed says that another service has an address of this one, in its
// environment or command.
func (p *Project) isAddressed(s Service) bool {
	address := localAddress(s.Names)
	for name, other := range p.Model.Services {
		if name == s.Name {
			continue
		}
		if address.MatchString(commandLine(other)) {
			return true
		}
		for _, value := range other.Environment {
			if value != nil && address.MatchString(*value) {
				return true
			}
		}
	}
	return false
}

// localAddress is one of the names behind // or @, or with a port.
func localAddress(names []string) *regexp.Regexp {
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, regexp.QuoteMeta(n))
	}
	name := "(?:" + strings.Join(quoted, "|") + ")"
	return regexp.MustCompile(`(?://|@)` + name + `(?:$|[:/?#"'\s,;])|(?:^|[^\w.-])` + name + `:\d{2,5}\b`)
}

func restartsAlways(s types.ServiceConfig) bool {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return s.Deploy.RestartPolicy.Condition == "any"
	}
	return s.Restart == types.RestartPolicyAlways || s.Restart == types.RestartPolicyUnlessStopped
}

func neverRestarts(s types.ServiceConfig) bool {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return s.Deploy.RestartPolicy.Condition == "none"
	}
	return s.Restart == types.RestartPolicyNo
}

func onlyOnFailure(s types.ServiceConfig) bool {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return s.Deploy.RestartPolicy.Condition == "on-failure"
	}
	return strings.HasPrefix(s.Restart, types.RestartPolicyOnFailure)
}

// isAwaited reports whether a service waits for this one under a condition.
func (f Facts) isAwaited(service string, condition v1alpha1.DependencyCondition) bool {
	return slices.ContainsFunc(f.Services, func(s Service) bool {
		return slices.ContainsFunc(s.DependsOn, func(d Dependency) bool { return d.Service == service && d.Condition == condition })
	})
}

var (
	// serving are commands that go on for ever.
	serving = regexp.MustCompile(`(?i)\b(?:serve|server|start|runserver|run-server|worker|workers|beat|scheduler|consumer|consume|listen|daemon|gunicorn|uvicorn|hypercorn|daphne|waitress|puma|unicorn|sidekiq|celery|nginx|httpd|apache2\w*|php-fpm|supervisord|catalina|java|dotnet|watch|infinity|redis-server|mongod|mysqld|queue:work|horizon|octane|schedule:work|bootsnap|webserver|triggerer|standalone|agent|proxy|exporter|foreground|up)\b|tail\s+-[fF]|sleep\s+\d+[dh]|sleep\s+\d{4,}|while\s+(?:true|:|\[)|exec\s+["']?\$|\bwait\s*$|:-\d+\s*$`)
	// endingVerb are commands that do one thing and end.
	endingVerb = regexp.MustCompile(`(?i)(?:^|[\s/;&"'(:])(?:migrate\w*|migrations?|db:(?:migrate|setup|seed|create|prepare)|upgrade\s+head|db\s+(?:init|upgrade|push|migrate)|createsuperuser|collectstatic|create_?db|createdb|init-?db|seed\w*|loaddata|flyway|liquibase|dbmate|mc|ollama\s+pull|kafka-topics(?:\.sh)?|kafka-configs(?:\.sh)?|psql|pg_restore|pg_dump|mongosh|mongoimport|mongorestore|cqlsh|redis-cli|clickhouse-client|influx\s+setup|curl|wget|openssl|elasticsearch-certutil|keytool|mkcert|chown|chmod|mkdir|rsync|install|setup)(?:[\s;&"').]|$)`)
	// scriptEnd is how a script ends that ends.
	scriptEnd = regexp.MustCompile(`(?i)(?:^|[\s;&])(?:exit(?:\s+0)?|echo\s[^;&|]*)[\s;'"]*$`)
	// endingName are names of what runs once.
	endingName = regexp.MustCompile(`(?i)^(?:init|setup|migrat\w*|seed\w*|bootstrap|provision\w*|create[-_].+|db[-_]?(?:init|setup|migrat\w*|seed)|certs?[-_]?(?:gen\w*|init|setup)?|setup[-_].+|init[-_].+|migrate[-_].+)$|[-_](?:init|setup|migrat(?:e|ion|ions|or)|seed(?:er)?|bootstrap|provision(?:er|ing)?|once|configurator)$`)
)

func servesByCommand(line string) bool { return serving.MatchString(withoutURLs(line)) }

func endsByCommand(line string) bool {
	line = strings.TrimSpace(withoutURLs(line))
	if line == "" || servesByCommand(line) || loops(line) {
		return false
	}
	return endingVerb.MatchString(line) || scriptEnd.MatchString(line)
}

// loops says that a script ends with a loop that does its work over and over. One that
// reads lines ends with them, and one that waits until something is so has an end.
func loops(line string) bool {
	script := strings.TrimRight(line, " \t\n;'\"")
	i := strings.LastIndex(script, "while ")
	if i < 0 || !strings.HasSuffix(script, "done") || strings.Contains(script[i:], "until ") {
		return false
	}
	condition := strings.TrimSpace(script[i+len("while "):])
	return !strings.HasPrefix(condition, "!") && !strings.HasPrefix(condition, "read ")
}

// withoutURLs of a command line: their parts are no verbs. Nor are those of
// options, and of files that it looks for.
func withoutURLs(line string) string { return noVerbs.ReplaceAllString(line, " ") }

var noVerbs = regexp.MustCompile(`https?://\S*|\s--?[\w-]+=\S*|\s--(?:[\w-]+-)?(?:server|host)\b\S*|\b[\w-]+:\d{2,5}\b`)
