package rtc

import (
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
	"meet/internal/name"
)

// Identities are keys for back ends, so they must not change.
func TestDisplayNamesAreNormalizedAndIdentitiesAreNot(t *testing.T) {
	h := newHarness(t)
	for identity, names := range map[string][2]string{
		"ada": {" Cafe\u0301 \u202eAda\u202c\u200b ", "Café Ada"}, "e\u0301\u200bve": {"\u200b", ""}, "\u202ebo": {"👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
	} {
		req := request(identity)
		req.Info.Name = names[0]
		h.join(req)
		p, err := h.Participant(t.Context(), "room", identity)
		if err != nil || p.Identity != identity || p.Name != names[1] {
			t.Errorf("%+q with the name %+q became %v, %v; want %+q", identity, names[0], p, err, names[1])
		}
	}
	p, err := h.Update(t.Context(), "room", "ada", Change{Name: "Ada\u2066 \u00a0 Love\u00adlace"})
	if err != nil || p.Name != "Ada Lovelace" {
		t.Errorf("the name became %+q, %v", p.GetName(), err)
	}
	if _, err := h.Update(t.Context(), "room", "ada", Change{Name: "\u2800\u00ad"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("name without visible characters: %v", err)
	}
}

// The JS SDK's setName waits until its own participant has exactly the requested name. Others see the normalized name.
func TestClientIsSentItsOwnNameExactlyAsRequested(t *testing.T) {
	h := newHarness(t)
	watch, ada := &sink{}, &sink{}
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "watch", watch))
		p := r.admitActive(bareParticipant(r, "ada", ada))
		p.info.Permission.CanUpdateMetadata = true
		for _, asked := range []string{"Bob ", "Jose\u0301", "A  B", "Bob"} {
			for _, o := range r.participants { // so that their updates are sent together with ada's
				r.announce(o, true)
			}
			p.handle(updateMetadata(&livekit.UpdateParticipantMetadata{Name: asked}))
			r.flushUpdates(true)
			r.announce(p, true) // because of another change
			r.flushUpdates(true)
			own, others := ada.lastInfo("ada").GetName(), watch.lastInfo("ada").GetName()
			if own != asked || others != name.Visible(asked) {
				t.Errorf("a client that requested %+q got %+q, and others %+q", asked, own, others)
			}
		}
		p.handle(updateMetadata(&livekit.UpdateParticipantMetadata{Name: "Bob "}))
		p.sendFullState()
		if own := ada.lastInfo("ada").GetName(); own != "Bob " {
			t.Errorf("after a resume it got %+q", own)
		}
		err := p.applyChange("Ada ", "", nil) // as a back end does
		r.announce(p, true)
		if own := ada.lastInfo("ada").GetName(); err != nil || own != "Ada" {
			t.Errorf("after a back end changed its name it got %+q, %v", own, err)
		}
	})
}

// NFC may make a name longer than the maximum. The token with which the participant returns must still be valid.
func TestParticipantWithNameLengthenedByNFCCanReturn(t *testing.T) {
	h := newHarness(t)
	req := request("ada")
	req.Info.Name = strings.Repeat("\u0958", 85)
	for _, how := range []string{"joined", "returned"} {
		h.join(req)
		p, err := h.Participant(t.Context(), "room", "ada")
		if err != nil || len(p.Name) > name.MaxBytes || p.Name == "" {
			t.Fatalf("the participant that %s has the name %+q, %v", how, p.GetName(), err)
		}
		req.Info.Name = p.Name // as in the refreshed token
	}
	p, err := h.Update(t.Context(), "room", "ada", Change{Name: strings.Repeat("\u0959", 85)})
	if err != nil || len(p.Name) > name.MaxBytes {
		t.Errorf("the name became %+q, %v", p.GetName(), err)
	}
}

// A room whose name is not normalized could not be found by its name.
func TestUnnormalizedRoomNameIsRefused(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	for _, room := range []string{" sp ", "cafe\u0301", "a\u200b", "\u200b", "\u202eabc", ".."} {
		req := request("bo")
		req.Room = room
		_, joined := h.Join(t.Context(), req, &sink{})
		_, created := h.Create(t.Context(), room, &livekit.RoomConfiguration{})
		for what, err := range map[string]error{
			"joined": joined, "created": created,
			"moved to":     h.Move(t.Context(), "room", "ada", room),
			"forwarded to": h.Forward(t.Context(), "room", "ada", room),
		} {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%+q can be %s: %v", room, what, err)
			}
		}
	}
	if n := h.Count(); n != 1 {
		t.Errorf("there are %d rooms, want only ada's", n)
	}
	ada.inspect(func(*Participant) {})
}
