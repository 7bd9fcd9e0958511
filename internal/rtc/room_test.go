package rtc

import (
	"context"
	"errors"
	"testing"

	"github.com/livekit/protocol/livekit"
)

func TestJoinWhileRoomClosesEntersANewRoomOfTheSameName(t *testing.T) {
	h := newHarness(t)
	first := h.join(request("ada"))
	room := first.room
	room.wg.Add(1) // like a connection that closes slowly
	if err := room.loop.Do(t.Context(), func() { room.close(livekit.DisconnectReason_ROOM_CLOSED) }); err != nil {
		t.Fatal(err)
	}
	s := &sink{}
	if _, err := room.enter(t.Context(), request("bo"), s); !errors.Is(err, errRoomClosed) {
		t.Fatalf("the closing room returned %v", err)
	}
	room.wg.Done()
	if _, err := h.Join(t.Context(), request("bo"), s); err != nil {
		t.Fatal(err)
	}
	if m := s.all(); len(m) == 0 || m[0].GetJoin() == nil || s.ended() {
		t.Errorf("bo got %v, closed %v; want a join and an open connection", m, s.ended())
	}
}

// If the client gives up during the join, the participant must not remain in the room.
func TestCancelledJoinLeavesNoParticipant(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	busy := make(chan struct{})
	ada.room.loop.Post(func() { <-busy })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	joined := make(chan error, 1)
	s := &sink{}
	go func() {
		session, err := h.Join(ctx, request("bo"), s)
		if err == nil {
			session.SignalLost() // as package signal does when the upgrade fails
		}
		joined <- err
	}()
	close(busy)
	err := <-joined
	var n int
	ada.inspect(func(p *Participant) { n = len(p.room.participants) })
	if n != 1 {
		t.Errorf("%d participants in the room, want only ada; the join returned %v", n, err)
	}
}
