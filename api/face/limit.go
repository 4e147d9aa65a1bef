package face

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limit bounds what one address may do in a time: Burst at once, then PerSecond.
// It is for what anybody may try without a sign-in. Its methods are safe for
// concurrent use; set the fields before the first request.
type Limit struct {
	PerSecond float64
	Burst     int

	mu      sync.Mutex
	callers map[netip.Prefix]*caller
}

// Sign-ins from one address that fail, at each face that takes them: a hospital's
// staff may come from one.
const (
	SignInsPerSecond = 20
	SignInsBurst     = 200
)

type caller struct {
	limit *rate.Limiter
	last  time.Time
}

// callersLimit bounds how many addresses are remembered.
const callersLimit = 10_000

// Allows tells whether the address that a request comes from may do n more.
func (l *Limit) Allows(r *http.Request, n int) bool {
	from, ok := subscriber(r.RemoteAddr)
	if !ok {
		return false
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.callers[from]
	if !ok {
		c = &caller{limit: rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)}
		l.admit(from, c)
	}
	c.last = now
	return c.limit.AllowN(now, n)
}

// Return gives n back that the address was allowed and that turned out not to
// count.
func (l *Limit) Return(r *http.Request, n int) { l.Allows(r, -n) }

// admit remembers a caller, in the place of the one that has been silent for
// longest when there are too many.
func (l *Limit) admit(from netip.Prefix, c *caller) {
	if l.callers == nil {
		l.callers = make(map[netip.Prefix]*caller)
	}
	if len(l.callers) >= callersLimit {
		var oldest netip.Prefix
		for p, other := range l.callers {
			if !oldest.IsValid() || other.last.Before(l.callers[oldest].last) {
				oldest = p
			}
		}
		delete(l.callers, oldest)
	}
	l.callers[from] = c
}

// subscriber returns what counts as one caller: an IPv4 address, or the /64 that
// one subscriber of IPv6 has (RFC 6177).
func subscriber(remote string) (netip.Prefix, bool) {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}, false
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 64
	if addr.Is4() {
		bits = 32
	}
	prefix, err := addr.Prefix(bits)
	return prefix, err == nil
}
