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

// join joins a room and records the events.
func join(t *testing.T, room, identity string, opts ...lksdk.ConnectOption) *participant {
	t.Helper()
	pt := &participant{t: t, packets: map[string]int{}, payload: map[string][]byte{}, muted: map[string]bool{}}
	callback := &lksdk.RoomCallback{
		OnReconnected: func() { pt.locked(func() { pt.reconnections++ }) },
		OnParticipantDisconnected: func(p *lksdk.RemoteParticipant) {
			pt.locked(func() { pt.disconnected = append(pt.disconnected, p.Identity()) })
		},
		ParticipantCallback: lksdk.ParticipantCallback{
			OnTrackSubscribed: pt.read,
			OnDataPacket: func(data lksdk.DataPacket, params lksdk.DataReceiveParams) {
				if user, ok := data.(*lksdk.UserDataPacket); ok {
					pt.locked(func() { pt.data = append(pt.data, params.SenderIdentity+": "+string(user.Payload)) })
				}
			},
			OnTrackMuted:   func(p lksdk.TrackPublication, _ lksdk.Participant) { pt.locked(func() { pt.muted[p.Name()] = true }) },
			OnTrackUnmuted: func(p lksdk.TrackPublication, _ lksdk.Participant) { pt.locked(func() { pt.muted[p.Name()] = false }) },
		},
	}
	r, err := lksdk.ConnectToRoom(server.url, lksdk.ConnectInfo{
		APIKey: server.key, APISecret: server.secret, RoomName: room, ParticipantIdentity: identity, ParticipantName: identity,
	}, callback, opts...)
	if err != nil {
		t.Fatalf("%s joins: %v", identity, err)
	}
	pt.Room = r
	t.Cleanup(r.Disconnect)
	return pt
}

// locked runs f with pt.mu held.
func (pt *participant) locked(f func()) {
	pt.mu.Lock()
	defer pt.mu.Unlock()
	f()
}

// read counts the packets of a track.
func (pt *participant) read(track *webrtc.TrackRemote, pub *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
	go func() { // ends with the track
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			pt.locked(func() {
				pt.packets[pub.Name()]++
				pt.payload[pub.Name()] = packet.Payload
			})
		}
	}()
}

// publish publishes a track and sends samples until the test ends. change may modify the publication options.
func (pt *participant) publish(name, mime string, source livekit.TrackSource, change ...func(*lksdk.TrackPublicationOptions)) *lksdk.LocalTrackPublication {
	pt.t.Helper()
	sample, rate, every := keyFrame, uint32(90_000), 33*time.Millisecond
	if mime == webrtc.MimeTypeOpus {
		sample, rate, every = silence, 48_000, 20*time.Millisecond
	}
	track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate})
	if err != nil {
		pt.t.Fatal(err)
	}
	options := lksdk.TrackPublicationOptions{Name: name, Source: source, VideoWidth: 640, VideoHeight: 360}
	for _, f := range change {
		f(&options)
	}
	pub, err := pt.LocalParticipant.PublishTrack(track, &options)
	if err != nil {
		pt.t.Fatalf("publish %s: %v", name, err)
	}
	pt.sendSamples(track, sample, every)
	return pub
}

// sendSamples writes the sample to the track at the given interval until the test ends.
func (pt *participant) sendSamples(track *lksdk.LocalTrack, sample []byte, every time.Duration) {
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
	pt.t.Cleanup(func() { cancel(); sending.Wait() })
}

// await polls until cond returns "". Until then, cond returns a description of what is missing. pt is locked while cond
// runs.
func (pt *participant) await(cond func() string) {
	pt.t.Helper()
	deadline, tick := time.After(15*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		pt.mu.Lock()
		missing := cond()
		pt.mu.Unlock()
		if missing == "" {
			return
		}
		select {
		case <-deadline:
			pt.t.Fatalf("%s: gave up waiting: %s", pt.LocalParticipant.Identity(), missing)
		case <-tick.C:
		}
	}
}

// awaitPackets waits for 20 packets of each track.
func (pt *participant) awaitPackets(names ...string) {
	pt.t.Helper()
	pt.await(func() string {
		for _, name := range names {
			if pt.packets[name] < 20 {
				return fmt.Sprintf("%d packets of %s", pt.packets[name], name)
			}
		}
		return ""
	})
}

// awaitMorePackets waits for 20 more packets of each track.
func (pt *participant) awaitMorePackets(names ...string) {
	pt.t.Helper()
	before := map[string]int{}
	pt.locked(func() { maps.Copy(before, pt.packets) })
	pt.await(func() string {
		for _, name := range names {
			if pt.packets[name] < before[name]+20 {
				return fmt.Sprintf("%d packets of %s after %d", pt.packets[name], name, before[name])
			}
		}
		return ""
	})
}

// awaitData waits for a data packet, given as "sender: payload".
func (pt *participant) awaitData(want string) {
	pt.t.Helper()
	pt.await(func() string {
		for _, got := range pt.data {
			if got == want {
				return ""
			}
		}
		return fmt.Sprintf("no %q in %q", want, pt.data)
	})
}
