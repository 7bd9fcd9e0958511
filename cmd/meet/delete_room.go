package main

import (
	"context"
	"fmt"
)

type deleteRoom struct {
	roomTarget
	serverFlags
}

func (deleteRoom) Help() string {
	return `Everybody in it is sent out of it.

Example:
  meet delete-room myroom`
}

// Run ends the room.
func (c deleteRoom) Run(ctx context.Context, w world) error {
	room, err := c.name()
	if err != nil {
		return err
	}
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	answer, err := server.DeleteRoom(ctx, room)
	switch {
	case err != nil:
		return advise(fmt.Errorf("delete room %q: %w", room, err))
	case c.JSON:
		return printMessage(w, answer)
	}
	_, err = fmt.Fprintf(w.stdout, "Deleted room %s.\n", printable(room))
	return err
}
