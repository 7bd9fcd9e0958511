package lobby

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The script lists arrivals (+identity:name) and departures (-identity), one per second.
func TestMeetingRecordsArrivalsAndDepartures(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		people       string // name@joined-left in seconds
		count        int
		ended        int
	}{
		{"one person", "+a:Ada -a", "Ada@0-1", 1, 1},
		{"two people", "+a:Ada +b:Bo -a -b", "Ada@0-2 Bo@1-3", 2, 3},
		{"a rejoin counts once", "+a1:Ada -a1 +a2:Ada -a2", "Ada@0-3", 1, 3},
		{"two people with one name count as two", "+a1:Ada +a2:Ada -a1 -a2", "Ada@0-2 Ada@1-3", 2, 3},
		{"two people with one name, one returns", "+a1:Ada +a2:Ada -a1 +a3:Ada -a2 -a3", "Ada@0-5 Ada@1-4", 2, 5},
		{"one identity with a new name", "+a:Ada -a +a:Countess -a", "Countess@0-3", 1, 3},
		{"a new connection replaces the old one", "+a:Ada +a:Ada -a +b:Bo -a -b", "Ada@0-4 Bo@3-5", 1 + 1, 5},
		{"identity stands in for a missing name", "+a: -a", "a@0-1", 1, 1},
		{"unknown identity leaves", "+a:Ada -x -a", "Ada@0-2", 1, 2},
		{"room closes while a person is present", "+a:Ada +b:Bo -a", "Ada@0-2 Bo@1-9", 2, 9},
	} {
		t.Run(tc.name, func(t *testing.T) {
			start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			var m Meeting
			for i, step := range strings.Fields(tc.script) {
				at := start.Add(time.Duration(i) * time.Second)
				if identity, name, joins := strings.Cut(step[1:], ":"); joins {
					m.join(Arrival{identity, name, at})
				} else {
					m.leave(identity, at)
				}
			}
			m.end(start.Add(9 * time.Second))
			var got []string
			for _, p := range m.People {
				got = append(got, fmt.Sprintf("%s@%v-%v", p.Name, p.JoinedAt.Sub(start).Seconds(), p.LeftAt.Sub(start).Seconds()))
			}
			if s := strings.Join(got, " "); s != tc.people || m.Count != tc.count {
				t.Errorf("got %d people %q, want %d %q", m.Count, s, tc.count, tc.people)
			}
			if d := m.Duration(); d != time.Duration(tc.ended)*time.Second {
				t.Errorf("lasted %v, want %d s", d, tc.ended)
			}
		})
	}
}

func TestParticipantsBeyondTheListLimitAreStillCounted(t *testing.T) {
	var m Meeting
	at := time.Unix(1000, 0)
	for i := range maxPeople + 5 {
		m.join(Arrival{Identity: fmt.Sprint(i), At: at})
	}
	for i := range maxPeople {
		m.leave(fmt.Sprint(i), at.Add(time.Second))
	}
	m.end(at.Add(time.Minute))
	if m.Count != maxPeople+5 || len(m.People) != maxPeople {
		t.Errorf("count %d with %d listed", m.Count, len(m.People))
	}
	if m.Duration() != time.Minute {
		t.Errorf("lasted %v, want a minute: those not listed may have stayed", m.Duration())
	}
}
