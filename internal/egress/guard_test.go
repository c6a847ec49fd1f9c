package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// watched is a prober that dials nothing and tells where it would have.
func watched(t *testing.T, resolver names, change ...func(*Options)) (*Dialer, *[]string) {
	t.Helper()
	var dialled []string
	o := Options{
		Resolver:       resolver,
		DeniedNetworks: []netip.Prefix{netip.MustParsePrefix("10.96.0.1/32"), netip.MustParsePrefix("10.89.0.0/24")},
		Connect: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return nil, errors.New("not in this test")
		},
	}
	for _, c := range change {
		c(&o)
	}
	return New(o), &dialled
}

// shop owns 10.96.5.0/24 and 10.244.0.0/16, and claims much more.
var shop = Scope{Namespace: "shop", Owned: func(a netip.Addr) bool {
	for _, p := range prefixes("10.96.0.0/12", "10.244.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "10.89.0.0/16", "::/0") {
		if p.Contains(a) {
			return true
		}
	}
	return false
}}

func TestGuard(t *testing.T) {
	resolver := names{
		"postgres.shop.svc.cluster.local.":      "10.96.5.1",
		"api.shop.svc.cluster.local.":           "10.96.0.1",
		"node.shop.svc.cluster.local.":          "10.89.0.1",
		"rebound.shop.svc.cluster.local.":       "127.0.0.1",
		"metadata.shop.svc.cluster.local.":      "169.254.169.254",
		"mapped.shop.svc.cluster.local.":        "::ffff:127.0.0.1",
		"nat64.shop.svc.cluster.local.":         "64:ff9b::a9fe:a9fe",
		"compatible.shop.svc.cluster.local.":    "::7f00:1",
		"postgres.other.svc.cluster.local.":     "10.96.5.2",
		"10-244-0-9.other.pod.cluster.local.":   "10.244.0.9",
		"db.example.com.":                       "203.0.113.7",
		"db.allowed.example.com.":               "203.0.113.8",
		"rebound.allowed.example.com.":          "169.254.169.254",
		"shared.infra.svc.cluster.local.":       "10.96.5.3",
		"db.infra.shop.svc.cluster.local.":      "203.0.113.9",
		"db.shop.svc.cluster.local.example.com": "10.96.5.4",
	}
	admin := func(o *Options) {
		o.AllowedHosts = []string{"*.allowed.example.com", "shared.infra.svc.cluster.local", "db.infra"}
		o.AllowedNetworks = prefixes("192.0.2.0/24", "0.0.0.0/0")[:1]
	}
	tests := []struct{ host, dials string }{
		{"postgres", "10.96.5.1:5432"},
		{"postgres.shop", "10.96.5.1:5432"},
		{"postgres.shop.svc", "10.96.5.1:5432"},
		{"postgres.shop.svc.cluster.local", "10.96.5.1:5432"},
		{"POSTGRES.shop.svc.cluster.local.", ""},
		{"10.96.5.9", "10.96.5.9:5432"},
		{"localhost", ""}, {"db.localhost", ""}, {"127.0.0.1", ""}, {"127.8.8.8", ""}, {"::1", ""}, {"0.0.0.0", ""}, {"::", ""},
		{"::ffff:127.0.0.1", ""}, {"::ffff:169.254.169.254", ""},
		{"127.1", ""}, {"2130706433", ""}, {"0x7f000001", ""}, {"0177.0.0.1", ""},
		{"169.254.169.254", ""}, {"fe80::1%eth0", ""}, {"fd00:ec2::254", ""}, {"224.0.0.1", ""}, {"255.255.255.255", ""},
		{"api", ""}, {"node", ""}, {"rebound", ""}, {"metadata", ""}, {"mapped", ""}, {"nat64", ""}, {"compatible", ""},
		{"postgres.other", ""}, {"postgres.other.svc.cluster.local", ""}, {"10-244-0-9.other.pod", ""},
		{"db.example.com", ""}, {"203.0.113.7", ""},
		{"db.allowed.example.com", "203.0.113.8:5432"}, {"rebound.allowed.example.com", ""},
		{"shared.infra", "10.96.5.3:5432"}, {"db.infra", ""}, // completed to a tenant's own name
		{"64:ff9b:1:a9fe:a9:fe00::", ""}, {"64:ff9b:1::a9fe:a9fe", ""}, {"2002:a9fe:a9fe::1", ""}, {"2001:0:a9fe:a9fe::1", ""}, {"2001:0:1:1::5601:5601", ""},
		{"2001:db8::5efe:a9fe:a9fe", ""}, {"fec0::1", ""}, {"fd00:ec2::23", ""}, {"fd00:ec2::123", ""}, {"fd20:ce::254", ""},
		{"2001:db8::1", "[2001:db8::1]:5432"},
		{"192.0.2.5", "192.0.2.5:5432"},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			p, dialled := watched(t, resolver, admin)
			_, err := p.DialAddress(t.Context(), shop, net.JoinHostPort(tt.host, "5432"))
			if all := strings.Join(*dialled, " "); all != tt.dials {
				t.Errorf("dialled %q, want %q (%v)", all, tt.dials, err)
			}
		})
	}
}

