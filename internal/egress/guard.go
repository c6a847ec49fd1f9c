package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// denied are addresses that no connection reaches unless the admin allows exactly
// them: the operator's own pod, the node, and what answers for the node.
var denied = prefixes(
	"0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128", // this host
	"169.254.0.0/16", "fe80::/10", // link-local, and with it most clouds' metadata
	"fec0::/10",                              // site-local, as link-local once was
	"fd00:ec2::/32",                          // AWS: metadata, DNS, time and EKS Pod Identity over IPv6
	"fd20:ce::/32",                           // Google Cloud's metadata over IPv6
	"100.100.100.200/32",                     // Alibaba Cloud's metadata
	"168.63.129.16/32",                       // Azure's wire server
	"192.0.0.192/32",                         // Oracle Cloud's metadata
	"224.0.0.0/4", "ff00::/8", "240.0.0.0/4", // multicast, reserved, broadcast
)

// embedding are IPv6 networks whose addresses hold an IPv4 address that a gateway
// would forward to, and where in their 16 bytes that is.
var embedding = []struct {
	network netip.Prefix
	at      [4]int
	flipped bool
}{
	{prefixes("64:ff9b::/96")[0], [4]int{12, 13, 14, 15}, false}, // NAT64 (RFC 6052)
	{prefixes("::/96")[0], [4]int{12, 13, 14, 15}, false},        // IPv4-compatible
	{prefixes("64:ff9b:1::/48")[0], [4]int{6, 7, 9, 10}, false},  // a network's own NAT64 (RFC 8215), as a /48
	{prefixes("64:ff9b:1::/48")[0], [4]int{12, 13, 14, 15}, false},
	{prefixes("2002::/16")[0], [4]int{2, 3, 4, 5}, false},    // 6to4 (RFC 3056)
	{prefixes("2001::/32")[0], [4]int{4, 5, 6, 7}, false},    // Teredo (RFC 4380): the server
	{prefixes("2001::/32")[0], [4]int{12, 13, 14, 15}, true}, // and the client, its bits inverted
}

// isatap is the part of an interface's identifier (RFC 5214) that an IPv4 address
// comes after, with and without the bit for unique ones.
var isatap = [][4]byte{{0, 0, 0x5e, 0xfe}, {2, 0, 0x5e, 0xfe}}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// guard decides where connections may go. Everything is denied that is not allowed.
type guard struct {
	domain  string
	hosts   []string
	allowed []netip.Prefix
	denied  []netip.Prefix
	// denylist is asked at each check.
	denylist *Denylist
}

func guardOf(o Options) guard {
	return guard{domain: o.ClusterDomain, hosts: o.AllowedHosts, allowed: o.AllowedNetworks, denied: slices.Concat(denied, o.DeniedNetworks), denylist: o.Denylist}
}

// check says why an address of the target must not be dialled, nil where it may.
func (g guard) check(scope Scope, t Target, address netip.Addr) error {
	address = address.WithZone("").Unmap()
	if err := g.checkDeniedAll(address); err != nil {
		return err
	}
	if g.allowedByAdmin(t, address) {
		return nil
	}
	if other := g.namespaceOf(t.Name); other != "" && other != scope.Namespace {
		return fmt.Errorf("%s is in namespace %s; only services of the stack's own namespace, and hosts that the cluster's admin allows, are probed", t.Host, other)
	}
	_, service := scope.behind(netip.AddrPortFrom(address, 0))
	switch {
	case service, scope.Owned != nil && scope.Owned(address):
		return nil
	case scope.Owners != "":
		return fmt.Errorf("%s (%s) is not the address of %s, nor allowed by the cluster's admin", t.Host, address, scope.Owners)
	default:
		return fmt.Errorf("%s (%s) is neither a pod nor a Service of namespace %s, nor allowed by the cluster's admin", t.Host, address, scope.Namespace)
	}
}

func (g guard) allowedByAdmin(t Target, address netip.Addr) bool {
	return slices.ContainsFunc(g.allowed, func(p netip.Prefix) bool { return p.Contains(address) }) || g.allowedHost(t)
}

// route is what is dialled in place of an address that is allowed: itself, or the
// pods of the Service whose it is. others says that there are more of these, which
// are not dialled.
func (g guard) route(scope Scope, t Target, to netip.AddrPort) (pods []netip.AddrPort, others bool) {
	backends, service := scope.behind(to)
	if !service || g.allowedByAdmin(t, to.Addr()) {
		return []netip.AddrPort{to}, false
	}
	pods = slices.DeleteFunc(slices.Clone(backends.Pods), func(pod netip.AddrPort) bool { return g.checkDeniedAll(pod.Addr()) != nil })
	return pods, backends.Others || len(pods) < len(backends.Pods)
}

func (s Scope) behind(to netip.AddrPort) (Backends, bool) {
	if s.Behind == nil {
		return Backends{}, false
	}
	return s.Behind(to)
}

// embedded are the IPv4 addresses that an IPv6 one may lead to.
func embedded(address netip.Addr) []netip.Addr {
	if address.Is4() {
		return nil
	}
	var out []netip.Addr
	b := address.As16()
	for _, e := range embedding {
		if !e.network.Contains(address) {
			continue
		}
		var v4 [4]byte
		for i, at := range e.at {
			v4[i] = b[at]
			if e.flipped {
				v4[i] = ^b[at]
			}
		}
		out = append(out, netip.AddrFrom4(v4))
	}
	if slices.Contains(isatap, [4]byte(b[8:12])) {
		out = append(out, netip.AddrFrom4([4]byte(b[12:])))
	}
	return out
}

// checkDeniedAll asks of an address, and of those that it may lead to.
func (g guard) checkDeniedAll(address netip.Addr) error {
	for _, a := range append(embedded(address), address) {
		if err := g.checkDenied(a); err != nil {
			return err
		}
	}
	return nil
}

// checkDenied holds back what is denied, unless a network within it is allowed.
func (g guard) checkDenied(address netip.Addr) error {
	networks := g.denied
	if g.denylist.has(address) {
		networks = append(slices.Clone(networks), netip.PrefixFrom(address, address.BitLen()))
	}
	for _, d := range networks {
		if !d.Contains(address) {
			continue
		}
		opened := slices.ContainsFunc(g.allowed, func(a netip.Prefix) bool {
			return a.Contains(address) && a.Bits() >= d.Bits()
		})
		if !opened {
			return fmt.Errorf("%s is in %s, which probes never reach", address, d)
		}
	}
	return nil
}

// allowedHost goes by the name that was found, and not by what was asked for: a
// search list may complete db.infra to a name that a tenant has made.
func (g guard) allowedHost(t Target) bool {
	name := t.Name
	if name == "" { // a literal address
		name = t.Host
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, h := range g.hosts {
		h = strings.ToLower(strings.TrimSuffix(h, "."))
		below, wildcard := strings.CutPrefix(h, "*")
		if name != "" && (name == h || wildcard && strings.HasPrefix(below, ".") && strings.HasSuffix(name, below)) {
			return true
		}
	}
	return false
}

// namespaceOf is the namespace of a Service's or pod's name, such as
// db.shop.svc.cluster.local; empty for names outside of the cluster.
func (g guard) namespaceOf(name string) string {
	for _, kind := range []string{".svc.", ".pod."} {
		if inside, ok := strings.CutSuffix(strings.ToLower(name), kind+g.domain); ok {
			return inside[strings.LastIndexByte(inside, '.')+1:]
		}
	}
	return ""
}
