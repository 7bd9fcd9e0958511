package server_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/twitchtv/twirp"

	"meet/internal/client"
	"meet/internal/token"
	"meet/test/harness"
)

// moveToOther moves a participant from "room" to "other".
func (s *server) moveToOther(ctx context.Context, identity string) {
	s.T.Helper()
	if _, err := s.rooms.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "room", Identity: identity, DestinationRoom: "other"}); err != nil {
		s.T.Fatal(err)
	}
}

// roomMoved returns the first RoomMovedResponse that g has received, or nil.
func (g *testClient) roomMoved() *livekit.RoomMovedResponse {
	for _, m := range g.signalMessages() {
		if moved := m.GetRoomMoved(); moved != nil {
			return moved
		}
	}
	return nil
}

// isDisconnected reports whether the participant has left.
func isDisconnected(p *livekit.ParticipantInfo) bool {
	return p.State == livekit.ParticipantInfo_DISCONNECTED
}

// The moved participant and the participants of the new room receive each other's media. The participants of the old
// room see it leave. Its published tracks are not negotiated again.
func TestMovedParticipantStaysConnected(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		ada, bo, cy := s.join(ctx, "ada", o), s.join(ctx, "bo", o), s.joinRoom(ctx, "other", "cy", o)
		mic, cam := ada.publish(ctx, livekit.TrackSource_MICROPHONE), ada.publish(ctx, livekit.TrackSource_CAMERA)
		bos, cys := bo.publish(ctx, livekit.TrackSource_MICROPHONE), cy.publish(ctx, livekit.TrackSource_MICROPHONE)
		harness.Eventually(ctx, t, "ada and bo hear each other", func() bool {
			return bo.packetCount(mic.SID()) > 5 && bo.packetCount(cam.SID()) > 5 && ada.packetCount(bos.SID()) > 5
		})
		send := func(text string) {
			t.Helper()
			if err := ada.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{
				Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte(text)}},
			}); err != nil {
				t.Fatal(err)
			}
		}
		send("before")
		harness.Eventually(ctx, t, "bo receives ada's data", func() bool { return slices.Contains(bo.dataTexts(), "before") })
		answers := func() int {
			n := 0
			for _, m := range ada.signalMessages() {
				if m.GetAnswer() != nil {
					n++
				}
			}
			return n
		}
		negotiated := answers()

		s.moveToOther(ctx, "ada")
		harness.Eventually(ctx, t, "cy and ada hear each other", func() bool {
			return cy.packetCount(mic.SID()) > 10 && cy.packetCount(cam.SID()) > 5 && ada.packetCount(cys.SID()) > 10
		})
		if !o.SinglePC && answers() != negotiated {
			t.Error("ada's own tracks were negotiated again")
		}
		harness.Eventually(ctx, t, "bo sees ada leave, and cy sees her join", func() bool {
			return bo.sees("ada", isDisconnected) && cy.sees("ada", func(p *livekit.ParticipantInfo) bool {
				return p.State == livekit.ParticipantInfo_ACTIVE && len(p.Tracks) == 2
			})
		})
		moved := ada.roomMoved()
		if moved.GetRoom().GetName() != "other" || moved.GetToken() == "" || moved.GetParticipant().GetIdentity() != "ada" ||
			len(moved.GetOtherParticipants()) != 1 || moved.OtherParticipants[0].Identity != "cy" {
			t.Errorf("ada received %v", moved)
		}
		grants, err := token.NewVerifier(token.Keys{"devkey": "secret"}).Verify(moved.GetToken())
		if err != nil || grants.Video.Room != "other" {
			t.Errorf("the token grants %v, %v", grants, err)
		}
		if here, there := s.participants(ctx, "room"), s.participants(ctx, "other"); !slices.Equal(here, []string{"bo"}) || !slices.Contains(there, "ada") || len(there) != 2 {
			t.Errorf("room has %v, other has %v", here, there)
		}
		received := bo.packetCount(mic.SID())
		send("after")
		harness.Eventually(ctx, t, "cy receives ada's data", func() bool { return slices.Contains(cy.dataTexts(), "after") })
		if slices.Contains(bo.dataTexts(), "after") || bo.packetCount(mic.SID()) > received+2 {
			t.Error("bo still receives ada's media or data")
		}
		if err := ada.PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{
			DestinationIdentities: []string{"cy"}, Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte("x")}},
		}); err != nil {
			t.Error(err)
		}
		// Publishing, muting and leaving work in the new room.
		more := ada.publish(ctx, livekit.TrackSource_SCREEN_SHARE_AUDIO)
		harness.Eventually(ctx, t, "cy gets a new track", func() bool { return cy.packetCount(more.SID()) > 5 })
		if err := mic.SetMuted(true); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "cy sees the mute", func() bool {
			return cy.sees("ada", func(p *livekit.ParticipantInfo) bool {
				return slices.ContainsFunc(p.Tracks, func(t *livekit.TrackInfo) bool { return t.Sid == mic.SID() && t.Muted })
			})
		})
		if err := ada.Leave(); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(ctx, t, "cy sees her leave", func() bool { return cy.sees("ada", isDisconnected) })
	})
}

