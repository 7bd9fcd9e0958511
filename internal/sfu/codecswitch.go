package sfu

import (
	"math/rand/v2"
	"strings"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
)

// This file lets a DownTrack play one track from several Receivers in turn, one for each codec it is published in
// (docs/protocol.md, 12.9).

// CanDecode reports whether the subscriber's connection has negotiated a codec in which it plays a Receiver's packets of that
// MIME type. It is false before the connection has negotiated.
func (d *DownTrack) CanDecode(mime string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _, ok := d.findCodecLocked(mime, "")
	return ok
}

// SwitchReceiver forwards from r from now on, in place of the Receiver before: the same track in another codec, with its format
// parameters. Numbers and time go on; video begins with r's next key frame. It returns false, and changes nothing, when
// the subscriber cannot play it.
func (d *DownTrack) SwitchReceiver(r *Receiver, fmtp string) bool {
	d.mu.Lock()
	before, started := d.receiver, d.started
	if before != r {
		if _, _, ok := d.findCodecLocked(r.options.MimeType, fmtp); !ok {
			d.mu.Unlock()
			return false
		}
		d.receiver, d.fmtp = r, fmtp
		d.fwd.SwitchTrack(r.options.ClockRate, r.options.DescriptorID != 0)
	}
	d.binding.bound = d.selectPayloadTypesLocked()
	d.mu.Unlock()
	if started && before != r {
		before.RemoveSink(d)
		d.Start()
	}
	return true
}

// settleLocked finds the payload types for the Receiver's codec, and reports whether there are any.
func (d *DownTrack) selectPayloadTypesLocked() bool {
	c, unpacks, ok := d.findCodecLocked(d.receiver.options.MimeType, d.fmtp)
	if !ok {
		return false
	}
	d.binding.payloadType, d.binding.unpackRED, d.binding.rtxPayloadType = uint8(c.PayloadType), unpacks, 0
	if pt, found := rtxFor(d.binding.codecs, c.PayloadType); found && d.binding.rtxSSRC != 0 {
		d.binding.rtxPayloadType = uint8(pt)
		if d.rtx.rtxRaw == nil {
			d.rtx.rtxSeq = uint16(rand.Uint32())
			d.rtx.rtxRaw = make([]byte, mtu)
		}
	}
	return true
}

// playableLocked finds the codec in which a track of that type goes to the subscriber: its own, or for RED also what is
// inside. What is encrypted end to end cannot be unpacked.
func (d *DownTrack) findCodecLocked(mime, fmtp string) (c webrtc.RTPCodecParameters, unpacks, ok bool) {
	if c, ok = matchCodec(d.binding.codecs, mime, fmtp); ok {
		return c, false, true
	}
	if codec.TypeOf(mime) == codec.RED && !d.options.Encrypted {
		c, ok = matchCodec(d.binding.codecs, webrtc.MimeTypeOpus, "")
	}
	return c, ok, ok
}

// sends reports whether p is of a layer of the Receiver: packets of an earlier Receiver, or of a layer that has been
// replaced, may still be under way.
func (r *Receiver) isCurrent(p *Packet) bool { return p.from == r.layer(p.Layer) }

// isVideo reports whether a MIME type is that of video.
func isVideo(mime string) bool { return strings.HasPrefix(strings.ToLower(mime), "video/") }
