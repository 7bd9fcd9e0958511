package rtc

import (
	"errors"
	"testing"
	"time"

	"meet/internal/fault"
	"meet/internal/ratelimit"
)

// limitServer replaces the limits of the server by low ones: 3 rooms and 6 participants, 2 rooms and 3 participants of guests
// at one address.
func limitServer(h *harness) {
	h.roomCount = ratelimit.NewCounter(ratelimit.Bounds{Total: 3, PerClient: 2, ErrTotal: errTooManyRooms, ErrPerClient: errTooManyRoomsFromAddress})
	h.participantCount = ratelimit.NewCounter(ratelimit.Bounds{Total: 6, PerClient: 3, ErrTotal: errTooManyParticipants, ErrPerClient: errTooManyParticipantsFromAddress})
}

// guestAt returns the join request of a guest at an address.
func guestAt(address, room, identity string) JoinRequest {
	req := request(identity)
	req.Room, req.RemoteIP, req.Token = room, address, Credential{Identity: identity, Family: identity, Guest: true}
	return req
}

// wantRefused checks that Join and Check refuse a request with an error, and that the error has a time.
func (h *harness) wantRefused(req JoinRequest, want error) {
	h.t.Helper()
	_, joined := h.Join(h.t.Context(), req, &sink{})
	checked := h.Check(h.t.Context(), req)
	for _, err := range []error{joined, checked} {
		if !errors.Is(err, want) || fault.KindOf(err) != fault.Exhausted || fault.RetryAfter(err) != int(serverFullDelay.Seconds()) {
			h.t.Errorf("%s at %s is refused with %v, want %v", req.Identity, req.RemoteIP, err, want)
		}
	}
}

func TestGuestsOfOneAddressCannotOpenAllRooms(t *testing.T) {
	h := newHarness(t)
	limitServer(h)
	h.join(guestAt("192.0.2.1", "a", "ada"))
	h.join(guestAt("192.0.2.1", "b", "bo"))
	h.wantRefused(guestAt("192.0.2.1", "c", "cy"), errTooManyRoomsFromAddress)
	h.join(guestAt("192.0.2.1", "a", "cy")) // an existing room
	h.join(guestAt("192.0.2.2", "c", "di"))
	h.wantRefused(guestAt("192.0.2.3", "d", "eve"), errTooManyRooms)
	if _, err := h.Create(t.Context(), "d", nil); !errors.Is(err, errTooManyRooms) {
		t.Errorf("a back end gets %v", err)
	}
	if err := h.Delete(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the room has ended", func() bool { return h.Count() == 2 })
	h.join(guestAt("192.0.2.3", "d", "eve"))
}

func TestGuestsOfOneAddressCannotTakeAllPlaces(t *testing.T) {
	h := newHarness(t)
	limitServer(h)
	for _, identity := range []string{"ada", "bo", "cy"} {
		h.join(guestAt("2001:db8::"+identity[:1], "room", identity))
	}
	h.wantRefused(guestAt("2001:db8:0:ff::1", "room", "di"), errTooManyParticipantsFromAddress)
	h.wantRefused(guestAt("2001:db8::1", "new", "di"), errTooManyParticipantsFromAddress)
	if n := h.Count(); n != 1 {
		t.Errorf("refused joins have opened rooms: %d", n)
	}
	for _, identity := range []string{"x", "y", "z"} { // tokens of a back end
		req := request(identity)
		req.RemoteIP = "2001:db8::1"
		h.join(req)
	}
	h.wantRefused(request("eve"), errTooManyParticipants)
	if err := h.Remove(t.Context(), "room", "ada", time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the participant is no longer counted", func() bool { return h.participantCount.Total() == 5 })
	h.join(guestAt("2001:db8::1", "room", "di"))
}

func TestParticipantThatMovesIsCountedUntilItLeaves(t *testing.T) {
	h := newHarness(t)
	limitServer(h)
	ada := h.join(guestAt("192.0.2.1", "room", "ada"))
	ada.inspect(func(p *Participant) { p.activate() }) // the test's client has no primary connection
	if err := h.Move(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the first room has ended", func() bool { return h.Count() == 1 })
	if n := h.participantCount.Total(); n != 1 {
		t.Errorf("%d participants are counted", n)
	}
	if err := h.Remove(t.Context(), "other", "ada", time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is counted", func() bool { return h.participantCount.Total() == 0 })
}
