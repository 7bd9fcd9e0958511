package sfu

import (
	"slices"
	"sync"
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

// Feedback sends a publisher what its congestion control needs: transport-wide feedback and receiver reports.
type Feedback struct {
	tap  *Tap
	send func([]rtcp.Packet) error
	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu        sync.Mutex
	receivers []*Receiver
	started   bool
}

// NewFeedback makes the feedback of one connection; it starts with the first Receiver. send must not block.
func NewFeedback(tap *Tap, send func([]rtcp.Packet) error) *Feedback {
	return &Feedback{tap: tap, send: send, stop: make(chan struct{})}
}

// Add reports on r too.
func (f *Feedback) Add(r *Receiver) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receivers = append(f.receivers, r)
	if !f.started {
		f.started = true
		f.wg.Go(f.run) // ends with Close
	}
}

// Remove ends the reports on r.
func (f *Feedback) Remove(r *Receiver) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receivers = slices.DeleteFunc(f.receivers, func(x *Receiver) bool { return x == r })
}

// Close stops the feedback and waits for its goroutine.
func (f *Feedback) Close() {
	f.once.Do(func() { close(f.stop) })
	f.wg.Wait()
}

func (f *Feedback) run() {
	t := time.NewTicker(feedbackInterval)
	defer t.Stop()
	reported := time.Now()
	for {
		select {
		case <-f.stop:
			return
		case now := <-t.C:
			packets := f.tap.feedback()
			if now.Sub(reported) >= reportInterval {
				reported = now
				packets = append(packets, f.receiverReports(now)...)
			}
			if len(packets) > 0 {
				_ = f.send(packets)
			}
		}
	}
}

func (f *Feedback) receiverReports(now time.Time) []rtcp.Packet {
	f.mu.Lock()
	receivers := slices.Clone(f.receivers)
	f.mu.Unlock()
	var reports []rtcp.ReceptionReport
	for _, r := range receivers {
		reports = append(reports, r.reports(now)...)
	}
	var packets []rtcp.Packet
	for chunk := range slices.Chunk(reports, maxReports) {
		packets = append(packets, &rtcp.ReceiverReport{Reports: chunk})
	}
	return packets
}

// Reports sends a subscriber the sender reports of its DownTracks, by which it plays sound and picture in step.
type Reports struct {
	send func([]rtcp.Packet) error
	stop chan struct{}
	once sync.Once
	wg   sync.WaitGroup

	mu      sync.Mutex
	tracks  []*DownTrack
	started bool
}

// NewReports makes the sender reports of one connection; they start with the first DownTrack. send must not block.
func NewReports(send func([]rtcp.Packet) error) *Reports {
	return &Reports{send: send, stop: make(chan struct{})}
}

// Add reports on d too.
func (s *Reports) Add(d *DownTrack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = append(s.tracks, d)
	if !s.started {
		s.started = true
		s.wg.Go(s.run) // ends with Close
	}
}

// Remove ends the reports on d.
func (s *Reports) Remove(d *DownTrack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracks = slices.DeleteFunc(s.tracks, func(x *DownTrack) bool { return x == d })
}

// Close stops the reports and waits for their goroutine.
func (s *Reports) Close() {
	s.once.Do(func() { close(s.stop) })
	s.wg.Wait()
}

func (s *Reports) run() {
	t := time.NewTicker(reportInterval)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case now := <-t.C:
			s.mu.Lock()
			tracks := slices.Clone(s.tracks)
			s.mu.Unlock()
			var packets []rtcp.Packet
			for _, d := range tracks {
				packets = append(packets, d.senderReport(now)...)
			}
			// Sixteen tracks, a report and a description each, fill one packet of about 1,000 bytes.
			for chunk := range slices.Chunk(packets, 32) {
				_ = s.send(chunk)
			}
		}
	}
}
