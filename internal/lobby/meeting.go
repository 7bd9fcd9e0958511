package lobby

import (
	"cmp"
	"slices"
	"time"
)

// maxPeople bounds the people listed in one record; more are only counted.
const maxPeople = 1000

// Room is a room that is live.
type Room struct {
	SID             string
	Name            string
	Metadata        string
	CreatedAt       time.Time
	NumParticipants int
}

// Arrival is one participant's arrival.
type Arrival struct {
	Identity string
	Name     string
	At       time.Time
}

// Meeting is the record of what met in one room, from the first arrival to the last departure.
type Meeting struct {
	ID        string    `json:"id"` // the room's SID
	Name      string    `json:"name"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"` // zero while it lasts
	Count     int       `json:"count"`            // distinct people
	People    []Person  `json:"people"`           // the first maxPeople of them, in order of arrival
}

// Person is somebody who was there, however often they came back.
type Person struct {
	Identity string    `json:"identity"` // the latest, since a rejoin gets a new one
	Name     string    `json:"name"`
	JoinedAt time.Time `json:"joinedAt"`
	LeftAt   time.Time `json:"leftAt,omitzero"` // zero while present

	connections int // more than one while a participant replaces itself
}

// Duration is how long a meeting lasted.
func (m *Meeting) Duration() time.Duration { return m.EndedAt.Sub(m.StartedAt) }

// join counts somebody in. A known identity, or the name of somebody who has left, is the same person again; the
// same name while its owner is present is another person.
func (m *Meeting) join(a Arrival) {
	a.Name = cmp.Or(a.Name, a.Identity)
	if m.StartedAt.IsZero() {
		m.StartedAt = a.At
	}
	i := slices.IndexFunc(m.People, func(p Person) bool { return p.Identity == a.Identity })
	if i < 0 {
		i = slices.IndexFunc(m.People, func(p Person) bool { return p.Name == a.Name && p.connections == 0 })
	}
	if i < 0 {
		m.Count++
		if len(m.People) == maxPeople {
			return
		}
		i = len(m.People)
		m.People = append(m.People, Person{JoinedAt: a.At})
	}
	p := &m.People[i]
	p.Identity, p.Name, p.LeftAt = a.Identity, a.Name, time.Time{}
	p.connections++
}

// leave counts somebody out.
func (m *Meeting) leave(identity string, at time.Time) {
	i := slices.IndexFunc(m.People, func(p Person) bool { return p.Identity == identity && p.connections > 0 })
	if i < 0 {
		return
	}
	if p := &m.People[i]; p.connections == 1 {
		p.connections, p.LeftAt = 0, at
	} else {
		p.connections--
	}
}

// attended tells whether somebody listed is there.
func (m *Meeting) attended() bool {
	return slices.ContainsFunc(m.People, func(p Person) bool { return p.connections > 0 })
}

// end closes the record: at the last departure, or at the given time when somebody listed was still there.
func (m *Meeting) end(at time.Time) {
	last := m.StartedAt
	for i := range m.People {
		p := &m.People[i]
		if p.LeftAt.IsZero() {
			p.connections, p.LeftAt = 0, at
		}
		last = later(last, p.LeftAt)
	}
	if m.Count > len(m.People) {
		last = later(last, at) // who is only counted may have stayed longest
	}
	m.EndedAt = last
}

// lastKnown is the latest time the record itself speaks of.
func (m *Meeting) lastKnown() time.Time {
	last := m.StartedAt
	for _, p := range m.People {
		last = later(last, later(p.JoinedAt, p.LeftAt))
	}
	return last
}

func (m *Meeting) clone() *Meeting {
	c := *m
	c.People = slices.Clone(m.People)
	return &c
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
