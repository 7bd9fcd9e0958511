package main

import (
	"context"
	"fmt"
	"time"
)

type removeParticipant struct {
	participantTarget
	MayReturn bool `help:"Only end this stay: the tokens it has let it in again."`
	serverFlags
}

func (removeParticipant) Help() string {
	return `Who was removed stays out with every token it has until now, for as long as those last. A new token lets it in again.

Example:
  meet remove-participant myroom ada`
}

// Run removes the participant from the room.
func (c removeParticipant) Run(ctx context.Context, env environment) error {
	room, identity, err := c.names()
	if err != nil {
		return err
	}
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	var revoked time.Time // zero: the server revokes the tokens issued before now
	if c.MayReturn {
		revoked = time.Unix(1, 0) // revokes nothing: no token is older than 1970; the Unix time 0 would mean now
	}
	answer, err := server.RemoveParticipant(ctx, room, identity, revoked)
	switch {
	case err != nil:
		return withAdvice(fmt.Errorf("remove %q from room %q: %w", identity, room, err))
	case c.JSON:
		return printMessage(env, answer)
	case c.MayReturn:
		_, err = fmt.Fprintf(env.stdout, "Removed %s from room %s; the tokens it has let it in again.\n", printable(identity), printable(room))
	default:
		_, err = fmt.Fprintf(env.stdout, "Removed %s from room %s; only a new token lets it in again.\n", printable(identity), printable(room))
	}
	return err
}
