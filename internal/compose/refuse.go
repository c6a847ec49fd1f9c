package compose

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

var (
	// nameOfService is what the API takes for one.
	nameOfService = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)
	// nameOfVariable is what a pod may have (validation of EnvVar.name in Kubernetes,
	// relaxed since 1.34): printable, and no =.
	nameOfVariable = regexp.MustCompile(`^[ -<>-~]+$`)
	restartPolicy  = regexp.MustCompile(`^(?:no|always|unless-stopped|on-failure(?::\d+)?)?$`)
	portOrRange    = regexp.MustCompile(`^\d{1,5}(?:-\d{1,5})?(?:/(?:tcp|udp|sctp))?$`)
)

// mostOfName is the longest name of a service that the API takes.
const mostOfName = 63

// refuse what the library lets pass, and neither the engine nor Kubernetes takes.
func (p *Project) refuse() error {
	var out []error
	for _, s := range p.services() {
		fail := func(text string, at ...string) {
			out = append(out, &Error{p.At(append([]string{"services", s.Name}, at...)...), strings.Join(append([]string{"services", s.Name}, at...), ".") + ": " + text})
		}
		switch {
		case len(s.Name) > mostOfName:
			fail(fmt.Sprintf("a service's name has %d characters at most", mostOfName))
		case !nameOfService.MatchString(s.Name):
			fail("a service's name begins and ends with a letter or a digit")
		}
		refuseVariables(s, fail)
		if g := s.StopGracePeriod; g != nil && *g < 0 {
			fail("a period is not negative", "stop_grace_period")
		}
		if !restartPolicy.MatchString(s.Restart) {
			fail(s.Restart+" is not one of no, always, on-failure and unless-stopped", "restart")
		}
		refusePorts(s, fail)
		refuseVolumes(s, fail)
	}
	slices.SortStableFunc(out, byLine)
	return errors.Join(out...)
}

func refuseVariables(s types.ServiceConfig, fail func(string, ...string)) {
	for name := range s.Environment {
		if !nameOfVariable.MatchString(name) {
			fail(fmt.Sprintf("%q is no name of a variable: it has a sign that none may have", name), "environment")
		}
	}
}

func refuseVolumes(s types.ServiceConfig, fail func(string, ...string)) {
	for _, v := range s.Volumes {
		if !path.IsAbs(v.Target) || strings.Contains(v.Target, ":") {
			fail(fmt.Sprintf("%s is no place in a container: it begins with / and has no colon", v.Target), "volumes")
		}
	}
}

func refusePorts(s types.ServiceConfig, fail func(string, ...string)) {
	for i, e := range s.Expose {
		if !portOrRange.MatchString(e) {
			fail(e+" is no port, nor a range of them", "expose", strconv.Itoa(i))
		}
	}
	for _, port := range s.Ports {
		if first, _, _ := strings.Cut(port.Published, "-"); first != "" && (portNumber(first) == 0 && first != "0") {
			fail(port.Published+" is no port of the host's", "ports")
		}
		if port.Target < 1 || port.Target > 65535 {
			fail(fmt.Sprintf("%d is no port: they are 1 to 65535", port.Target), "ports")
		}
	}
}
