package rtc

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// longAgo is a time before every token, so that nothing is revoked by it.
var longAgo = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBanRefusesEarlierTokensUntilTheyExpire(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var l bans
	l.addAt("room", "ada", ban{before: now, until: now.Add(time.Hour)}, now)
	l.addAt("room", "ada", ban{before: now.Add(-time.Hour)}, now) // an older one takes nothing back
	l.addAt("room", "bo", ban{before: now, until: now.Add(100 * time.Hour)}, now)
	for _, tt := range []struct {
		name, room, identity string
		issued, at           time.Time
		refused              bool
	}{
		{"a token of before", "room", "ada", now.Add(-time.Second), now, true},
		{"a token without a time", "room", "ada", time.Time{}, now, true},
		{"a token of then", "room", "ada", now, now, false},
		{"another room", "other", "ada", now.Add(-time.Second), now, false},
		{"another identity", "room", "cy", now.Add(-time.Second), now, false},
		{"as long as most tokens last", "room", "ada", now.Add(-time.Second), now.Add(23 * time.Hour), true},
		{"when they are over", "room", "ada", now.Add(-time.Second), now.Add(25 * time.Hour), false},
		{"as long as its own lasts", "room", "bo", now.Add(-time.Second), now.Add(100 * time.Hour), true},
	} {
		if err := l.check(tt.room, tt.identity, tt.issued, tt.at); errors.Is(err, errBanned) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// However many are removed, what is remembered is bounded, and the latest is remembered.
func TestBansAreBoundedInNumber(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var l bans
	for i := range maxBans + 100 {
		l.addAt("room", fmt.Sprint(i), ban{before: now}, now.Add(time.Duration(i)*time.Second))
	}
	if len(l.all) != maxBans {
		t.Errorf("%d are remembered, of %d allowed", len(l.all), maxBans)
	}
	if l.check("room", fmt.Sprint(maxBans+99), time.Time{}, now) == nil || l.check("room", "0", time.Time{}, now) != nil {
		t.Error("not the first was forgotten")
	}
	l.addAt("room", "x", ban{before: now}, now.Add(1000*time.Hour))
	if len(l.all) != 1 {
		t.Errorf("%d are remembered though all but one are over", len(l.all))
	}
}

// A back end that moves a participant to a room wants it there, though it was removed from that room before.
func TestMoveRemovesBanInDestination(t *testing.T) {
	h := newHarness(t)
	g := h.join(request("ada"))
	g.inspect(func(p *Participant) { p.activate() })
	h.bans.add("other", "ada", ban{before: time.Now()})
	if err := h.Move(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	if err := h.bans.check("other", "ada", longAgo, time.Now()); err != nil {
		t.Errorf("the token that it was given there: %v", err)
	}
}

// Who is removed while another join of its is under way does not get in by that.
func TestParticipantRemovedDuringItsJoinIsRefused(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	g := h.join(req)
	if err := h.Remove(t.Context(), "room", "mallory", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.room.enter(t.Context(), req, &sink{}); !errors.Is(err, errBanned) { // past what Join looks at first
		t.Errorf("the join ended with %v", err)
	}
}
