package rtc

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// Stats holds the counters of all rooms.
type Stats struct {
	// Current numbers.
	Rooms, Participants, Publishers        int
	AudioTracks, VideoTracks, DataTracks   int // published
	AudioSubscriptions, VideoSubscriptions int
	PausedVideos                           int // video subscriptions that are paused because the bandwidth does not suffice
	Waiting                                int // functions queued on the rooms' loops

	// Totals since the start: packets that the server has requested again from publishers, and key frames that it has
	// requested from them.
	NACKsSent, KeyFrameRequestsSent uint64
	// Totals since the start: packets that subscribers have requested again, packets that the server has retransmitted
	// to them, and key frames that they have requested.
	NACKsReceived, Retransmitted, KeyFrameRequestsReceived uint64
	// ReportedExpected and ReportedLost are totals from the subscribers' RTCP reports: packets sent to them and
	// packets lost. The next fields are a histogram of the round-trip times in these reports: cumulative counts by
	// upper bound in seconds, the total count, and the sum of the times in seconds.
	ReportedExpected, ReportedLost uint64
	RoundTripsWithin               map[float64]uint64
	RoundTrips                     uint64
	RoundTripSeconds               float64
	// Histogram of the times that packets spent in the server: cumulative counts by upper bound in seconds, the total
	// count, and the sum of the times in seconds. Only a sample of the packets is measured.
	ForwardedWithin  map[float64]uint64
	Forwarded        uint64
	ForwardedSeconds float64
}

// Stats collects the counters of all rooms. A room that ends meanwhile, or does not respond before ctx ends, is left
// out.
func (rs *Rooms) Stats(ctx context.Context) Stats {
	rs.mu.Lock()
	rooms := make([]*Room, 0, len(rs.rooms))
	for _, r := range rs.rooms {
		rooms = append(rooms, r)
	}
	rs.mu.Unlock()
	c := &rs.counters
	s := Stats{
		Rooms: len(rooms), NACKsSent: c.NACKsSent.Load(), KeyFrameRequestsSent: c.KeyFrameRequestsSent.Load(),
		NACKsReceived: c.NACKsReceived.Load(), Retransmitted: c.Retransmitted.Load(), KeyFrameRequestsReceived: c.KeyFrameRequestsReceived.Load(),
		ReportedExpected: c.ReportedExpected.Load(), ReportedLost: c.ReportedLost.Load(),
	}
	s.RoundTripsWithin, s.RoundTrips, s.RoundTripSeconds = c.RoundTrips.Histogram()
	s.ForwardedWithin, s.Forwarded, s.ForwardedSeconds = c.ForwardingTimes.Histogram()
	for _, r := range rooms {
		s.Waiting += r.loop.Len()
		_ = r.loop.Do(ctx, func() { r.addTo(&s) })
	}
	return s
}

// addTo adds the room's current numbers to s.
func (r *Room) addTo(s *Stats) {
	s.Participants += len(r.participants)
	s.DataTracks += len(r.dataTracks)
	for _, pub := range r.published {
		if pub.info.Type == livekit.TrackType_AUDIO {
			s.AudioTracks++
		} else {
			s.VideoTracks++
		}
	}
	for _, p := range r.participants {
		if len(p.publishing.publications) > 0 {
			s.Publishers++
		}
		for _, sub := range p.subscribing.subscriptions {
			sub.addTo(s)
		}
	}
}

// addTo adds the subscription to the counters in total.
func (s *Subscription) addTo(total *Stats) {
	if s.down.Kind() == webrtc.RTPCodecTypeAudio {
		total.AudioSubscriptions++
		return
	}
	total.VideoSubscriptions++
	if s.paused {
		total.PausedVideos++
	}
}
