package sfu

import (
	"time"

	"meet/internal/sfu/forward"
)

// Packet is one RTP packet on its way from a publisher to the sinks. It is overwritten by the next packet: a sink that
// keeps anything of it copies.
type Packet struct {
	forward.Packet
	from *layer // may have been replaced in its Receiver meanwhile
}

// Sink is anything fed by a Receiver: a DownTrack, a recorder's LayerSink. No method may block.
type Sink interface {
	// WriteRTP takes one packet. Layers of one Receiver call it from different goroutines.
	WriteRTP(p *Packet)
	// SetMuted says that the publisher has muted or unmuted the track. Meanwhile no packets come but those under way.
	SetMuted(muted bool)
	// WriteSilence continues sound that has just been muted: it is called every 20 ms for a second.
	WriteSilence(now time.Time)
	// Loss returns the loss on the path to the sink in 256ths, 0 where there is none.
	Loss(now time.Time) uint8
	// Ended says that the Receiver is closed. No packets come any more.
	Ended()
}
