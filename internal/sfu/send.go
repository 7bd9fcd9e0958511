package sfu

import (
	"time"

	"github.com/pion/rtp"

	"meet/internal/sfu/codec"
	"meet/internal/sfu/forward"
	"meet/internal/sfu/pacer"
)

// readyLocked finds the connection's writer, which exists once pion has started the sender.
func (d *DownTrack) findWriterLocked() bool {
	if d.binding.writer == nil {
		d.binding.writer = d.options.Tap.sentTracks.writer(d.binding.ssrc)
	}
	return d.binding.writer != nil
}

// sendLocked writes p with the numbers of out and the given payload; urgent says that it does not wait behind others. It
// reports whether the packet has gone out: the Pacer may hold it back.
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
	front := len(payload) - len(p.Payload) // a retransmission has the original sequence number there
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

// sendPaddingLocked sends a packet of nothing but padding, which a receiver takes note of and throws away.
func (d *DownTrack) sendPaddingLocked(seq uint16) {
	out := d.fwd.PaddingNumbers(seq)
	d.scratch.padding.Arrival = time.Now() // of something rare that came from nobody
	d.sendLocked(&d.scratch.padding, &out, d.binding.ssrc, d.binding.payloadType, nil, false)
}

// canPad reports whether sendPadding can.
func (d *DownTrack) canSendProbePadding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.binding.bound && d.binding.rtxPayloadType != 0 && d.binding.twccID != 0 && d.findWriterLocked()
}

// sendPadding sends a packet of nothing but padding on the retransmission stream, where receivers expect it (RFC 4588 has
// no payload shorter than the number it begins with), and returns its size; 0 when there is no such stream.
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
