package peer

import (
	"strings"
	"sync"
	"time"
)

// Limits of TCPFallback. When the media connection of a client fails, UDP may be blocked, so the client is moved to TCP: UDP
// candidates are removed from the descriptions of both sides (docs/protocol.md, 2.10).
const (
	// minConnectionTime is the minimum duration of a connection. If a connection fails earlier, its client is moved to TCP.
	minConnectionTime = 90 * time.Second
	// failureWindow is the minimum time between two failures. If the second failure comes earlier, the client is moved to
	// TCP, even if both connections lasted long.
	failureWindow = time.Minute
	// preferenceTTL is how long a preference is remembered. Later, the client may be on another network.
	preferenceTTL = 10 * time.Minute
	// maxClients bounds the number of remembered clients. The client with the oldest preference is removed first.
	maxClients = 4096
)

// ClientKey identifies a client across its connections.
type ClientKey struct{ Room, Identity string }

// transportPreference is the transport that a client has to use, with the time of the latest failure of a connection of the
// client.
type transportPreference struct {
	tcp     bool      // only TCP
	failed  time.Time // latest failure; zero if there was none
	updated time.Time // latest change
}

// TCPFallback remembers which clients must not use UDP. All rooms share one TCPFallback, because a client that reconnects
// may join a new room with the same name. Its methods may be called from any goroutine.
type TCPFallback struct {
	mu      sync.Mutex
	clients map[ClientKey]transportPreference
}

// NewTCPFallback returns a TCPFallback that remembers no clients.
func NewTCPFallback() *TCPFallback { return &TCPFallback{clients: map[ClientKey]transportPreference{}} }

// TCPOnly reports whether the client k must use only TCP.
func (f *TCPFallback) TCPOnly(k ClientKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	return c.tcp && now.Sub(c.updated) < preferenceTTL
}

// SetTCPOnly sets whether the client k must use only TCP, and forgets its failures.
func (f *TCPFallback) SetTCPOnly(k ClientKey, tcp bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.storeLocked(k, transportPreference{tcp: tcp, updated: now})
}

// RecordFailure records that a connection of the client k has failed, and reports whether k must use only TCP from then on.
// lifetime is how long the connection lasted.
func (f *TCPFallback) RecordFailure(k ClientKey, lifetime time.Duration, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	if now.Sub(c.updated) >= preferenceTTL {
		c = transportPreference{}
	}
	c.tcp = c.tcp || lifetime < minConnectionTime || !c.failed.IsZero() && now.Sub(c.failed) < failureWindow
	c.failed, c.updated = now, now
	f.storeLocked(k, c)
	return c.tcp
}

// storeLocked stores the preference of the client k, and removes the oldest preference if there are more than maxClients.
func (f *TCPFallback) storeLocked(k ClientKey, c transportPreference) {
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
