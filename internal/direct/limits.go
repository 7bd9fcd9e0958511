package direct

import (
	"net/http"
	"strconv"

	"meet/internal/fault"
	"meet/internal/ratelimit"
)

// maxPeers and maxPeersPerAddress bound the number of connections.
const maxPeers, maxPeersPerAddress = 8192, 1024

// Limits on what lets a client search for sessions: connections, and requests and messages that name a session.
var lookUpsPerAddress, lookUpsInTotal = ratelimit.Rate{Burst: 1200, PerSecond: 20}, ratelimit.Rate{Burst: 10000, PerSecond: 500}

var (
	errTooManyPeers            = fault.New(fault.Unavailable, "there are too many direct calls on this server; try again later")
	errTooManyPeersFromAddress = fault.New(fault.Exhausted, "there are too many direct calls from this address; try again when some of them have ended")
)

// newLookUps returns the limiter of look-ups.
func newLookUps() *ratelimit.Limiter { return ratelimit.NewLimiter(lookUpsPerAddress, lookUpsInTotal) }

// newPeerCount returns a count of connections.
func newPeerCount() *ratelimit.Counter {
	return ratelimit.NewCounter(ratelimit.Bounds{
		Total: maxPeers, PerClient: maxPeersPerAddress, ErrTotal: errTooManyPeers, ErrPerClient: errTooManyPeersFromAddress,
	})
}

// writeError responds to a request that exceeds a limit.
func writeError(w http.ResponseWriter, err error) {
	if seconds := fault.RetryAfter(err); seconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	status := http.StatusServiceUnavailable
	if fault.KindOf(err) == fault.Exhausted {
		status = http.StatusTooManyRequests
	}
	http.Error(w, fault.Public(err), status)
}
