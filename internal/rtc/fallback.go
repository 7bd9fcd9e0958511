package rtc

import (
	"strings"
	"sync"
	"time"
)

// A client whose media connection does not hold over UDP is moved to TCP: its room and identity are remembered, and from
// then on neither side is told of the other's UDP addresses (livekit-protocol.md, 2.10). TLS comes with TURN; until then
// who needs it gets TCP.
const (
	// shortLived is how long a connection has to hold for its failure to say nothing of UDP.
	shortLived = 90 * time.Second
	// failedTwice is the time within which two failures say enough.
	failedTwice = time.Minute
	// rememberPath is how long a choice holds. The client may be on another network by then.
	rememberPath = 10 * time.Minute
	// maxPaths bounds what is remembered; beyond it the oldest goes.
	maxPaths = 4096
)

// pathKey names a client across its connections.
type pathKey struct{ room, identity string }

// path is what is known of how a client reaches us.
type path struct {
	tcp    bool // over TCP alone
	failed time.Time
	noted  time.Time // the last change
}

// fallback remembers which clients do without UDP. It is shared by all rooms: a client that reconnects may come into a
// new one of the same name.
type fallback struct {
	mu    sync.Mutex
	paths map[pathKey]path
}

func newFallback() *fallback { return &fallback{paths: map[pathKey]path{}} }

// tcp tells whether the client is to use TCP alone.
func (f *fallback) tcp(k pathKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.paths[k]
	return p.tcp && now.Sub(p.noted) < rememberPath
}

// choose notes that the client is to use TCP alone, or not.
func (f *fallback) choose(k pathKey, tcp bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noteLocked(k, path{tcp: tcp, noted: now})
}

// failed notes that a connection has failed after it held for that long, and tells whether the client is to use TCP alone.
func (f *fallback) failed(k pathKey, held time.Duration, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.paths[k]
	if now.Sub(p.noted) >= rememberPath {
		p = path{}
	}
	p.tcp = p.tcp || held < shortLived || !p.failed.IsZero() && now.Sub(p.failed) < failedTwice
	p.failed, p.noted = now, now
	f.noteLocked(k, p)
	return p.tcp
}

func (f *fallback) noteLocked(k pathKey, p path) {
	if _, known := f.paths[k]; !known && len(f.paths) >= maxPaths {
		var oldest pathKey
		for k, p := range f.paths {
			if o, ok := f.paths[oldest]; !ok || p.noted.Before(o.noted) {
				oldest = k
			}
		}
		delete(f.paths, oldest)
	}
	f.paths[k] = p
}

// withoutUDP takes the UDP candidates out of a description of ours, if that leaves any.
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

// overUDP tells whether a candidate is of UDP: its third field says so (RFC 8839, section 5.1).
func overUDP(candidate string) bool {
	fields := strings.Fields(candidate)
	return len(fields) > 2 && strings.EqualFold(fields[2], "udp")
}
