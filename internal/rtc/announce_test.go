package rtc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// told lists what s was told of participants, in order, each as identity and state.
func (s *sink) participantStates() []string {
	var list []string
	for _, m := range s.all() {
		for _, p := range m.GetUpdate().GetParticipants() {
			list = append(list, p.Identity+" "+p.State.String())
		}
	}
	return list
}

// updates counts the messages about participants, and those about the room.
func (s *sink) updateCounts() (people, room int) {
	for _, m := range s.all() {
		if m.GetUpdate() != nil {
			people++
		}
		if m.GetRoomUpdate() != nil {
			room++
		}
	}
	return people, room
}

// runInRoom runs f on the loop of h's room, which is made for it.
func (h *harness) runInRoom(f func(r *Room)) {
	h.t.Helper()
	r, err := h.roomFor(JoinRequest{Room: "room"})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := r.loop.Do(h.t.Context(), func() { f(r) }); err != nil {
		h.t.Fatal(err)
	}
}

func (r *Room) admitActive(p *Participant) *Participant {
	r.admit(p)
	p.activate()
	return p
}

// A large audience costs everybody some messages, not one for each who comes.
func TestAudienceIsAnnouncedInBatches(t *testing.T) {
	h := newHarness(t)
	watch := &sink{}
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "watch", watch))
		for i := range 300 {
			r.admitActive(bareParticipant(r, fmt.Sprint("listener", i), &sink{}))
		}
	})
	eventually(t, "everybody is known", func() bool {
		known := map[string]bool{}
		for _, who := range watch.participantStates() {
			if name, active := strings.CutSuffix(who, " ACTIVE"); active && name != "watch" {
				known[name] = true
			}
		}
		return len(known) == 300
	})
	if people, room := watch.updateCounts(); people > 10 || room > 10 {
		t.Errorf("%d updates of people and %d of the room for 300 who came at once", people, room)
	}
	eventually(t, "the count is known", func() bool {
		return watch.got(func(m *livekit.SignalResponse) bool { return m.GetRoomUpdate().GetRoom().GetNumParticipants() == 301 })
	})
}

// Who publishes is announced at once, and not before what happened earlier.
func TestPublisherIsAnnouncedImmediately(t *testing.T) {
	h := newHarness(t)
	watch := &sink{}
	var before int
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "watch", watch))
		first, second := r.admitActive(bareParticipant(r, "first", &sink{})), r.admitActive(bareParticipant(r, "second", &sink{}))
		star := r.admitActive(bareParticipant(r, "star", &sink{}))
		r.remove(first, livekit.DisconnectReason_CLIENT_INITIATED)
		before = len(watch.participantStates())
		star.info.IsPublisher = true
		r.announce(star, true)
		second.info.Name = "Second"
		r.announce(second, true)
		r.remove(star, livekit.DisconnectReason_CLIENT_INITIATED)
	})
	// The watcher is among those who have changed since the last round.
	want := "watch ACTIVE, first DISCONNECTED, second ACTIVE, star ACTIVE, second ACTIVE, star DISCONNECTED"
	if got := strings.Join(watch.participantStates()[before:], ", "); got != want {
		t.Errorf("told at once: %s\nwant %s", got, want)
	}
}

// Clients of protocol 12 and later take a new sid for the old one's end; a word of that could take the new one away.
func TestDepartureOfReplacedParticipantIsSentToOldClientsOnly(t *testing.T) {
	h := newHarness(t)
	current, old := &sink{}, &sink{}
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "current", current))
		p := bareParticipant(r, "old", old)
		p.quirks = quirksOf(&livekit.ClientInfo{Protocol: 11})
		r.admitActive(p)
		r.admitActive(bareParticipant(r, "ada", &sink{}))
		r.admitActive(bareParticipant(r, "ada", &sink{}))
	})
	ada := func(s *sink) string {
		return strings.Join(filter(s.participantStates(), "ada"), ", ")
	}
	eventually(t, "the new one is known", func() bool {
		return strings.HasSuffix(ada(current), "ACTIVE") && strings.HasSuffix(ada(old), "ACTIVE")
	})
	if got := ada(current); strings.Contains(got, "DISCONNECTED") {
		t.Errorf("a current client was told %s", got)
	}
	if got := ada(old); !strings.Contains(got, "ada DISCONNECTED, ada ACTIVE") {
		t.Errorf("an old client was told %s", got)
	}
}

func filter(list []string, prefix string) []string {
	var some []string
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			some = append(some, s)
		}
	}
	return some
}

func TestUpdateMessagesAreBoundedInSize(t *testing.T) {
	var infos []*livekit.ParticipantInfo
	for i := range 40 {
		infos = append(infos, &livekit.ParticipantInfo{Identity: fmt.Sprint(i), Metadata: strings.Repeat("x", 10_000*(i%3))})
	}
	infos = append(infos, &livekit.ParticipantInfo{Identity: "large", Metadata: strings.Repeat("x", 2*maxUpdateSize)}, &livekit.ParticipantInfo{Identity: "last"})
	var got []string
	for m := range splitUpdates(infos) {
		all := m.GetUpdate().Participants
		if len(all) > 1 && proto.Size(m) > maxUpdateSize+len(all)*8+16 { // and what frames each of them
			t.Errorf("an update of %d participants has %d bytes", len(all), proto.Size(m))
		}
		for _, p := range all {
			got = append(got, p.Identity)
		}
	}
	if len(got) != len(infos) || got[41] != "last" {
		t.Errorf("told of %v", got)
	}
	for range splitUpdates(nil) {
		t.Error("an update of nobody")
	}
}
