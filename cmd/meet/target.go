package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"strings"
)

// roomTarget is the room that a command acts on. It is the first argument, or a flag as in LiveKit's tools.
type roomTarget struct {
	RoomArg string `arg:"" optional:"" name:"room" help:"Name of the room."`
	Room    string `name:"room" help:"Name of the room, as a flag." placeholder:"NAME"`
	R       string `name:"r" hidden:"" help:"Same as --room; used by early LiveKit tools."`
}

// name returns the name of the room. It is an error if none is given.
func (t roomTarget) name() (string, error) {
	room := cmp.Or(t.Room, t.R)
	return room, targets{{"--room", "the name of the room", &room}}.fill(t.RoomArg)
}

// participantTarget is the participant that a command acts on: a room and an identity, given as arguments or as
// flags.
type participantTarget struct {
	RoomArg     string `arg:"" optional:"" name:"room" help:"Name of the room."`
	IdentityArg string `arg:"" optional:"" name:"identity" help:"Identity of the participant, not its display name."`
	Room        string `name:"room" help:"Name of the room, as a flag." placeholder:"NAME"`
	Identity    string `name:"identity" help:"Identity of the participant, as a flag." placeholder:"ID"`
	R           string `name:"r" hidden:"" help:"Same as --room; used by early LiveKit tools."`
	P           string `name:"p" hidden:"" help:"Same as --identity; used by early LiveKit tools."`
}

// names returns the room and the identity. It is an error if one of them is not given.
func (t participantTarget) names() (room, identity string, err error) {
	room, identity = cmp.Or(t.Room, t.R), cmp.Or(t.Identity, t.P)
	err = targets{{"--room", "the name of the room", &room}, {"--identity", "the identity of the participant", &identity}}.fill(t.RoomArg, t.IdentityArg)
	return room, identity, err
}

// target is a required value of a command, which can be given as a flag or as an argument.
type target struct {
	flag, what string
	value      *string
}

// targets are the required values of a command, in the order of its arguments.
type targets []target

// fill gives each target that has no value the next argument. It fails if there are too few arguments or too many.
func (t targets) fill(args ...string) error {
	for _, one := range t {
		if *one.value == "" && len(args) > 0 {
			*one.value, args = args[0], args[1:]
		}
		if *one.value == "" {
			return usageError{fmt.Errorf("%s: got no value, want %s", one.flag, one.what)}
		}
	}
	for _, left := range args {
		if left != "" {
			return usageError{fmt.Errorf("%s: got %q and %q, want one of them", t[len(t)-1].flag, *t[len(t)-1].value, left)}
		}
	}
	return nil
}

// unusedName returns prefix and eight random letters and digits (40 bits), so that commands that start at the same
// time get different names.
func unusedName(prefix string) string { return prefix + strings.ToLower(rand.Text()[:8]) }
