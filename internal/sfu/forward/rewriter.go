package forward

import (
	"math"
	"math/rand/v2"
	"time"

	"meet/internal/sfu/codec"
)

// rewriter gives the packets of whichever layer is forwarded the numbers of one unbroken stream.
type rewriter struct {
	clockRate uint32 // Hz

	layer   int    // being forwarded; -1 before the first and while paused
	ssrc    uint32 // of that layer's stream
	numbers numbering

	// tsDelta is the offset that is added to each layer's timestamps, once known for the stream tsSource. Layers count from
	// different origins.
	tsDelta  [MaxLayers]uint32
	tsKnown  [MaxLayers]certainty
	tsSource [MaxLayers]uint32 // SSRC

	started     bool
	lastSeq     uint16 // highest sent
	lastTS      uint32
	lastArrival time.Time
	lastLayer   int

	vp8                   vp8Numbers
	frameDelta, lastFrame uint16 // of the dependency descriptor
}

// certainty is how the timestamps of two layers were aligned: by arrival they are off by the path's jitter.
type certainty uint8

const (
	unknown certainty = iota
	byArrival
	byReports
)

// vp8Numbers keeps picture id, TL0PICIDX and KEYIDX contiguous over layer switches (RFC 7741, section 4.2).
type vp8Numbers struct {
	lastPicture       uint16
	tl0Delta, lastTL0 uint8
	keyDelta, lastKey uint8
	skipped           uint16 // the publisher's id of the latest picture that was left out
	hasSkipped        bool
}

// Rewrite holds the numbers that a forwarded packet carries in place of the publisher's.
type Rewrite struct {
	Seq     uint16
	TS      uint32
	Picture uint16 // VP8
	Frame   uint16 // of the dependency descriptor, if Described
	TL0     uint8  // VP8
	Key     uint8  // VP8

	Described bool
	Marker    bool
	Mask      codec.Mask // active decode targets
}

func newRewriter(clockRate uint32) rewriter {
	return rewriter{clockRate: clockRate, layer: -1, lastLayer: -1}
}

// Pause stops forwarding: the next layer begins with a key frame and the next number.
func (f *rewriter) Pause() { f.layer = -1 }

// Layer returns the layer that is forwarded, -1 when none is.
func (f *rewriter) Layer() int { return f.layer }

// SSRC returns the publisher's SSRC of the latest layer that was forwarded.
func (f *rewriter) SSRC() uint32 { return f.ssrc }

// LastTimestamp returns the newest timestamp sent.
func (f *rewriter) LastTimestamp() uint32 { return f.lastTS }

// TimestampOffset returns what is added to the timestamps of the layer that is forwarded. There must be one.
func (f *rewriter) TimestampOffset() uint32 { return f.tsDelta[f.layer] }

// Follows reports whether p continues the stream that is forwarded. A layer whose stream was replaced does not: its numbers
// restart.
func (f *rewriter) Continues(p *Packet) bool { return p.Layer == f.layer && p.Header.SSRC == f.ssrc }

// Lacks reports whether p continues the stream that is forwarded and is newer than everything sent.
func (f *rewriter) IsNewer(p *Packet) bool {
	return f.Continues(p) && int16(p.Header.SequenceNumber+f.numbers.delta()-f.lastSeq) > 0
}

// start begins to forward p's layer with p, a packet that needs none before it. align gives the timestamp difference
// between two layers by their sender reports, false when it is unknown.
func (f *rewriter) start(p *Packet, align func(from, to int) (uint32, bool)) {
	n := p.Layer
	f.layer, f.ssrc = n, p.Header.SSRC
	if f.tsSource[n] != f.ssrc {
		f.tsSource[n], f.tsKnown[n] = f.ssrc, unknown
	}
	if !f.started {
		f.started = true
		f.tsKnown[n] = byReports
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

// alignTime finds what to add to the timestamps of p's layer, which p is the first packet of.
func (f *rewriter) alignTime(p *Packet, align func(from, to int) (uint32, bool)) {
	n := p.Layer
	if f.tsKnown[n] != byReports {
		if delta, ok := align(f.lastLayer, n); ok && f.lastLayer != n {
			f.tsDelta[n], f.tsKnown[n] = f.tsDelta[f.lastLayer]+delta, byReports
		} else if f.tsKnown[n] == unknown {
			elapsed := uint32(p.Arrival.Sub(f.lastArrival).Seconds() * float64(f.clockRate))
			f.tsDelta[n], f.tsKnown[n] = f.lastTS+elapsed-p.Header.Timestamp, byArrival
		}
	}
	// Time never runs backwards, even if the reports of the two layers disagree by a frame.
	if ts := p.Header.Timestamp + f.tsDelta[n]; int32(ts-f.lastTS) <= 0 {
		f.tsDelta[n] += f.lastTS + 1 - ts
	}
}

// translate puts the numbers for p, a packet of the current layer in that run, into out.
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

// leaveOut goes on as if p, a packet of the current layer, had not been. If others behind it have gone out already it
// returns the number that stays open.
func (f *rewriter) skip(p *Packet) (hole uint16, open bool) {
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

func (v *vp8Numbers) reset(d *codec.VP8Descriptor) {
	*v = vp8Numbers{lastPicture: d.PictureID - 1, lastTL0: d.TL0 - 1, lastKey: d.KeyIndex - 1}
}

// resume goes on with d as the next and returns what to add to picture ids.
func (v *vp8Numbers) resume(d *codec.VP8Descriptor) uint16 {
	v.tl0Delta = v.lastTL0 + 1 - d.TL0
	v.keyDelta = v.lastKey + 1 - d.KeyIndex
	v.hasSkipped = false
	return v.lastPicture + 1 - d.PictureID
}

func (v *vp8Numbers) translate(d *codec.VP8Descriptor, pictureDelta uint16, out *Rewrite) {
	out.Picture = (d.PictureID + pictureDelta) & 0x7fff
	out.TL0 = d.TL0 + v.tl0Delta
	out.Key = (d.KeyIndex + v.keyDelta) & 0x1f
}

// leaveOut reports whether d is of another picture than the last packet that was left out.
func (v *vp8Numbers) skipPicture(d *codec.VP8Descriptor) bool {
	if !d.Present || v.hasSkipped && v.skipped == d.PictureID {
		return false
	}
	v.skipped, v.hasSkipped = d.PictureID, true
	return true
}

// Insert returns the numbers for a packet that is not the publisher's, whose timestamp follows the one before by after. The
// publisher's next packet comes behind it.
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

// leave makes the rewriter continue with a track whose layers and time count from other origins, at that clock rate.
func (f *rewriter) switchTrack(clockRate uint32) {
	f.Pause()
	f.clockRate = clockRate
	f.tsKnown, f.lastLayer = [MaxLayers]certainty{}, -1
}

// describeNext appends the payload descriptor of a key frame that follows everything sent.
func (v *vp8Numbers) appendNextDescriptor(b []byte) []byte {
	v.lastPicture, v.lastTL0, v.lastKey = (v.lastPicture+1)&0x7fff, v.lastTL0+1, (v.lastKey+1)&0x1f
	return append(b, 0x90, 0xd0, 0x80|byte(v.lastPicture>>8), byte(v.lastPicture), v.lastTL0, v.lastKey)
}
