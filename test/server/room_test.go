package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

func TestLateJoinerGetsExistingAndLaterTracks(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		_, cam := ada.publishBoth(ctx)
		bo := s.join(ctx, "bo", o)
		bo.publishBoth(ctx)
		cy := s.join(ctx, "cy", o)
		harness.Eventually(ctx, t, "cy receives ada's camera", func() bool { return cy.receives(cam.SID(), 10) })
		// Four tracks exist already and a client offers three media sections of each kind, so more are needed.
		for i := range 4 {
			p, err := ada.Publish(ctx, client.PublishOptions{Name: fmt.Sprint("extra", i), MimeType: webrtc.MimeTypeVP8, Source: livekit.TrackSource_SCREEN_SHARE})
			if err != nil {
				t.Fatal(err)
			}
			sendSamples(ctx, t, p, vp8KeyFrame, 33*time.Millisecond)
			harness.Eventually(ctx, t, "cy receives a later track", func() bool { return cy.receives(p.SID(), 5) })
		}
	})
}

// The first offer or answer contains all tracks that exist when a participant joins.
func TestExistingTracksArriveInOneNegotiation(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic, cam := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "both tracks are published", func() bool { return len(ada.Participant().GetTracks()) == 2 })
		bo := s.join(ctx, "bo", o)
		harness.Eventually(ctx, t, "bo receives both", func() bool { return bo.receives(mic.SID(), 5) && bo.receives(cam.SID(), 5) })
		bo.mu.Lock()
		defer bo.mu.Unlock()
		descriptions := 0
		for _, m := range bo.messages {
			// With two connections an answer concerns only what bo publishes.
			if m.GetOffer() != nil || o.SinglePC && m.GetAnswer() != nil {
				descriptions++
			}
		}
		if descriptions != 1 {
			t.Errorf("%d descriptions were sent, want 1", descriptions)
		}
	})
}

func TestUnpublishedTrackIsRemovedForAll(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		_, cam := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "bo receives the camera", func() bool { return bo.receives(cam.SID(), 5) })
		if err := ada.Unpublish(ctx, cam); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees it unpublished", func() bool { return len(bo.RemoteParticipant("ada").GetTracks()) == 1 })
		again, err := ada.Publish(ctx, client.PublishOptions{Name: "cam again", MimeType: webrtc.MimeTypeVP8})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, again, vp8KeyFrame, 33*time.Millisecond)
		harness.Eventually(ctx, t, "bo receives the next track", func() bool { return bo.receives(again.SID(), 5) })
	})
}

func TestResumeKeepsSessionIDAndMedia(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, _ := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "bo receives the microphone", func() bool { return bo.receives(mic.SID(), 5) })
		sid, before := ada.Participant().Sid, bo.packetCount(mic.SID())
		ada.DropSignal()
		bo.DropSignal()
		if err := errors.Join(ada.Resume(ctx), bo.Resume(ctx)); err != nil {
			t.Fatalf("resume: %v", err)
		}
		if ada.Participant().Sid != sid {
			t.Errorf("sid %s after the resume, %s before", ada.Participant().Sid, sid)
		}
		harness.Eventually(ctx, t, "media continues", func() bool { return bo.packetCount(mic.SID()) > before+20 })
		cam, err := ada.Publish(ctx, client.PublishOptions{Name: "screen", MimeType: webrtc.MimeTypeVP8, Source: livekit.TrackSource_SCREEN_SHARE})
		if err != nil {
			t.Fatal(err)
		}
		sendSamples(ctx, t, cam, vp8KeyFrame, 33*time.Millisecond)
		harness.Eventually(ctx, t, "a new track arrives after the resume", func() bool { return bo.receives(cam.SID(), 5) })
	})
}

func TestDataReachesDestinationsWithTheSendersIdentity(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo, cy := s.join(ctx, "ada", o), s.join(ctx, "bo", o), s.join(ctx, "cy", o)
		forAll := &livekit.DataPacket{
			ParticipantIdentity: "somebody else",
			Value:               &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("to all")}},
		}
		forBo := &livekit.DataPacket{
			DestinationIdentities: []string{"bo"},
			Value:                 &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("to bo")}},
		}
		for _, p := range []*livekit.DataPacket{forAll, forBo} {
			if err := ada.PublishData(ctx, livekit.DataPacket_RELIABLE, p); err != nil {
				t.Fatal(err)
			}
		}
		harness.Eventually(ctx, t, "bo gets both, in order", func() bool { return len(bo.dataPackets()) == 2 })
		harness.Eventually(ctx, t, "cy gets one", func() bool { return len(cy.dataPackets()) == 1 })
		got := bo.dataPackets()
		if string(got[0].GetUser().Payload) != "to all" || string(got[1].GetUser().Payload) != "to bo" {
			t.Errorf("bo got %v", got)
		}
		if got[0].ParticipantIdentity != "ada" || got[0].ParticipantSid != ada.Participant().Sid {
			t.Errorf("the sender is %s %s, want ada's identity and sid", got[0].ParticipantIdentity, got[0].ParticipantSid)
		}
		// Lossy packets may be lost, so one is sent until it arrives.
		harness.Eventually(ctx, t, "bo gets a lossy packet", func() bool {
			_ = ada.PublishData(ctx, livekit.DataPacket_LOSSY, &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("quick")}}})
			return slices.ContainsFunc(bo.dataPackets(), func(p *livekit.DataPacket) bool { return string(p.GetUser().GetPayload()) == "quick" })
		})
		if n := len(ada.dataPackets()); n != 0 {
			t.Errorf("the sender got %d of its own packets", n)
		}
	})
}

