package site_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"meet/internal/lobby"
	"meet/internal/site"
)

// openRooms opens n rooms with one participant each. The last one is the newest. Their names end with fill.
func (r *testSite) openRooms(n int, fill string) {
	for i := range n {
		r.lobby.RoomStarted(lobby.Room{SID: fmt.Sprint("RM_", i), Name: fmt.Sprintf("%04d%s", i, fill), CreatedAt: noon.Add(time.Duration(i) * time.Second)})
		r.lobby.RoomChanged(fmt.Sprint("RM_", i), 1, "")
	}
}

// lobbyState returns the size and the content of the event that a stream would send now.
func (r *testSite) lobbyState(t *testing.T) (size int, state struct {
	Rooms, Meetings         []struct{ Name string }
	MoreRooms, MoreMeetings int
},
) {
	t.Helper()
	event, err := r.site.Event(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	data, ok := bytes.CutPrefix(event, []byte("event: lobby\ndata: "))
	if err := json.Unmarshal(data, &state); err != nil || !ok {
		t.Fatalf("%v in %s", err, event)
	}
	return len(event), state
}

// The lobby is filled with names of the greatest length, whose characters are escaped in HTML, JSON or URLs.
func TestLobbyWithLongestNamesStaysUnderSizeLimit(t *testing.T) {
	for name, letter := range map[string]string{"HTML": "<", "JSON": `"`, "address": "\U0001F600"} {
		t.Run(name, func(t *testing.T) {
			r := newTestSite(t, site.Options{})
			long := strings.Repeat(letter, 248/len(letter)) + "."
			for i := range 120 {
				sid := fmt.Sprint("RM_done", i)
				r.lobby.RoomStarted(lobby.Room{SID: sid, Name: long, CreatedAt: noon})
				for j := range 40 {
					identity := fmt.Sprint(j)
					r.lobby.ParticipantJoined(sid, lobby.Arrival{Identity: identity, Name: identity + long, At: noon})
					r.lobby.ParticipantLeft(sid, identity, noon)
				}
				r.lobby.RoomFinished(sid, noon)
			}
			r.openRooms(450, long)

			size, state := r.lobbyState(t)
			if size > 2*site.MaxListBytes+200 {
				t.Errorf("an event has %d bytes", size)
			}
			if n := len(state.Rooms); n < 20 || n > 100 || n+state.MoreRooms != 450 {
				t.Errorf("%d rooms and %d more of 450", n, state.MoreRooms)
			}
			if n := len(state.Meetings); n < 5 || n+state.MoreMeetings != 100 {
				t.Errorf("%d meetings and %d more of 100", n, state.MoreMeetings)
			}
			for path, want := range map[string]int{"/api/rooms": len(state.Rooms), "/api/meetings": len(state.Meetings)} {
				body := r.do("GET", path, "").Body
				var list []any
				if n := body.Len(); n > site.MaxListBytes {
					t.Errorf("%s has %d bytes", path, n)
				}
				if err := json.Unmarshal(body.Bytes(), &list); err != nil || len(list) != want {
					t.Errorf("%s: %d in the list, %v, want %d", path, len(list), err, want)
				}
			}
			page := r.do("GET", "/", "").Body.String()
			for _, want := range []string{fmt.Sprintf("and %d more", state.MoreRooms), fmt.Sprintf("and %d more", state.MoreMeetings)} {
				if !strings.Contains(page, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
			if len(page) > 12*site.MaxListBytes { // a " takes six bytes in HTML and two in JSON
				t.Errorf("the page has %d bytes", len(page))
			}
		})
	}
}

func TestLobbyListsNewestRoomsAndCountsTheOthers(t *testing.T) {
	r := newTestSite(t, site.Options{})
	r.openRooms(450, "")
	if _, state := r.lobbyState(t); len(state.Rooms) != 100 || state.MoreRooms != 350 || state.Rooms[0].Name != "0449" {
		t.Errorf("%d rooms and %d more, the first is %v", len(state.Rooms), state.MoreRooms, state.Rooms[:1])
	}
	if page := r.do("GET", "/", "").Body.String(); !strings.Contains(page, "and 350 more") {
		t.Error("the page does not say that there are more")
	}
	r.lobby.RoomChanged("RM_449", 1, strings.Repeat("m", 2*site.MaxListBytes)) // does not fit; the others do
	if _, state := r.lobbyState(t); len(state.Rooms) != 99 || state.MoreRooms != 351 || state.Rooms[0].Name != "0448" {
		t.Errorf("%d rooms and %d more, the first is %v", len(state.Rooms), state.MoreRooms, state.Rooms[:1])
	}
}

// Rooms with participants are listed first. Rooms without participants are not included in the number of rooms that the
// lobby does not list.
func TestEmptyRoomsAreListedLastAndNotCounted(t *testing.T) {
	r := newTestSite(t, site.Options{})
	r.openRooms(3, "")
	for i := range 200 {
		r.lobby.RoomStarted(lobby.Room{SID: fmt.Sprint("RM_empty", i), Name: fmt.Sprint("empty", i), CreatedAt: noon.Add(time.Hour)})
	}
	_, state := r.lobbyState(t)
	if len(state.Rooms) != 100 || state.MoreRooms != 0 || state.Rooms[0].Name != "0002" || !strings.HasPrefix(state.Rooms[3].Name, "empty") {
		t.Errorf("%d rooms and %d more, the first are %v", len(state.Rooms), state.MoreRooms, state.Rooms[:4])
	}
	if page := r.do("GET", "/", "").Body.String(); strings.Contains(page, " more</p>") || strings.Contains(page, "empty1") || !strings.Contains(page, "0002") {
		t.Error("the page shows or counts rooms without participants")
	}
}

// While rooms change, the lobby is encoded at most once per interval for all clients, and every client gets a state that
// is at least as new as its request.
func TestConcurrentRequestsShareLobbySnapshots(t *testing.T) {
	r := newTestSite(t, site.Options{})
	r.openRooms(1, "")
	began := time.Now()
	var mu sync.Mutex
	made := map[*byte]bool{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { // ends after five intervals
			for time.Since(began) < 5*site.SnapshotInterval {
				event, err := r.site.Event(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				made[&event[0]] = true
				mu.Unlock()
			}
		})
	}
	people := 0
	for ; time.Since(began) < 5*site.SnapshotInterval; people++ {
		r.lobby.RoomChanged("RM_0", people+1, "")
		event, err := r.site.Event(t.Context())
		if want := fmt.Sprintf(`"numParticipants":%d,`, people+1); err != nil || !bytes.Contains(event, []byte(want)) {
			t.Fatalf("%s is not in %s, %v", want, event, err)
		}
	}
	wg.Wait()
	if most := int(time.Since(began)/site.SnapshotInterval) + 1; len(made) > most || people < 2 {
		t.Errorf("encoded %d times in %v for %d changes, want %d at most", len(made), time.Since(began), people, most)
	}
}
