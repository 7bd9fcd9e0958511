package forward

import "time"

// Forwarder decides which packets of a track go to one subscriber, and rewrites them.
type Forwarder struct {
	rewriter
	selector selector
	sent     sequencer
	keySeq   uint16 // number that the latest key frame begins with
	keyTS    uint32 // its timestamp, as sent
}

// New makes a Forwarder for a track with that clock rate in Hz. described says that its packets carry the dependency
// descriptor, history how many packets are remembered for retransmission: a power of two.
func New(clockRate uint32, described bool, history int) Forwarder {
	return Forwarder{rewriter: newRewriter(clockRate), selector: newSelector(described), sent: newSequencer(history)}
}

// Replace continues with another track of that clock rate, whose layers and time count from other origins. Numbers and time
// go on, the packets sent before are forgotten.
func (f *Forwarder) SwitchTrack(clockRate uint32, described bool) {
	f.switchTrack(clockRate)
	f.selector = newSelector(described)
	f.sent.clear()
}

// Current returns up to which layers is forwarded, Spatial -1 when nothing is.
func (f *Forwarder) Current() Target {
	if f.layer < 0 {
		return Target{-1, -1}
	}
	return Target{min(f.layer+min(f.selector.Spatial, f.selector.top), MaxLayers-1), f.selector.Temporal}
}

// HasForwarded reports whether p has gone out already, as a copy in a later packet.
func (f *Forwarder) HasForwarded(p *Packet) bool {
	return f.Continues(p) && f.sent.contains(p.Header.SequenceNumber+f.numbers.delta())
}

// Start begins to forward p's layer with p, a packet that needs none before it. align returns the timestamp difference
// between two layers by their sender reports, false when it is unknown.
func (f *Forwarder) Start(p *Packet, align func(from, to int) (uint32, bool)) {
	f.start(p, align)
	f.keySeq = f.lastSeq + 1
	f.selector.reset()
}

// Decision says what to do with a packet.
type Decision struct {
	Sent          *Sent // how it goes out; nil when it does not
	NeedsKeyFrame bool  // the layers that are wanted can only begin with a key frame
	// Fill says that an empty packet has to go out as number Hole, whose place only a packet that is left out could take:
	// the subscriber would ask for it until it gives up.
	FillGap bool
	Gap     uint16
}

// Forward decides on p, which follows what is forwarded, for a subscriber that may get at most want.
func (f *Forwarder) Forward(p *Packet, want Target) (d Decision) {
	v := f.selector.decide(p, Target{max(0, want.Spatial-p.Layer), want.Temporal})
	d.NeedsKeyFrame = v.needsKeyFrame
	if !v.forward {
		if hole, open := f.skip(p); open {
			d.Gap, d.FillGap = hole, f.fillGap(hole)
		}
		return d
	}
	seq := p.Header.SequenceNumber
	run := f.numbers.find(seq)
	if run == nil || !f.numbers.isNew(seq) && f.sent.contains(seq+run.seq) { // sent before, when what it needs came late
		return d
	}
	out := f.sent.slot(seq + run.seq)
	out.Source, out.SSRC, out.Layer, out.tries, out.resent = seq, p.Header.SSRC, int8(p.Layer), 0, 0
	out.Marker, out.Mask = p.Header.Marker || v.marker, v.mask
	f.translate(p, run, &out.Rewrite)
	if p.Info.KeyFrame {
		f.keyFrame(out)
	}
	// The key frame's number follows at a distance, so that "before" stays meaningful after 32,768 packets.
	if f.lastSeq-f.keySeq > 1<<14 {
		f.keySeq = f.lastSeq - 1<<13
	}
	d.Sent = out
	return d
}

// keyFrame notes that out begins a key frame. Of H264 more than one packet looks so; the first does.
func (f *Forwarder) keyFrame(out *Sent) {
	if out.TS != f.keyTS && int16(out.Seq-f.keySeq) >= 0 {
		f.keySeq, f.keyTS = out.Seq, out.TS
	}
}

// fill notes that an empty packet takes number seq, and reports whether it has to go out.
func (f *Forwarder) fillGap(seq uint16) bool {
	if f.sent.contains(seq) || int(f.lastSeq-seq) >= len(f.sent.sent) {
		return false
	}
	f.sent.storePadding(seq)
	return true
}

// Lookup returns the packet sent as seq, nil if it is forgotten or too short a time has passed since it was last sent again.
func (f *Forwarder) Lookup(seq uint16, now time.Time, roundTrip time.Duration) *Sent {
	return f.sent.lookup(seq, now, roundTrip)
}

// Stale reports whether the picture can do without the packet sent as seq: a key frame has followed it or is to follow.
func (f *Forwarder) Superseded(seq uint16) bool { return f.layer < 0 || int16(seq-f.keySeq) < 0 }

// InsertPadding returns the number for an empty packet that is not the publisher's.
func (f *Forwarder) InsertPadding(now time.Time) uint16 {
	seq := f.Insert(now, 0).Seq
	f.sent.storePadding(seq)
	return seq
}

// Padding returns the numbers of an empty packet that goes out as seq.
func (f *Forwarder) PaddingNumbers(seq uint16) Rewrite { return Rewrite{Seq: seq, TS: f.lastTS} }

// AppendVP8Descriptor appends the payload descriptor (RFC 7741, section 4.2) of a key frame that follows everything sent.
func (f *Forwarder) AppendVP8Descriptor(b []byte) []byte { return f.vp8.appendNextDescriptor(b) }
