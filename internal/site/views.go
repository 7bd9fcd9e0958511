package site

import (
	"context"
	"fmt"
	"time"

	"meet/web/templates"
)

// The lobby's script writes times in the same words (web/app/lib/time.ts), in the visitor's own time zone.

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
		card.Since = sinceText(now.Sub(card.StartedAt))
		v.Rooms = append(v.Rooms, card)
	}
	return v, nil
}

func (s *Site) roomView(room string) templates.RoomView {
	return templates.RoomView{Shell: s.shell(room+" · Meet", "room"), Room: room}
}

// customView is the call on that server, or the form with what was typed and what is wrong with it.
func (s *Site) customView(server, typed, problem string) templates.CustomView {
	v := templates.CustomView{Shell: s.shell("Meet", "custom"), ServerURL: server, Address: typed, Problem: problem}
	if server == "" {
		v.Shell = s.plainShell("Join with a token · Meet")
	}
	return v
}

func (s *Site) directView(session string) templates.DirectView {
	v := templates.DirectView{Shell: s.shell("Direct call · Meet", "direct"), Session: session}
	v.Shell.Description = "Two people, browser to browser. This server only introduces them."
	return v
}

func sinceText(d time.Duration) string {
	if d < time.Minute {
		return "just started"
	}
	return "for " + hoursMinutes(d)
}

func durationText(d time.Duration) string {
	if d = max(0, d.Round(time.Second)); d < time.Minute {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return hoursMinutes(d)
}

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