func TestOnlyANarrowNetworkOpensADeniedOne(t *testing.T) {
	for network, opens := range map[string]bool{"127.0.0.0/8": true, "127.0.0.1/32": true, "0.0.0.0/0": false, "126.0.0.0/7": false, "127.1.0.0/16": false} {
		p, dialled := watched(t, nil, func(o *Options) { o.AllowedNetworks = prefixes(network) })
		_, _ = p.DialAddress(t.Context(), Scope{Namespace: "shop"}, "127.0.0.1:1")
		if got := len(*dialled) == 1; got != opens {
			t.Errorf("%s opens 127.0.0.1: %v, want %v", network, got, opens)
		}
	}
}

// Where an admin allows everything, as the wait for dependencies inside a pod does,
// what is denied stays so in each of its forms.
func TestGuardOfAnOpenNetwork(t *testing.T) {
	forms := map[string]string{
		"metadata": "169.254.169.254", "mapped": "::ffff:169.254.169.254", "compatible": "::a9fe:a9fe", "NAT64": "64:ff9b::a9fe:a9fe",
		"local NAT64, a /48": "64:ff9b:1:a9fe:a9:fe00::", "local NAT64, a /96": "64:ff9b:1::a9fe:a9fe", "6to4": "2002:a9fe:a9fe::1",
		"Teredo's server": "2001:0:a9fe:a9fe::1", "Teredo's client": "2001:0:1:1::5601:5601", "ISATAP": "2001:db8::5efe:a9fe:a9fe", "ISATAP, unique": "2001:db8::200:5efe:a9fe:a9fe",
		"site-local": "fec0::1", "link-local": "fe80::1", "AWS over IPv6": "fd00:ec2::254", "EKS Pod Identity": "fd00:ec2::23", "AWS' time": "fd00:ec2::123", "Google over IPv6": "fd20:ce::254",
		"Alibaba": "100.100.100.200", "Azure": "168.63.129.16", "Oracle": "192.0.0.192", "this host": "127.0.0.1", "this host over IPv6": "::1", "a node": "10.89.0.1", "a node by NAT64": "64:ff9b::a59:1", "the API server": "10.96.0.1",
	}
	reached := 0
	for name, address := range forms {
		p, dialled := watched(t, nil, func(o *Options) { o.AllowedNetworks = prefixes("0.0.0.0/0", "::/0") })
		_, err := p.DialAddress(t.Context(), shop, net.JoinHostPort(address, "80"))
		if len(*dialled) > 0 || !errors.Is(err, ErrNotAllowed) {
			reached++
			t.Errorf("%s (%s) is dialled: %v", name, address, err)
		}
	}
	t.Logf("security: %d forms of metadata services, nodes and this host beside an open network: %d reached", len(forms), reached)
}

