package wire

import (
	"net/netip"
	"sync"
	"time"

	"meet/internal/source"
)

const (
	// sourceRate (tokens per second) and sourceBurst are the parameters of the token bucket of one client address. A client
	// sends about 20 requests when a direct call starts: one for its public address and some for relays, on each of its
	// networks. So about 100 clients behind one carrier-grade NAT (RFC 6598) can start calls at once, and ten more every
	// second. Responses have 40 to 64 bytes, up to 3.2 times the size of their requests (1.9 times with IP and UDP headers).
	// So an attacker who spoofs a victim's address can direct at most 13 KB/s of responses to the victim in the long run.
	sourceRate, sourceBurst = 200, 2000
	// totalRate (tokens per second) and totalBurst are the parameters of the token bucket that all addresses share. They
	// limit responses to 320 KB/s in the long run.
	totalRate, totalBurst = 5000, 10_000
	// maxSources bounds the number of addresses in stunLimiter.sources. An address can be removed when its bucket is full
	// again. A bucket needs 5 ms to regain the token of one request.
	maxSources = 4096
)

// bucket is a token bucket, represented by the time at which it is full again. A time in the past means a full bucket.
type bucket time.Duration

// take removes a token and reports whether there was one. The bucket holds burst tokens and gains rate tokens per second.
// now is the time since an arbitrary start.
func (b *bucket) take(now time.Duration, rate, burst int) bool {
	each := time.Second / time.Duration(rate)
	full := max(time.Duration(*b), now) + each
	if full-now > each*time.Duration(burst) {
		return false
	}
	*b = bucket(full)
	return true
}

// stunLimiter limits the STUN and TURN requests that are answered, for each client address and in total. Source addresses
// can be spoofed, and responses are larger than requests. Without a limit, the server could be abused to amplify traffic
// towards a victim.
type stunLimiter struct {
	start time.Time

	mu      sync.Mutex
	total   bucket
	sources map[netip.Prefix]bucket
}

// newSTUNLimiter returns a limiter with full buckets.
func newSTUNLimiter() *stunLimiter {
	return &stunLimiter{start: time.Now(), sources: make(map[netip.Prefix]bucket, maxSources)}
}

// allow reports whether to answer a request from the address client. arrival is the time at which the request arrived.
func (a *stunLimiter) allow(client netip.Addr, arrival time.Time) bool {
	now, network := arrival.Sub(a.start), source.Prefix(client)
	a.mu.Lock()
	defer a.mu.Unlock()
	b, known := a.sources[network]
	if !b.take(now, sourceRate, sourceBurst) {
		return false
	}
	if !known && len(a.sources) >= maxSources {
		a.removeFullLocked(now)
		if len(a.sources) >= maxSources { // thousands of addresses have sent requests within milliseconds
			return false
		}
	}
	if !a.total.take(now, totalRate, totalBurst) {
		return false
	}
	a.sources[network] = b
	return true
}

// removeFullLocked removes the addresses whose buckets are full.
func (a *stunLimiter) removeFullLocked(now time.Duration) {
	for source, b := range a.sources {
		if time.Duration(b) <= now {
			delete(a.sources, source)
		}
	}
}
