package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/internal/config"
	"meet/internal/token"
	"meet/test/harness"
)

func hide(g *token.VideoGrant) { g.Hidden = true }

func TestListParticipantsIncludesHiddenOnesAndTracks(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if l, err := s.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "room"}); err != nil || len(l.Participants) != 0 {
		t.Errorf("in no room are %v, %v", l, err)
	}
	ada := s.join(ctx, "ada", client.Options{})
	s.join(ctx, "ghost", client.Options{}, hide)
	mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
	harness.Eventually(ctx, t, "both, and ada's track", func() bool {
		l, err := s.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "room"})
		return err == nil && len(l.Participants) == 2 && l.Participants[0].Identity == "ada" && len(l.Participants[0].Tracks) == 1 &&
			l.Participants[0].Tracks[0].Sid == mic.SID() && l.Participants[1].Identity == "ghost"
	})
	one, err := s.rooms.GetParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada"})
	if err != nil || one.State != livekit.ParticipantInfo_ACTIVE || one.Name != "ADA" || !one.IsPublisher {
		t.Errorf("%v, %v", one, err)
	}
	_, err = s.rooms.GetParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "bo"})
	wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
}

// Who was removed stays out with the token of before, also by way of the tokens the server handed it, and comes back with
// a new one. Others with tokens of the same time are not concerned.
func TestRemovedParticipantCannotReturnWithOldTokens(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		jwt := s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"})
		ada, bo := s.joinWith(ctx, jwt, o), s.join(ctx, "bo", o)
		if _, err := s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada"}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "ada is told, and bo", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				return m.GetLeave().GetReason() == livekit.DisconnectReason_PARTICIPANT_REMOVED
			}) && bo.sees("ada", func(p *livekit.ParticipantInfo) bool {
				return p.State == livekit.ParticipantInfo_DISCONNECTED && p.DisconnectReason == livekit.DisconnectReason_PARTICIPANT_REMOVED
			})
		})
		tokens := []string{jwt}
		for _, m := range ada.signalMessages() {
			if refreshed := m.GetRefreshToken(); refreshed != "" {
				tokens = append(tokens, refreshed)
			}
		}
		if len(tokens) < 2 {
			t.Error("no token was refreshed")
		}
		for _, jwt := range tokens {
			if _, err := client.Join(ctx, s.SocketURL(), jwt, o); err == nil || !strings.Contains(err.Error(), "removed") {
				t.Errorf("with a token of before: %v", err)
			}
		}
		if a := s.send("GET", "/rtc/validate?access_token="+jwt, "", "", nil); a.status != 403 || !strings.Contains(string(a.body), "you were removed") {
			t.Errorf("validate: %d %s", a.status, a.body)
		}
		s.joinRoom(ctx, "room2", "ada", o)
		harness.Eventually(ctx, t, "a new token is of a later second", func() bool {
			c, err := client.Join(ctx, s.SocketURL(), s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"}), o)
			if err != nil {
				return false
			}
			return c.Close() == nil
		})
		_, err := s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "nobody"})
		wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
	})
}

func TestServerMuteReachesPublisherBeforeOthers(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
		harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.packetCount(mic.SID()) > 5 })
		muted, err := s.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "room", Identity: "ada", TrackSid: mic.SID(), Muted: true})
		if err != nil || !muted.Track.GetMuted() || muted.Track.GetSid() != mic.SID() {
			t.Errorf("%v, %v", muted, err)
		}
		harness.Eventually(ctx, t, "bo sees it", func() bool {
			return bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return len(p.Tracks) == 1 && p.Tracks[0].Muted })
		})
		harness.Eventually(ctx, t, "ada is told", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				return m.GetMute().GetMuted() && m.GetMute().GetSid() == mic.SID()
			})
		})
		messages := ada.signalMessages()
		told := slices.IndexFunc(messages, func(m *livekit.SignalResponse) bool { return m.GetMute() != nil })
		shown := slices.IndexFunc(messages, func(m *livekit.SignalResponse) bool {
			return slices.ContainsFunc(m.GetUpdate().GetParticipants(), func(p *livekit.ParticipantInfo) bool {
				return slices.ContainsFunc(p.Tracks, func(t *livekit.TrackInfo) bool { return t.Muted })
			})
		})
		if shown >= 0 && shown < told {
			t.Error("ada saw her track muted before she was told to mute it, and would have undone it")
		}
		_, err = s.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "room", Identity: "ada", TrackSid: mic.SID()})
		wantTwirpError(t, err, twirp.FailedPrecondition, "remote unmute not enabled")
		_, err = s.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "room", Identity: "bo", TrackSid: mic.SID(), Muted: true})
		wantTwirpError(t, err, twirp.NotFound, "track is not found")
		_, err = s.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "room", Identity: "cy", TrackSid: mic.SID()})
		wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
	})
}