// A Service is reached at its pods, none of which the guard denies, and not at an
// address that someone may lead elsewhere.
func TestGuardOfServices(t *testing.T) {
	const service = "10.96.5.1"
	for name, c := range map[string]struct {
		behind []string
		others bool
		admin  bool
		dials  string
		want   error
	}{
		"its pods, no more than four": {[]string{"10.244.0.1:5433", "10.244.0.2:5433", "10.244.0.3:5433", "10.244.0.4:5433", "10.244.0.5:5433"}, true, false, "10.244.0.1:5433 10.244.0.2:5433 10.244.0.3:5433 10.244.0.4:5433", nil},
		"none is ready":               {nil, false, false, "", syscall.ECONNREFUSED},
		"on their hosts' network":     {nil, true, false, "", ErrNotAllowed},
		"one has a node's address":    {[]string{"10.89.0.1:10250", "169.254.169.254:80", "[64:ff9b::a9fe:a9fe]:80"}, false, false, "", ErrNotAllowed},
		"allowed by the admin":        {[]string{"10.244.0.1:5433"}, false, true, service + ":5432", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, dialled := watched(t, nil, func(o *Options) {
				if c.admin {
					o.AllowedNetworks = prefixes(service + "/32")
				}
			})
			scope := Scope{Namespace: "shop", Behind: func(to netip.AddrPort) (Backends, bool) {
				out := Backends{Others: c.others}
				for _, text := range c.behind {
					if pod, err := netip.ParseAddrPort(text); err == nil {
						out.Pods = append(out.Pods, pod)
					}
				}
				return out, to.Addr().String() == service
			}}
			_, err := p.DialAddress(t.Context(), scope, service+":5432")
			if all := strings.Join(*dialled, " "); all != c.dials || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("dialled %q, want %q (%v)", all, c.dials, err)
			}
			if _, err := p.DialAddress(t.Context(), scope, "10.96.5.2:5432"); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("another address: %v", err)
			}
		})
	}
}

// An address is checked where it is dialled: whoever calls Dial is held to it.
func TestTheDialerItselfChecks(t *testing.T) {
	p, dialled := watched(t, nil)
	_, err := p.Dial(t.Context(), shop, Target{Host: "x", Addresses: []netip.Addr{netip.MustParseAddr("169.254.169.254")}}, 80)
	if !errors.Is(err, ErrNotAllowed) || len(*dialled) > 0 {
		t.Errorf("Dial gave %v and dialled %v", err, *dialled)
	}
}

