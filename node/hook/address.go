package hook

import (
	"net"
	"net/netip"
	"strings"

	"cairn/node/fault"
)

// special are the networks that are never on the internet, or that carry an
// IPv4 address that could be inside: the IANA special-purpose registries
// (RFC 6890), multicast, and the address at which one cloud serves its
// machines' secrets.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

// internet is what of IPv6 is routed on the internet at all (RFC 4291 2.4): it
// leaves out loopback, mapped and translated IPv4, local and multicast
// addresses.
var internet = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// rules decide which addresses may be reached.
type rules struct {
	hosts       map[string]bool
	allow, deny []netip.Prefix
	here        func() []netip.Prefix // the networks that this machine stands in
}

func compile(allow, deny []string) (rules, error) {
	r := rules{hosts: make(map[string]bool), here: here}
	for _, text := range allow {
		if p, ok := network(text); ok {
			r.allow = append(r.allow, p)
			continue
		}
		if text == "" || strings.ContainsAny(text, "/:@?# ") {
			return r, fault.New(fault.Invalid, "subscription-allow", "subscription_allow names what is neither a host nor a network").
				WithHint(`write a host name or a network such as "10.1.2.0/24"`)
		}
		r.hosts[hostName(text)] = true
	}
	for _, text := range deny {
		p, ok := network(text)
		if !ok {
			return r, fault.New(fault.Invalid, "subscription-deny", "subscription_deny names what is no network").
				WithHint(`write a network such as "198.51.100.0/24"`)
		}
		r.deny = append(r.deny, p)
	}
	return r, nil
}

// network reads a network or a single address.
func network(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a, a.BitLen()), true
}

// may tells whether a connection may be made to this address of this host.
func (r *rules) may(host string, a netip.Addr) bool {
	if a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	switch {
	case a.IsUnspecified() || a.IsMulticast():
		return false
	case r.hosts[host] || within(r.allow, a):
		return true
	case within(special, a) || within(r.deny, a) || within(r.here(), a):
		return false
	}
	return a.Is4() || internet.Contains(a)
}

// mayLoopback tells whether some loopback address is allowed.
func (r *rules) mayLoopback() bool {
	return r.may("localhost", netip.AddrFrom4([4]byte{127, 0, 0, 1})) || r.may("localhost", netip.IPv6Loopback())
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

var everything = prefixes("0.0.0.0/0", "::/0")

// here returns the networks of this machine's interfaces.
func here() (out []netip.Prefix) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return everything // what is inside cannot be told
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if p, err := netip.ParsePrefix(n.String()); err == nil && p.Bits() > 0 {
				out = append(out, p.Masked())
			}
		}
	}
	return out
}