// The participant continues in the other room.
func TestRoomEndsWhenItsLastParticipantIsMoved(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		if _, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "room", DepartureTimeout: 1}); err != nil {
			t.Fatal(err)
		}
		ada := s.join(ctx, "ada", o)
		mic := ada.publish(ctx, livekit.TrackSource_MICROPHONE)
		s.moveToOther(ctx, "ada")
		harness.Eventually(ctx, t, "the room ends", func() bool {
			l, err := s.rooms.ListRooms(ctx, &livekit.ListRoomsRequest{})
			return err == nil && len(l.Rooms) == 1 && l.Rooms[0].Name == "other" && l.Rooms[0].NumParticipants == 1 && l.Rooms[0].NumPublishers == 1
		})
		s.join(ctx, "ada", o) // the identity is free in the first room
		bo := s.joinRoom(ctx, "other", "bo", o)
		harness.Eventually(ctx, t, "bo hears ada", func() bool { return bo.packetCount(mic.SID()) > 10 })
	})
}

// Clients that do not support moves join the new room with the refreshed token that they receive before the Leave.
func TestMovedOldClientIsAskedToReconnect(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		o.ClientInfo = &livekit.ClientInfo{Sdk: livekit.ClientInfo_GO, Protocol: 15, Version: "1.0.0"}
		ada := s.join(ctx, "ada", o)
		s.moveToOther(ctx, "ada")
		harness.Eventually(ctx, t, "ada gets a Leave with RECONNECT", func() bool {
			return ada.hasMessage(func(m *livekit.SignalResponse) bool {
				return m.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
			})
		})
		var last string
		for _, m := range ada.signalMessages() {
			if m.GetLeave() != nil {
				break
			}
			if jwt := m.GetRefreshToken(); jwt != "" {
				last = jwt
			}
		}
		grants, err := token.NewVerifier(token.Keys{"devkey": "secret"}).Verify(last)
		if err != nil || grants.Video.Room != "other" {
			t.Errorf("the last token before the Leave grants %v, %v", grants, err)
		}
	})
}

func TestRefusedMoveChangesNothing(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := s.rooms.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "room", Identity: "ada", DestinationRoom: "other"})
	wantTwirpError(t, err, twirp.NotFound, "room does not exist")
	ada := s.join(ctx, "ada", client.Options{})
	_, err = s.rooms.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "room", Identity: "bo", DestinationRoom: "other"})
	wantTwirpError(t, err, twirp.NotFound, "participant does not exist")
	if _, err := s.rooms.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "other", MaxParticipants: 1}); err != nil {
		t.Fatal(err)
	}
	s.joinRoom(ctx, "other", "cy", client.Options{})
	_, err = s.rooms.MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: "room", Identity: "ada", DestinationRoom: "other"})
	wantTwirpError(t, err, twirp.ResourceExhausted, "full")
	if ada.roomMoved() != nil || !slices.Equal(s.participants(ctx, "room"), []string{"ada"}) {
		t.Error("ada was moved although the move was refused")
	}
}

// Several participants are moved repeatedly and concurrently while they publish and send data. They end up in the room
// of their last move, hear each other there, and lose no data sent after that.
func TestConcurrentlyMovedParticipantsEndInTheRoomOfTheirLastMove(t *testing.T) {
	inEachMode(t, func(ctx context.Context, t *testing.T, s *server, o client.Options) {
		move := func(name, from, to string) error {
			_, err := s.roomService(allGrants(from, to)).MoveParticipant(ctx, &livekit.MoveParticipantRequest{Room: from, Identity: name, DestinationRoom: to})
			return err
		}
		names := []string{"ada", "bo", "cy"}
		guests, tracks := map[string]*testClient{}, map[string]*client.Publication{}
		for _, name := range names {
			guests[name] = s.join(ctx, name, o)
			tracks[name] = guests[name].publish(ctx, livekit.TrackSource_MICROPHONE)
		}
		write := func(name, text string) {
			if err := guests[name].PublishData(ctx, livekit.DataPacket_RELIABLE, &livekit.DataPacket{
				Value: &livekit.DataPacket_User{User: &livekit.UserPacket{Payload: []byte(text)}},
			}); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
				for range 5 { // each round ends in "room"; the last move leads to "other"
					for _, rooms := range [][2]string{{"room", "other"}, {"other", "room"}, {"room", "other"}} {
						if err := move(name, rooms[0], rooms[1]); err != nil {
							t.Errorf("%s from %s: %v", name, rooms[0], err)
						}
						write(name, "between moves")
					}
					if err := move(name, "other", "room"); err != nil {
						t.Errorf("%s back: %v", name, err)
					}
				}
				if err := move(name, "room", "other"); err != nil {
					t.Errorf("%s at last: %v", name, err)
				}
			})
		}
		wg.Wait()
		if there := s.participants(ctx, "other"); len(there) != len(names) {
			t.Fatalf("other has %v", there)
		}
		received := map[[2]string]uint64{}
		each := func(f func(from, to string) bool) bool {
			for _, from := range names {
				for _, to := range names {
					if from != to && !f(from, to) {
						return false
					}
				}
			}
			return true
		}
		each(func(from, to string) bool {
			received[[2]string{from, to}] = guests[to].packetCount(tracks[from].SID())
			return true
		})
		for _, name := range names {
			write(name, "here is "+name)
		}
		harness.Eventually(ctx, t, "all receive each other's media and data", func() bool {
			return each(func(from, to string) bool {
				return guests[to].packetCount(tracks[from].SID()) > received[[2]string{from, to}]+10 && slices.Contains(guests[to].dataTexts(), "here is "+from)
			})
		})
	})
}
