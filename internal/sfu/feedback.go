package sfu

import (
	"slices"
	"time"

	"github.com/pion/rtcp"
)

const (
	// feedbackInterval is how often a publisher gets transport-wide feedback; libwebrtc's own receivers use 50 to 250 ms.
	feedbackInterval = 50 * time.Millisecond
	// reportInterval is how often receiver and sender reports go out; browsers do it each second for video.
	reportInterval = time.Second
	// maxReports is how many reports one RTCP packet can count (RFC 3550, section 6.4.1: five bits).
	maxReports = 31
)

// Feedback sends a publisher what its congestion control needs: transport-wide feedback, and reports on the Receivers
// added to it.
type Feedback struct {
	*periodic[*Receiver]
	tap         *Tap
	send        func([]rtcp.Packet) error
	lastReports time.Time // last receiver reports; touched by the calls only
}

// NewFeedback makes the feedback of one connection; it starts with the first Receiver. send must not block.
func NewFeedback(tap *Tap, send func([]rtcp.Packet) error) *Feedback {
	f := &Feedback{tap: tap, send: send, lastReports: time.Now()}
	f.periodic = newPeriodic(feedbackInterval, f.sendFeedback)
	return f
}

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

// Reports sends a subscriber the sender reports of the DownTracks added to it, by which it plays sound and picture in
// step.
type SenderReports struct{ *periodic[*DownTrack] }

// NewReports makes the sender reports of one connection; they start with the first DownTrack, and also is called each
// time. Neither it nor send may block.
func NewSenderReports(send func([]rtcp.Packet) error, also func(now time.Time)) *SenderReports {
	return &SenderReports{newPeriodic(reportInterval, func(now time.Time, tracks []*DownTrack) {
		also(now)
		var packets []rtcp.Packet
		for _, d := range tracks {
			packets = append(packets, d.senderReport(now)...)
		}
		// Sixteen tracks, a report and a description each, fill one packet of about 1,000 bytes.
		for chunk := range slices.Chunk(packets, 32) {
			_ = send(chunk)
		}
	})}
}
