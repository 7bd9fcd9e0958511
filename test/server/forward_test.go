package server_test

import (
	"context"
	"slices"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/test/harness"
)

// forwardToOther forwards a participant from "room" to "other".
func (s *server) forwardToOther(ctx context.Context, identity string) {
	s.T.Helper()
	if _, err := s.rooms.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "room", Identity: identity, DestinationRoom: "other"}); err != nil {
		s.T.Fatal(err)
	}
}

// Both rooms see all changes of the participant, until it leaves.
func TestForwardedParticipantIsSeenInBothRooms(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo, cy := s.join(ctx, "ada", o), s.join(ctx, "bo", o), s.joinRoom(ctx, "other", "cy", o)
		mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
		mic.Layers()[0].SetAudioLevel(5)
		s.forwardToOther(ctx, "ada")
		s.forwardToOther(ctx, "ada") // the second call has no effect
		cam := ada.publish(ctx, livekit.TrackSource_CAMERA)
		harness.Eventually(ctx, t, "both rooms hear and see ada", func() bool {
			return slices.Min([]uint64{bo.packetCount(mic.SID()), bo.packetCount(cam.SID()), cy.packetCount(mic.SID()), cy.packetCount(cam.SID())}) > 5
		})
		harness.Eventually(ctx, t, "cy sees ada's information", func() bool {
			return cy.sees("ada", func(p *livekit.ParticipantInfo) bool {
				return p.Name == "ADA" && len(p.Tracks) == 2 && slices.Contains(p.KindDetails, livekit.ParticipantInfo_FORWARDED) &&
					p.State == livekit.ParticipantInfo_ACTIVE
			})
		})
		harness.Eventually(ctx, t, "cy sees that ada speaks", func() bool {
			return cy.hasMessage(func(m *livekit.SignalResponse) bool {
				return slices.ContainsFunc(m.GetSpeakersChanged().GetSpeakers(), func(i *livekit.SpeakerInfo) bool { return i.Active })
			})
		})
		if ada.roomMoved() != nil || bo.sees("ada", isDisconnected) {
			t.Error("ada left her room")
		}
		if _, err := s.rooms.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "room", Identity: "ada", Name: "Countess"}); err != nil {
			t.Fatal(err)
		}
		if err := mic.SetMuted(true); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "cy sees the changes", func() bool {
			return cy.sees("ada", func(p *livekit.ParticipantInfo) bool {
				return p.Name == "Countess" && slices.ContainsFunc(p.Tracks, func(t *livekit.TrackInfo) bool { return t.Sid == mic.SID() && t.Muted })
			})
		})
		if err := ada.Unpublish(ctx, cam); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "cy sees the camera go", func() bool {
			return cy.sees("ada", func(p *livekit.ParticipantInfo) bool { return len(p.Tracks) == 1 })
		})
		dee := s.joinRoom(ctx, "other", "dee", o)
		if err := mic.SetMuted(false); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "a participant that joins later hears ada, too", func() bool { return dee.packetCount(mic.SID()) > 10 })
		if err := ada.Leave(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "both rooms see her leave", func() bool { return bo.sees("ada", isDisconnected) && cy.sees("ada", isDisconnected) })
		if there := s.participants(ctx, "other"); slices.Contains(there, "ada") {
			t.Errorf("there are still %v", there)
		}
	})
}

// A forwarded participant that is removed from the destination room stays in its own room and can be forwarded again.
func TestRemovingAForwardedParticipantAffectsOnlyTheDestination(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada, bo, cy := s.join(ctx, "ada", client.Options{}), s.join(ctx, "bo", client.Options{}), s.joinRoom(ctx, "other", "cy", client.Options{})
	mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
	there := s.roomService(allGrants("other", ""))
	for range 2 {
		received := cy.packetCount(mic.SID())
		s.forwardToOther(ctx, "ada")
		harness.Eventually(ctx, t, "cy hears ada", func() bool { return cy.packetCount(mic.SID()) > received+5 })
		_, err := there.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "other", Identity: "ada", TrackSid: mic.SID(), Muted: true})
		wantTwirpError(t, err, twirp.InvalidArgument, "change it there")
		_, err = there.UpdateParticipant(ctx, &livekit.UpdateParticipantRequest{Room: "other", Identity: "ada", Name: "x"})
		wantTwirpError(t, err, twirp.InvalidArgument, "change it there")
		if _, err := there.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "other", Identity: "ada"}); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "cy sees ada leave", func() bool { return cy.sees("ada", isDisconnected) })
		received = bo.packetCount(mic.SID())
		harness.Eventually(ctx, t, "bo hears ada as before", func() bool { return bo.packetCount(mic.SID()) > received+5 })
	}
	// If the participant joins the destination itself, it replaces its forwarded copy there. A forwarded copy never
	// replaces a participant.
	s.forwardToOther(ctx, "ada")
	herself := s.joinRoom(ctx, "other", "ada", client.Options{})
	_, err := s.rooms.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "room", Identity: "ada", DestinationRoom: "other"})
	wantTwirpError(t, err, twirp.AlreadyExists, "already in the destination room")
	if herself.hasMessage(func(m *livekit.SignalResponse) bool { return m.GetLeave() != nil }) {
		t.Error("the forwarded copy replaced the participant")
	}
	_, err = s.rooms.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "room", Identity: "nobody", DestinationRoom: "other"})
	wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
}

// A room to which participants are forwarded can be deleted. If their source room is deleted, they disappear from the
// room to which they are forwarded.
func TestForwardingEndsWhenSourceOrDestinationRoomIsDeleted(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	ada := s.join(ctx, "ada", client.Options{})
	ada.publish(ctx, livekit.TrackSource_CAMERA)
	s.forwardToOther(ctx, "ada") // creates the room
	if _, err := s.rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "other"}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "ada can be forwarded again", func() bool {
		_, err := s.rooms.ForwardParticipant(ctx, &livekit.ForwardParticipantRequest{Room: "room", Identity: "ada", DestinationRoom: "other"})
		return err == nil && slices.Equal(s.participants(ctx, "other"), []string{"ada"})
	})
	if _, err := s.rooms.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "room"}); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(ctx, t, "both rooms have ended", func() bool {
		l, err := s.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{})
		return err == nil && len(l.Rooms) == 0
	})
}
