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

// hide makes the participant hidden.
func hide(g *token.VideoGrant) { g.Hidden = true }

func TestListParticipantsIncludesHiddenOnesAndTracks(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	if l, err := s.rooms.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "room"}); err != nil || len(l.Participants) != 0 {
		t.Errorf("a room that does not exist has %v, %v", l, err)
	}
	ada := s.join(ctx, "ada", client.Options{})
	s.join(ctx, "ghost", client.Options{}, hide)
	mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
	harness.Eventually(ctx, t, "both participants and ada's track are listed", func() bool {
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

// A removed participant cannot rejoin with a token issued before its removal, even if the server issued it as a
// refreshed token. It can rejoin with a newer token. Tokens of other identities remain valid.
func TestRemovedParticipantCannotReturnWithOldTokens(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		jwt := s.tokenWith("ada", token.VideoGrant{RoomJoin: true, Room: "room"})
		ada, bo := s.joinWith(ctx, jwt, o), s.join(ctx, "bo", o)
		if _, err := s.rooms.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "room", Identity: "ada"}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "ada gets a Leave, and bo an update", func() bool {
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
				t.Errorf("with an old token: %v", err)
			}
		}
		if a := s.send("GET", "/rtc/validate?access_token="+jwt, "", "", nil); a.status != 403 || !strings.Contains(string(a.body), "you were removed") {
			t.Errorf("validate: %d %s", a.status, a.body)
		}
		s.joinRoom(ctx, "room2", "ada", o)
		harness.Eventually(ctx, t, "a token issued in a later second is accepted", func() bool {
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
		harness.Eventually(ctx, t, "bo sees ada's track muted", func() bool {
			return bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return len(p.Tracks) == 1 && p.Tracks[0].Muted })
		})
		harness.Eventually(ctx, t, "ada gets the mute message", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				return m.GetMute().GetMuted() && m.GetMute().GetSid() == mic.SID()
			})
		})
		messages := ada.signalMessages()
		muteMessage := slices.IndexFunc(messages, func(m *livekit.SignalResponse) bool { return m.GetMute() != nil })
		update := slices.IndexFunc(messages, func(m *livekit.SignalResponse) bool {
			return slices.ContainsFunc(m.GetUpdate().GetParticipants(), func(p *livekit.ParticipantInfo) bool {
				return slices.ContainsFunc(p.Tracks, func(t *livekit.TrackInfo) bool { return t.Muted })
			})
		})
		if update >= 0 && update < muteMessage {
			t.Error("ada got the update before the mute message, so her client would have unmuted the track")
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
		harness.Eventually(ctx, t, "ada gets the mute message", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetMute() != nil && m.GetMute().Muted == muted })
		})
	}
}

func TestUpdateParticipantChangesAreSentToAllParticipants(t *testing.T) {
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
	harness.Eventually(ctx, t, "both see the change", func() bool { return bo.sees("ada", changed) && ada.sees("ada", changed) })
	_, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: "ada", Name: strings.Repeat("n", 300)})
	wantTwirpError(t, err, twirp.InvalidArgument, "at most 256")
	_, err = s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: "cy", Name: "n"})
	wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
}

// Revoking a permission ends what it allowed, and granting it allows it again.
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
		harness.Eventually(ctx, t, "only the camera is unpublished", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetTrackUnpublished().GetTrackSid() == cam.SID() }) &&
				bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return len(p.Tracks) == 1 && p.Tracks[0].Sid == mic.SID() })
		})
		harness.Eventually(ctx, t, "a token with the new rights", func() bool { return refreshed() > before })

		permit("bo", &livekit.ParticipantPermission{CanPublish: true})
		harness.Eventually(ctx, t, "bo loses the permission to subscribe", func() bool {
			return bo.hasMessage(func(m *livekit.SignalResponse) bool {
				return slices.ContainsFunc(m.GetUpdate().GetParticipants(), func(p *livekit.ParticipantInfo) bool {
					return p.Identity == "bo" && !p.Permission.GetCanSubscribe()
				})
			})
		})
		received := bo.packetCount(mic.SID())
		permit("bo", &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true})
		harness.Eventually(ctx, t, "bo receives audio again", func() bool { return bo.packetCount(mic.SID()) > received+10 })
	})
}

// A participant that joined without CanSubscribe has no subscriber connection. The server creates one when it grants the
// permission.
func TestMediaAndDataArriveOnceCanSubscribeIsGranted(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada := s.join(ctx, "ada", o)
		mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
		bo := s.join(ctx, "bo", o, func(g *token.VideoGrant) { g.CanSubscribe = new(false) })
		bo.publish(ctx, livekit.TrackSource_MICROPHONE)
		if _, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{
			Room: "room", Identity: "bo", Permission: &livekit.ParticipantPermission{CanPublish: true, CanSubscribe: true, CanPublishData: true},
		}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.packetCount(mic.SID()) > 10 })
		if _, err := s.rooms.SendData(ctx, &livekit.SendDataRequest{Room: "room", Data: []byte("hello")}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "bo receives data", func() bool { return slices.Contains(bo.dataTexts(), "hello") })
	})
}

// While a participant is hidden, others see neither it nor its media.
func TestParticipantIsInvisibleToOthersWhileHidden(t *testing.T) {
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
	harness.Eventually(ctx, t, "bo sees ada leave", func() bool {
		return bo.sees("ada", func(p *livekit.ParticipantInfo) bool { return p.State == livekit.ParticipantInfo_DISCONNECTED })
	})
	received := bo.packetCount(mic.SID())
	permit(false)
	harness.Eventually(ctx, t, "bo sees and hears ada again", func() bool {
		return bo.sees("ada", func(p *livekit.ParticipantInfo) bool {
			return p.State == livekit.ParticipantInfo_ACTIVE && len(p.Tracks) == 1
		}) && bo.packetCount(mic.SID()) > received+10
	})
}

func TestUpdateSubscriptionsAPISubscribesParticipantToTracks(t *testing.T) {
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

func TestSendDataAPIReachesEachDestinationOnce(t *testing.T) {
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
		harness.Eventually(ctx, t, "all packets arrive", func() bool {
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
		harness.Eventually(ctx, t, "the lossy packet arrives", func() bool { return slices.Contains(ada.dataTexts(), "maybe") })
	})
}
