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

// updateBytes returns the total size in bytes of the updates that s got about a participant.
func (s *sink) updateBytes(identity string) (bytes int) {
	for _, m := range s.all() {
		for _, p := range m.GetUpdate().GetParticipants() {
			if p.Identity == identity {
				bytes += proto.Size(m)
			}
		}
	}
	return bytes
}

// publishData returns a request to publish a data track whose description has about size bytes.
func publishData(handle uint32, size int) *livekit.SignalRequest {
	schema := strings.Repeat("😀", size/8)
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{PublishDataTrackRequest: &livekit.PublishDataTrackRequest{
		PubHandle: handle, Name: fmt.Sprintf("%d %s", handle, strings.Repeat("😀", size/8)), Schema: &livekit.DataTrackSchemaId{Name: schema},
	}}}
}

// The limit applies to media and data tracks together.
func TestTotalSizeOfAParticipantsTrackDescriptionsIsLimited(t *testing.T) {
	h := newHarness(t)
	watch, mallory := h.join(request("watch")), h.join(request("mallory"))
	for i := range uint32(40) { // of 2 kB each
		mallory.send(publishData(i+1, 1900))
	}
	refused := func(reason livekit.RequestResponse_Reason) bool {
		return mallory.sink.got(func(m *livekit.SignalResponse) bool { return m.GetRequestResponse().GetReason() == reason })
	}
	if !refused(livekit.RequestResponse_LIMIT_EXCEEDED) {
		t.Error("no track was refused")
	}
	mallory.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
		Cid: "cam", Type: livekit.TrackType_VIDEO, Source: livekit.TrackSource_CAMERA, Name: strings.Repeat("n", 3000), Muted: true,
	}}})
	mallory.inspect(func(p *Participant) {
		if n := p.announced(); n > maxAnnounced || n < maxAnnounced/2 {
			t.Errorf("%d bytes are announced", n)
		}
		if len(p.publishing.pending) > 0 {
			t.Error("a track beyond the limit is pending")
		}
	})
	if n := proto.Size(watch.sink.lastInfo("mallory")); n > maxAnnounced+1000 {
		t.Errorf("the others are sent %d bytes about one participant", n)
	}
}

// A client that changes its announced state in a loop is delayed, so the updates sent to others grow only by the rate
// of its bucket.
func TestUpdatesCausedByAFloodingClientAreRateLimited(t *testing.T) {
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
			h := newHarness(t)
			watch := h.join(request("watch"))
			req := request("mallory")
			req.Info.Permission.CanUpdateMetadata = true
			mallory := h.join(req)
			for i := range uint32(28) {
				mallory.send(publishData(i+1, 1900))
			}
			mallory.inspect(func(p *Participant) {
				p.publishing.pending = []*pendingTrack{{info: &livekit.TrackInfo{Sid: "TR_mic"}, public: true}}
			})
			begin, before := time.Now(), watch.sink.updateBytes("mallory")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			n := 0
			for ; ctx.Err() == nil && n < 2000; n++ {
				if err := mallory.Handle(t.Context(), flood(n)); err != nil {
					t.Fatal(err)
				}
			}
			got, allowed := watch.sink.updateBytes("mallory")-before, announceBurst+int(announceRate*time.Since(begin).Seconds())
			if got > allowed+2*maxAnnounced+100_000 {
				t.Errorf("%d messages made %d bytes of updates for another participant, of %d allowed", n, got, allowed)
			}
			if got < announceBurst/4 {
				t.Errorf("only %d bytes arrived: the flood did not reach the limit", got)
			}
		})
	}
}

// A client does not get a new bucket by rejoining or resuming with the same token.
func TestReconnectingDoesNotResetTheRateLimitOfAClientsUpdates(t *testing.T) {
	for name, again := range map[string]func(h *harness, sid string) error{
		"joins": func(h *harness, _ string) error {
			_, err := h.Join(h.t.Context(), guestRequest("mallory", "its"), &sink{})
			return err
		},
		"resumes": func(h *harness, sid string) error {
			req := guestRequest("mallory", "its")
			req.Reconnect, req.SID = true, sid
			session, err := h.Join(h.t.Context(), req, &sink{})
			if err == nil {
				err = session.Handle(h.t.Context(), &livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{
					Mute: &livekit.MuteTrackRequest{Sid: "TR_mic", Muted: time.Now().UnixNano()%2 == 0},
				}})
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			watch := h.join(request("watch"))
			mallory := h.join(guestRequest("mallory", "its"))
			load := func() {
				mallory.inspect(func(p *Participant) {
					if p = p.room.participants["mallory"]; p != nil && len(p.publishing.pending) == 0 {
						p.publishing.pending = []*pendingTrack{
							{info: &livekit.TrackInfo{Sid: "TR_mic", Name: strings.Repeat("n", 15_000)}, public: true},
							{info: &livekit.TrackInfo{Sid: "TR_cam", Name: strings.Repeat("n", 15_000)}, public: true},
						}
						p.room.announce(p, false)
					}
				})
			}
			load()
			begin, before := time.Now(), watch.sink.updateBytes("mallory")
			n := 0
			for ; time.Since(begin) < 2*time.Second && n < 2000; n++ {
				if err := again(h, mallory.participant.sid()); err != nil {
					t.Fatal(err)
				}
				load()
			}
			got, allowed := watch.sink.updateBytes("mallory")-before, announceBurst+int(announceRate*time.Since(begin).Seconds())
			if got > allowed+3*maxAnnounced {
				t.Errorf("%d %s made %d bytes of updates for another participant, of %d allowed", n, name, got, allowed)
			}
			if got < announceBurst/8 {
				t.Errorf("only %d bytes arrived: the flood did not reach the limit", got)
			}
		})
	}
}

// A token family expires when its bucket is full again and no back end has changed its rights. If too many families are
// stored, some are dropped. Families whose rights a back end has changed are dropped last.
func TestStateStoredForTokenFamiliesExpiresAndIsLimited(t *testing.T) {
	h := newHarness(t)
	ada := h.join(guestRequest("ada", "hers"))
	ada.inspect(func(p *Participant) {
		r := p.room
		now := time.Now()
		r.expireFamilies(now)
		if r.families["hers"] == nil {
			t.Error("a family expired before its bucket was full again")
		}
		r.expireFamilies(now.Add(time.Minute))
		if len(r.families) != 0 {
			t.Errorf("%d families are stored", len(r.families))
		}
		r.family(Credential{Family: "demoted"}).granted = &livekit.ParticipantPermission{}
		for i := range 2 * maxFamilies {
			r.family(Credential{Family: fmt.Sprint("flood", i)})
		}
		if f := r.families["demoted"]; f == nil || len(r.families) != maxFamilies {
			t.Errorf("a family with changed rights was dropped, or %d families are stored", len(r.families))
		}
		for i := range 2 * maxFamilies {
			r.family(Credential{Family: fmt.Sprint(i)}).granted = &livekit.ParticipantPermission{}
		}
		r.expireFamilies(now.Add(time.Hour))
		if len(r.families) != maxFamilies {
			t.Errorf("%d families are stored", len(r.families))
		}
	})
}
