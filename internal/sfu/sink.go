package sfu

import "meet/internal/sfu/forward"

// Packet is one RTP packet on its way from a publisher to the sinks.
type Packet = forward.Packet

// Sink takes the packets of a Receiver: a DownTrack, a recorder.
type Sink interface {
	// WriteRTP takes one packet. Layers of one Receiver call it from different goroutines. It must not block.
	WriteRTP(p *Packet)
}
