package compose

import (
	"cmp"
	"regexp"
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

func healthCheck(s types.ServiceConfig) *HealthCheck {
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
	out.HTTP = httpCheck(strings.Join(out.Command, " "))
	return out
}

func duration(set *types.Duration, otherwise time.Duration) time.Duration {
	if set == nil || *set <= 0 {
		return otherwise
	}
	return time.Duration(*set)
}

var (
	// localURL is a request to the container itself.
	localURL = regexp.MustCompile(`(?:(https?)://)?(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d{1,5}))?(/[^\s'"|;&)<>]*)?`)
	// wantsSuccess are commands that fail unless the answer is good: plain curl
	// is content with any.
	wantsSuccess = regexp.MustCompile(`\bwget\b|\bcurl\b.*\s(?:-[a-zA-Z]*f[a-zA-Z]*|--fail(?:-with-body)?)(?:\s|$)|\burlopen\b|\burllib|\braise_for_status\b|\bhttp[ix]e?\b|\bxh\b`)
	// asksMore are requests that no plain GET is the same as.
	asksMore = regexp.MustCompile(`\s(?:-H|--header|-u|--user|-X|--request|-d|--data\S*|--post\S*|--cert|--unix-socket|-T|-F)(?:[\s=]|$)`)
)

// httpCheck is the one request that a command makes of its own container.
func httpCheck(command string) *HTTPCheck {
	if !wantsSuccess.MatchString(command) || asksMore.MatchString(command) {
		return nil
	}
	var found *HTTPCheck
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