func TestServerUnmutesIfRemoteUnmuteIsEnabled(t *testing.T) {
	s := newServer(t, func(c *config.Config) { c.RemoteUnmute = true })
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{})
	mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
	for _, muted := range []bool{true, false} {
		m, err := s.rooms.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "room", Identity: "ada", TrackSid: mic.SID(), Muted: muted})
		if err != nil || m.Track.GetMuted() != muted {
			t.Errorf("muted %v: %v, %v", muted, m, err)
		}
		harness.Eventually(ctx, t, "ada is told", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetMute() != nil && m.GetMute().Muted == muted })
		})
	}
}

func TestUpdateParticipantIsSeenByAll(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
	change := func(req *livekit.UpdateParticipantRequest) *livekit.ParticipantInfo {
		t.Helper()
		req.Room, req.Identity = "room", "ada"
		p, err := s.rooms.UpdateParticipant(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	change(&livekit.UpdateParticipantRequest{Metadata: "m", Name: "Countess", Attributes: map[string]string{"hand": "up", "seat": "1"}})
	p := change(&livekit.UpdateParticipantRequest{Attributes: map[string]string{"hand": "", "role": "host"}})
	if p.Metadata != "m" || p.Name != "Countess" || fmt.Sprint(p.Attributes) != "map[role:host seat:1]" {
		t.Errorf("ada is %v", p)
	}
	changed := func(p *livekit.ParticipantInfo) bool { return p.Name == "Countess" && p.Attributes["role"] == "host" }
	harness.Eventually(ctx, t, "both see it", func() bool { return bo.sees("ada", changed) && ada.sees("ada", changed) })
	_, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: "ada", Name: strings.Repeat("n", 300)})
	wantTwirpError(t, err, twirp.InvalidArgument, "at most 256")
	_, err = s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: "cy", Name: "n"})
	wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
}

// A permission that is taken ends what was done by it at once, and one that is given lets it begin.
func TestChangedPermissionsTakeEffectImmediately(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		permit := func(identity string, perm *livekit.ParticipantPermission) {
			t.Helper()
			p, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: identity, Permission: perm})
			if err != nil || p.Permission.CanPublish != perm.CanPublish || p.Permission.CanSubscribe != perm.CanSubscribe {
				t.Fatalf("%v, %v", p, err)
			}
		}
		mic, cam := ada.publish(ctx, livekit.TrackSource_MICROPHONE), ada.publish(ctx, livekit.TrackSource_CAMERA)
		both := func() bool { return bo.packetCount(mic.SID()) > 5 && bo.packetCount(cam.SID()) > 5 }
		harness.Eventually(ctx, t, "bo sees and hears ada", both)
		refreshed := func() int {
			n := 0
			for _, m := range ada.signalMessages() {
				if m.GetRefreshToken() != "" {
					n++
				}
			}
			return n
		}
		before := refreshed()
		permit("ada", &livekit.ParticipantPermission{
			CanSubscribe: true, CanPublish: true, CanPublishSources: []livekit.TrackSource{livekit.TrackSource_MICROPHONE},
		})
		harness.Eventually(ctx, t, "the camera is taken back, the microphone not", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetTrackUnpublished().GetTrackSid() == cam.SID() }) &&
				bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return len(p.Tracks) == 1 && p.Tracks[0].Sid == mic.SID() })
		})
		harness.Eventually(ctx, t, "a token with the new rights", func() bool { return refreshed() > before })

		permit("bo", &livekit.ParticipantPermission{CanPublish: true})
		harness.Eventually(ctx, t, "bo hears nothing more", func() bool {
			return bo.hasMessage(func(m *livekit.SignalResponse) bool {
				return slices.ContainsFunc(m.GetUpdate().GetParticipants(), func(p *livekit.ParticipantInfo) bool {
					return p.Identity == "bo" && !p.Permission.GetCanSubscribe()
				})
			})
		})
		heard := bo.packetCount(mic.SID())
		permit("bo", &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true})
		harness.Eventually(ctx, t, "bo hears again", func() bool { return bo.packetCount(mic.SID()) > heard+10 })
	})
}

