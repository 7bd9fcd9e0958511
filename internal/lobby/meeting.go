package lobby

import (
	"cmp"
	"slices"
	"time"
)

// maxPeople bounds the people listed in one record. Further people are only counted.
const maxPeople = 1000

// Room is an open room.
type Room struct {
	SID             string
	Name            string
	Metadata        string
	CreatedAt       time.Time
	NumParticipants int
}

// Arrival is the arrival of one participant.
type Arrival struct {
	Identity string
	Name     string
	At       time.Time
}

// Meeting is the record of one meeting, from the first arrival in a room to the last departure.
type Meeting struct {
	ID        string    `json:"id"` // the room's SID
	Name      string    `json:"name"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"` // zero until it ends
	Count     int       `json:"count"`            // distinct people
	People    []Person  `json:"people"`           // the first maxPeople of them, in order of arrival
}

// Person is one attendee of a meeting. Someone who leaves and returns is still one Person.
type Person struct {
	Identity string    `json:"identity"` // the latest one: rejoining gives a new identity
	Name     string    `json:"name"`
	JoinedAt time.Time `json:"joinedAt"`
	LeftAt   time.Time `json:"leftAt,omitzero"` // zero while present

	connections int // 2 while a new connection replaces an old one
}

// Duration returns how long an ended meeting lasted.
func (m *Meeting) Duration() time.Duration { return m.EndedAt.Sub(m.StartedAt) }

// join records an arrival. It counts as the return of a listed person if the identity is the same, or if the name is
// the same and that person has left. A participant with the name of a person who is present counts as a different
// person.
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

// leave records a departure. It ignores identities that are not present.
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

// hasParticipants reports whether any person in the meeting's record is in the room.
func (m *Meeting) hasParticipants() bool {
	return slices.ContainsFunc(m.People, func(p Person) bool { return p.connections > 0 })
}

// end ends the meeting at the last departure, or at the given time if a person in its record was still in the room.
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
		last = later(last, at) // people beyond maxPeople may have left last
	}
	m.EndedAt = last
}

// lastEvent returns the time of the latest arrival or departure in the record.
func (m *Meeting) lastEvent() time.Time {
	last := m.StartedAt
	for _, p := range m.People {
		last = later(last, later(p.JoinedAt, p.LeftAt))
	}
	return last
}

// clone returns a deep copy.
func (m *Meeting) clone() *Meeting {
	c := *m
	c.People = slices.Clone(m.People)
	return &c
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
