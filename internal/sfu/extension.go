package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/forward"
)

// Header extensions that are forwarded or added, besides the dependency descriptor (docs/protocol.md, 12.4).
const (
	// CaptureTimeURI is the extension with a frame's capture time on the publisher's clock. It is forwarded unchanged,
	// because sender reports to subscribers use the publisher's clock too.
	CaptureTimeURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	// PlayoutDelayURI is the extension that bounds how long a subscriber may delay frames before it shows them.
	PlayoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// PlayoutDelay bounds how long subscribers delay frames before they show them. The zero value sets no bounds.
type PlayoutDelay struct{ Min, Max time.Duration }

// maxPlayoutDelay is the maximum that the extension can encode: 12 bits in units of 10 ms.
const maxPlayoutDelay = 0xfff * 10 * time.Millisecond

// encode returns the extension's three bytes: minimum and maximum with 12 bits each.
func (p PlayoutDelay) encode() [3]byte {
	unit := func(d time.Duration) uint32 { return uint32(min(max(d, 0), maxPlayoutDelay) / (10 * time.Millisecond)) }
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], unit(p.Min)<<12|unit(max(p.Min, p.Max)))
	return [3]byte(b[1:])
}

// extensions holds the extension ids that a subscriber's media section has negotiated, and the state of the playout
// delay.
type extensions struct {
	captureTime, playoutDelay uint8 // extension ids; 0: not negotiated

	delay         [3]byte // encoded
	delaySeq      uint16  // sequence number of the first packet with the playout delay
	delaySent     bool    // at least one packet carried the playout delay
	delayReceived bool    // the subscriber has acknowledged such a packet
}

// bind stores the id of e if it is one of the extensions in x.
func (x *extensions) bind(e webrtc.RTPHeaderExtensionParameter) {
	switch e.URI {
	case CaptureTimeURI:
		x.captureTime = uint8(e.ID)
	case PlayoutDelayURI:
		x.playoutDelay = uint8(e.ID)
	}
}

// addExtensionsLocked adds extensions to h, the header that p is sent with. The dependency descriptor must be in h
// already: pion chooses one-byte or two-byte headers by the first extension, and only the descriptor may need two-byte
// headers.
func (d *DownTrack) addExtensionsLocked(h *rtp.Header, p *Packet, out *forward.Rewrite) {
	x := &d.binding.extensions
	if x.captureTime != 0 && d.receiver.options.CaptureTimeID != 0 {
		if at := p.Header.GetExtension(d.receiver.options.CaptureTimeID); at != nil {
			_ = h.SetExtension(x.captureTime, at)
		}
	}
	if x.playoutDelay == 0 || x.delayReceived || d.options.PlayoutDelay == (PlayoutDelay{}) || h.SSRC != d.binding.ssrc {
		return
	}
	if !x.delaySent {
		x.delaySent, x.delaySeq, x.delay = true, out.Seq, d.options.PlayoutDelay.encode()
	}
	_ = h.SetExtension(x.playoutDelay, x.delay[:])
}

// acknowledge handles a reception report. When it shows that the subscriber has received a packet with the playout
// delay, later packets omit the delay.
func (x *extensions) acknowledge(r *rtcp.ReceptionReport) {
	if x.delaySent && int16(uint16(r.LastSequenceNumber)-x.delaySeq) >= 0 {
		x.delayReceived = true
	}
}

// trailerMagic is the end of the trailer that some clients append to a frame. The trailer consists of data, one byte
// with the trailer's length (inverted), and this string (docs/protocol.md, 12.4).
const trailerMagic = "LKTS"

// withoutTrailer returns payload without its trailer, if it has one. payload is that of the last packet of a frame.
func withoutTrailer(payload []byte) []byte {
	at := len(payload) - len(trailerMagic)
	if at < 1 || string(payload[at:]) != trailerMagic {
		return payload
	}
	size := int(payload[at-1] ^ 0xff)
	if size < len(trailerMagic)+1 || size > len(payload) {
		return payload
	}
	return payload[:len(payload)-size]
}
