package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

// rtxState holds the state and memory for retransmissions.
type rtxState struct {
	rtxSeq uint16 // next sequence number of the retransmission stream
	packet Packet // scratch: the packet to retransmit
	raw    []byte // scratch: that packet as received
	rtxRaw []byte // scratch: the payload on the retransmission stream
}

// handleRTCP handles an RTCP packet from the subscriber about this track.
func (d *DownTrack) handleRTCP(p rtcp.Packet, now time.Time) {
	ssrc := d.sentSSRC()
	switch p := p.(type) {
	case *rtcp.PictureLossIndication:
		if p.MediaSSRC == ssrc {
			d.requestKeyFrame()
		}
	case *rtcp.FullIntraRequest:
		for _, e := range p.FIR {
			if e.SSRC == ssrc {
				d.requestKeyFrame()
			}
		}
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC == ssrc {
			for i := range p.Nacks {
				p.Nacks[i].Range(func(seq uint16) bool {
					d.retransmit(seq, now)
					return true
				})
			}
		}
	case *rtcp.ReceiverReport:
		for i := range p.Reports {
			if p.Reports[i].SSRC == ssrc {
				d.handleReceiverReport(&p.Reports[i], now)
			}
		}
	}
}

// sentSSRC returns the SSRC that the track is sent with.
func (d *DownTrack) sentSSRC() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.binding.ssrc
}

// requestKeyFrame forwards a subscriber's key frame request to the publisher, for the layer that the subscriber gets.
func (d *DownTrack) requestKeyFrame() {
	d.mu.Lock()
	r, n, wanted := d.receiver, d.fwd.Layer(), d.selection.target.Spatial
	d.mu.Unlock()
	r.options.Counters.KeyFrameRequestsReceived.Add(1)
	if n < 0 {
		n = r.bestLayer(wanted)
	}
	r.RequestKeyFrame(n)
}

// retransmit repeats the packet that was sent with sequence number seq. It uses the retransmission stream (RFC 4588) if
// there is one. It requests a key frame instead if the packet is no longer stored or was retransmitted too often.
func (d *DownTrack) retransmit(seq uint16, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.binding.bound || d.binding.writer == nil {
		return
	}
	d.receiver.options.Counters.NACKsReceived.Add(1)
	sent := d.fwd.Lookup(seq, now, max(d.reports.roundTrip, d.options.Tap.pacer.RoundTrip()))
	if sent == nil {
		return
	}
	if sent.Padding() {
		if !sent.Exhausted() {
			sent.MarkResent(now)
			d.sendPaddingLocked(sent.Seq)
		}
		return
	}
	superseded := d.fwd.Superseded(seq)
	l := d.receiver.layer(int(sent.Layer))
	if sent.Exhausted() || l == nil || l.ssrc != sent.SSRC || !l.loadHistory(sent.Source, &d.rtx.packet, d.rtx.raw) {
		// Limit these requests: all other subscribers get the key frames too.
		if !superseded && d.receiver.codec.HasKeyFrames() && now.Sub(d.selection.keyFrameRequested) >= maxKeyFrameRetry {
			d.selection.keyFrameRequested = now
			d.receiver.requestKeyFrame(d.fwd.Layer(), now)
		}
		return
	}
	p := &d.rtx.packet
	if d.video && !d.options.Tap.pacer.AllowRetransmission(len(p.Payload), superseded, now) {
		return
	}
	sent.MarkResent(now)
	d.receiver.options.Counters.Retransmitted.Add(1)
	p.Arrival = now
	if d.binding.unpackRED {
		p.Payload = d.newestREDBlock(p.Payload)
	}
	if d.binding.rtxPayloadType == 0 || len(p.Payload)+2 > len(d.rtx.rtxRaw) {
		d.sendLocked(p, &sent.Rewrite, d.binding.ssrc, d.binding.payloadType, p.Payload, true)
		return
	}
	binary.BigEndian.PutUint16(d.rtx.rtxRaw, sent.Seq)
	size := 2 + copy(d.rtx.rtxRaw[2:], p.Payload)
	out := sent.Rewrite
	out.Seq = d.rtx.rtxSeq
	d.rtx.rtxSeq++
	d.sendLocked(p, &out, d.binding.rtxSSRC, d.binding.rtxPayloadType, d.rtx.rtxRaw[:size], true)
}
