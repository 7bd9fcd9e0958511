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
	return `Example:
  meet delete-room myroom`
}

// Run deletes the room and disconnects everybody in it.
func (c deleteRoom) Run(ctx context.Context, env environment) error {
	room, err := c.name()
	if err != nil {
		return err
	}
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	answer, err := server.DeleteRoom(ctx, room)
	switch {
	case err != nil:
		return withAdvice(fmt.Errorf("delete room %q: %w", room, err))
	case c.JSON:
		return printMessage(env, answer)
	}
	_, err = fmt.Fprintf(env.stdout, "Deleted room %s.\n", printable(room))
	return err
}
