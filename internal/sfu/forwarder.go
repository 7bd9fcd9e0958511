package sfu

import (
	"time"

	"meet/internal/sfu/codec"
)

// forwarder rewrites the packets of whichever layer is forwarded into one unbroken stream. It is plain state without a
// clock; DownTrack guards it.
type forwarder struct {
	clockRate uint32 // Hz

	layer    int    // being forwarded; -1 before the first and while paused
	ssrc     uint32 // of that layer's stream
	firstSeq uint16 // source number this run of the layer began with
	seqDelta uint16 // added to the source's number

	// tsDelta is what is added to each layer's timestamps, once known for the stream tsSource. Layers count from
	// different origins.
	tsDelta  [MaxLayers]uint32
	tsKnown  [MaxLayers]bool
	tsSource [MaxLayers]uint32 // SSRC

	started     bool
	lastSeq     uint16 // highest sent
	lastTS      uint32
	lastArrival time.Time
	lastLayer   int

	vp8 vp8Numbers
}

// vp8Numbers keeps picture id, TL0PICIDX and KEYIDX contiguous over layer switches (RFC 7741, section 4.2).
type vp8Numbers struct {
	pictureDelta, lastPicture uint16
	tl0Delta, lastTL0         uint8
	keyDelta, lastKey         uint8
}

// rewrite is what a forwarded packet gets in place of the publisher's numbers.
type rewrite struct {
	seq     uint16
	ts      uint32
	picture uint16
	tl0     uint8
	key     uint8
}

func newForwarder(clockRate uint32) forwarder {
	return forwarder{clockRate: clockRate, layer: -1, lastLayer: -1}
}

// pause forgets the layer, so that the next one begins with a key frame and the next number.
func (f *forwarder) pause() { f.layer = -1 }

// follows tells whether p goes on with what is being forwarded. A layer whose stream was replaced does not: its numbers
// begin anew.
func (f *forwarder) follows(p *Packet) bool { return p.Layer == f.layer && p.Header.SSRC == f.ssrc }

// lacks tells whether p goes on with what is being forwarded and is newer than all that has been sent.
func (f *forwarder) lacks(p *Packet) bool {
	return f.follows(p) && int16(p.Header.SequenceNumber+f.seqDelta-f.lastSeq) > 0
}

// start begins to forward p's layer with p, a packet that needs none before it. align gives the timestamp difference
// between two layers by their sender reports, false when it is unknown.
func (f *forwarder) start(p *Packet, align func(from, to int) (uint32, bool)) {
	n := p.Layer
	f.layer, f.ssrc, f.firstSeq = n, p.Header.SSRC, p.Header.SequenceNumber
	if f.tsSource[n] != f.ssrc {
		f.tsSource[n], f.tsKnown[n] = f.ssrc, false
	}
	if !f.started {
		f.started = true
		f.seqDelta, f.tsKnown[n] = 0, true
		f.lastSeq, f.lastTS, f.lastArrival = p.Header.SequenceNumber-1, p.Header.Timestamp-1, p.Arrival
		f.lastLayer = n
		f.vp8.begin(&p.Info.VP8)
		return
	}
	f.seqDelta = f.lastSeq + 1 - p.Header.SequenceNumber
	f.vp8.resume(&p.Info.VP8)
	if !f.tsKnown[n] {
		delta, ok := align(f.lastLayer, n)
		if ok && f.lastLayer != n {
			f.tsDelta[n] = f.tsDelta[f.lastLayer] + delta
		} else {
			elapsed := uint32(p.Arrival.Sub(f.lastArrival).Seconds() * float64(f.clockRate))
			f.tsDelta[n] = f.lastTS + elapsed - p.Header.Timestamp
		}
		f.tsKnown[n] = true
	}
	// Time never runs backwards, even if the reports of the two layers disagree by a frame.
	if ts := p.Header.Timestamp + f.tsDelta[n]; int32(ts-f.lastTS) <= 0 {
		f.tsDelta[n] += f.lastTS + 1 - ts
	}
	f.lastLayer = n
}

// translate returns the numbers for p, a packet of the current layer, and false for one from before the layer's start.
func (f *forwarder) translate(p *Packet) (rewrite, bool) {
	if int16(p.Header.SequenceNumber-f.firstSeq) < 0 {
		return rewrite{}, false
	}
	out := rewrite{
		seq: p.Header.SequenceNumber + f.seqDelta,
		ts:  p.Header.Timestamp + f.tsDelta[f.layer],
	}
	if p.Info.VP8.Present {
		f.vp8.translate(&p.Info.VP8, &out)
	}
	if int16(out.seq-f.lastSeq) > 0 {
		f.lastSeq, f.lastTS, f.lastArrival = out.seq, out.ts, p.Arrival
		if p.Info.VP8.Present {
			f.vp8.lastPicture, f.vp8.lastTL0, f.vp8.lastKey = out.picture, out.tl0, out.key
		}
		// firstSeq follows at least 8,192 packets behind, so that "older" stays meaningful after 32,768 packets.
		if p.Header.SequenceNumber-f.firstSeq > 1<<14 {
			f.firstSeq = p.Header.SequenceNumber - 1<<13
		}
	}
	return out, true
}

func (v *vp8Numbers) begin(d *codec.VP8Descriptor) {
	*v = vp8Numbers{lastPicture: d.PictureID - 1, lastTL0: d.TL0 - 1, lastKey: d.KeyIndex - 1}
}

func (v *vp8Numbers) resume(d *codec.VP8Descriptor) {
	v.pictureDelta = v.lastPicture + 1 - d.PictureID
	v.tl0Delta = v.lastTL0 + 1 - d.TL0
	v.keyDelta = v.lastKey + 1 - d.KeyIndex
}

func (v *vp8Numbers) translate(d *codec.VP8Descriptor, out *rewrite) {
	out.picture = (d.PictureID + v.pictureDelta) & 0x7fff
	out.tl0 = d.TL0 + v.tl0Delta
	out.key = (d.KeyIndex + v.keyDelta) & 0x1f
}
