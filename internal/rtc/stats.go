package rtc

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// Stats are the counters of all rooms.
type Stats struct {
	// At the moment.
	Rooms, Participants, Publishers        int
	AudioTracks, VideoTracks, DataTracks   int // published
	AudioSubscriptions, VideoSubscriptions int
	PausedVideos                           int // video subscriptions that are paused by their bandwidth
	Waiting                                int // closures queued on rooms' loops

	// Since the start. Towards publishers: packets that were requested again, and key frames.
	Missed, KeyFramesAsked uint64
	// From subscribers: packets requested again, those of them that were retransmitted, and key frames.
	NACKed, Resent, KeyFramesWanted uint64
	// From subscribers' reports: packets sent to them, packets lost, and round-trip times: by upper bounds in seconds how
	// many were at most that long, how many there were, and their sum.
	Expected, Lost  uint64
	ReportedWithin  map[float64]uint64
	Reported        uint64
	ReportedSeconds float64
	// Times that a sample of packets took through the server, in the same form.
	ForwardedWithin  map[float64]uint64
	Forwarded        uint64
	ForwardedSeconds float64
}

// Stats asks every room. A room that ends meanwhile, or does not answer before ctx ends, is left out.
func (rs *Rooms) Stats(ctx context.Context) Stats {
	rs.mu.Lock()
	rooms := make([]*Room, 0, len(rs.rooms))
	for _, r := range rs.rooms {
		rooms = append(rooms, r)
	}
	rs.mu.Unlock()
	c := &rs.counters
	s := Stats{
		Rooms: len(rooms), Missed: c.NACKsSent.Load(), KeyFramesAsked: c.KeyFrameRequestsSent.Load(),
		NACKed: c.NACKsReceived.Load(), Resent: c.Retransmitted.Load(), KeyFramesWanted: c.KeyFrameRequestsReceived.Load(),
		Expected: c.ReportedExpected.Load(), Lost: c.ReportedLost.Load(),
	}
	s.ReportedWithin, s.Reported, s.ReportedSeconds = c.RoundTrips.Histogram()
	s.ForwardedWithin, s.Forwarded, s.ForwardedSeconds = c.ForwardingTimes.Histogram()
	for _, r := range rooms {
		s.Waiting += r.loop.Len()
		_ = r.loop.Do(ctx, func() { r.addTo(&s) })
	}
	return s
}

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

func (s *Subscription) addTo(all *Stats) {
	if s.down.Kind() == webrtc.RTPCodecTypeAudio {
		all.AudioSubscriptions++
		return
	}
	all.VideoSubscriptions++
	if s.paused {
		all.PausedVideos++
	}
}
