package rtc

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// received is how many bytes of updates about that participant a client got.
func (s *sink) received(identity string) (bytes int) {
	for _, m := range s.all() {
		for _, p := range m.GetUpdate().GetParticipants() {
			if p.Identity == identity {
				bytes += proto.Size(m)
			}
		}
	}
	return bytes
}

func publishData(handle uint32, size int) *livekit.SignalRequest {
	schema := strings.Repeat("😀", size/8)
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{PublishDataTrackRequest: &livekit.PublishDataTrackRequest{
		PubHandle: handle, Name: fmt.Sprintf("%d %s", handle, strings.Repeat("😀", size/8)), Schema: &livekit.DataTrackSchemaId{Name: schema},
	}}}
}

// What one participant may have announced is bounded in bytes, over all kinds of tracks.
func TestAnnouncedStateIsBounded(t *testing.T) {
	h := newHouse(t)
	watch, mallory := h.join(request("watch")), h.join(request("mallory"))
	for i := range uint32(40) { // of 2 kB each
		mallory.say(publishData(i+1, 1900))
	}
	refused := func(reason livekit.RequestResponse_Reason) bool {
		return mallory.sink.got(func(m *livekit.SignalResponse) bool { return m.GetRequestResponse().GetReason() == reason })
	}
	if !refused(livekit.RequestResponse_LIMIT_EXCEEDED) {
		t.Error("nothing was refused")
	}
	mallory.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "cam", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA, Name: strings.Repeat("n", 3000), Muted: true,
	}}})
	mallory.state(func(p *Participant) {
		if n := p.announced(); n > maxAnnounced || n < maxAnnounced/2 {
			t.Errorf("%d bytes are announced", n)
		}
		if len(p.pending) > 0 {
			t.Error("a track beyond the bound is pending")
		}
	})
	if n := proto.Size(watch.sink.lastInfo("mallory")); n > maxAnnounced+1000 {
		t.Errorf("the others are told %d bytes of one participant", n)
	}
}

// A client that changes what it announces in a loop waits for itself: what others are sent of it grows by the rate of its
// bucket, however fast it is.
func TestAnnouncementsAreBoundedInRate(t *testing.T) {
	for name, flood := range map[string]func(i int) *livekit.SignalRequest{
		"mute toggles": func(i int) *livekit.SignalRequest {
			return &livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: "TR_mic", Muted: i%2 == 0}}}
		},
		"metadata": func(i int) *livekit.SignalRequest {
			return updateMetadata(&livekit.UpdateParticipantMetadata{Metadata: fmt.Sprint(i, strings.Repeat("m", 100_000))})
		},
		"attributes": func(i int) *livekit.SignalRequest {
			return updateMetadata(&livekit.UpdateParticipantMetadata{Attributes: map[string]string{"a": fmt.Sprint(i, strings.Repeat("m", 60_000))}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			watch := h.join(request("watch"))
			req := request("mallory")
			req.Info.Permission.CanUpdateMetadata = true
			mallory := h.join(req)
			for i := range uint32(28) {
				mallory.say(publishData(i+1, 1900))
			}
			mallory.state(func(p *Participant) {
				p.pending = []*pendingTrack{{info: &livekit.TrackInfo{Sid: "TR_mic"}, public: true}}
			})
			begin, before := time.Now(), watch.sink.received("mallory")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			n := 0
			for ; ctx.Err() == nil && n < 2000; n++ {
				if err := mallory.Handle(t.Context(), flood(n)); err != nil {
					t.Fatal(err)
				}
			}
			got, allowed := watch.sink.received("mallory")-before, announceBurst+int(announceRate*time.Since(begin).Seconds())
			if got > allowed+2*maxAnnounced+100_000 {
				t.Errorf("%d messages made %d bytes for another, of %d allowed", n, got, allowed)
			}
			if got < announceBurst/4 {
				t.Errorf("only %d bytes arrived: nothing was flooded", got)
			}
		})
	}
}
