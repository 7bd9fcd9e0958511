package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/token"
)

type createRoom struct {
	NameArg          string `arg:"" optional:"" name:"name" help:"Name of the room."`
	Name             string `aliases:"room" help:"Name of the room, as a flag." placeholder:"NAME"`
	Metadata         string `help:"Metadata of the room." placeholder:"TEXT"`
	EmptyTimeout     string `help:"How long the room stays open before anybody joins: seconds, or a duration such as 90m or 2h." placeholder:"DURATION"`
	DepartureTimeout string `help:"How long the room stays open after the last participant has left: seconds, or a duration such as 90m or 2h." placeholder:"DURATION"`
	MaxParticipants  uint32 `help:"Maximum number of participants; unlimited unless set." placeholder:"N"`
	serverFlags
}

func (createRoom) Help() string {
	return `If the room exists, it is printed and not changed.

Example:
  meet create-room myroom --empty-timeout 2h --max-participants 50`
}

// Run creates the room and prints it.
func (c createRoom) Run(ctx context.Context, env environment) error {
	required := targets{{"--name", "the name of the room", &c.Name}}
	if err := required.fill(c.NameArg); err != nil {
		return err
	}
	empty, err := wholeSeconds("--empty-timeout", c.EmptyTimeout)
	if err != nil {
		return err
	}
	departure, err := wholeSeconds("--departure-timeout", c.DepartureTimeout)
	if err != nil {
		return err
	}
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	room, err := server.CreateRoom(ctx, &livekit.CreateRoomRequest{
		Name: c.Name, Metadata: c.Metadata, EmptyTimeout: empty, DepartureTimeout: departure, MaxParticipants: c.MaxParticipants,
	})
	switch {
	case err != nil:
		return withAdvice(err)
	case c.JSON:
		return printMessage(env, room)
	}
	return printRooms(env, []*livekit.Room{room})
}

// wholeSeconds parses text, the value of a flag, as a duration and returns it in whole seconds, the unit of LiveKit's
// messages. For an empty text it returns 0, which makes the server use its default.
func wholeSeconds(flag, text string) (uint32, error) {
	if text == "" {
		return 0, nil
	}
	d, err := token.ParseTTL(text)
	if err != nil || d < time.Second || d > math.MaxUint32*time.Second {
		return 0, usageError{fmt.Errorf("%s: got %q, want seconds or a duration such as 90m or 2h", flag, text)}
	}
	return uint32(d / time.Second), nil
}
