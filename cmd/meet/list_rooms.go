package main

import (
	"context"
	"fmt"
	"time"

	"github.com/livekit/protocol/livekit"
)

type listRooms struct{ serverFlags }

func (listRooms) Help() string {
	return `Example:
  meet list-rooms --url https://meet.example.org`
}

// Run lists the open rooms.
func (c listRooms) Run(ctx context.Context, env environment) error {
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	list, err := server.ListRooms(ctx)
	switch {
	case err != nil:
		return withAdvice(err)
	case c.JSON:
		return printMessage(env, list)
	case len(list.Rooms) == 0:
		_, err := fmt.Fprintf(env.stdout, "No room is open on %s.\n", server.Address())
		return err
	}
	return printRooms(env, list.Rooms)
}

func printRooms(env environment, rooms []*livekit.Room) error {
	rows := make([][]string, len(rooms))
	for i, r := range rooms {
		people := fmt.Sprint(r.NumParticipants)
		if r.MaxParticipants > 0 {
			people += fmt.Sprintf(" of %d", r.MaxParticipants)
		}
		rows[i] = []string{
			r.Name, r.Sid, people, fmt.Sprint(r.NumPublishers), formatAge(creationTimeMs(r), time.Now()),
			formatSeconds(r.EmptyTimeout) + " / " + formatSeconds(r.DepartureTimeout), r.Metadata,
		}
	}
	return printTable(env, []string{"NAME", "ID", "PARTICIPANTS", "PUBLISHERS", "CREATED", "CLOSES EMPTY / LEFT", "METADATA"}, rows)
}

// creationTimeMs returns the time at which a room was created, in milliseconds since 1970. Older servers send it in
// seconds only.
func creationTimeMs(r *livekit.Room) int64 {
	if r.CreationTimeMs != 0 {
		return r.CreationTimeMs
	}
	return r.CreationTime * 1000
}
