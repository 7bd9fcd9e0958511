package client

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"go.uber.org/goleak"

	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testServer is a running server: Meet in this process, or the server that LIVEKIT_TEST_URL, LIVEKIT_TEST_KEY and
// LIVEKIT_TEST_SECRET name.
type testServer struct{ url, key, secret, room string }

// startServer starts Meet, or returns the server that the environment variables name.
func startServer(t *testing.T) *testServer {
	t.Helper()
	l := &testServer{os.Getenv("LIVEKIT_TEST_URL"), os.Getenv("LIVEKIT_TEST_KEY"), os.Getenv("LIVEKIT_TEST_SECRET"), t.Name()}
	l.room += time.Now().Format("-150405.000000")
	if l.url == "" {
		l.key, l.secret = "key", "a secret of more than thirty-two characters"
		cfg := harness.Settings(t)
		cfg.Keys = []config.Key{{Name: l.key, Secret: l.secret}}
		l.url = harness.Start(t, cfg).SocketURL()
	}
	return l
}

func (l *testServer) token(t *testing.T, identity string) string {
	t.Helper()
	raw, err := token.New(l.key, l.secret).SetIdentity(identity).SetVideoGrant(token.VideoGrant{RoomJoin: true, Room: l.room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (l *testServer) join(ctx context.Context, t *testing.T, identity string, opts Options) *Client {
	t.Helper()
	opts.HostOnly = true
	c, err := Join(ctx, l.url, l.token(t, identity), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Leave(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// sendPackets writes a packet to each layer every 5 ms until stop is called.
func sendPackets(t *testing.T, p *Publication) (stop func()) {
	t.Helper()
	var work sync.WaitGroup
	done := make(chan struct{})
	work.Go(func() { // ends with done
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for n := uint16(1); ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			for i, l := range p.Layers() {
				packet := &rtp.Packet{
					Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 450, Marker: true},
					Payload: append([]byte{0x10, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, byte(i)}, make([]byte, 200)...),
				}
				if l.Kind() == webrtc.RTPCodecTypeVideo {
					// A VP8 payload descriptor, and a key frame header with its start code.
					packet.Payload = append([]byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00}, make([]byte, 200)...)
				}
				if err := l.WriteRTP(packet); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	return func() { close(done); work.Wait() }
}

// eachMode runs a test with every connection mode and encoding.
func eachMode(t *testing.T, f func(t *testing.T, opts Options)) {
	for name, opts := range map[string]Options{
		"two peer connections": {}, "one peer connection": {SinglePC: true}, "JSON": {JSON: true}, "no interceptors": {NoInterceptors: true, SinglePC: true},
	} {
		t.Run(name, func(t *testing.T) { f(t, opts) })
	}
}

func TestTracksReachSubscriber(t *testing.T) {
	eachMode(t, func(t *testing.T, opts Options) {
		l := startServer(t)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		ada := l.join(ctx, t, "ada", opts)
		var mu sync.Mutex
		tracks := map[string]*RemoteTrack{}
		reader := opts
		reader.OnTrack = func(r *RemoteTrack) {
			mu.Lock()
			tracks[r.SID()] = r
			mu.Unlock()
			r.Drain()
		}
		bo := l.join(ctx, t, "bo", reader)
		var sids []string
		for _, o := range []PublishOptions{
			{Name: "mic", MimeType: webrtc.MimeTypeOpus},
			{Name: "cam", MimeType: webrtc.MimeTypeVP8, Width: 640, Height: 360},
			{Name: "cam2", MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720, Layers: []Layer{
				{RID: "q", Quality: livekit.VideoQuality_LOW, Width: 320, Height: 180, Bitrate: 100_000},
				{RID: "h", Quality: livekit.VideoQuality_MEDIUM, Width: 640, Height: 360, Bitrate: 300_000},
				{RID: "f", Quality: livekit.VideoQuality_HIGH, Width: 1280, Height: 720, Bitrate: 900_000},
			}},
			{Name: "s1", MimeType: webrtc.MimeTypeVP8, Source: livekit.TrackSource_SCREEN_SHARE},
			{Name: "s2", MimeType: webrtc.MimeTypeVP8, Source: livekit.TrackSource_SCREEN_SHARE},
		} {
			p, err := ada.Publish(ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			defer sendPackets(t, p)()
			sids = append(sids, p.SID())
		}
		poll(ctx, t, func() string {
			mu.Lock()
			defer mu.Unlock()
			for i, sid := range sids {
				if r := tracks[sid]; r == nil {
					return "no track " + sid
				} else if r.Stats().Packets < 50 {
					return "too few packets"
				} else if r.ParticipantSID() != ada.Participant().Sid {
					return "wrong owner of " + sids[i]
				}
			}
			return ""
		})
		if n := len(bo.RemoteParticipant("ada").GetTracks()); n != len(sids) {
			t.Errorf("ada shows %d tracks, want %d", n, len(sids))
		}
	})
}

func TestMuteAndUnpublishAreAnnouncedToOthers(t *testing.T) {
	eachMode(t, func(t *testing.T, opts Options) {
		l := startServer(t)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		ada, bo := l.join(ctx, t, "ada", opts), l.join(ctx, t, "bo", opts)
		p, err := ada.Publish(ctx, PublishOptions{Name: "mic", MimeType: webrtc.MimeTypeOpus})
		if err != nil {
			t.Fatal(err)
		}
		poll(ctx, t, func() string {
			if err := p.WriteSample(media.Sample{Data: []byte{0xf8, 0xff, 0xfe}, Duration: 20 * time.Millisecond}); err != nil {
				return err.Error()
			}
			if len(bo.RemoteParticipant("ada").GetTracks()) != 1 {
				return "no track"
			}
			return ""
		})
		if err := p.SetMuted(true); err != nil {
			t.Fatal(err)
		}
		waitUntil(ctx, t, bo, func() bool { return bo.RemoteParticipant("ada").GetTracks()[0].Muted })
		if err := ada.Unpublish(ctx, p); err != nil {
			t.Fatal(err)
		}
		waitUntil(ctx, t, bo, func() bool { return len(bo.RemoteParticipant("ada").GetTracks()) == 0 })
	})
}

func TestDataArrivesBeforeAndAfterResume(t *testing.T) {
	eachMode(t, func(t *testing.T, opts Options) {
		l := startServer(t)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var reliable, lossy atomic.Int64
		reader := opts
		reader.OnData = func(p *livekit.DataPacket) {
			if string(p.GetUser().GetPayload()) != "hello" {
				return
			}
			if p.Sequence == 0 { // only reliable packets have sequence numbers
				lossy.Add(1)
			} else {
				reliable.Add(1)
			}
		}
		ada, _ := l.join(ctx, t, "ada", opts), l.join(ctx, t, "bo", reader)
		say := func(kind livekit.DataPacket_Kind) {
			packet := &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("hello")}}}
			if err := ada.PublishData(ctx, kind, packet); err != nil {
				t.Fatal(err)
			}
		}
		say(livekit.DataPacket_RELIABLE)
		sid := ada.Participant().Sid
		poll(ctx, t, func() string {
			say(livekit.DataPacket_LOSSY) // repeated: a lossy packet may be lost while bo's channel opens
			if reliable.Load() < 1 || lossy.Load() < 1 {
				return "messages are missing"
			}
			return ""
		})
		ada.DropSignal()
		if err := ada.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if ada.Participant().Sid != sid {
			t.Error("the SID changed")
		}
		say(livekit.DataPacket_RELIABLE)
		poll(ctx, t, func() string {
			if reliable.Load() < 2 {
				return "messages are missing"
			}
			return ""
		})
	})
}

func TestJoinWithBadTokenIsRefused(t *testing.T) {
	l := startServer(t)
	if _, err := Join(t.Context(), l.url, "nonsense", Options{}); err == nil {
		t.Fatal("joined with an invalid token")
	} else {
		t.Log(err)
	}
}

// poll calls cond every 10 ms until it returns "". cond returns what is missing.
func poll(ctx context.Context, t *testing.T, cond func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		reason := cond()
		if reason == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("gave up waiting: %s", reason)
		case <-tick.C:
		}
	}
}

func waitUntil(ctx context.Context, t *testing.T, c *Client, cond func() bool) {
	t.Helper()
	if err := c.Until(ctx, cond); err != nil {
		t.Fatal(err)
	}
}
