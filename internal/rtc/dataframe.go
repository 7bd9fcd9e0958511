package rtc

import (
	"encoding/binary"
	"sync"
	"time"
)

// The layout of the header of a data track's packet, in bytes (docs/protocol.md, 6.6).
const (
	frameHeaderSize = 12
	handleOffset    = 2
	frameOffset     = 6
	extensionFlag   = 1 << 2 // flag in the first byte; the upper three bits of that byte are the version
	versionShift    = 5
)

// frameHeader holds the header fields that forwarding needs.
type frameHeader struct {
	handle uint16 // identifies the track
	frame  uint16 // number of the frame; a frame may consist of several packets
}

// parseFrame parses the header of a data track's packet and reports whether it is valid.
func parseFrame(b []byte) (frameHeader, bool) {
	if len(b) < frameHeaderSize || b[0]>>versionShift != 0 {
		return frameHeader{}, false
	}
	if b[0]&extensionFlag != 0 {
		if len(b) < frameHeaderSize+2 {
			return frameHeader{}, false
		}
		// The field is the length of the extensions in 32-bit words, including the field, minus one.
		words := int(binary.BigEndian.Uint16(b[frameHeaderSize:])) + 1
		if len(b) < frameHeaderSize+4*words {
			return frameHeader{}, false
		}
	}
	h := frameHeader{handle: binary.BigEndian.Uint16(b[handleOffset:]), frame: binary.BigEndian.Uint16(b[frameOffset:])}
	return h, h.handle != 0
}

// setHandle replaces the handle in a packet's header by the one that the track's subscribers use.
func setHandle(b []byte, handle uint16) { binary.BigEndian.PutUint16(b[handleOffset:], handle) }

// frameLimiter limits the frame rate of a data track. It drops whole frames, never parts. It may be used from any
// goroutine.
type frameLimiter struct {
	mu       sync.Mutex
	interval time.Duration // minimum time between frames; 0 means no limit
	due      time.Time     // earliest time of the next frame
	recent   [2]decision   // decisions about the last two frames, whose packets may be interleaved
}

// decision records for one frame whether its packets are forwarded. If valid is not set, no frame is recorded.
type decision struct {
	frame          uint16
	valid, forward bool
}

// setRate limits the frame rate to fps frames per second; 0 removes the limit.
func (g *frameLimiter) setRate(fps uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.interval = 0
	if fps > 0 {
		g.interval = time.Second / time.Duration(fps)
	}
}

// allows reports whether to forward a packet. The packet arrives at the time now and belongs to the frame with this
// number.
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
			g.due = now // a pause earns no extra frames
		}
		g.due = g.due.Add(g.interval)
	}
	g.recent[0], g.recent[1] = g.recent[1], decision{frame, true, yes}
	return yes
}
