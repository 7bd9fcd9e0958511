package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"
)

type listParticipants struct {
	roomTarget
	serverFlags
}

func (listParticipants) Help() string {
	return `Example:
  meet list-participants myroom`
}

// Run lists the participants of the room.
func (c listParticipants) Run(ctx context.Context, env environment) error {
	room, err := c.name()
	if err != nil {
		return err
	}
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	list, err := server.ListParticipants(ctx, room)
	switch {
	case err != nil:
		return withAdvice(fmt.Errorf("list participants of room %q: %w", room, err))
	case c.JSON:
		return printMessage(env, list)
	case len(list.Participants) == 0:
		_, err := fmt.Fprintf(env.stdout, "Nobody is in room %s.\n", printable(room))
		return err
	}
	rows := make([][]string, len(list.Participants))
	for i, p := range list.Participants {
		joined := p.JoinedAtMs
		if joined == 0 {
			joined = p.JoinedAt * 1000
		}
		rows[i] = []string{p.Identity, p.Name, p.Sid, strings.ToLower(p.State.String()), formatAge(joined, time.Now()), describeTracks(p.Tracks)}
	}
	return printTable(env, []string{"IDENTITY", "NAME", "ID", "STATE", "JOINED", "TRACKS"}, rows)
}

// describeTracks lists a participant's tracks in words, such as "microphone (muted), camera".
func describeTracks(tracks []*livekit.TrackInfo) string {
	all := make([]string, len(tracks))
	for i, t := range tracks {
		all[i] = describeSource(t)
		if t.Muted {
			all[i] += " (muted)"
		}
	}
	return strings.Join(all, ", ")
}

// describeSource returns a track's source in words, or its type if the publisher did not state the source.
func describeSource(t *livekit.TrackInfo) string {
	words := t.Source.String()
	if t.Source == livekit.TrackSource_UNKNOWN {
		words = t.Type.String()
	}
	return strings.ReplaceAll(strings.ToLower(words), "_", " ")
}
