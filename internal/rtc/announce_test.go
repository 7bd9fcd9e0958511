package rtc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// participantStates returns the participant updates that s got, in order. Each string holds an identity and a state.
func (s *sink) participantStates() []string {
	var list []string
	for _, m := range s.all() {
		for _, p := range m.GetUpdate().GetParticipants() {
			list = append(list, p.Identity+" "+p.State.String())
		}
	}
	return list
}

// updateCounts returns the number of messages with participant updates and with room updates that s got.
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

// runInRoom runs f on the loop of the room called "room", which is created if necessary.
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

// admitActive admits p and marks it as connected.
func (r *Room) admitActive(p *Participant) *Participant {
	r.admit(p)
	p.activate()
	return p
}

// If 300 participants join at the same time, every other participant is sent a few messages, not 300.
func TestParticipantsThatJoinTogetherAreAnnouncedInBatches(t *testing.T) {
	h := newHarness(t)
	watch := &sink{}
	h.runInRoom(func(r *Room) {
		r.admitActive(bareParticipant(r, "watch", watch))
		for i := range 300 {
			r.admitActive(bareParticipant(r, fmt.Sprint("listener", i), &sink{}))
		}
	})
	eventually(t, "all participants are announced", func() bool {
		known := map[string]bool{}
		for _, s := range watch.participantStates() {
			if name, active := strings.CutSuffix(s, " ACTIVE"); active && name != "watch" {
				known[name] = true
			}
		}
		return len(known) == 300
	})
	if people, room := watch.updateCounts(); people > 10 || room > 10 {
		t.Errorf("300 joins made %d participant updates and %d room updates, want at most 10 each", people, room)
	}
	eventually(t, "the count is sent", func() bool {
		return watch.got(func(m *livekit.SignalResponse) bool { return m.GetRoomUpdate().GetRoom().GetNumParticipants() == 301 })
	})
}

// The queued updates about other participants are sent before it, so all clients get the updates in the same order.
func TestUpdateAboutAPublisherIsSentImmediately(t *testing.T) {
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
	// The watcher itself has changed since the last batch, so it is in the update.
	want := "watch ACTIVE, first DISCONNECTED, second ACTIVE, star ACTIVE, second ACTIVE, star DISCONNECTED"
	if got := strings.Join(watch.participantStates()[before:], ", "); got != want {
		t.Errorf("sent immediately: %s\nwant %s", got, want)
	}
}

// Clients since protocol 12 conclude from a new SID that the old connection has ended. They are not sent a separate
// update about the departure, because it could make them remove the new connection.
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
	eventually(t, "the new connection is announced", func() bool {
		return strings.HasSuffix(ada(current), "ACTIVE") && strings.HasSuffix(ada(old), "ACTIVE")
	})
	if got := ada(current); strings.Contains(got, "DISCONNECTED") {
		t.Errorf("a current client got %s", got)
	}
	if got := ada(old); !strings.Contains(got, "ada DISCONNECTED, ada ACTIVE") {
		t.Errorf("an old client got %s", got)
	}
}

// filter returns the elements of list that have the prefix.
func filter(list []string, prefix string) []string {
	var some []string
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			some = append(some, s)
		}
	}
	return some
}

func TestParticipantUpdatesAreSplitIntoMessagesOfLimitedSize(t *testing.T) {
	var infos []*livekit.ParticipantInfo
	for i := range 40 {
		infos = append(infos, &livekit.ParticipantInfo{Identity: fmt.Sprint(i), Metadata: strings.Repeat("x", 10_000*(i%3))})
	}
	infos = append(infos, &livekit.ParticipantInfo{Identity: "large", Metadata: strings.Repeat("x", 2*maxUpdateSize)}, &livekit.ParticipantInfo{Identity: "last"})
	var got []string
	for m := range splitUpdates(infos) {
		all := m.GetUpdate().Participants
		if len(all) > 1 && proto.Size(m) > maxUpdateSize+len(all)*8+16 { // plus the framing of each participant
			t.Errorf("an update of %d participants has %d bytes", len(all), proto.Size(m))
		}
		for _, p := range all {
			got = append(got, p.Identity)
		}
	}
	if len(got) != len(infos) || got[41] != "last" {
		t.Errorf("updates contain %v", got)
	}
	for range splitUpdates(nil) {
		t.Error("an update without participants")
	}
}
