package forward

import "time"

// Forwarder decides which packets of a track are sent to one subscriber, and rewrites their headers.
type Forwarder struct {
	rewriter
	selector selector
	sent     sequencer
	keySeq   uint16 // sequence number, as sent, of the latest key frame's first packet
	keyTS    uint32 // RTP timestamp, as sent, of the latest key frame
}

// New returns a Forwarder for a track with clockRate in Hz. described says that packets have a dependency descriptor.
// history is the number of packets to store for retransmission, a power of two.
func New(clockRate uint32, described bool, history int) Forwarder {
	return Forwarder{rewriter: newRewriter(clockRate), selector: newSelector(described), sent: newSequencer(history)}
}

// SwitchTrack continues with another track, whose layers and timestamps are unrelated to the previous ones. Sequence
// numbers and timestamps continue without a gap; packets sent before can no longer be retransmitted.
func (f *Forwarder) SwitchTrack(clockRate uint32, described bool) {
	f.switchTrack(clockRate)
	f.selector = newSelector(described)
	f.sent.clear()
}

// Current returns the highest layers being forwarded, Spatial -1 if none are.
func (f *Forwarder) Current() Target {
	if f.layer < 0 {
		return Target{-1, -1}
	}
	return Target{min(f.layer+min(f.selector.Spatial, f.selector.top), MaxLayers-1), f.selector.Temporal}
}

// HasForwarded reports whether p was already sent, for example as a redundant copy in a later packet.
func (f *Forwarder) HasForwarded(p *Packet) bool {
	return f.Continues(p) && f.sent.contains(p.Header.SequenceNumber+f.numbers.delta())
}

// Start starts forwarding p's layer with p, a packet that is decodable without earlier ones. align returns the
// timestamp offset between two layers by their sender reports, false if it is unknown.
func (f *Forwarder) Start(p *Packet, align func(from, to int) (uint32, bool)) {
	f.start(p, align)
	f.keySeq = f.lastSeq + 1
	f.selector.reset()
}

// Decision says how to handle a packet.
type Decision struct {
	Sent          *Sent // the packet as sent; nil: do not send it
	NeedsKeyFrame bool  // the wanted layers can start only with a key frame
	// FillGap says that an empty packet must be sent with sequence number Gap. The packet with that number arrived late
	// and is not forwarded. Without the empty packet, the subscriber would keep requesting it.
	FillGap bool
	Gap     uint16
}

// Forward decides on p, a packet of the current stream, for a subscriber that gets layers up to want.
func (f *Forwarder) Forward(p *Packet, want Target) (d Decision) {
	v := f.selector.decide(p, Target{max(0, want.Spatial-p.Layer), want.Temporal})
	d.NeedsKeyFrame = v.needsKeyFrame
	if !v.forward {
		if gap, open := f.skip(p); open {
			d.Gap, d.FillGap = gap, f.fillGap(gap)
		}
		return d
	}
	seq := p.Header.SequenceNumber
	run := f.numbers.find(seq)
	if run == nil || !f.numbers.isNew(seq) && f.sent.contains(seq+run.seq) { // already sent, by replay
		return d
	}
	out := f.sent.slot(seq + run.seq)
	out.Source, out.SSRC, out.Layer, out.tries, out.resent = seq, p.Header.SSRC, int8(p.Layer), 0, 0
	out.Marker, out.Mask = p.Header.Marker || v.marker, v.mask
	f.translate(p, run, &out.Rewrite)
	if p.Info.KeyFrame {
		f.noteKeyFrame(out)
	}
	// Sequence numbers compare correctly only within 32,768, so move keySeq along.
	if f.lastSeq-f.keySeq > 1<<14 {
		f.keySeq = f.lastSeq - 1<<13
	}
	d.Sent = out
	return d
}

// noteKeyFrame records out as the start of a key frame. With H.264 several packets of a key frame look like its start;
// only the first one counts.
func (f *Forwarder) noteKeyFrame(out *Sent) {
	if out.TS != f.keyTS && int16(out.Seq-f.keySeq) >= 0 {
		f.keySeq, f.keyTS = out.Seq, out.TS
	}
}

// fillGap reserves sequence number seq for an empty packet, and reports whether that packet must be sent.
func (f *Forwarder) fillGap(seq uint16) bool {
	if f.sent.contains(seq) || int(f.lastSeq-seq) >= len(f.sent.sent) {
		return false
	}
	f.sent.storePadding(seq)
	return true
}

// Lookup returns the packet sent as seq. It returns nil if the packet is no longer stored, or was resent too recently.
func (f *Forwarder) Lookup(seq uint16, now time.Time, roundTrip time.Duration) *Sent {
	return f.sent.lookup(seq, now, roundTrip)
}

// Superseded reports whether the packet sent as seq is no longer needed, because a key frame has followed or will
// follow.
func (f *Forwarder) Superseded(seq uint16) bool { return f.layer < 0 || int16(seq-f.keySeq) < 0 }

// InsertPadding returns the sequence number for an empty packet that the server adds to the stream.
func (f *Forwarder) InsertPadding(now time.Time) uint16 {
	seq := f.Insert(now, 0).Seq
	f.sent.storePadding(seq)
	return seq
}

// PaddingNumbers returns the header values of an empty packet with sequence number seq.
func (f *Forwarder) PaddingNumbers(seq uint16) Rewrite { return Rewrite{Seq: seq, TS: f.lastTS} }

// AppendVP8Descriptor appends the payload descriptor (RFC 7741, section 4.2) of a key frame that the server adds to the
// stream.
func (f *Forwarder) AppendVP8Descriptor(b []byte) []byte { return f.vp8.appendNextDescriptor(b) }
