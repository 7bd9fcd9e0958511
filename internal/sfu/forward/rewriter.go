package forward

import (
	"math"
	"math/rand/v2"
	"time"

	"meet/internal/sfu/codec"
)

// rewriter renumbers the packets of the forwarded layers to one unbroken stream.
type rewriter struct {
	clockRate uint32 // Hz

	layer   int    // being forwarded; -1: none, before the first packet and while paused
	ssrc    uint32 // the publisher's SSRC of that layer
	numbers numbering

	// tsDelta is the offset that is added to each layer's timestamps, because the timestamps of the layers start at
	// unrelated values. The offset is valid for the stream with the SSRC tsSource, if tsAlignment says that it is
	// known.
	tsDelta     [MaxLayers]uint32
	tsAlignment [MaxLayers]alignment
	tsSource    [MaxLayers]uint32 // SSRC

	started     bool      // at least one packet was sent
	lastSeq     uint16    // highest sent
	lastTS      uint32    // of that packet
	lastArrival time.Time // of that packet
	lastLayer   int

	vp8                   vp8Numbers
	frameDelta, lastFrame uint16 // frame numbers of the dependency descriptor
}

// alignment says how the timestamps of a layer were aligned with the previous layer's.
type alignment uint8

const (
	notAligned alignment = iota
	byArrival            // by the arrival times, with an error of the path's jitter
	byReports            // by sender reports
)

// vp8Numbers makes VP8 picture ID, TL0PICIDX and KEYIDX continue without a gap across layer switches (RFC 7741, section
// 4.2).
type vp8Numbers struct {
	lastPicture       uint16
	tl0Delta, lastTL0 uint8
	keyDelta, lastKey uint8
	skipped           uint16 // the publisher's picture ID of the latest skipped picture
	hasSkipped        bool
}

// Rewrite holds the values that replace the publisher's in a forwarded packet.
type Rewrite struct {
	Seq     uint16 // RTP sequence number
	TS      uint32 // RTP timestamp
	Picture uint16 // VP8 picture ID
	Frame   uint16 // frame number of the dependency descriptor, if Described
	TL0     uint8  // VP8 TL0PICIDX
	Key     uint8  // VP8 KEYIDX

	Described bool       // the packet has a dependency descriptor
	Marker    bool       // RTP marker bit
	Mask      codec.Mask // active decode targets
}

// newRewriter returns a rewriter that has sent nothing.
func newRewriter(clockRate uint32) rewriter {
	return rewriter{clockRate: clockRate, layer: -1, lastLayer: -1}
}

// Pause stops forwarding. The next layer starts with a key frame, and sequence numbers continue without a gap.
func (f *rewriter) Pause() { f.layer = -1 }

// Layer returns the layer being forwarded, -1 if none is.
func (f *rewriter) Layer() int { return f.layer }

// SSRC returns the publisher's SSRC of the layer being forwarded, or of the last one.
func (f *rewriter) SSRC() uint32 { return f.ssrc }

// LastTimestamp returns the newest timestamp sent.
func (f *rewriter) LastTimestamp() uint32 { return f.lastTS }

// TimestampOffset returns the offset added to the publisher's timestamps. A layer must be forwarded.
func (f *rewriter) TimestampOffset() uint32 { return f.tsDelta[f.layer] }

// Continues reports whether p belongs to the stream being forwarded. If a layer's stream was replaced, packets of the
// new stream do not belong to it, because their sequence numbers are unrelated.
func (f *rewriter) Continues(p *Packet) bool { return p.Layer == f.layer && p.Header.SSRC == f.ssrc }

// IsNewer reports whether p belongs to the stream being forwarded and is newer than all packets sent.
func (f *rewriter) IsNewer(p *Packet) bool {
	return f.Continues(p) && int16(p.Header.SequenceNumber+f.numbers.delta()-f.lastSeq) > 0
}

// start starts forwarding p's layer with p, a packet that is decodable without earlier ones. align returns the
// timestamp offset between two layers by their sender reports, false if it is unknown.
func (f *rewriter) start(p *Packet, align func(from, to int) (uint32, bool)) {
	n := p.Layer
	f.layer, f.ssrc = n, p.Header.SSRC
	if f.tsSource[n] != f.ssrc {
		f.tsSource[n], f.tsAlignment[n] = f.ssrc, notAligned
	}
	if !f.started {
		f.started = true
		f.tsAlignment[n] = byReports
		f.lastSeq, f.lastTS, f.lastArrival = p.Header.SequenceNumber-1, p.Header.Timestamp-1, p.Arrival
		f.lastLayer = n
		f.vp8.reset(&p.Info.VP8)
		f.lastFrame = p.Info.Frame.Number - 1
		f.numbers.reset(run{first: p.Header.SequenceNumber})
		return
	}
	f.numbers.reset(run{
		first: p.Header.SequenceNumber, seq: f.lastSeq + 1 - p.Header.SequenceNumber, picture: f.vp8.resume(&p.Info.VP8),
	})
	f.frameDelta = f.lastFrame + 1 - p.Info.Frame.Number
	f.alignTime(p, align)
	f.lastLayer = n
}

