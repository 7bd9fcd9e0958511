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

// trackSubscribed counts how often g was told that somebody subscribed to that track.
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

// Tracks given up and asked for again come back, and the publisher is told of its first subscriber once.
func TestResubscribedTrackReturnsAndIsAnnouncedOnce(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic, cam := ada.publishBoth(ctx)
		s.join(ctx, "ghost", o, func(g *token.VideoGrant) { g.Hidden = true })
		harness.Eventually(ctx, t, "both are public", func() bool { return len(ada.Participant().GetTracks()) == 2 })
		if n := ada.trackSubscribed(cam.SID()); n != 0 {
			t.Errorf("told %d times of subscribers where there is none but a hidden one", n)
		}
		watch := s.join(ctx, "watch", o)
		o.NoAutoSubscribe = true
		bo := s.join(ctx, "bo", o)
		for range 3 {
			if err := bo.SetSubscribed(true, mic.SID(), cam.SID()); err != nil {
				t.Fatal(err)
			}
			sound, picture := bo.packetCount(mic.SID()), bo.packetCount(cam.SID())
			harness.Eventually(ctx, t, "bo receives both", func() bool {
				return bo.packetCount(mic.SID()) > sound+10 && bo.packetCount(cam.SID()) > picture+10
			})
			if err := bo.SetSubscribed(false, mic.SID(), cam.SID()); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(ctx, t, "bo receives nothing any more", func() bool {
				before := bo.packetCount(mic.SID()) + bo.packetCount(cam.SID())
				passed := watch.packetCount(mic.SID())
				harness.Eventually(ctx, t, "ten packets pass", func() bool { return watch.packetCount(mic.SID()) > passed+10 })
				return bo.packetCount(mic.SID())+bo.packetCount(cam.SID()) == before
			})
		}
		for _, sid := range []string{mic.SID(), cam.SID()} {
			if n := ada.trackSubscribed(sid); n != 1 {
				t.Errorf("ada was told %d times that somebody subscribed", n)
			}
		}
	})
}

// No description names a track before its owner was told of with it, whoever comes and publishes at the same time.
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
			known, named := map[string]bool{}, map[string]bool{}
			note := func(people []*livekit.ParticipantInfo) {
				for _, p := range people {
					for _, t := range p.Tracks {
						known[t.Sid] = true
					}
				}
			}
			for _, m := range g.messages {
				note(m.GetJoin().GetOtherParticipants())
				note(m.GetUpdate().GetParticipants())
				for _, d := range []*livekit.SessionDescription{m.GetOffer(), m.GetAnswer()} {
					for _, sid := range d.GetMidToTrackId() {
						named[sid] = true
						if !known[sid] {
							t.Errorf("a description names %s before anybody was told to publish it", sid)
						}
					}
				}
			}
			return len(named)
		}
		for i, g := range guests {
			harness.Eventually(ctx, t, names[i]+" is offered what the others publish", func() bool { return tracks(g) == 2*(len(names)-1) })
		}
	})
}
