package sfu

import (
	"time"

	"meet/internal/sfu/forward"
)

// Packet is one RTP packet from a publisher. Its memory is reused for the next packet, so a sink must copy anything it
// stores.
type Packet struct {
	forward.Packet
	from *layer // may have been replaced in its Receiver
}

// Sink receives a track's packets from a Receiver. It is a DownTrack, or the LayerSink of a recorder. No method may
// block.
type Sink interface {
	// WriteRTP receives one packet. Layers of one Receiver call it from different goroutines.
	WriteRTP(p *Packet)
	// SetMuted reports that the publisher muted or unmuted the track. During a mute no new packets come, but a packet
	// in progress still may.
	SetMuted(muted bool)
	// WriteSilence continues muted audio with a packet of silence. It is called every 20 ms in the first second of a
	// mute.
	WriteSilence(now time.Time)
	// Loss returns the loss on the path to the sink in 1/256, 0 if there is none.
	Loss(now time.Time) uint8
	// Ended reports that the Receiver is closed. No packets follow.
	Ended()
}
