package main

import (
	"context"
	"fmt"
	"time"
)

type removeParticipant struct {
	participantTarget
	MayReturn bool `help:"Let the participant join again with the tokens it has."`
	serverFlags
}

func (removeParticipant) Help() string {
	return `The participant's tokens are revoked: it can join again only with a token issued later.

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
		_, err = fmt.Fprintf(env.stdout, "Removed %s from room %s; its tokens remain valid.\n", printable(identity), printable(room))
	default:
		_, err = fmt.Fprintf(env.stdout, "Removed %s from room %s; it can join again only with a new token.\n", printable(identity), printable(room))
	}
	return err
}
