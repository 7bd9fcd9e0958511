package server_test

import (
	"context"
	"sync"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// trackSubscribed returns how many TrackSubscribed messages g has received for a track.
func (g *testClient) trackSubscribed(sid string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, m := range g.messages {
		if m.GetTrackSubscribed().GetTrackSid() == sid {
			n++
		}
	}
	return n
}

// Tracks return after unsubscribing and subscribing again. The publisher is notified of its first subscriber once.
func TestResubscribedTrackReturnsAndIsAnnouncedOnce(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic, cam := ada.publishBoth(ctx)
		s.join(ctx, "ghost", o, func(g *token.VideoGrant) { g.Hidden = true })
		harness.Eventually(ctx, t, "both are public", func() bool { return len(ada.Participant().GetTracks()) == 2 })
		if n := ada.trackSubscribed(cam.SID()); n != 0 {
			t.Errorf("%d notifications for a hidden subscriber, want none", n)
		}
		watch := s.join(ctx, "watch", o)
		o.NoAutoSubscribe = true
		bo := s.join(ctx, "bo", o)
		for range 3 {
			if err := bo.SetSubscribed(true, mic.SID(), cam.SID()); err != nil {
				t.Fatal(err)
			}
			audio, video := bo.packetCount(mic.SID()), bo.packetCount(cam.SID())
			harness.Eventually(ctx, t, "bo receives both", func() bool {
				return bo.packetCount(mic.SID()) > audio+10 && bo.packetCount(cam.SID()) > video+10
			})
			if err := bo.SetSubscribed(false, mic.SID(), cam.SID()); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "bo receives no more media", func() bool {
				before := bo.packetCount(mic.SID()) + bo.packetCount(cam.SID())
				passed := watch.packetCount(mic.SID())
				harness.Eventually(ctx, t, "ten packets arrive at another subscriber", func() bool { return watch.packetCount(mic.SID()) > passed+10 })
				return bo.packetCount(mic.SID())+bo.packetCount(cam.SID()) == before
			})
		}
		for _, sid := range []string{mic.SID(), cam.SID()} {
			if n := ada.trackSubscribed(sid); n != 1 {
				t.Errorf("ada was notified %d times of a subscriber, want once", n)
			}
		}
	})
}

// No session description names a track before its publisher's information was sent, also when several participants join
// and publish at the same time.
func TestParticipantsAreAnnouncedBeforeTheirMedia(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		names := []string{"ada", "bo", "cy", "di"}
		guests := make([]*testClient, len(names))
		var joining sync.WaitGroup
		for i, name := range names {
			guests[i] = s.join(ctx, name, o)
			joining.Go(func() { guests[i].publishBoth(ctx) })
		}
		joining.Wait()
		tracks := func(g *testClient) int {
			g.mu.Lock()
			defer g.mu.Unlock()
			announced, offered := map[string]bool{}, map[string]bool{}
			record := func(people []*livekit.ParticipantInfo) {
				for _, p := range people {
					for _, t := range p.Tracks {
						announced[t.Sid] = true
					}
				}
			}
			for _, m := range g.messages {
				record(m.GetJoin().GetOtherParticipants())
				record(m.GetUpdate().GetParticipants())
				for _, d := range []*livekit.SessionDescription{m.GetOffer(), m.GetAnswer()} {
					for _, sid := range d.GetMidToTrackId() {
						offered[sid] = true
						if !announced[sid] {
							t.Errorf("a session description names %s before its publisher was announced", sid)
						}
					}
				}
			}
			return len(offered)
		}
		for i, g := range guests {
			harness.Eventually(ctx, t, names[i]+" is offered all tracks of the others", func() bool { return tracks(g) == 2*(len(names)-1) })
		}
	})
}
