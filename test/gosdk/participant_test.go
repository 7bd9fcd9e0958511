package gosdk

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// keyFrame is a VP8 key frame of 8 by 8 pixels. silence is an Opus packet of 20 ms.
var (
	keyFrame = []byte{
		0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, 0x00, 0x47, 0x08, 0x85, 0x85, 0x88,
		0x85, 0x84, 0x88, 0x02, 0x02, 0x00, 0x0c, 0x0d, 0x60, 0x00, 0xfe, 0xff, 0xab, 0x50, 0x80,
	}
	silence = []byte{0xf8, 0xff, 0xfe}
)

// participant is a participant and a record of the events it received.
type participant struct {
	*lksdk.Room
	t *testing.T

	mu            sync.Mutex
	packets       map[string]int    // number received, by track name
	data          []string          // payloads with their sender
	payload       map[string][]byte // payload of the last packet, by track name
	muted         map[string]bool
	disconnected  []string
	reconnections int // number of reconnections
}

func join(t *testing.T, room, identity string, opts ...lksdk.ConnectOption) *participant {
	t.Helper()
	g := &participant{t: t, packets: map[string]int{}, payload: map[string][]byte{}, muted: map[string]bool{}}
	callback := &lksdk.RoomCallback{
		OnReconnected: func() { g.locked(func() { g.reconnections++ }) },
		OnParticipantDisconnected: func(p *lksdk.RemoteParticipant) {
			g.locked(func() { g.disconnected = append(g.disconnected, p.Identity()) })
		},
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: g.read,
			OnDataPacket: func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
				if user, ok := data.(*lksdk.UserDataPacket); ok {
					g.locked(func() { g.data = append(g.data, params.SenderIdentity+": "+string(user.Payload)) })
				}
			},
			OnTrackMuted:   func(p lksdk.TrackPublication, _ lksdk.Participant) { g.locked(func() { g.muted[p.Name()] = true }) },
			OnTrackUnmuted: func(p lksdk.TrackPublication, _ lksdk.Participant) { g.locked(func() { g.muted[p.Name()] = false }) },
		},
	}
	r, err := lksdk.ConnectToRoom(server.url, lksdk.ConnectInfo{
		APIKey: server.key, APISecret: server.secret, RoomName: room, ParticipantIdentity: identity, ParticipantName: identity,
	}, callback, opts...)
	if err != nil {
		t.Fatalf("%s joins: %v", identity, err)
	}
	g.Room = r
	t.Cleanup(r.Disconnect)
	return g
}

func (g *participant) locked(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

func (g *participant) read(track *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
	go func() { // ends with the track
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			g.locked(func() {
				g.packets[pub.Name()]++
				g.payload[pub.Name()] = packet.Payload
			})
		}
	}()
}

// publish publishes a track and sends samples until the test ends. change may modify the publication options.
func (g *participant) publish(name, mime string, source livekit.TrackSource, change ...func(*lksdk.TrackPublicationOptions)) *lksdk.LocalTrackPublication {
	g.t.Helper()
	sample, rate, every := keyFrame, uint32(90_000), 33*time.Millisecond
	if mime == webrtc.MimeTypeOpus {
		sample, rate, every = silence, 48_000, 20*time.Millisecond
	}
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate})
	if err != nil {
		g.t.Fatal(err)
	}
	options := lksdk.TrackPublicationOptions{Name: name, Source: source, VideoWidth: 640, VideoHeight: 360}
	for _, f := range change {
		f(&options)
	}
	pub, err := g.LocalParticipant.PublishTrack(track, &options)
	if err != nil {
		g.t.Fatalf("publish %s: %v", name, err)
	}
	g.sendSamples(track, sample, every)
	return pub
}

// sendSamples writes the sample to the track at the given interval until the test ends.
func (g *participant) sendSamples(track *lksdk.LocalTrack, sample []byte, every time.Duration) {
	var sending sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	sending.Go(func() { // ends with ctx
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			if err := track.WriteSample(media.Sample{Data: sample, Duration: every}, nil); err != nil {
				return
			}
			<-tick.C
		}
	})
	g.t.Cleanup(func() { cancel(); sending.Wait() })
}

// await polls until cond returns "". cond returns what is missing; the participant is locked meanwhile.
func (g *participant) await(cond func() string) {
	g.t.Helper()
	deadline, tick := time.After(15*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		g.mu.Lock()
		missing := cond()
		g.mu.Unlock()
		if missing == "" {
			return
		}
		select {
		case <-deadline:
			g.t.Fatalf("%s: gave up waiting: %s", g.LocalParticipant.Identity(), missing)
		case <-tick.C:
		}
	}
}

func (g *participant) awaitPackets(names ...string) {
	g.t.Helper()
	g.await(func() string {
		for _, name := range names {
			if g.packets[name] < 20 {
				return fmt.Sprintf("%d packets of %s", g.packets[name], name)
			}
		}
		return ""
	})
}

// awaitMorePackets waits for 20 more packets of each track.
func (g *participant) awaitMorePackets(names ...string) {
	g.t.Helper()
	before := map[string]int{}
	g.locked(func() { maps.Copy(before, g.packets) })
	g.await(func() string {
		for _, name := range names {
			if g.packets[name] < before[name]+20 {
				return fmt.Sprintf("%d packets of %s after %d", g.packets[name], name, before[name])
			}
		}
		return ""
	})
}

func (g *participant) awaitData(want string) {
	g.t.Helper()
	g.await(func() string {
		for _, got := range g.data {
			if got == want {
				return ""
			}
		}
		return fmt.Sprintf("no %q in %q", want, g.data)
	})
}
