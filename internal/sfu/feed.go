package sfu

import (
	"math/rand/v2"
	"strings"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
)

// This file lets a DownTrack play one track from several Receivers in turn, one for each codec it is published in
// (livekit-protocol.md, 12.9).

// Takes tells whether the subscriber's connection has settled on a codec by which it plays what a Receiver of that type
// gets. It is false before the connection has negotiated.
func (d *DownTrack) Takes(mime string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _, ok := d.playableLocked(mime, "")
	return ok
}

// Feed makes r what is forwarded from here on, in place of the Receiver before: the same track in another codec, with
// its format parameters. Numbers and time go on; video begins with r's next key frame. It is false, and nothing changes,
// when the subscriber cannot play it.
func (d *DownTrack) Feed(r *Receiver, fmtp string) bool {
	d.mu.Lock()
	before, started := d.receiver, d.started
	if before != r {
		if _, _, ok := d.playableLocked(r.MimeType, fmtp); !ok {
			d.mu.Unlock()
			return false
		}
		d.receiver, d.Fmtp = r, fmtp
		d.fwd.leave(r.ClockRate)
		d.sel = newSelector(r.DescriptorID != 0)
		d.seq.clear() // what it remembers is in the old Receiver's numbers
	}
	d.bound = d.settleLocked()
	d.mu.Unlock()
	if started && before != r {
		before.RemoveSink(d)
		d.Start()
	}
	return true
}

// settleLocked finds the payload types for what the Receiver gets, and tells whether there are any.
func (d *DownTrack) settleLocked() bool {
	c, unpacks, ok := d.playableLocked(d.receiver.MimeType, d.Fmtp)
	if !ok {
		return false
	}
	d.payloadType, d.unpacks, d.rtxType = uint8(c.PayloadType), unpacks, 0
	if pt, found := rtxFor(d.negotiated, c.PayloadType); found && d.rtxSSRC != 0 {
		d.rtxType = uint8(pt)
		if d.rtxRaw == nil {
			d.rtxSeq = uint16(rand.Uint32())
			d.rtxRaw = make([]byte, mtu)
		}
	}
	return true
}

// playableLocked finds the codec in which a track of that type goes to the subscriber: its own, or for RED also what is
// inside. What is encrypted end to end cannot be unpacked.
func (d *DownTrack) playableLocked(mime, fmtp string) (c webrtc.RTPCodecParameters, unpacks, ok bool) {
	if c, ok = matchCodec(d.negotiated, mime, fmtp); ok {
		return c, false, true
	}
	if codec.TypeOf(mime) == codec.RED && !d.Encrypted {
		c, ok = matchCodec(d.negotiated, webrtc.MimeTypeOpus, "")
	}
	return c, ok, ok
}

// sends tells whether p belongs to a stream the Receiver has: one more packet of an earlier Receiver may be under way.
func (r *Receiver) sends(p *Packet) bool {
	l := r.layer(p.Layer)
	return l != nil && l.ssrc == p.Header.SSRC
}

// leave makes the forwarder go on with a track that counts its layers and time anew, at that rate.
func (f *forwarder) leave(clockRate uint32) {
	f.pause()
	f.clockRate = clockRate
	f.tsKnown, f.lastLayer = [MaxLayers]certainty{}, -1
}

func (s *sequencer) clear() {
	for i := range s.sent {
		s.sent[i].tries = -1
	}
}

// isVideo tells the kind of a codec by its MIME type.
func isVideo(mime string) bool { return strings.HasPrefix(strings.ToLower(mime), "video/") }
