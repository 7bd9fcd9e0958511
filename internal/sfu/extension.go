package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/forward"
)

// Header extensions that are passed on or added besides the dependency descriptor (docs/protocol.md, 12.4).
const (
	// CaptureTimeURI says when a frame was captured, on the publisher's clock. Sender reports towards subscribers keep
	// that clock, so the extension is passed on as it is.
	CaptureTimeURI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	// PlayoutDelayURI bounds how long a subscriber may hold frames back.
	PlayoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
)

// PlayoutDelay is how long subscribers hold frames back. The zero value leaves it to them.
type PlayoutDelay struct{ Min, Max time.Duration }

// maxPlayoutDelay is the most the extension can say: 12 bits of 10 ms each.
const maxPlayoutDelay = 0xfff * 10 * time.Millisecond

// encode writes the extension's three bytes: two numbers of 12 bits.
func (p PlayoutDelay) encode() [3]byte {
	unit := func(d time.Duration) uint32 { return uint32(min(max(d, 0), maxPlayoutDelay) / (10 * time.Millisecond)) }
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], unit(p.Min)<<12|unit(max(p.Min, p.Max)))
	return [3]byte(b[1:])
}

// extensions are the ids that a subscriber's media section has negotiated, and the state of the playout delay.
type extensions struct {
	captureTime, playoutDelay uint8 // 0: not negotiated

	delay         [3]byte
	delaySeq      uint16 // number of the first packet that carried the delay
	delaySent     bool   // some packet has carried it
	delayReceived bool   // the subscriber has received one that did
}

func (x *extensions) bind(e webrtc.RTPHeaderExtensionParameter) {
	switch e.URI {
	case CaptureTimeURI:
		x.captureTime = uint8(e.ID)
	case PlayoutDelayURI:
		x.playoutDelay = uint8(e.ID)
	}
}

// stampLocked adds extensions to h, the header of p towards the subscriber. A dependency descriptor has to be there
// already: the form of the first extension is that of all, and only a long one can be of the form that takes long ones.
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

// acknowledge takes a report of the subscriber: once it has received a packet with the delay, no more need to carry it.
func (x *extensions) acknowledge(r *rtcp.ReceptionReport) {
	if x.delaySent && int16(uint16(r.LastSequenceNumber)-x.delaySeq) >= 0 {
		x.delayReceived = true
	}
}

// trailerMagic ends what some clients append to a frame: data, its length in one inverted byte, and this
// (docs/protocol.md, 12.4).
const trailerMagic = "LKTS"

// withoutTrailer returns the payload of a frame's last packet without the trailer.
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