func TestResolve(t *testing.T) {
	resolver := names{
		"db.shop.svc.cluster.local.":    "10.96.5.1",
		"late.corp.example.":            "10.96.5.2",
		"flaky.shop.svc.cluster.local.": "SERVFAIL", "flaky.corp.example.": "10.96.5.3",
		"broken.shop.svc.cluster.local.": "SERVFAIL",
	}
	tests := []struct {
		host string
		want error
	}{
		{"db", nil}, {"late", nil}, {"flaky", nil},
		{"broken", ErrResolver},
		{"nowhere", ErrNoSuchHost}, {"no.such.host", ErrNoSuchHost}, {"${POSTGRES_HOST}", ErrNoSuchHost}, {"a b", ErrNoSuchHost},
		{strings.Repeat("x", 64), ErrNoSuchHost},
		{"", ErrNoHost}, {"127.1", ErrAmbiguous},
	}
	for _, tt := range tests {
		t.Run(tt.host, func(t *testing.T) {
			d := New(Options{Resolver: resolver, SearchDomains: []string{"corp.example"}})
			if _, err := d.Resolve(t.Context(), shop, tt.host); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestCandidatesAreThoseOfAPod(t *testing.T) {
	p := New(Options{SearchDomains: []string{"corp.example"}})
	tests := map[string][]string{
		"db":              {"db.shop.svc.cluster.local.", "db.svc.cluster.local.", "db.cluster.local.", "db.corp.example."},
		"db.infra":        {"db.infra.shop.svc.cluster.local.", "db.infra.svc.cluster.local.", "db.infra.cluster.local.", "db.infra.corp.example.", "db.infra."},
		"db.infra.svc":    {"db.infra.svc.shop.svc.cluster.local.", "db.infra.svc.svc.cluster.local.", "db.infra.svc.cluster.local.", "db.infra.svc.corp.example."},
		"db.example.com.": {"db.example.com."},
		"a.b.c.d.e.f":     {"a.b.c.d.e.f.", "a.b.c.d.e.f.shop.svc.cluster.local.", "a.b.c.d.e.f.svc.cluster.local.", "a.b.c.d.e.f.cluster.local.", "a.b.c.d.e.f.corp.example."},
	}
	for host, want := range tests {
		if diff := cmp.Diff(want, p.candidates("shop", host)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
}

func TestParseResolvConf(t *testing.T) {
	domain, search := ParseResolvConf("nameserver 10.96.0.10\nsearch operator.svc.k8s.example svc.k8s.example k8s.example corp.example.\noptions ndots:5\n")
	if domain != "k8s.example" || !cmp.Equal(search, []string{"corp.example"}) {
		t.Errorf("got %q and %q", domain, search)
	}
	if domain, search = ParseResolvConf("search home.example\n"); domain != "" || search != nil {
		t.Errorf("outside of a cluster: got %q and %q", domain, search)
	}
}

// Inside a pod, names are completed as its own resolv.conf says.
func TestSearchListOfAPodItself(t *testing.T) {
	const pod = "search shop.svc.cluster.local svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5 edns0\n"
	for name, c := range map[string]struct {
		conf, host string
		want       []string
	}{
		"searched for":           {pod, "db", []string{"db.shop.svc.cluster.local.", "db.svc.cluster.local."}},
		"few dots":               {pod, "db.shop", []string{"db.shop.shop.svc.cluster.local.", "db.shop.svc.cluster.local.", "db.shop."}},
		"absolute":               {pod, "db.shop.", []string{"db.shop."}},
		"many dots":              {"search a.example\n", "db.shop", []string{"db.shop.", "db.shop.a.example."}},
		"no list":                {"nameserver 192.0.2.1\n", "db", []string{"db."}},
		"the last list counts":   {"search a.example\ndomain b.example\n", "db", []string{"db.b.example."}},
		"nonsense is no problem": {"search\noptions ndots:x\n\x00", "db", []string{"db."}},
	} {
		t.Run(name, func(t *testing.T) {
			list := ParseSearchList(c.conf)
			p := New(Options{Search: &list})
			if diff := cmp.Diff(c.want, p.candidates("other", c.host)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllowedLeavesOutWhatTheGuardRefuses(t *testing.T) {
	p := New(Options{AllowedHosts: []string{"db.example.com"}, DeniedNetworks: prefixes("10.0.0.1/32")})
	all := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}
	scope := Scope{Namespace: "shop", Owned: func(a netip.Addr) bool { return a == all[0] || a == all[2] }}
	for host, want := range map[string][]netip.Addr{"": all[2:3], "db.example.com": all[2:], "other.example.com": all[2:3]} {
		got := p.Allowed(scope, host, all)
		if !slices.Equal(got, want) {
			t.Errorf("%q: allowed %v, want %v", host, got, want)
		}
	}
}

// A node that joins the cluster is denied at once, by a dialer that was made before.
func TestDenylist(t *testing.T) {
	var list Denylist
	p := New(Options{Denylist: &list, AllowedNetworks: prefixes("10.89.0.3/32")})
	all := []netip.Addr{netip.MustParseAddr("10.89.0.1"), netip.MustParseAddr("10.89.0.2"), netip.MustParseAddr("10.89.0.3")}
	scope := Scope{Namespace: "shop", Owned: func(netip.Addr) bool { return true }}
	for _, c := range []struct {
		change string
		do     func()
		want   []netip.Addr
	}{
		{"at the beginning", func() {}, all},
		{"two nodes join, one of which the admin allows", func() { list.Set("a", []string{"10.89.0.1", "node-a"}); list.Set("b", []string{"::ffff:10.89.0.3"}) }, all[1:]},
		{"one has another address", func() { list.Set("a", []string{"10.89.0.2"}) }, []netip.Addr{all[0], all[2]}},
		{"it leaves", func() { list.Set("a", nil) }, all},
	} {
		c.do()
		if got := p.Allowed(scope, "", all); !slices.Equal(got, c.want) {
			t.Errorf("%s: allowed %v, want %v", c.change, got, c.want)
		}
	}
}

// names is a resolver that knows these absolute names, and no other.
type names map[string]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	switch text, known := n[host]; {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case text == "SERVFAIL":
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	default:
		return []netip.Addr{netip.MustParseAddr(text)}, nil
	}
}
