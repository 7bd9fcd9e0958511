package peer

import (
	"strings"
	"sync"
	"time"
)

// A client whose media connection fails over UDP is moved to TCP: the Fallback remembers its room and identity, and from
// then on neither side learns of the other's UDP addresses (docs/protocol.md, 2.10).
const (
	// shortLived is how long a connection has to last for its failure not to be blamed on UDP.
	shortLived = 90 * time.Second
	// failedTwice is the time within which a second failure is blamed on UDP, however long the connections lasted.
	failedTwice = time.Minute
	// rememberClient is how long a choice holds. The client may be on another network by then.
	rememberClient = 10 * time.Minute
	// maxClients bounds the remembered clients; the oldest is forgotten first.
	maxClients = 4096
)

// ClientKey names a client across its connections.
type ClientKey struct{ Room, Identity string }

// reachability holds what is known about how a client reaches us.
type reachability struct {
	tcp    bool // over TCP alone
	failed time.Time
	noted  time.Time // the last change
}

// TCPFallback remembers which clients are not to use UDP. All rooms share it: a client that reconnects may join a new room
// of the same name.
type TCPFallback struct {
	mu      sync.Mutex
	clients map[ClientKey]reachability
}

// NewTCPFallback makes a Fallback that remembers nothing.
func NewTCPFallback() *TCPFallback { return &TCPFallback{clients: map[ClientKey]reachability{}} }

// TCPOnly reports whether the client is to use TCP alone.
func (f *TCPFallback) TCPOnly(k ClientKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	return c.tcp && now.Sub(c.noted) < rememberClient
}

// SetTCPOnly notes whether the client is to use TCP alone.
func (f *TCPFallback) SetTCPOnly(k ClientKey, tcp bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noteLocked(k, reachability{tcp: tcp, noted: now})
}

// RecordFailure notes that a connection has failed after it lasted for held, and reports whether the client is to use TCP alone.
func (f *TCPFallback) RecordFailure(k ClientKey, held time.Duration, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.clients[k]
	if now.Sub(c.noted) >= rememberClient {
		c = reachability{}
	}
	c.tcp = c.tcp || held < shortLived || !c.failed.IsZero() && now.Sub(c.failed) < failedTwice
	c.failed, c.noted = now, now
	f.noteLocked(k, c)
	return c.tcp
}

func (f *TCPFallback) noteLocked(k ClientKey, c reachability) {
	if _, known := f.clients[k]; !known && len(f.clients) >= maxClients {
		var oldest ClientKey
		for k, c := range f.clients {
			if o, ok := f.clients[oldest]; !ok || c.noted.Before(o.noted) {
				oldest = k
			}
		}
		delete(f.clients, oldest)
	}
	f.clients[k] = c
}

// withoutUDP removes the UDP candidates from a description of ours, if that leaves any candidate.
func withoutUDP(description string) string {
	kept, left := strings.Builder{}, false
	for line := range strings.Lines(description) {
		candidate, ok := strings.CutPrefix(line, "a=candidate:")
		if ok && overUDP(candidate) {
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

// overUDP reports whether a candidate's transport is UDP, by its third field (RFC 8839, section 5.1).
func overUDP(candidate string) bool {
	fields := strings.Fields(candidate)
	return len(fields) > 2 && strings.EqualFold(fields[2], "udp")
}
