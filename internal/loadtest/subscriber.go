package loadtest

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
)

const (
	// delayEach is of how many packets one is looked at for its delay, and delayMost how many delays one subscriber keeps.
	delayEach, delayMost = 8, 4096
	receiveMTU           = 1500
)

// subscriber counts what it receives.
type subscriber struct {
	client *client.Client
	began  time.Time

	mu     sync.Mutex
	joined time.Duration // it took
	first  time.Duration // until the first packet, 0 before it
	tracks []*client.RemoteTrack
	delays []time.Duration // since measuring began
}

func (p *Plan) subscribe(ctx context.Context, room, identity string) (*subscriber, error) {
	raw, err := p.token(room, identity, false)
	if err != nil {
		return nil, err
	}
	s := &subscriber{began: time.Now()}
	o := p.options()
	o.OnTrack = s.receive
	o.NoAutoSubscribe = p.tiles() < p.Video
	if s.client, err = client.Join(ctx, p.URL, raw, o); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.joined = time.Since(s.began)
	s.mu.Unlock()
	return s, nil
}

// choose subscribes to the pictures that fit on the subscriber's screen, another part of all for each, and to all sound.
// It waits until all of them are announced.
func (s *subscriber) choose(ctx context.Context, p *Plan, n int) error {
	var pictures, sounds []string
	err := s.client.Until(ctx, func() bool {
		pictures, sounds = nil, nil
		for _, o := range s.client.Participants() {
			for _, t := range o.Tracks {
				if t.Type == livekit.TrackType_VIDEO {
					pictures = append(pictures, t.Sid)
				} else {
					sounds = append(sounds, t.Sid)
				}
			}
		}
		return len(pictures) == p.Video && len(sounds) == p.Audio
	})
	if err != nil {
		return err
	}
	shown := append(slices.Clone(pictures[n%p.Video:]), pictures[:n%p.Video]...)[:p.tiles()]
	if err := s.client.SetSubscribed(true, append(shown, sounds...)...); err != nil || !p.Simulcast {
		return err
	}
	return s.client.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{
		TrackSetting: &livekit.UpdateTrackSettings{TrackSids: shown, Quality: qualityOf(len(shown))},
	}})
}

// qualityOf is what is shown of each picture when so many share a screen.
func qualityOf(tiles int) livekit.VideoQuality {
	switch {
	case tiles <= 1:
		return livekit.VideoQuality_HIGH
	case tiles <= 4:
		return livekit.VideoQuality_MEDIUM
	}
	return livekit.VideoQuality_LOW
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
		if count == 0 || count%delayEach == 0 {
			s.note(b[:n])
		}
	}
}

// note takes the moment at which a packet was sent from its end. Padding has none.
func (s *subscriber) note(packet []byte) {
	now := time.Now()
	if len(packet) < 12+stampSize || packet[0]&0x20 != 0 {
		return
	}
	delay := now.Sub(time.UnixMicro(int64(binary.BigEndian.Uint64(packet[len(packet)-stampSize:]))))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == 0 {
		s.first = now.Sub(s.began)
	}
	if delay >= 0 && delay < time.Minute && len(s.delays) < delayMost {
		s.delays = append(s.delays, delay)
	}
}

// restart forgets the delays so far.
func (s *subscriber) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delays = nil
}

// received is how many tracks there are, and what came of them.
func (s *subscriber) received() (tracks int, sum client.Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		r := t.Received()
		sum.Packets += r.Packets
		sum.Bytes += r.Bytes
		sum.Lost += r.Lost
	}
	return len(s.tracks), sum
}
