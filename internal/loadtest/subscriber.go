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
	// delaySampleInterval is of how many packets one is looked at for its delay, and delayMost how many delays one subscriber keeps.
	delaySampleInterval, maxDelaySamples = 8, 4096
	receiveMTU                           = 1500
)

// subscriber counts what it receives.
type subscriber struct {
	client *client.Client
	start  time.Time

	mu          sync.Mutex
	joinTime    time.Duration // it took
	firstPacket time.Duration // until the first packet, 0 before it
	tracks      []*client.RemoteTrack
	delays      []time.Duration   // since measuring began
	delaysSeen  int               // how many there were to choose delays from
	baseline    client.TrackStats // when measuring began
}

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

// selectsTracks tells whether subscribers say what they want, instead of receiving everything as it is.
func (p *Plan) selectsTracks() bool {
	return p.VideoPublishers > 0 && (p.Simulcast || len(p.subscribedQualities()) < p.VideoPublishers)
}

// selectTracks subscribes to the pictures that fit on the subscriber's screen, another part of all for each, and to all sound.
// It waits until all of them are announced.
func (s *subscriber) selectTracks(ctx context.Context, p *Plan, n int) error {
	var pictures, sounds []string
	err := s.client.Until(ctx, func() bool {
		pictures, sounds = nil, nil
		for _, o := range s.client.RemoteParticipants() {
			for _, t := range o.Tracks {
				if t.Type == livekit.TrackType_VIDEO {
					pictures = append(pictures, t.Sid)
				} else {
					sounds = append(sounds, t.Sid)
				}
			}
		}
		return len(pictures) == p.VideoPublishers && len(sounds) == p.AudioPublishers
	})
	if err != nil {
		return err
	}
	shown := append(slices.Clone(pictures[n%len(pictures):]), pictures[:n%len(pictures)]...)
	layers := p.subscribedQualities()
	if err := s.client.SetSubscribed(true, append(shown[:len(layers):len(layers)], sounds...)...); err != nil || !p.Simulcast {
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

// receive reads one track to its end.
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

// recordDelay takes the moment at which a packet was sent from its end. Padding has none.
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
		return // not one of ours
	}
	// Of more delays than are kept, each has the same chance to be.
	s.delaysSeen++
	if len(s.delays) < maxDelaySamples {
		s.delays = append(s.delays, delay)
	} else if i := rand.N(s.delaysSeen); i < maxDelaySamples {
		s.delays[i] = delay
	}
}

// startMeasuring begins the measurement.
func (s *subscriber) startMeasuring() {
	_, before := s.totalStats()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays, s.delaysSeen, s.baseline = nil, 0, before
}

// measuredStats is what came since restart.
func (s *subscriber) measuredStats() client.TrackStats {
	_, now := s.totalStats()
	s.mu.Lock()
	defer s.mu.Unlock()
	// A packet that was lost at the beginning may have come since, late.
	return client.TrackStats{
		Packets: now.Packets - s.baseline.Packets, Bytes: now.Bytes - s.baseline.Bytes, Lost: now.Lost - min(now.Lost, s.baseline.Lost),
	}
}

// totalStats is how many tracks there are, and what came of them.
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
