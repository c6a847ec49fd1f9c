package compose

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// The engine's defaults.
const (
	defaultInterval = 30 * time.Second
	defaultTimeout  = 30 * time.Second
	defaultRetries  = 3
)

func healthCheck(s types.ServiceConfig, names []string) *HealthCheck {
	h := s.HealthCheck
	if h == nil || h.Disable || len(h.Test) < 2 || h.Test[0] == "NONE" {
		return nil
	}
	out := &HealthCheck{
		Command: h.Test[1:], Shell: h.Test[0] == "CMD-SHELL",
		Interval: duration(h.Interval, defaultInterval), Timeout: duration(h.Timeout, defaultTimeout),
		Retries: defaultRetries, StartPeriod: duration(h.StartPeriod, 0),
	}
	if h.Retries != nil {
		out.Retries = clamp(int(min(*h.Retries, 1<<20)))
	}
	command := strings.Join(out.Command, " ")
	out.HTTP = httpCheck(command, names)
	out.Ports = askedPorts(command, names)
	return out
}

// askedPorts are those of the container itself that a command asks, by its own
// names among others.
func askedPorts(command string, names []string) []int32 {
	var out []int32
	for _, m := range localPort(names).FindAllStringSubmatch(command, -1) {
		if n := portNumber(m[1]); n > 0 && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// localPort is a port behind a name of the container itself: as in a URL, as in
// nc -z localhost 80, and as in /dev/tcp/localhost/80.
func localPort(names []string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[^\w.-])(?:` + localNames(names) + `)(?::|\s+(?:-p\s*)?|/)(\d{2,5})\b`)
}

func localNames(names []string) string {
	all := []string{`localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]|\$\{?HOSTNAME\}?|\$\(hostname(?: -i)?\)`}
	for _, n := range names {
		all = append(all, regexp.QuoteMeta(n))
	}
	return strings.Join(all, "|")
}

func duration(set *types.Duration, otherwise time.Duration) time.Duration {
	if set == nil || *set <= 0 {
		return otherwise
	}
	return time.Duration(*set)
}

var (
	// wantsSuccess are commands that fail unless the answer is good: plain curl
	// is content with any.
	wantsSuccess = regexp.MustCompile(`\bwget\b|\bcurl\b.*\s(?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?)(?:\s|$)|\burlopen\b|\burllib|\braise_for_status\b|\bhttp[ix]e?\b|\bxh\b`)
	// asksMore are requests that no plain GET is the same as.
	asksMore = regexp.MustCompile(`\s(?:-H|--header|-u|--user|-X|--request|-d|--data\S*|--post\S*|--cert|--unix-socket|-T|-F)(?:[\s=]|$)`)
)

// httpCheck is the one request that a command makes of its own container.
func httpCheck(command string, names []string) *HTTPCheck {
	if !wantsSuccess.MatchString(command) || asksMore.MatchString(command) {
		return nil
	}
	var found *HTTPCheck
	localURL := regexp.MustCompile(`(?:(https?)://(?:` + localNames(names) + `)|(?:^|\s|["'])(?:` + localNames(nil) + `))(?::(\d{1,5}))?(/[^\s'"|;&)<>]*)?(?:$|[\s'"|;&)<>])`)
	for _, m := range localURL.FindAllStringSubmatch(command, -1) {
		c := HTTPCheck{Scheme: cmp.Or(m[1], "http"), Port: portNumber(m[2]), Path: cmp.Or(m[3], "/")}
		if c.Port == 0 {
			c.Port = map[string]int32{"http": 80, "https": 443}[c.Scheme]
		}
		if found != nil && *found != c {
			return nil // which of them counts, nobody knows
		}
		found = &c
	}
	return found
}
