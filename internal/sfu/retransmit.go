package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
)

// handleRTCP takes the subscriber's feedback on this track.
func (d *DownTrack) handleRTCP(p rtcp.Packet, now time.Time) {
	switch p := p.(type) {
	case *rtcp.PictureLossIndication:
		if p.MediaSSRC == d.ssrc {
			d.requestKeyFrame()
		}
	case *rtcp.FullIntraRequest:
		for _, e := range p.FIR {
			if e.SSRC == d.ssrc {
				d.requestKeyFrame()
			}
		}
	case *rtcp.TransportLayerNack:
		if p.MediaSSRC == d.ssrc {
			for i := range p.Nacks {
				p.Nacks[i].Range(func(seq uint16) bool {
					d.retransmit(seq, now)
					return true
				})
			}
		}
	case *rtcp.ReceiverReport:
		for i := range p.Reports {
			if p.Reports[i].SSRC == d.ssrc {
				d.noteReport(&p.Reports[i], now)
			}
		}
	}
}

// requestKeyFrame passes a subscriber's request on to the layer it is watching.
func (d *DownTrack) requestKeyFrame() {
	d.mu.Lock()
	r, n, wanted := d.receiver, d.fwd.layer, d.target.spatial
	d.mu.Unlock()
	r.Counters.KeyFramesWanted.Add(1)
	if n < 0 {
		n = r.best(wanted)
	}
	r.RequestKeyFrame(n)
}

// retransmit sends the packet that went out as seq again: on the retransmission stream (RFC 4588) if there is one. In place
// of one that is gone, or was sent again often enough, a key frame is asked for.
func (d *DownTrack) retransmit(seq uint16, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.bound || d.writer == nil {
		return
	}
	d.receiver.Counters.NACKed.Add(1)
	sent := d.seq.lookup(seq, now, max(d.roundTrip, d.Tap.pacer.roundTrip()))
	if sent == nil {
		return
	}
	if sent.layer == paddingLayer {
		if sent.tries < resendTries {
			sent.again(now)
			d.sendPaddingLocked(sent.seq)
		}
		return
	}
	stale := d.fwd.layer < 0 || int16(seq-d.keySeq) < 0
	l := d.receiver.layer(int(sent.layer))
	if sent.tries >= resendTries || l == nil || l.ssrc != sent.ssrc || !d.recallLocked(l, sent.source) {
		// Not for every loss of one bad link: the others get the key frames too.
		if !stale && d.receiver.codec.HasKeyFrames() && now.Sub(d.askedAt) >= maxAskInterval {
			d.askedAt = now
			d.receiver.requestKeyFrame(d.fwd.layer, now)
		}
		return
	}
	p := &d.resend
	if d.video && !d.Tap.pacer.mayRepair(len(p.Payload), stale, now) {
		return
	}
	sent.again(now)
	d.receiver.Counters.Resent.Add(1)
	p.Arrival = now
	if d.unpacks {
		p.Payload = d.newestBlock(p.Payload)
	}
	if d.rtxType == 0 || len(p.Payload)+2 > len(d.rtxRaw) {
		d.sendLocked(p, &sent.rewrite, d.ssrc, d.payloadType, p.Payload, true)
		return
	}
	binary.BigEndian.PutUint16(d.rtxRaw, sent.seq)
	size := 2 + copy(d.rtxRaw[2:], p.Payload)
	out := sent.rewrite
	out.seq = d.rtxSeq
	d.rtxSeq++
	d.sendLocked(p, &out, d.rtxSSRC, d.rtxType, d.rtxRaw[:size], true)
}

// recallLocked reads packet seq of l from its history into d.resend, and tells whether it was there.
func (d *DownTrack) recallLocked(l *layer, seq uint16) bool {
	n := l.history.Load(seq, d.resendRaw)
	p := &d.resend
	return n > 0 && p.unmarshal(d.resendRaw[:n]) == nil && codec.Parse(d.receiver.codec, p.Payload, &p.Info) == nil
}

// sentReport is a sender report that a subscriber's may answer. Both come each second and commonly cross, so more than
// the last one is remembered.
type sentReport struct {
	ntp uint32 // middle bits
	at  time.Time
}

func (d *DownTrack) noteReport(r *rtcp.ReceptionReport, now time.Time) {
	if d.video {
		d.Tap.pacer.report(float64(r.FractionLost)/256, now)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	// Followed at a distance, so that "before" stays meaningful after 32,768 packets.
	if d.fwd.lastSeq-d.keySeq > 1<<14 {
		d.keySeq = d.fwd.lastSeq - 1<<13
	}
	before := d.reception.sum
	d.reception.note(r)
	d.receiver.Counters.reported(before, d.reception.sum)
	d.heard.note(r, now)
	d.extensions.acknowledge(r)
	for _, sent := range d.reportsSent {
		if r.LastSenderReport != 0 && r.LastSenderReport == sent.ntp {
			held := time.Duration(r.Delay) * time.Second / 65536
			d.roundTrip = max(0, now.Sub(sent.at)-held)
			d.receiver.Counters.RoundTrips.add(d.roundTrip)
		}
	}
}

// senderReport returns a sender report and the source's description, nothing before the publisher's first report. It
// carries the publisher's clock, which sound and picture of one person share, moved on to now.
func (d *DownTrack) senderReport(now time.Time) []rtcp.Packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.receiver.layer(d.fwd.layer)
	if l == nil || l.ssrc != d.fwd.ssrc || !d.bound || d.packets == 0 {
		return nil
	}
	sr := l.senderReport()
	if sr.at.IsZero() {
		return nil
	}
	elapsed := now.Sub(sr.at)
	ntp := sr.ntp + uint64(elapsed.Seconds()*(1<<32))
	d.reportsSent[d.reportCount%len(d.reportsSent)] = sentReport{uint32(ntp >> 16), now}
	d.reportCount++
	return []rtcp.Packet{
		&rtcp.SenderReport{
			SSRC:        d.ssrc,
			NTPTime:     ntp,
			RTPTime:     sr.rtp + uint32(elapsed.Seconds()*float64(d.receiver.ClockRate)) + d.fwd.tsDelta[d.fwd.layer],
			PacketCount: uint32(d.packets),
			OctetCount:  uint32(d.octets),
		},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: d.ssrc,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: d.DownTrackOptions.StreamID}},
		}}},
	}
}

// align returns what must be added to timestamps of layer to so that they count as those of layer from do, by the sender
// reports of both; false until both have come.
func (r *Receiver) align(from, to int) (uint32, bool) {
	a, b := r.layer(from), r.layer(to)
	if a == nil || b == nil {
		return 0, false
	}
	sa, sb := a.senderReport(), b.senderReport()
	if sa.at.IsZero() || sb.at.IsZero() {
		return 0, false
	}
	// The moment of b's report on a's timestamps, less b's own.
	apart := float64(int64(sb.ntp-sa.ntp)) / (1 << 32) * float64(r.ClockRate)
	return sa.rtp + uint32(int32(apart)) - sb.rtp, true
}
