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

// Bounds on what the lobby shows. Clients choose the names of rooms and people, and every visitor of the lobby receives
// them.
const (
	maxItems      = 100      // number of rooms, and of meetings
	maxListBytes  = 64 << 10 // JSON of each of the two lists; most rooms and meetings take 200 to 400 bytes
	maxNamesBytes = 2 << 10  // names of the people in one meeting
	// minSnapshotInterval is the shortest time between two snapshots, for any number of clients. Changes that happen in
	// this time, such as a room that fills, share one snapshot.
	minSnapshotInterval = 200 * time.Millisecond
)

// snapshot is the state of the lobby at one time, encoded once for all clients. It does not change.
type snapshot struct {
	rooms, meetings         []byte // JSON lists
	event                   []byte // both in one server-sent event
	cards                   []templates.RoomCard
	rows                    []templates.MeetingRow
	moreRooms, moreMeetings int // numbers of rooms with participants and of meetings that are not listed
	createdAt               time.Time
	replaced                chan struct{} // closed when there is a newer snapshot
}

// snapshots builds the snapshots of a lobby.
type snapshots struct {
	lobby    *lobby.Lobby
	roomURL  func(room string) string
	changes  <-chan struct{} // notified of changes; the receiver of a notification sets outdated
	outdated atomic.Bool     // a change has happened that latest does not show

	latestLock chan struct{} // semaphore of one: guards latest
	latest     *snapshot
}

// newSnapshots returns the snapshots of a lobby. roomURL returns the path of a room's page.
func newSnapshots(l *lobby.Lobby, roomURL func(string) string) *snapshots {
	changes, _ := l.Subscribe() // never cancelled: the subscription lasts as long as the lobby
	return &snapshots{lobby: l, roomURL: roomURL, changes: changes, latestLock: make(chan struct{}, 1)}
}

// current returns a snapshot that shows every change made before the call. If the latest snapshot is outdated, current
// builds a new one. It waits until at least minSnapshotInterval has passed since the latest one was built.
func (s *snapshots) current(ctx context.Context) (*snapshot, error) {
	select {
	case s.latestLock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-s.latestLock }()
	s.pollChanges()
	last := s.latest
	if last != nil {
		if !s.outdated.Load() {
			return last, nil
		}
		// This wait ignores ctx, because other streams wait for the snapshot, too.
		<-time.After(time.Until(last.createdAt.Add(minSnapshotInterval)))
		s.pollChanges()
	}
	s.outdated.Store(false) // before reading the lobby, so that a later change causes another snapshot
	next, err := s.build()
	if err != nil {
		s.outdated.Store(true)
		return nil, err
	}
	s.latest = next
	if last != nil {
		close(last.replaced)
	}
	return next, nil
}

// pollChanges sets outdated if a notification of a change has arrived. It does not block.
func (s *snapshots) pollChanges() {
	select {
	case <-s.changes:
		s.outdated.Store(true)
	default:
	}
}

// build reads the lobby and encodes a snapshot.
func (s *snapshots) build() (*snapshot, error) {
	next := &snapshot{createdAt: time.Now(), replaced: make(chan struct{})}
	rooms, meetings := jsonList{}, jsonList{}
	live := s.lobby.Rooms()
	// Rooms without participants are listed for programs only, after the rooms that the page shows.
	slices.SortStableFunc(live, func(a, b lobby.Room) int { return cmp.Compare(min(b.NumParticipants, 1), min(a.NumParticipants, 1)) })
	for _, r := range live {
		if r.NumParticipants > 0 {
			next.moreRooms++
		}
	}
	for _, r := range live[:min(len(live), maxItems)] {
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
	for _, m := range ended[:min(len(ended), maxItems)] {
		names := peopleNames(m)
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

// jsonList is a JSON list of at most maxListBytes.
type jsonList struct{ items []byte }

// add appends an item if it fits, and reports whether it did. If an item is too large, smaller ones may still be added
// after it.
func (l *jsonList) add(item any) (fits bool, err error) {
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

// json returns the list as JSON.
func (l *jsonList) json() []byte { return append(append([]byte{'['}, l.items...), ']') }

// encode returns v as JSON without escaping characters that are special in HTML only, since each "<" would take six
// bytes.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode lobby: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// maxPeoplePerMeeting is the number of people of one meeting that are listed by name. The meeting's count includes the
// others.
const maxPeoplePerMeeting = 100

// peopleNames returns the names of a meeting's attendees, at most maxPeoplePerMeeting and maxNamesBytes of them.
func peopleNames(m *lobby.Meeting) []string {
	names, size := []string{}, 0
	for _, p := range m.People[:min(len(m.People), maxPeoplePerMeeting)] {
		if size += len(p.Name); size > maxNamesBytes {
			break
		}
		names = append(names, p.Name)
	}
	return names
}
