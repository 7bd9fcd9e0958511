package rtc

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/livekit/protocol/livekit"
)

// eventsOf returns the events of a participant. Each string holds the kind of the event and the name of the room.
func (h *harness) eventsOf(identity string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for _, e := range h.events {
		if e.Participant.GetIdentity() == identity {
			list = append(list, string(e.Kind)+" "+e.Room.Name)
		}
	}
	return list
}

// statesOf returns the states of a participant in the updates that s got.
func (s *sink) statesOf(identity string) []string {
	var states []string
	for _, t := range s.participantStates() {
		if state, of := strings.CutPrefix(t, identity+" "); of {
			states = append(states, state)
		}
	}
	return states
}

// A participant whose media never connects is announced after a delay. Its later changes and its departure are
// announced too, but no event participant_joined is emitted.
func TestUnconnectedParticipantIsAnnouncedAfterDelay(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.announceDelay = 20 * time.Millisecond })
	ada := h.join(request("ada"))
	bo := h.join(request("bo"))
	eventually(t, "ada gets bo's state", func() bool { return slices.Equal(ada.sink.statesOf("bo"), []string{"JOINED"}) })
	late := h.join(request("late"))
	if p := late.sink.lastInfo("bo"); p.GetState() != livekit.ParticipantInfo_JOINED {
		t.Errorf("a participant that joins later got %v", p)
	}
	list, err := h.Participants(t.Context(), "room")
	if err != nil || len(list) != 3 || list[1].Identity != "bo" || list[1].State != livekit.ParticipantInfo_JOINED {
		t.Errorf("listed: %v, %v", list, err)
	}
	if _, err := h.Update(t.Context(), "room", "bo", Change{Name: "Bo"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ada gets bo's name", func() bool {
		p := ada.sink.lastInfo("bo")
		return p.Name == "Bo" && p.State == livekit.ParticipantInfo_JOINED
	})
	bo.send(addTrack("b", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	if n := len(ada.sink.lastInfo("bo").Tracks); n != 0 {
		t.Errorf("ada got %d tracks although bo cannot send media", n)
	}
	bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	eventually(t, "ada gets bo's departure", func() bool { return ada.sink.lastInfo("bo").State == livekit.ParticipantInfo_DISCONNECTED })
	if d := cmp.Diff([]string{"participant_connection_aborted room"}, h.eventsOf("bo")); d != "" {
		t.Error(d)
	}
}

// A hidden participant is never announced.
func TestConnectedParticipantIsAnnouncedOnce(t *testing.T) {
	h := newHarness(t)
	watch := &sink{}
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "watch", watch))
		r.admitActive(bareParticipant(r, "bo", &sink{})).announceIfNew()
		hidden := bareParticipant(r, "hidden", &sink{})
		hidden.info.Permission.Hidden, hidden.req.Info.Permission.Hidden = true, true
		r.admit(hidden)
		hidden.announceIfNew()
		r.admitActive(bareParticipant(r, "cy", &sink{}))
	})
	eventually(t, "cy is announced", func() bool { return len(watch.statesOf("cy")) > 0 })
	if d := cmp.Diff([]string{"ACTIVE"}, watch.statesOf("bo")); d != "" {
		t.Error(d)
	}
	if d := watch.statesOf("hidden"); d != nil {
		t.Errorf("a hidden participant is announced: %v", d)
	}
}

// The events of a forwarded participant are the same in both rooms. participant_joined is emitted when its media
// connects. If its media never connects, its end is reported by participant_connection_aborted.
func TestJoinEventOfAForwardedParticipantComesWhenItsMediaConnects(t *testing.T) {
	h := newHarness(t)
	for _, tt := range []struct {
		identity string
		connects bool
		want     []string
	}{
		{"ada", true, []string{"participant_joined other", "participant_joined room", "participant_left other", "participant_left room"}},
		{"bo", false, []string{"participant_connection_aborted other", "participant_connection_aborted room"}},
	} {
		p := h.join(request(tt.identity))
		if err := h.Forward(t.Context(), "room", tt.identity, "other"); err != nil {
			t.Fatal(err)
		}
		if tt.connects {
			p.inspect(func(p *Participant) { p.activate() })
			eventually(t, "it is active in both rooms", func() bool { return len(h.eventsOf(tt.identity)) == 2 })
		}
		p.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
		eventually(t, "it has left both rooms", func() bool { return len(h.eventsOf(tt.identity)) == len(tt.want) })
		got := h.eventsOf(tt.identity)
		slices.Sort(got)
		slices.Sort(tt.want)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Error(tt.identity, d)
		}
	}
}
