package rtc

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// longAgo is earlier than the issue time of every token. If Rooms.Remove gets it as issuedBefore, no token is banned.
var longAgo = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestBanRefusesEarlierTokensUntilTheyExpire(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var l bans
	l.addAt("room", "ada", ban{issuedBefore: now, expires: now.Add(time.Hour)}, now)
	l.addAt("room", "ada", ban{issuedBefore: now.Add(-time.Hour)}, now) // an older ban does not shorten a newer one
	l.addAt("room", "bo", ban{issuedBefore: now, expires: now.Add(100 * time.Hour)}, now)
	for _, tt := range []struct {
		name, room, identity string
		issued, at           time.Time
		refused              bool
	}{
		{"earlier token", "room", "ada", now.Add(-time.Second), now, true},
		{"token without issue time", "room", "ada", time.Time{}, now, true},
		{"token issued at the time of the ban", "room", "ada", now, now, false},
		{"another room", "other", "ada", now.Add(-time.Second), now, false},
		{"another identity", "room", "cy", now.Add(-time.Second), now, false},
		{"before the minimum ban time has passed", "room", "ada", now.Add(-time.Second), now.Add(23 * time.Hour), true},
		{"after the minimum ban time", "room", "ada", now.Add(-time.Second), now.Add(25 * time.Hour), false},
		{"before the banned token expires", "room", "bo", now.Add(-time.Second), now.Add(100 * time.Hour), true},
	} {
		if err := l.check(tt.room, tt.identity, tt.issued, tt.at); errors.Is(err, errBanned) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// Beyond the maximum, the ban that expires first is dropped.
func TestNumberOfStoredBansIsLimited(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var l bans
	for i := range maxBans + 100 {
		l.addAt("room", fmt.Sprint(i), ban{issuedBefore: now}, now.Add(time.Duration(i)*time.Second))
	}
	if len(l.all) != maxBans {
		t.Errorf("%d bans are stored, at most %d are allowed", len(l.all), maxBans)
	}
	if l.check("room", fmt.Sprint(maxBans+99), time.Time{}, now) == nil || l.check("room", "0", time.Time{}, now) != nil {
		t.Error("the dropped ban is not the one that expires first")
	}
	l.addAt("room", "x", ban{issuedBefore: now}, now.Add(1000*time.Hour))
	if len(l.all) != 1 {
		t.Errorf("%d bans are stored although all but one have expired", len(l.all))
	}
}

// A back end may move a participant to a room from which it was removed before.
func TestMoveLiftsTheParticipantsBanInTheDestinationRoom(t *testing.T) {
	h := newHarness(t)
	g := h.join(request("ada"))
	g.inspect(func(p *Participant) { p.activate() })
	h.bans.add("other", "ada", ban{issuedBefore: time.Now()})
	if err := h.Move(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	if err := h.bans.check("other", "ada", longAgo, time.Now()); err != nil {
		t.Errorf("its new token is refused: %v", err)
	}
}

// A join that was under way when the participant was removed must not succeed.
func TestParticipantRemovedDuringItsJoinIsRefused(t *testing.T) {
	h := newHarness(t)
	req := request("mallory")
	g := h.join(req)
	if err := h.Remove(t.Context(), "room", "mallory", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.room.enter(t.Context(), req, &sink{}); !errors.Is(err, errBanned) { // bypasses the first check, in Join
		t.Errorf("the join ended with %v", err)
	}
}
