package rtc

import (
	"encoding/binary"
	"sync"
	"time"
)

// The header of a data track's packet (docs/protocol.md, 6.6), in bytes.
const (
	frameHeaderSize = 12
	handleOffset    = 2
	frameOffset     = 6
	extensionFlag   = 1 << 2 // of the first byte, whose upper three bits are the version
	versionShift    = 5
)

// frameHeader holds the fields of the header that forwarding needs.
type frameHeader struct {
	handle uint16 // of the track
	frame  uint16 // number of the frame, of which the packet may be a part
}

// parseFrame reads the header of a data track's packet, and reports whether it is valid.
func parseFrame(b []byte) (frameHeader, bool) {
	if len(b) < frameHeaderSize || b[0]>>versionShift != 0 {
		return frameHeader{}, false
	}
	if b[0]&extensionFlag != 0 {
		if len(b) < frameHeaderSize+2 {
			return frameHeader{}, false
		}
		// The field counts 32-bit words, itself included, minus one.
		words := int(binary.BigEndian.Uint16(b[frameHeaderSize:])) + 1
		if len(b) < frameHeaderSize+4*words {
			return frameHeader{}, false
		}
	}
	h := frameHeader{handle: binary.BigEndian.Uint16(b[handleOffset:]), frame: binary.BigEndian.Uint16(b[frameOffset:])}
	return h, h.handle != 0
}

// setHandle writes the handle by which the receiver knows the track.
func setHandle(b []byte, handle uint16) { binary.BigEndian.PutUint16(b[handleOffset:], handle) }

// frameLimiter lets whole frames through at a bounded rate.
type frameLimiter struct {
	mu       sync.Mutex
	interval time.Duration // between frames; 0 lets all through
	due      time.Time     // of the next
	recent   [2]decision   // on the latest frames: their packets come in any order
}

type decision struct {
	frame          uint16
	valid, forward bool
}

// setRate bounds the frames each second; 0 bounds nothing.
func (g *frameLimiter) setRate(fps uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.interval = 0
	if fps > 0 {
		g.interval = time.Second / time.Duration(fps)
	}
}

// passes reports whether to forward a packet of that frame at that time.
func (g *frameLimiter) allows(frame uint16, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.interval == 0 {
		return true
	}
	for _, d := range g.recent {
		if d.valid && d.frame == frame {
			return d.forward
		}
	}
	yes := !now.Before(g.due)
	if yes {
		if now.Sub(g.due) > g.interval {
			g.due = now // after a pause there is nothing to make up for
		}
		g.due = g.due.Add(g.interval)
	}
	g.recent[0], g.recent[1] = g.recent[1], decision{frame, true, yes}
	return yes
}
