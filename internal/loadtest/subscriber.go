package loadtest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
)

const (
	// A subscriber measures the delay of one packet in delaySampleInterval, and keeps at most maxDelaySamples delays.
	delaySampleInterval, maxDelaySamples = 8, 4096
	receiveMTU                           = 1500
)

// subscriber receives tracks and counts their packets.
type subscriber struct {
	client *client.Client
	start  time.Time

	mu          sync.Mutex
	joinTime    time.Duration // duration of the join
	firstPacket time.Duration // time from start to the first packet, 0 before it
	tracks      []*client.RemoteTrack
	delays      []time.Duration   // random sample of the delays since startMeasuring
	delaysSeen  int               // number of delays measured since startMeasuring
	baseline    client.TrackStats // counters at startMeasuring
}

// subscribe joins a room as a subscriber.
func (p *Plan) subscribe(ctx context.Context, room, identity string) (*subscriber, error) {
	raw, err := p.token(room, identity, false)
	if err != nil {
		return nil, err
	}
	s := &subscriber{start: time.Now()}
	o := p.clientOptions()
	o.OnTrack = s.receive
	o.NoAutoSubscribe = p.selectsTracks()
	if s.client, err = client.Join(ctx, p.URL, raw, o); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.joinTime = time.Since(s.start)
	s.mu.Unlock()
	return s, nil
}

// selectsTracks reports whether subscribers choose tracks and layers, instead of receiving all tracks by automatic
// subscription.
func (p *Plan) selectsTracks() bool {
	return p.VideoPublishers > 0 && (p.Simulcast || len(p.subscribedQualities()) < p.VideoPublishers)
}

// selectTracks waits until all tracks are announced. It then subscribes to all audio tracks and to as many video
// tracks as the layout shows. The first of these is the track with index n, so that subscribers with different n
// select different tracks. With simulcast, it also requests the quality of each tile.
func (s *subscriber) selectTracks(ctx context.Context, p *Plan, n int) error {
	var videoSIDs, audioSIDs []string
	err := s.client.Until(ctx, func() bool {
		videoSIDs, audioSIDs = nil, nil
		for _, o := range s.client.RemoteParticipants() {
			for _, t := range o.Tracks {
				if t.Type == livekit.TrackType_VIDEO {
					videoSIDs = append(videoSIDs, t.Sid)
				} else {
					audioSIDs = append(audioSIDs, t.Sid)
				}
			}
		}
		return len(videoSIDs) == p.VideoPublishers && len(audioSIDs) == p.AudioPublishers
	})
	if err != nil {
		return err
	}
	shown := append(slices.Clone(videoSIDs[n%len(videoSIDs):]), videoSIDs[:n%len(videoSIDs)]...)
	layers := p.subscribedQualities()
	if err := s.client.SetSubscribed(true, append(shown[:len(layers):len(layers)], audioSIDs...)...); err != nil || !p.Simulcast {
		return err
	}
	sizes := map[livekit.VideoQuality][]string{}
	for i, quality := range layers {
		sizes[quality] = append(sizes[quality], shown[i])
	}
	for quality, sids := range sizes {
		if err := s.client.UpdateTrackSettings(&livekit.UpdateTrackSettings{TrackSids: sids, Quality: quality}); err != nil {
			return err
		}
	}
	return nil
}

// receive reads a track until it ends.
func (s *subscriber) receive(t *client.RemoteTrack) {
	s.mu.Lock()
	s.tracks = append(s.tracks, t)
	s.mu.Unlock()
	b := make([]byte, receiveMTU)
	for count := 0; ; count++ {
		n, err := t.Read(b)
		if err != nil {
			return
		}
		if count == 0 || count%delaySampleInterval == 0 {
			s.recordDelay(b[:n])
		}
	}
}

// recordDelay adds a packet's delay to the sample. It reads the send time at the end of the packet. It ignores
// padding packets, which have no send time.
func (s *subscriber) recordDelay(packet []byte) {
	now := time.Now()
	if len(packet) < 12+timestampSize || packet[0]&0x20 != 0 {
		return
	}
	delay := now.Sub(time.UnixMicro(int64(binary.BigEndian.Uint64(packet[len(packet)-timestampSize:]))))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.firstPacket == 0 {
		s.firstPacket = now.Sub(s.start)
	}
	if delay < 0 || delay >= time.Minute {
		return // not a packet of a load test
	}
	// Reservoir sampling: each delay has the same probability of being kept.
	s.delaysSeen++
	if len(s.delays) < maxDelaySamples {
		s.delays = append(s.delays, delay)
	} else if i := rand.N(s.delaysSeen); i < maxDelaySamples {
		s.delays[i] = delay
	}
}

// startMeasuring resets the measurement.
func (s *subscriber) startMeasuring() {
	_, before := s.totalStats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays, s.delaysSeen, s.baseline = nil, 0, before
}

// measuredStats returns the counters since startMeasuring.
func (s *subscriber) measuredStats() client.TrackStats {
	_, now := s.totalStats()
	s.mu.Lock()
	defer s.mu.Unlock()
	// Packets counted as lost before startMeasuring may have arrived late since then.
	return client.TrackStats{
		Packets: now.Packets - s.baseline.Packets, Bytes: now.Bytes - s.baseline.Bytes, Lost: now.Lost - min(now.Lost, s.baseline.Lost),
	}
}

// totalStats returns the number of received tracks and the sum of their counters.
func (s *subscriber) totalStats() (tracks int, sum client.TrackStats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		r := t.Stats()
		sum.Packets += r.Packets
		sum.Bytes += r.Bytes
		sum.Lost += r.Lost
	}
	return len(s.tracks), sum
}
