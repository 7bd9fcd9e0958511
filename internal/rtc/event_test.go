package rtc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// eventLog returns the events of a room, one line each. A line holds the kind and the participant's identity. Unless
// the event is about a track, it also holds the numbers of participants and publishers, and whether the room is
// recorded.
func (h *harness) eventLog(room string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []string
	for _, e := range h.events {
		if e.Room.Name != room || e.Kind == RoomChanged {
			continue
		}
		line := fmt.Sprint(e.Kind, " ", e.Participant.GetIdentity())
		if e.Track == nil { // webhooks of tracks contain no counts
			line += fmt.Sprint(" ", e.Room.NumParticipants, " ", e.Room.NumPublishers, " ", e.Room.ActiveRecording)
		}
		list = append(list, line)
	}
	return list
}

// checkEvents checks that the events of a room are those listed in want.
func (h *harness) checkEvents(t *testing.T, room string, want ...string) {
	t.Helper()
	if got := h.eventLog(room); !slices.Equal(got, want) {
		t.Errorf("%s:\ngot  %q\nwant %q", room, got, want)
	}
}

// The participant count in participant_joined includes the participant that joins. The counts in participant_left and
// participant_connection_aborted include only the remaining participants, also when one is replaced by a new connection
// of its identity.
func TestParticipantCountInEventsIncludesOnlyPresentParticipants(t *testing.T) {
	for _, end := range []EventKind{ParticipantLeft, ParticipantAborted} {
		t.Run(string(end), func(t *testing.T) {
			h := newHarness(t)
			var want []string
			expect := func(kind EventKind, who string, people, publishers int, recording bool) {
				want = append(want, fmt.Sprint(kind, " ", who, " ", people, " ", publishers, " ", recording))
			}
			join := func(req JoinRequest, publishes bool) {
				h.join(req).inspect(func(p *Participant) {
					if publishes {
						p.setPublisher(true)
					}
					if end == ParticipantLeft {
						p.activate()
					}
				})
			}
			expectJoined := func(who string, people, publishers int, recording bool) {
				if end == ParticipantLeft {
					expect(ParticipantJoined, who, people, publishers, recording)
				}
			}
			expect(RoomStarted, "", 0, 0, false)
			for i, who := range []string{"ada", "bo", "cy"} {
				join(request(who), true)
				expectJoined(who, i+1, i+1, false)
			}
			hidden := request("ghost")
			hidden.Info.Permission.Hidden = true
			join(hidden, false)
			expectJoined("ghost", 4, 3, false)
			recorder := request("recorder")
			recorder.Info.Permission.Recorder, recorder.Info.Permission.Hidden = true, true
			join(recorder, false)
			expectJoined("recorder", 4, 3, true)
			join(request("ada"), false)
			expect(end, "ada", 3, 2, true)
			expectJoined("ada", 4, 2, true)
			for i, who := range []string{"cy", "bo", "ada", "ghost"} {
				if err := h.Remove(t.Context(), "room", who, longAgo); err != nil {
					t.Fatal(err)
				}
				expect(end, who, 3-i, max(0, 1-i), true)
			}
			if err := h.Remove(t.Context(), "room", "recorder", longAgo); err != nil {
				t.Fatal(err)
			}
			expect(end, "recorder", 0, 0, false)
			h.checkEvents(t, "room", want...)
		})
	}
}

func TestRoomFinishedEventFollowsDepartureOfAllParticipants(t *testing.T) {
	h := newHarness(t)
	for _, who := range []string{"ada", "bo"} {
		h.join(request(who)).inspect(func(p *Participant) { p.activate() })
	}
	if err := h.Delete(t.Context(), "room"); err != nil {
		t.Fatal(err)
	}
	got := h.eventLog("room")
	if len(got) != 6 || !strings.HasSuffix(got[3], " 1 0 false") || !strings.HasSuffix(got[4], " 0 0 false") || got[5] != "room_finished  0 0 false" {
		t.Errorf("got %q", got)
	}
}

// The last state of a participant that has left contains no track, not even one that was announced as muted and never
// sent.
func TestLastUpdateAboutADepartedParticipantListsNoTracks(t *testing.T) {
	h := newHarness(t)
	bo, ada := h.join(request("bo")), h.join(request("ada"))
	add := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
	add.GetAddTrack().Muted = true
	ada.send(add)
	if err := h.Remove(t.Context(), "room", "ada", longAgo); err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	last := h.events[len(h.events)-1]
	h.mu.Unlock()
	if last.Participant.GetIdentity() != "ada" || len(last.Participant.Tracks) != 0 {
		t.Errorf("the last event is %s of %v", last.Kind, last.Participant)
	}
	leftWithoutTracks := func(m *livekit.SignalResponse) bool {
		return slices.ContainsFunc(m.GetUpdate().GetParticipants(), func(p *livekit.ParticipantInfo) bool {
			return p.Identity == "ada" && p.State == livekit.ParticipantInfo_DISCONNECTED && len(p.Tracks) == 0
		})
	}
	eventually(t, "bo gets the departure", func() bool { return bo.sink.got(leftWithoutTracks) })
}

// The order also holds in the room to which a participant moves.
func TestJoinEventOfAForwardedParticipantPrecedesItsTrackEvents(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ada.sendMedia(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	ada.inspect(func(p *Participant) { p.activate() })
	if err := h.Forward(t.Context(), "room", "ada", "shown"); err != nil {
		t.Fatal(err)
	}
	h.checkEvents(t, "shown", "room_started  0 0 false", "participant_joined ada 1 1 false", "track_published ada")
	if err := h.Move(t.Context(), "room", "ada", "moved"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ada has moved", func() bool { return len(h.eventLog("moved")) == 3 })
	h.checkEvents(t, "moved", "room_started  0 0 false", "participant_joined ada 1 1 false", "track_published ada")
	all := h.eventLog("room")
	if want := []string{"track_unpublished ada", "participant_left ada 0 0 false"}; !slices.Equal(all[len(all)-2:], want) {
		t.Errorf("got %q, want %q", all[len(all)-2:], want)
	}
	eventually(t, "the mirror has left", func() bool {
		return slices.Contains(h.eventLog("shown"), "participant_left ada 0 0 false")
	})
}

// A participant that loses the permission to publish is no longer a publisher. It becomes one again with its next
// track.
func TestParticipantThatMayNoLongerPublishIsNotCountedAsPublisher(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	if err := h.Forward(t.Context(), "room", "ada", "shown"); err != nil {
		t.Fatal(err)
	}
	publishers := func(room string) uint32 {
		t.Helper()
		rooms, err := h.List(t.Context(), []string{room})
		if err != nil || len(rooms) != 1 {
			t.Fatalf("%v, %v", rooms, err)
		}
		return rooms[0].NumPublishers
	}
	counts := func(want uint32) {
		t.Helper()
		if n := publishers("room"); n != want {
			t.Errorf("%d publishers, want %d", n, want)
		}
		eventually(t, "the other room has the same count", func() bool { return publishers("shown") == want })
	}
	for range 2 {
		ada.inspect(func(p *Participant) { p.setPublisher(true); p.room.announce(p, true) })
		counts(1)
		for _, publish := range []bool{true, false, false, true} {
			info, err := h.Update(t.Context(), "room", "ada", Change{Permission: &livekit.ParticipantPermission{CanPublish: publish, CanSubscribe: true}})
			if err != nil {
				t.Fatal(err)
			}
			if !publish && info.IsPublisher {
				t.Error("still a publisher")
			}
		}
		counts(0)
	}
}