// alignTime computes the timestamp offset of p's layer, whose first packet is p.
func (f *rewriter) alignTime(p *Packet, align func(from, to int) (uint32, bool)) {
	n := p.Layer
	if f.tsAlignment[n] != byReports {
		if delta, ok := align(f.lastLayer, n); ok && f.lastLayer != n {
			f.tsDelta[n], f.tsAlignment[n] = f.tsDelta[f.lastLayer]+delta, byReports
		} else if f.tsAlignment[n] == notAligned {
			elapsed := uint32(p.Arrival.Sub(f.lastArrival).Seconds() * float64(f.clockRate))
			f.tsDelta[n], f.tsAlignment[n] = f.lastTS+elapsed-p.Header.Timestamp, byArrival
		}
	}
	// Timestamps never decrease, even if the sender reports of the two layers differ by a frame.
	if ts := p.Header.Timestamp + f.tsDelta[n]; int32(ts-f.lastTS) <= 0 {
		f.tsDelta[n] += f.lastTS + 1 - ts
	}
}

// translate computes the header values with which p is sent, and stores them in out. p must be a packet of the current
// layer and belong to run.
func (f *rewriter) translate(p *Packet, run *run, out *Rewrite) {
	seq := p.Header.SequenceNumber
	out.Seq = seq + run.seq
	out.TS = p.Header.Timestamp + f.tsDelta[f.layer]
	out.Described = p.Info.Frame.Structure != nil
	if out.Described {
		out.Frame = p.Info.Frame.Number + f.frameDelta
	}
	if p.Info.VP8.Present {
		f.vp8.translate(&p.Info.VP8, run.picture, out)
	}
	if int16(out.Seq-f.lastSeq) > 0 {
		f.lastSeq, f.lastTS, f.lastArrival = out.Seq, out.TS, p.Arrival
		if p.Info.VP8.Present {
			f.vp8.lastPicture, f.vp8.lastTL0, f.vp8.lastKey = out.Picture, out.TL0, out.Key
		}
		if out.Described {
			f.lastFrame = out.Frame
		}
	}
	f.numbers.noteHighest(seq)
}

// skip leaves p, a packet of the current layer, out of the numbering. If p is late, later packets have already been
// numbered, and p's number is free. skip then returns that number and true.
func (f *rewriter) skip(p *Packet) (gap uint16, open bool) {
	seq := p.Header.SequenceNumber
	if !f.numbers.isNew(seq) {
		run := f.numbers.find(seq)
		if run == nil {
			return 0, false
		}
		return seq + run.seq, true
	}
	f.numbers.skip(seq, f.vp8.skipPicture(&p.Info.VP8))
	return 0, false
}

// reset starts the numbering with d as the first picture, whose values are sent unchanged.
func (v *vp8Numbers) reset(d *codec.VP8Descriptor) {
	*v = vp8Numbers{lastPicture: d.PictureID - 1, lastTL0: d.TL0 - 1, lastKey: d.KeyIndex - 1}
}

// resume continues with d as the next picture, and returns the offset for picture IDs.
func (v *vp8Numbers) resume(d *codec.VP8Descriptor) uint16 {
	v.tl0Delta = v.lastTL0 + 1 - d.TL0
	v.keyDelta = v.lastKey + 1 - d.KeyIndex
	v.hasSkipped = false
	return v.lastPicture + 1 - d.PictureID
}

// translate computes the VP8 values with which a packet is sent, and stores them in out. pictureDelta is the offset for
// picture IDs.
func (v *vp8Numbers) translate(d *codec.VP8Descriptor, pictureDelta uint16, out *Rewrite) {
	out.Picture = (d.PictureID + pictureDelta) & 0x7fff
	out.TL0 = d.TL0 + v.tl0Delta
	out.Key = (d.KeyIndex + v.keyDelta) & 0x1f
}

// skipPicture records a skipped packet, and reports whether its picture is skipped too: true for the first packet of
// each skipped picture.
func (v *vp8Numbers) skipPicture(d *codec.VP8Descriptor) bool {
	if !d.Present || v.hasSkipped && v.skipped == d.PictureID {
		return false
	}
	v.skipped, v.hasSkipped = d.PictureID, true
	return true
}

// Insert returns the values for a packet that the server adds to the stream. Its timestamp is the newest timestamp sent
// plus the duration after. The publisher's next packet is numbered after it.
func (f *rewriter) Insert(now time.Time, after time.Duration) Rewrite {
	f.Pause()
	if !f.started {
		f.started = true
		f.lastSeq, f.lastTS = uint16(rand.Uint32()), rand.Uint32()
	}
	f.lastSeq++
	f.lastTS += uint32(math.Round(after.Seconds() * float64(f.clockRate)))
	f.lastArrival = now
	return Rewrite{Seq: f.lastSeq, TS: f.lastTS}
}

// switchTrack continues with another track, whose layers and timestamps are unrelated to the previous ones.
func (f *rewriter) switchTrack(clockRate uint32) {
	f.Pause()
	f.clockRate = clockRate
	f.tsAlignment, f.lastLayer = [MaxLayers]alignment{}, -1
}

// appendNextDescriptor appends the payload descriptor of a key frame after the last picture sent.
func (v *vp8Numbers) appendNextDescriptor(b []byte) []byte {
	v.lastPicture, v.lastTL0, v.lastKey = (v.lastPicture+1)&0x7fff, v.lastTL0+1, (v.lastKey+1)&0x1f
	return append(b, 0x90, 0xd0, 0x80|byte(v.lastPicture>>8), byte(v.lastPicture), v.lastTL0, v.lastKey)
}
