package validate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bridgestack/operator/internal/compose"
)

// healthcheckPort: a check that asks its own container at a port where nothing
// in the file says that it listens.
var healthcheckPort = rule{
	Rule: Rule{"healthcheck-port", "A health check asks its container at a port that it does not listen on"},
	project: func(p *project, report report) {
		for _, s := range p.facts.Services {
			if s.Health == nil || len(s.Ports) == 0 {
				continue
			}
			for _, asked := range asks(s.Health) {
				if p.mentions(s, asked) {
					continue
				}
				inside := p.insideOf(s.Name)
				cure := fmt.Sprintf("ask port %s, or expose %d if it listens there", inside[strings.LastIndexByte(inside, ':')+1:], asked)
				message := fmt.Sprintf("the health check of %s asks port %d, which it is not known to listen on: it would never pass", s.Name, asked)
				for _, port := range s.Ports {
					if port.Published == asked {
						message = fmt.Sprintf("the health check of %s asks port %d, which is published on the host: inside it listens on %d", s.Name, asked, port.Target)
						cure = fmt.Sprintf("ask port %d", port.Target)
					}
				}
				report(p.at(message, cure, "services", s.Name, "healthcheck", "test"))
			}
		}
	},
}

// local is a port of the container itself in a command.
var local = regexp.MustCompile(`(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::| (?:-p )?)(\d{2,5})\b`)

func asks(h *compose.HealthCheck) []int32 {
	var out []int32
	for _, m := range local.FindAllStringSubmatch(strings.Join(h.Command, " "), -1) {
		if n := port(m[1]); n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	if h.HTTP != nil && !slices.Contains(out, h.HTTP.Port) {
		out = append(out, h.HTTP.Port)
	}
	return out
}

// mentions a port as one that the service listens on: in its ports, its
// listeners, its command, or any of its variables.
func (p *project) mentions(s compose.Service, number int32) bool {
	inside := func(o compose.Port) bool { return o.Target == number }
	listens := func(l compose.Listener) bool { return l.Port == number }
	if slices.ContainsFunc(s.Ports, inside) || slices.ContainsFunc(s.Listeners, listens) || usual(s, number) {
		return true
	}
	word := regexp.MustCompile(`\b` + strconv.Itoa(int(number)) + `\b`)
	if word.MatchString(p.command(s)) {
		return true
	}
	return slices.ContainsFunc(s.Env, func(v compose.Variable) bool { return word.MatchString(p.value(s, v.Name)) })
}

// usual ports of servers that are known.
func usual(s compose.Service, number int32) bool {
	return s.Role == compose.RolePostgres && number == 5432 || s.Role.SpeaksKafka() && slices.Contains([]int32{9092, 9644, 8081, 8082}, number)
}
