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

// Run lists the live rooms.
func (c listRooms) Run(ctx context.Context, w world) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	list, err := server.ListRooms(ctx)
	switch {
	case err != nil:
		return advise(err)
	case c.JSON:
		return printMessage(w, list)
	case len(list.Rooms) == 0:
		_, err := fmt.Fprintf(w.stdout, "No room is open on %s.\n", server.Address())
		return err
	}
	return printRooms(w, list.Rooms)
}

func printRooms(w world, rooms []*livekit.Room) error {
	rows := make([][]string, len(rooms))
	for i, r := range rooms {
		people := fmt.Sprint(r.NumParticipants)
		if r.MaxParticipants > 0 {
			people += fmt.Sprintf(" of %d", r.MaxParticipants)
		}
		rows[i] = []string{
			r.Name, r.Sid, people, fmt.Sprint(r.NumPublishers), since(created(r), time.Now()),
			seconds(r.EmptyTimeout) + " / " + seconds(r.DepartureTimeout), r.Metadata,
		}
	}
	return printTable(w, []string{"NAME", "ID", "PARTICIPANTS", "PUBLISHERS", "CREATED", "CLOSES EMPTY / LEFT", "METADATA"}, rows)
}

// created is when a room was made, in milliseconds. Older servers know seconds only.
func created(r *livekit.Room) int64 {
	if r.CreationTimeMs != 0 {
		return r.CreationTimeMs
	}
	return r.CreationTime * 1000
}
