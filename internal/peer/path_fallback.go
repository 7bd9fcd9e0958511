package peer

import (
	"strings"
	"sync"
	"time"
)

// Path is the network path that the media of a client may take.
type Path int

const (
	AnyPath   Path = iota // UDP, TCP or a TURN relay, as ICE decides
	TCPOnly               // ICE over TCP
	RelayOnly             // a TURN relay that the client reaches over TCP or TLS
)

// String returns the name of the path for logs.
func (p Path) String() string { return [...]string{"any", "tcp", "relay"}[p] }

// Limits of PathFallback. When the media connection of a client fails, its path may be blocked, so the client is moved to
// another path (docs/protocol.md, 2.10). For TCPOnly, UDP candidates are removed from the descriptions of both sides.
const (
	// minConnectionTime is the minimum duration of a connection. If a connection fails earlier, its client is moved.
	minConnectionTime = 90 * time.Second
	// failureWindow is the minimum time between two failures. If the second failure comes earlier, the client is moved, even
	// if both connections lasted long.
	failureWindow = time.Minute
	// preferenceTTL is how long a preference is remembered. Later, the client may be on another network.
	preferenceTTL = 10 * time.Minute
	// maxClients bounds the number of remembered clients. The client with the oldest preference is removed first.
	maxClients = 4096
)

// ClientKey identifies a client across its connections.
type ClientKey struct{ Room, Identity string }

// pathPreference is the path that a client has to use, with the time of the latest failure of a connection of the client.
type pathPreference struct {
	path    Path
	failed  time.Time // latest failure; zero if there was none
	updated time.Time // latest change
}

// PathFallback remembers the paths of clients that cannot use every path. All rooms share one PathFallback, because a client
// that reconnects may join a new room with the same name. Its methods may be called from any goroutine.
type PathFallback struct {
	mu      sync.Mutex
	clients map[ClientKey]pathPreference
}

// NewPathFallback returns a PathFallback that remembers no clients.
func NewPathFallback() *PathFallback { return &PathFallback{clients: map[ClientKey]pathPreference{}} }

// Path returns the path of the client k.
func (f *PathFallback) Path(k ClientKey, now time.Time) Path {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	if now.Sub(c.updated) >= preferenceTTL {
		return AnyPath
	}
	return c.path
}

// SetPath sets the path of the client k, and forgets its failures.
func (f *PathFallback) SetPath(k ClientKey, p Path, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.storeLocked(k, pathPreference{path: p, updated: now})
}

// RecordFailure records that a connection of the client k has failed, and reports whether k has to use the path next from
// then on. lifetime is how long the connection lasted.
func (f *PathFallback) RecordFailure(k ClientKey, next Path, lifetime time.Duration, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	if now.Sub(c.updated) >= preferenceTTL {
		c = pathPreference{}
	}
	moved := lifetime < minConnectionTime || !c.failed.IsZero() && now.Sub(c.failed) < failureWindow
	if moved {
		c.path = next
	}
	c.failed, c.updated = now, now
	f.storeLocked(k, c)
	return moved
}

// storeLocked stores the preference of the client k, and removes the oldest preference if there are more than maxClients.
func (f *PathFallback) storeLocked(k ClientKey, c pathPreference) {
	if _, known := f.clients[k]; !known && len(f.clients) >= maxClients {
		var oldest ClientKey
		for k, c := range f.clients {
			if o, ok := f.clients[oldest]; !ok || c.updated.Before(o.updated) {
				oldest = k
			}
		}
		delete(f.clients, oldest)
	}
	f.clients[k] = c
}

// withoutUDP removes the UDP candidates from a description of the server. If there are no other candidates, it returns the
// description unchanged.
func withoutUDP(description string) string {
	kept, left := strings.Builder{}, false
	for line := range strings.Lines(description) {
		candidate, ok := strings.CutPrefix(line, "a=candidate:")
		if ok && isUDPCandidate(candidate) {
			continue
		}
		left = left || ok
		kept.WriteString(line)
	}
	if !left {
		return description
	}
	return kept.String()
}

// isUDPCandidate reports whether the transport of a candidate, its third field (RFC 8839, section 5.1), is UDP.
func isUDPCandidate(candidate string) bool {
	fields := strings.Fields(candidate)
	return len(fields) > 2 && strings.EqualFold(fields[2], "udp")
}
