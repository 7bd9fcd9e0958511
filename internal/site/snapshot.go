package site

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"meet/internal/lobby"
	"meet/web/templates"
)

// Bounds on what the lobby shows. Strangers choose the names of rooms and people, and everybody in the lobby gets them.
const (
	maxListed     = 100      // rooms, and meetings
	maxListBytes  = 64 << 10 // of JSON for each of the two lists; a room or a meeting mostly has 200 to 400
	maxNamesBytes = 2 << 10  // of the names of the people in one meeting
	// pause is the least time between two snapshots, whatever the number of readers. It also lets changes gather, such as
	// those of a room that fills.
	pause = 200 * time.Millisecond
)

// snapshot is the lobby at one moment, encoded once for all who ask. It does not change.
type snapshot struct {
	rooms, meetings         []byte // JSON lists
	event                   []byte // both in one server-sent event
	cards                   []templates.RoomCard
	rows                    []templates.MeetingRow
	moreRooms, moreMeetings int // how many there are beyond those listed; of rooms, those that somebody is in
	made                    time.Time
	replaced                chan struct{} // closed when there is a later snapshot
}

// snapshots makes the snapshots of a lobby.
type snapshots struct {
	lobby   *lobby.Lobby
	roomURL func(room string) string
	changes <-chan struct{} // has a mark after a change that no snapshot shows yet, unless stale says so
	stale   atomic.Bool

	turn   chan struct{} // holds one: the mark of whoever reads and replaces latest
	latest *snapshot
}

func newSnapshots(l *lobby.Lobby, roomURL func(string) string) *snapshots {
	changes, _ := l.Subscribe() // for as long as the lobby lives
	return &snapshots{lobby: l, roomURL: roomURL, changes: changes, turn: make(chan struct{}, 1)}
}

// current returns a snapshot that shows every change made before the call. If the latest does not, it makes another one, and
// waits for that until pause has passed.
func (s *snapshots) current(ctx context.Context) (*snapshot, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.turn }()
	s.note()
	last := s.latest
	if last != nil {
		if !s.stale.Load() {
			return last, nil
		}
		// Not cut short with ctx: the streams wait for the snapshot of whoever has the turn.
		<-time.After(time.Until(last.made.Add(pause)))
		s.note()
	}
	s.stale.Store(false) // before reading the lobby, so that a change meanwhile counts for the next one
	next, err := s.make()
	if err != nil {
		s.stale.Store(true)
		return nil, err
	}
	s.latest = next
	if last != nil {
		close(last.replaced)
	}
	return next, nil
}

// note takes the mark of a change.
func (s *snapshots) note() {
	select {
	case <-s.changes:
		s.stale.Store(true)
	default:
	}
}

func (s *snapshots) make() (*snapshot, error) {
	next := &snapshot{made: time.Now(), replaced: make(chan struct{})}
	rooms, meetings := list{}, list{}
	live := s.lobby.Rooms()
	// Rooms that wait for their first participant are listed for programs, behind those that people can see.
	slices.SortStableFunc(live, func(a, b lobby.Room) int { return cmp.Compare(min(b.NumParticipants, 1), min(a.NumParticipants, 1)) })
	for _, r := range live {
		if r.NumParticipants > 0 {
			next.moreRooms++
		}
	}
	for _, r := range live[:min(len(live), maxListed)] {
		url := s.roomURL(r.Name)
		fits, err := rooms.add(roomJSON{
			URL: url, ID: r.SID, Name: r.Name, CreationTime: r.CreatedAt.UTC(),
			NumParticipants: r.NumParticipants, IsActive: r.NumParticipants > 0, Metadata: r.Metadata,
		})
		if err != nil {
			return nil, err
		}
		if fits && r.NumParticipants > 0 {
			next.moreRooms--
			next.cards = append(next.cards, templates.RoomCard{URL: url, Name: r.Name, Participants: r.NumParticipants, StartedAt: r.CreatedAt})
		}
	}
	ended := s.lobby.Meetings()
	for _, m := range ended[:min(len(ended), maxListed)] {
		names := people(m)
		fits, err := meetings.add(meetingJSON{
			ID: m.ID, Name: m.Name, Participants: names, NumParticipants: m.Count,
			StartedAt: m.StartedAt.UTC(), EndedAt: m.EndedAt.UTC(), DurationSeconds: int(m.Duration().Round(time.Second) / time.Second),
		})
		if err != nil {
			return nil, err
		}
		if fits {
			next.rows = append(next.rows, templates.MeetingRow{
				ID: m.ID, Name: m.Name, Participants: names, StartedAt: m.StartedAt,
				Date: m.StartedAt.UTC().Format("2 Jan 2006, 15:04 UTC"), Duration: durationText(m.Duration()),
			})
		}
	}
	next.rooms, next.meetings = rooms.json(), meetings.json()
	next.moreMeetings = len(ended) - len(next.rows)
	data, err := encode(lobbyJSON{next.rooms, next.moreRooms, next.meetings, next.moreMeetings})
	if err != nil {
		return nil, err
	}
	next.event = bytes.Join([][]byte{[]byte("event: lobby\ndata: "), data, []byte("\n\n")}, nil)
	return next, nil
}

// list is a list in JSON of at most maxListBytes.
type list struct{ items []byte }

// add appends an item and reports whether it fits. One that does not keeps smaller ones after it from nothing.
func (l *list) add(item any) (fits bool, err error) {
	text, err := encode(item)
	if err != nil || len(l.items)+len(text)+len("[,]") > maxListBytes {
		return false, err
	}
	if len(l.items) > 0 {
		l.items = append(l.items, ',')
	}
	l.items = append(l.items, text...)
	return true, nil
}

func (l *list) json() []byte { return append(append([]byte{'['}, l.items...), ']') }

// encode does not escape what only HTML would misread: names of "<" would have six times their size.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode lobby: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// maxNamed is how many people of one meeting are listed by name; the count says how many there were.
const maxNamed = 100

func people(m *lobby.Meeting) []string {
	names, size := []string{}, 0
	for _, p := range m.People[:min(len(m.People), maxNamed)] {
		if size += len(p.Name); size > maxNamesBytes {
			break
		}
		names = append(names, p.Name)
	}
	return names
}