func TestActionsWithoutPermissionAreRefused(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		no := false
		ada := s.join(ctx, "ada", o)
		listener := s.join(ctx, "listener", o, func(g *token.VideoGrant) { g.CanPublish = &no })
		noSubscribe := s.join(ctx, "noSubscribe", o, func(g *token.VideoGrant) { g.CanSubscribe = &no })
		hidden := s.join(ctx, "hidden", o, func(g *token.VideoGrant) { g.Hidden = true })
		mic, _ := ada.publishBoth(ctx)
		short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		if _, err := listener.Publish(short, client.PublishOptions{MimeType: webrtc.MimeTypeOpus}); err == nil {
			t.Error("a participant without canPublish has published")
		}
		refused := func(m *livekit.SignalResponse) bool {
			return m.GetRequestResponse().GetReason() == livekit.RequestResponse_NOT_ALLOWED && m.GetRequestResponse().GetAddTrack() != nil
		}
		if !listener.hasMessage(refused) {
			t.Error("the listener received no refusal")
		}
		harness.Eventually(ctx, t, "the listener receives audio", func() bool { return listener.receives(mic.SID(), 5) })
		harness.Eventually(ctx, t, "the hidden participant receives audio", func() bool { return hidden.receives(mic.SID(), 5) })
		if noSubscribe.receives(mic.SID(), 1) {
			t.Error("a participant without canSubscribe receives media")
		}
		if ada.RemoteParticipant("hidden") != nil {
			t.Error("ada sees a hidden participant")
		}
		_ = listener.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("x")}}})
		_ = hidden.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("y")}}})
		harness.Eventually(ctx, t, "data of the hidden participant arrives", func() bool { return len(ada.dataPackets()) > 0 })
		if p := ada.dataPackets()[0]; string(p.GetUser().Payload) != "y" || p.ParticipantIdentity != "" {
			t.Errorf("ada got %v", p)
		}
	})
}

func TestConcurrentJoinsOfOneIdentityLeaveOneParticipant(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	watch := s.join(ctx, "watch", client.Options{})
	jwt := s.token("ada")
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			c, err := client.Join(ctx, s.SocketURL(), jwt, client.Options{})
			if err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
		})
	}
	wg.Wait()
	harness.Eventually(ctx, t, "exactly one participant remains", func() bool {
		return len(watch.RemoteParticipants()) == 1 && watch.RemoteParticipant("ada").GetState() == livekit.ParticipantInfo_ACTIVE
	})
}

// A participant that unpublishes its only audio track while it speaks does not remain an active speaker.
func TestSpeakerThatUnpublishesIsReportedSilent(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic, err := ada.Publish(ctx, client.PublishOptions{MimeType: webrtc.MimeTypeOpus})
		if err != nil {
			t.Fatal(err)
		}
		mic.Layers()[0].SetAudioLevel(20)
		sendSamples(ctx, t, mic, []byte{0xf8, 0xff, 0xfe}, 20*time.Millisecond)
		last := func() *livekit.SpeakerInfo {
			bo.mu.Lock()
			defer bo.mu.Unlock()
			var info *livekit.SpeakerInfo
			for _, m := range bo.messages {
				for _, sp := range m.GetSpeakersChanged().GetSpeakers() {
					if sp.Sid == ada.Participant().Sid {
						info = sp
					}
				}
			}
			return info
		}
		harness.Eventually(ctx, t, "bo sees that ada speaks", func() bool { return last().GetActive() })
		if err := ada.Unpublish(ctx, mic); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo sees that ada is silent", func() bool { return !last().GetActive() })
	})
}

// A client announces a track with the client id of an existing track. The server publishes it when the existing track is
// gone.
func TestTrackWithAUsedClientIDIsPublishedOnceTheIDIsFree(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic, _ := ada.publishBoth(ctx)
		harness.Eventually(ctx, t, "both tracks are published", func() bool { return len(ada.Participant().GetTracks()) == 2 })
		err := ada.Send(&livekit.SignalRequest{Message: &livekit.SignalRequest_AddTrack{AddTrack: &livekit.AddTrackRequest{
			Cid: mic.CID(), Type: livekit.TrackType_AUDIO, Source: livekit.TrackSource_MICROPHONE,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "the request is queued", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				return m.GetRequestResponse().GetReason() == livekit.RequestResponse_QUEUED
			})
		})
		if err := ada.Unpublish(ctx, mic); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "the second track is published", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				p := m.GetTrackPublished()
				return p.GetCid() == mic.CID() && p.GetTrack().GetSid() != mic.SID()
			})
		})
	})
}

// Ada leaves while Bo's signalling connection is down. When Bo resumes, the server notifies Bo that Ada has left.
func TestResumeReportsMissedDepartures(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		harness.Eventually(ctx, t, "bo sees ada", func() bool { return bo.RemoteParticipant("ada") != nil })
		bo.DropSignal()
		if err := ada.Leave(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "ada has left", func() bool { return !slices.Contains(s.participants(ctx, "room"), "ada") })
		if err := bo.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "ada is gone for bo", func() bool { return bo.RemoteParticipant("ada") == nil })
	})
}