// Somebody who joined as a mere speaker is let listen: the connection for it is made then.
func TestGrantingSubscribeLaterDeliversMediaAndData(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
		deaf := s.join(ctx, "bo", o, func(g *token.VideoGrant) { g.CanSubscribe = new(false) })
		deaf.publish(ctx, livekit.TrackSource_MICROPHONE)
		if _, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{
			Room: "room", Identity: "bo", Permission: &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true, CanPublishData: true},
		}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo hears ada", func() bool { return deaf.packetCount(mic.SID()) > 10 })
		if _, err := s.rooms.SendData(ctx, &livekit.SendDataRequest{Room: "room", Data: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "data comes too", func() bool { return slices.Contains(deaf.dataTexts(), "hello") })
	})
}

// Who is hidden leaves the others' sight, media included, and comes back into it.
func TestParticipantDisappearsWhileHidden(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada, bo := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{})
	mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
	harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.packetCount(mic.SID()) > 5 })
	permit := func(hidden bool) {
		t.Helper()
		if _, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{
			Room: "room", Identity: "ada", Permission: &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true, Hidden: hidden},
		}); err != nil {
			t.Fatal(err)
		}
	}
	permit(true)
	harness.Eventually(ctx, t, "ada is gone", func() bool {
		return bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return p.State == livekit.ParticipantInfo_DISCONNECTED })
	})
	heard := bo.packetCount(mic.SID())
	permit(false)
	harness.Eventually(ctx, t, "ada is back and heard", func() bool {
		return bo.sees("ada", func(p *livekit.ParticipantInfo) bool {
			return p.State == livekit.ParticipantInfo_ACTIVE && len(p.Tracks) == 1
		}) && bo.packetCount(mic.SID()) > heard+10
	})
}

func TestUpdateSubscriptionsDeliversTracks(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		bo := s.join(ctx, "bo", client.Options{SinglePC: o.SinglePC, NoAutoSubscribe: true})
		mic, cam := ada.publish(ctx, livekit.TrackSource_MICROPHONE), ada.publish(ctx, livekit.TrackSource_CAMERA)
		if _, err := s.rooms.UpdateSubscriptions(ctx, &livekit.UpdateSubscriptionsRequest{
			Room: "room", Identity: "bo", TrackSids: []string{mic.SID()}, Subscribe: true,
			ParticipantTracks: []*livekit.ParticipantTracks{{ParticipantSid: "PA_x", TrackSids: []string{cam.SID()}}},
		}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo gets both", func() bool { return bo.packetCount(mic.SID()) > 5 && bo.packetCount(cam.SID()) > 5 })
		_, err := s.rooms.UpdateSubscriptions(ctx, &livekit.UpdateSubscriptionsRequest{Room: "room", Identity: "cy"})
		wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
	})
}

func TestSendDataReachesItsDestinationsOnce(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo := s.join(ctx, "ada", o), s.join(ctx, "bo", o)
		topic, nonce := "news", []byte("0123456789abcdef")
		for _, req := range []*livekit.SendDataRequest{
			{Data: []byte("all"), Topic: &topic},
			{Data: []byte("bo"), DestinationIdentities: []string{"bo", "nobody"}},
			{Data: []byte("once"), Nonce: nonce},
			{Data: []byte("once"), Nonce: nonce},
			{Data: []byte("last")},
		} {
			req.Room = "room"
			if _, err := s.rooms.SendData(ctx, req); err != nil {
				t.Fatal(err)
			}
		}
		harness.Eventually(ctx, t, "all of it", func() bool {
			return slices.Equal(ada.dataTexts(), []string{"all", "once", "last"}) && slices.Equal(bo.dataTexts(), []string{"all", "bo", "once", "last"})
		})
		ada.mu.Lock()
		p := ada.data[0]
		ada.mu.Unlock()
		if p.ParticipantIdentity != "" || p.ParticipantSid != "" || p.Sequence != 0 || p.GetUser().GetTopic() != topic {
			t.Errorf("the server's packet is %v", p)
		}
		if _, err := s.rooms.SendData(ctx, &livekit.SendDataRequest{Room: "room", Data: []byte("maybe"), Kind: livekit.DataPacket_LOSSY}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "what may be lost", func() bool { return slices.Contains(ada.dataTexts(), "maybe") })
	})
}
