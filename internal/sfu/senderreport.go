package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

// reportState holds the counters and state for the reports that a track and its subscriber exchange.
type reportState struct {
	packets, octets uint64 // sent
	reception       receptionTracker
	loss            reportedLoss
	sent            [4]sentReport // ring of the latest sender reports
	sentCount       int           // number of sender reports sent
	roundTrip       time.Duration // 0 while unknown
}

// sentReport is a sender report that a subscriber's receiver report may refer to. Several are stored: both sides send a
// report each second, so a receiver report often refers to a sender report that is no longer the latest.
type sentReport struct {
	ntp uint32    // middle 32 bits of the NTP timestamp
	at  time.Time // when it was sent
}

// handleReceiverReport handles a reception report about the track.
func (d *DownTrack) handleReceiverReport(r *rtcp.ReceptionReport, now time.Time) {
	if d.video {
		d.options.Tap.pacer.HandleLoss(float64(r.FractionLost)/256, now)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.reports.reception.sum
	d.reports.reception.add(r)
	d.receiver.options.Counters.addReport(before, d.reports.reception.sum)
	d.reports.loss.note(r, now)
	d.binding.extensions.acknowledge(r)
	for _, sent := range d.reports.sent {
		if r.LastSenderReport != 0 && r.LastSenderReport == sent.ntp {
			held := time.Duration(r.Delay) * time.Second / 65536
			d.reports.roundTrip = max(0, now.Sub(sent.at)-held)
			d.receiver.options.Counters.RoundTrips.add(d.reports.roundTrip)
		}
	}
}

// senderReport returns a sender report and a source description. It returns nothing before the publisher's first sender
// report. The returned report maps the current RTP timestamp to the publisher's clock, which audio and video of one
// publisher share.
func (d *DownTrack) senderReport(now time.Time) []rtcp.Packet {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.receiver.layer(d.fwd.Layer())
	if l == nil || l.ssrc != d.fwd.SSRC() || !d.binding.bound || d.reports.packets == 0 {
		return nil
	}
	sr := l.senderReport()
	if sr.at.IsZero() {
		return nil
	}
	elapsed := now.Sub(sr.at)
	ntp := sr.ntp + uint64(elapsed.Seconds()*(1<<32))
	d.reports.sent[d.reports.sentCount%len(d.reports.sent)] = sentReport{uint32(ntp >> 16), now}
	d.reports.sentCount++
	return []rtcp.Packet{
		&rtcp.SenderReport{
			SSRC:        d.binding.ssrc,
			NTPTime:     ntp,
			RTPTime:     sr.rtp + uint32(elapsed.Seconds()*float64(d.receiver.options.ClockRate)) + d.fwd.TimestampOffset(),
			PacketCount: uint32(d.reports.packets),
			OctetCount:  uint32(d.reports.octets),
		},
		&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: d.binding.ssrc,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: d.options.StreamID}},
		}}},
	}
}
