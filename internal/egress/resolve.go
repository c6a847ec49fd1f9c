package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// ndots of pods' resolv.conf: names with fewer dots are searched for first.
const ndots = 5

// The ways in which a host is not resolved; which one says what is wrong with it.
var (
	// ErrNoSuchHost: no name of the search list exists, or has an address.
	ErrNoSuchHost = errors.New("no such host")
	// ErrResolver: the resolver itself did not answer.
	ErrResolver = errors.New("the resolver did not answer")
	// ErrNoHost: none was given.
	ErrNoHost = errors.New("no host is configured")
	// ErrAmbiguous: 127.1, 2130706433 and 0x7f.1 are addresses to some clients
	// and names to others.
	ErrAmbiguous = errors.New("read as an address by some clients and as a name by others")
)

// unresolved is one of these, with its own text.
type unresolved struct {
	reason error
	text   string
}

func (u *unresolved) Error() string { return u.text }
func (u *unresolved) Unwrap() error { return u.reason }

// Resolve looks a host up as the stack's own pods do, whose search list differs
// from that of the operator's pod: every name is asked for absolutely. It is
// ErrNoSuchHost only if each name of the list does not exist.
func (d *Dialer) Resolve(ctx context.Context, scope Scope, host string) (Target, error) {
	ctx, cancel := context.WithTimeout(ctx, d.options.ResolveTimeout)
	defer cancel()
	t := Target{Host: host}
	plain := strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(plain); err == nil {
		t.Addresses = []netip.Addr{a}
		return t, nil
	}
	switch {
	case host == "":
		return t, ErrNoHost
	case plain == "localhost" || strings.HasSuffix(plain, ".localhost"): // RFC 6761: never asked for
		t.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
		return t, nil
	case numeric(plain):
		return t, &unresolved{ErrAmbiguous, fmt.Sprintf("%q is read as an address by some clients and as a name by others", host)}
	case !validName(plain):
		return t, &unresolved{ErrNoSuchHost, fmt.Sprintf("%q is not a valid host name", host)}
	}
	return d.search(ctx, scope, t)
}

func (d *Dialer) search(ctx context.Context, scope Scope, t Target) (Target, error) {
	var trouble error
	for _, name := range d.candidates(scope.Namespace, t.Host) {
		addresses, err := d.options.Resolver.LookupNetIP(ctx, "ip", name)
		if err == nil && len(addresses) > 0 {
			t.Name = strings.ToLower(strings.TrimSuffix(name, "."))
			t.Addresses = addresses
			return t, nil
		}
		if err != nil && !notFound(err) {
			// glibc goes on with the next name as well; one that is found counts.
			trouble = err
			if ctx.Err() != nil {
				break
			}
		}
	}
	if trouble != nil {
		return t, &unresolved{ErrResolver, fmt.Sprintf("the resolver did not answer for %q: %v", t.Host, trouble)}
	}
	return t, &unresolved{ErrNoSuchHost, fmt.Sprintf("host %q does not exist: no name of the pod's search list has an address", t.Host)}
}

// candidates are the absolute names that a pod's resolver tries, in its order.
// A single label is never asked for by itself: no such name exists in public
// DNS, and an isolated cluster's resolver would only time out on it.
func (d *Dialer) candidates(namespace, host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	if own := d.options.Search; own != nil {
		return own.candidates(host)
	}
	cluster := d.options.ClusterDomain
	var names []string
	for _, domain := range slices.Concat([]string{namespace + ".svc." + cluster, "svc." + cluster, cluster}, d.options.SearchDomains) {
		names = append(names, host+"."+strings.Trim(domain, ".")+".")
	}
	absolute := host + "."
	switch dots := strings.Count(host, "."); {
	case dots == 0:
		return names
	case dots >= ndots:
		return append([]string{absolute}, names...)
	case strings.HasSuffix(host, ".svc"):
		return names // no such top-level domain
	case strings.HasSuffix(strings.ToLower(host), "."+cluster):
		// Its own domain is asked for first: searching can only miss.
		return append([]string{absolute}, names...)
	default:
		return append(names, absolute)
	}
}

// SearchList is how a pod's own resolv.conf says that names are completed.
type SearchList struct {
	Domains []string
	// Ndots is the number of dots from which on a name is first asked for by
	// itself. resolv.conf(5): 1 unless it says otherwise, at most 15.
	Ndots int
}

// ParseSearchList reads it from the text of a resolv.conf.
func ParseSearchList(text string) SearchList {
	list := SearchList{Ndots: 1}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "search", "domain": // the last one counts
			list.Domains = fields[1:]
		case "options":
			for _, option := range fields[1:] {
				if n, ok := strings.CutPrefix(option, "ndots:"); ok {
					if dots, err := strconv.ParseUint(n, 10, 16); err == nil {
						list.Ndots = min(int(dots), 15)
					}
				}
			}
		}
	}
	return list
}

// candidates are the absolute names in the order of glibc. Unlike there, a
// single label is asked for by itself only where there is no list: see
// Dialer.candidates.
func (l SearchList) candidates(host string) []string {
	var names []string
	for _, domain := range l.Domains {
		names = append(names, host+"."+strings.Trim(domain, ".")+".")
	}
	absolute := host + "."
	switch dots := strings.Count(host, "."); {
	case dots == 0 && len(names) > 0:
		return names
	case dots >= l.Ndots:
		return append([]string{absolute}, names...)
	default:
		return append(names, absolute)
	}
}

// notFound reports that the resolver answered, and that there is no such name
// or no address of it.
func notFound(err error) bool {
	var dnsErr *net.DNSError
	return errors.As(err, &dnsErr) && dnsErr.IsNotFound && !dnsErr.IsTimeout && !dnsErr.IsTemporary
}

// numeric reports whether each label is a number, as inet_aton reads them.
func numeric(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		digits := "0123456789"
		if hex, ok := strings.CutPrefix(label, "0x"); ok {
			label, digits = hex, "0123456789abcdef"
		}
		if label == "" || strings.Trim(label, digits) != "" {
			return false
		}
	}
	return true
}

// validName follows RFC 1123, with underscores, as resolvers do.
func validName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// ParseResolvConf reads the search list of the operator's own pod: the cluster's
// domain, and the domains beside it that all pods inherit from their node.
func ParseResolvConf(text string) (clusterDomain string, searchDomains []string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "search" {
			continue
		}
		clusterDomain, searchDomains = "", nil
		for _, domain := range fields[1:] {
			domain = strings.TrimSuffix(domain, ".")
			if d, ok := strings.CutPrefix(domain, "svc."); ok {
				clusterDomain = d
			}
			searchDomains = append(searchDomains, domain)
		}
	}
	if clusterDomain == "" {
		return "", nil
	}
	searchDomains = slices.DeleteFunc(searchDomains, func(d string) bool {
		return d == clusterDomain || strings.HasSuffix(d, "svc."+clusterDomain)
	})
	return clusterDomain, searchDomains
}
