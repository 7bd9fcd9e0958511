package wire

import (
	"net/netip"
	"sync"
	"time"

	"meet/internal/source"
)

const (
	// A client sends some 20 requests when it starts a direct call: it asks for its address and for relays, on each of its
	// networks. So hundreds behind one carrier-grade NAT may start within seconds. Answers have 40 to 64 bytes, up to 3.2 times
	// their requests (1.9 with the headers of IP and UDP), so a stranger who spoofs the address of a victim can have it sent no
	// more than 13 KB/s for long.
	sourceRate, sourceBurst = 200, 2000
	// All answers together are 320 KB/s.
	totalRate, totalBurst = 5000, 10_000
	// maxSources bounds the table. An address is in it until its bucket is full again, which takes 5 ms for each request.
	maxSources = 4096
)

// bucket is a token bucket: the time at which it will be full again. A bucket of the past is full.
type bucket time.Duration

// take takes one of burst tokens, of which rate come back in a second, and reports whether there was one.
func (b *bucket) take(now time.Duration, rate, burst int) bool {
	each := time.Second / time.Duration(rate)
	full := max(time.Duration(*b), now) + each
	if full-now > each*time.Duration(burst) {
		return false
	}
	*b = bucket(full)
	return true
}

// stunLimiter limits the STUN and TURN requests that are answered, for each address and in total. UDP addresses can be spoofed, and
// answers are longer than requests: without a limit the server would amplify anybody's traffic towards a victim.
type stunLimiter struct {
	start time.Time

	mu      sync.Mutex
	total   bucket
	sources map[netip.Prefix]bucket
}

func newSTUNLimiter() *stunLimiter {
	return &stunLimiter{start: time.Now(), sources: make(map[netip.Prefix]bucket, maxSources)}
}

// allow reports whether a request from a may be answered.
func (a *stunLimiter) allow(from netip.Addr, at time.Time) bool {
	now, network := at.Sub(a.start), source.Prefix(from)
	a.mu.Lock()
	defer a.mu.Unlock()
	b, known := a.sources[network]
	if !b.take(now, sourceRate, sourceBurst) {
		return false
	}
	if !known && len(a.sources) >= maxSources {
		a.removeFullLocked(now)
		if len(a.sources) >= maxSources { // thousands have asked within milliseconds
			return false
		}
	}
	if !a.total.take(now, totalRate, totalBurst) {
		return false
	}
	a.sources[network] = b
	return true
}

// removeFullLocked removes the sources whose buckets are full.
func (a *stunLimiter) removeFullLocked(now time.Duration) {
	for source, b := range a.sources {
		if time.Duration(b) <= now {
			delete(a.sources, source)
		}
	}
}
