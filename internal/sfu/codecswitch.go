package sfu

import (
	"math/rand/v2"
	"strings"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
)

// This file lets a DownTrack forward a track that is published in several codecs. Each codec has a Receiver, and the
// DownTrack switches between them (docs/protocol.md, 12.9).

// CanDecode reports whether the subscriber's connection has negotiated a codec for a track of that MIME type. It
// returns false before the first negotiation.
func (d *DownTrack) CanDecode(mime string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _, ok := d.findCodecLocked(mime, "")
	return ok
}

// SwitchReceiver makes d forward from r, which receives the same track in another codec. fmtp contains r's format
// parameters. Sequence numbers and timestamps continue without a gap, and video starts with r's next key frame. If the
// subscriber has no codec for r, SwitchReceiver changes nothing and returns false.
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

// selectPayloadTypesLocked sets the payload types for the Receiver's codec. It reports whether the connection has
// negotiated that codec.
func (d *DownTrack) selectPayloadTypesLocked() bool {
	c, unpack, ok := d.findCodecLocked(d.receiver.options.MimeType, d.fmtp)
	if !ok {
		return false
	}
	d.binding.payloadType, d.binding.unpackRED, d.binding.rtxPayloadType = uint8(c.PayloadType), unpack, 0
	if pt, found := rtxFor(d.binding.codecs, c.PayloadType); found && d.binding.rtxSSRC != 0 {
		d.binding.rtxPayloadType = uint8(pt)
		if d.rtx.rtxRaw == nil {
			d.rtx.rtxSeq = uint16(rand.Uint32())
			d.rtx.rtxRaw = make([]byte, mtu)
		}
	}
	return true
}

// findCodecLocked returns the subscriber's codec for a track whose MIME type is mime. If the subscriber decodes Opus
// but not RED, it returns Opus for a RED track, and unpack is true: the packets must be unpacked. If the track is
// encrypted end to end, they cannot be unpacked, and ok is false.
func (d *DownTrack) findCodecLocked(mime, fmtp string) (c webrtc.RTPCodecParameters, unpack, ok bool) {
	if c, ok = matchCodec(d.binding.codecs, mime, fmtp); ok {
		return c, false, true
	}
	if codec.TypeOf(mime) == codec.RED && !d.options.Encrypted {
		c, ok = matchCodec(d.binding.codecs, webrtc.MimeTypeOpus, "")
	}
	return c, ok, ok
}

// isCurrent reports whether p belongs to a current layer of the Receiver. It returns false for late packets of a
// previous Receiver, or of a layer that was replaced.
func (r *Receiver) isCurrent(p *Packet) bool { return p.from == r.layer(p.Layer) }

// isVideo reports whether mime is a video type.
func isVideo(mime string) bool { return strings.HasPrefix(strings.ToLower(mime), "video/") }
