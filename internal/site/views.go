package site

import (
	"context"
	"fmt"
	"time"

	"meet/web/templates"
)

// web/app/lib/time.ts formats times in the same words, in the visitor's time zone.

// lobbyView returns the content of the lobby page.
func (s *Site) lobbyView(ctx context.Context) (templates.LobbyView, error) {
	v := templates.LobbyView{Shell: s.shell("Meet", "lobby")}
	v.Shell.Description = "Video meetings on this server. Share a link and start talking."
	current, err := s.snapshots.current(ctx)
	if err != nil {
		return v, err
	}
	v.Meetings, v.MoreRooms, v.MoreMeetings = current.rows, current.moreRooms, current.moreMeetings
	now := time.Now()
	for _, card := range current.cards {
		card.Since = elapsedText(now.Sub(card.StartedAt))
		v.Rooms = append(v.Rooms, card)
	}
	return v, nil
}

// roomView returns the content of a room's page.
func (s *Site) roomView(room string) templates.RoomView {
	return templates.RoomView{Shell: s.shell(room+" · Meet", "room"), Room: room}
}

// customView returns the content of the page for a call on another server. If server is set, the page is the call. If
// server is "", the page is a form that shows the address typed by the visitor and the problem with it.
func (s *Site) customView(server, typed, problem string) templates.CustomView {
	v := templates.CustomView{Shell: s.shell("Meet", "custom"), ServerURL: server, Address: typed, Problem: problem}
	if server == "" {
		v.Shell = s.plainShell("Join with a token · Meet")
	}
	return v
}

// directView returns the content of the page for a direct call. session is "" for a new call.
func (s *Site) directView(session string) templates.DirectView {
	v := templates.DirectView{Shell: s.shell("Direct call · Meet", "direct"), Session: session}
	v.Shell.Description = "Two people, browser to browser. This server only introduces them."
	return v
}

// testView returns the content of the page for the connection test.
func (s *Site) testView() templates.TestView {
	v := templates.TestView{Shell: s.shell("Connection test · Meet", "test")}
	v.Shell.Description = "Checks in eleven steps whether calls work in this browser and on this network."
	return v
}

// elapsedText formats how long a room has been open.
func elapsedText(d time.Duration) string {
	if d < time.Minute {
		return "just started"
	}
	return "for " + hoursMinutes(d)
}

// durationText formats the duration of an ended meeting.
func durationText(d time.Duration) string {
	if d = max(0, d.Round(time.Second)); d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return hoursMinutes(d)
}

// hoursMinutes formats a duration in hours and minutes, rounded down.
func hoursMinutes(d time.Duration) string {
	hours, minutes := d/time.Hour, d%time.Hour/time.Minute
	switch {
	case hours == 0:
		return fmt.Sprintf("%d min", minutes)
	case minutes == 0:
		return fmt.Sprintf("%d h", hours)
	default:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	}
}
