package server_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"meet/internal/client"
	"meet/internal/token"
)

// testClient is a participant that records what it receives.
type testClient struct {
	*client.Client
	t *testing.T

	mu       sync.Mutex
	tracks   []*client.RemoteTrack
	messages []*livekit.SignalResponse
	data     []*livekit.DataPacket
	onData   func(*livekit.DataPacket)
}

// join joins "room". change, if given, modifies the grant in the token.
func (s *server) join(ctx context.Context, identity string, o client.Options, change ...func(*token.VideoGrant)) *testClient {
	s.T.Helper()
	return s.joinWith(ctx, s.token(identity, change...), o)
}

// joinRoom joins a room.
func (s *server) joinRoom(ctx context.Context, room, identity string, o client.Options) *testClient {
	s.T.Helper()
	return s.joinWith(ctx, s.token(identity, func(g *token.VideoGrant) { g.Room = room }), o)
}

// joinWith joins with a token and records all messages, tracks and data packets until the test ends.
func (s *server) joinWith(ctx context.Context, jwt string, o client.Options) *testClient {
	s.T.Helper()
	g := &testClient{t: s.T}
	o.OnSignal = func(m *livekit.SignalResponse) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.messages = append(g.messages, m)
	}
	o.OnTrack = func(t *client.RemoteTrack) {
		g.mu.Lock()
		g.tracks = append(g.tracks, t)
		g.mu.Unlock()
		t.Drain()
	}
	onData := o.OnData
	o.OnData = func(p *livekit.DataPacket) {
		if onData != nil {
			onData(p)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.data = append(g.data, p)
		if g.onData != nil {
			go g.onData(p) // ends with its response, which the test awaits
		}
	}
	c, err := client.Join(ctx, s.SocketURL(), jwt, o)
	if err != nil {
		s.T.Fatalf("no join: %v", err)
	}
	g.Client = c
	s.T.Cleanup(func() { _ = c.Close() })
	return g
}

// setOnData sets a function that is called in the background for each data packet.
func (g *testClient) setOnData(f func(*livekit.DataPacket)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.onData = f
}

// signalMessages returns all signalling messages received so far.
func (g *testClient) signalMessages() []*livekit.SignalResponse {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.messages)
}

// hasMessage reports whether any received message matches.
func (g *testClient) hasMessage(match func(*livekit.SignalResponse) bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.messages, match)
}

// receives reports whether g has received at least n packets of a track.
func (g *testClient) receives(sid string, n uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.tracks, func(t *client.RemoteTrack) bool { return t.SID() == sid && t.Stats().Packets >= n })
}

// packetCount returns the number of packets of a track that g has received.
func (g *testClient) packetCount(sid string) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	var n uint64
	for _, t := range g.tracks {
		if t.SID() == sid {
			n += t.Stats().Packets
		}
	}
	return n
}

// dataPackets returns all data packets received so far.
func (g *testClient) dataPackets() []*livekit.DataPacket {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.data)
}

// sees reports whether the latest information about a participant matches.
func (g *testClient) sees(identity string, match func(*livekit.ParticipantInfo) bool) bool {
	var last *livekit.ParticipantInfo
	for _, m := range g.signalMessages() {
		for _, p := range slices.Concat(m.GetUpdate().GetParticipants(), m.GetJoin().GetOtherParticipants(), m.GetRoomMoved().GetOtherParticipants()) {
			if p.Identity == identity {
				last = p
			}
		}
	}
	return last != nil && match(last)
}

// dataTexts returns the payloads of all user packets received so far.
func (g *testClient) dataTexts() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, p := range g.data {
		if u := p.GetUser(); u != nil {
			all = append(all, string(u.Payload))
		}
	}
	return all
}

// vp8KeyFrame is the header of a VP8 key frame of 16 by 16 pixels. Receivers look only at the first bytes.
var vp8KeyFrame = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}

// sendSamples sends a sample at each interval until the test ends.
func sendSamples(ctx context.Context, t *testing.T, p *client.Publication, sample []byte, every time.Duration) {
	t.Helper()
	sendSamplesWhile(ctx, t, p, sample, every, func() bool { return true })
}

// sendSamplesWhile sends a sample at each interval until the test ends, but not while wanted returns false.
func sendSamplesWhile(ctx context.Context, t *testing.T, p *client.Publication, sample []byte, every time.Duration, wanted func() bool) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if wanted() {
					_ = p.WriteSample(media.Sample{Data: sample, Duration: every})
				}
			}
		}
	})
	t.Cleanup(func() { close(stop); wg.Wait() })
}

// publishBoth publishes a microphone and a camera and sends media until the test ends.
func (g *testClient) publishBoth(ctx context.Context) (audio, video *client.Publication) {
	g.t.Helper()
	audio, err := g.Publish(ctx, client.PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus})
	if err != nil {
		g.t.Fatalf("publish audio: %v", err)
	}
	audio.Layers()[0].SetAudioLevel(20)
	sendSamples(ctx, g.t, audio, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
	video, err = g.Publish(ctx, client.PublishOptions{Name: "cam", MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360})
	if err != nil {
		g.t.Fatalf("publish video: %v", err)
	}
	sendSamples(ctx, g.t, video, vp8KeyFrame, 33*time.Millisecond)
	return audio, video
}

// publish publishes one track, video if the source is a camera and audio otherwise, and sends media until the test ends.
func (g *testClient) publish(ctx context.Context, source livekit.TrackSource) *client.Publication {
	g.t.Helper()
	o, sample, every := client.PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus, Source: source}, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond
	if source == livekit.TrackSource_CAMERA {
		o.MimeType, o.Width, o.Height = webrtc.MimeTypeVP8, 640, 360
		sample, every = vp8KeyFrame, 20*time.Millisecond
	}
	p, err := g.Publish(ctx, o)
	if err != nil {
		g.t.Fatalf("publish: %v", err)
	}
	sendSamples(ctx, g.t, p, sample, every)
	return p
}
