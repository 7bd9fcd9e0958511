package sfu

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
)

const (
	// feedbackInterval is the time between two packets of transport-wide feedback to a publisher. libwebrtc's receivers
	// use 50 to 250 ms.
	feedbackInterval = 50 * time.Millisecond
	// reportInterval is the time between receiver reports and between sender reports. Browsers use one second for
	// video.
	reportInterval = time.Second
	// maxReports is the maximum number of reports in one RTCP packet (RFC 3550, section 6.4.1: a count of five bits).
	maxReports = 31
)

// Feedback sends two kinds of RTCP packets to a publisher: transport-wide feedback for its congestion control, and
// receiver reports about the Receivers that were added.
type Feedback struct {
	*periodic[*Receiver]
	tap         *Tap
	send        func([]rtcp.Packet) error
	lastReports time.Time // time of the latest receiver reports; used by sendFeedback only
}

// NewFeedback returns the Feedback of one connection. Sending starts when the first Receiver is added. send must not
// block.
func NewFeedback(tap *Tap, send func([]rtcp.Packet) error) *Feedback {
	f := &Feedback{tap: tap, send: send, lastReports: time.Now()}
	f.periodic = newPeriodic(feedbackInterval, f.sendFeedback)
	return f
}

// sendFeedback sends transport-wide feedback. Once per reportInterval it also sends receiver reports.
func (f *Feedback) sendFeedback(now time.Time, receivers []*Receiver) {
	packets := f.tap.arrivals.feedback()
	if now.Sub(f.lastReports) >= reportInterval {
		f.lastReports = now
		packets = append(packets, receiverReports(now, receivers)...)
	}
	if len(packets) > 0 {
		_ = f.send(packets)
	}
}

// receiverReports returns the reception reports of all receivers, at most maxReports in each packet.
func receiverReports(now time.Time, receivers []*Receiver) []rtcp.Packet {
	var reports []rtcp.ReceptionReport
	for _, r := range receivers {
		reports = append(reports, r.receptionReports(now)...)
	}
	var packets []rtcp.Packet
	for chunk := range slices.Chunk(reports, maxReports) {
		packets = append(packets, &rtcp.ReceiverReport{Reports: chunk})
	}
	return packets
}

// SenderReports sends a subscriber the sender reports of the DownTracks that were added. The subscriber uses them to
// synchronize audio and video.
type SenderReports struct{ *periodic[*DownTrack] }

// NewSenderReports returns the SenderReports of one connection. Once the first DownTrack has been added, it calls
// beforeEach and then sends the reports, at each reportInterval. Neither beforeEach nor send may block.
func NewSenderReports(send func([]rtcp.Packet) error, beforeEach func(now time.Time)) *SenderReports {
	return &SenderReports{newPeriodic(reportInterval, func(now time.Time, tracks []*DownTrack) {
		beforeEach(now)
		var packets []rtcp.Packet
		for _, d := range tracks {
			packets = append(packets, d.senderReport(now)...)
		}
		// 32 packets are the report and the source description of 16 tracks: about 1,000 bytes.
		for chunk := range slices.Chunk(packets, 32) {
			_ = send(chunk)
		}
	})}
}
