package sfu

import (
	"time"

	"github.com/pion/rtp"

	"meet/internal/sfu/codec"
	"meet/internal/sfu/forward"
	"meet/internal/sfu/pacer"
)

// findWriterLocked looks up the connection's writer and reports whether there is one. The writer exists once pion has
// started the sender.
func (d *DownTrack) findWriterLocked() bool {
	if d.binding.writer == nil {
		d.binding.writer = d.options.Tap.sentTracks.writer(d.binding.ssrc)
	}
	return d.binding.writer != nil
}

// sendLocked sends p with the given payload, and with the header values in out. An urgent packet bypasses the Pacer's
// queue. sendLocked reports whether the packet was sent. If not, the Pacer has queued or dropped it.
func (d *DownTrack) sendLocked(p *Packet, out *forward.Rewrite, ssrc uint32, payloadType uint8, payload []byte, urgent bool) bool {
	h := &d.scratch.header
	*h = rtp.Header{
		Version: 2, Marker: out.Marker, PayloadType: payloadType, SequenceNumber: out.Seq, Timestamp: out.TS, SSRC: ssrc,
		Padding: p.Header.Padding, PaddingSize: p.Header.PaddingSize, Extensions: h.Extensions[:0],
	}
	if d.binding.descriptorID != 0 && d.receiver.options.DescriptorID != 0 {
		if dd := p.Header.GetExtension(d.receiver.options.DescriptorID); dd != nil {
			if out.Described {
				dd = codec.RewriteDescriptor(d.scratch.descriptor[:0], dd, out.Frame, out.Mask)
			}
			_ = h.SetExtension(d.binding.descriptorID, dd)
		}
	}
	d.addExtensionsLocked(h, p, out)
	front := len(payload) - len(p.Payload) // a retransmission starts with the original sequence number
	if v := &p.Info.VP8; v.Present && len(payload) <= len(d.scratch.payload) {
		n := copy(d.scratch.payload, payload)
		payload = d.scratch.payload[:n]
		v.Rewrite(payload[front:], out.Picture, out.TL0, out.Key)
	}
	if d.options.CutTrailer && p.Header.Marker {
		payload = payload[:front+len(withoutTrailer(payload[front:]))]
	}
	return d.options.Tap.pacer.Send(&pacer.Packet{
		Writer: d.binding.writer, Header: h, Payload: payload, TWCCExtension: d.binding.twccID, TWCCNumber: &d.scratch.twccNumber, Video: d.video, Urgent: urgent,
	}, p.Arrival)
}

// sendPaddingLocked sends a packet without payload as sequence number seq. Receivers count and ignore it.
func (d *DownTrack) sendPaddingLocked(seq uint16) {
	out := d.fwd.PaddingNumbers(seq)
	d.scratch.padding.Arrival = time.Now() // the packet has no arrival time of its own
	d.sendLocked(&d.scratch.padding, &out, d.binding.ssrc, d.binding.payloadType, nil, false)
}

// canSendProbePadding reports whether sendProbePadding can send packets.
func (d *DownTrack) canSendProbePadding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.binding.bound && d.binding.rtxPayloadType != 0 && d.binding.twccID != 0 && d.findWriterLocked()
}

// sendProbePadding sends a packet of about size bytes of padding on the retransmission stream, and returns its size. It
// returns 0 if canSendProbePadding returns false. Receivers can distinguish the packet from a retransmission: it has no
// payload, but every retransmission has a payload that starts with a sequence number (RFC 4588).
func (d *DownTrack) sendProbePadding(now time.Time, size int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.binding.bound || d.binding.rtxPayloadType == 0 || d.binding.twccID == 0 || !d.findWriterLocked() {
		return 0
	}
	h := &d.scratch.header
	*h = rtp.Header{
		Version: 2, PayloadType: d.binding.rtxPayloadType, SequenceNumber: d.rtx.rtxSeq, Timestamp: d.fwd.LastTimestamp(), SSRC: d.binding.rtxSSRC,
		Padding: true, PaddingSize: uint8(max(1, min(size, pacer.MaxPadding))), Extensions: h.Extensions[:0],
	}
	d.rtx.rtxSeq++
	d.options.Tap.pacer.Send(&pacer.Packet{
		Writer: d.binding.writer, Header: h, TWCCExtension: d.binding.twccID, TWCCNumber: &d.scratch.twccNumber, Video: true, Urgent: true,
	}, now)
	return h.MarshalSize() + int(h.PaddingSize)
}
