package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"meet/internal/admin"
)

type mute struct {
	participantTarget
	Track  []string `help:"SID of a track (TR_…), as printed by list-participants --json; repeatable." placeholder:"ID"`
	Source []string `help:"Source whose tracks are muted; repeatable; microphone and camera unless --source or --track is set." enum:"camera,microphone,screen_share,screen_share_audio" placeholder:"SOURCE"`
	Unmute bool     `help:"Unmute the tracks instead. The server must allow this (meet serve --remote-unmute)."`
	serverFlags
}

func (mute) Help() string {
	return `Example:
  meet mute myroom ada --source microphone`
}

// Run mutes the tracks one after another and prints each of them.
func (c mute) Run(ctx context.Context, env environment) error {
	room, identity, err := c.names()
	if err != nil {
		return err
	}
	if len(c.Track) > 0 && len(c.Source) > 0 {
		return usageError{errors.New("--source: got --track too, want one of them")}
	}
	server, err := c.connect(env)
	if err != nil {
		return err
	}
	wanted, err := c.wanted(ctx, server, room, identity)
	if err != nil {
		return c.failed(room, identity, err)
	}
	if len(wanted) == 0 && !c.JSON {
		_, err := fmt.Fprintf(env.stdout, "%s sends no %s.\n", printable(identity), strings.Join(c.sources(), " and no "))
		return err
	}
	done := []json.RawMessage{}
	for _, sid := range wanted {
		track, err := server.Mute(ctx, room, identity, sid, !c.Unmute)
		if err != nil {
			return c.failed(room, identity, err)
		}
		if !c.JSON {
			_, err = fmt.Fprintf(env.stdout, "%sd %s of %s (%s).\n", c.verb("M", "Unm"), describeSource(track), printable(identity), sid)
		} else if raw, encoding := wireJSON.Marshal(track); encoding != nil {
			err = fmt.Errorf("encode the response: %w", encoding)
		} else {
			done = append(done, raw)
		}
		if err != nil {
			return err
		}
	}
	if c.JSON {
		return printJSON(env, map[string]any{"tracks": done})
	}
	return nil
}

// wanted returns the SIDs of the tracks to mute: those of --track, or else all tracks of the chosen sources.
func (c mute) wanted(ctx context.Context, server *admin.Client, room, identity string) (sids []string, err error) {
	if len(c.Track) > 0 {
		return c.Track, nil
	}
	p, err := server.Participant(ctx, room, identity)
	for _, t := range p.GetTracks() {
		if slices.Contains(c.sources(), strings.ToLower(t.Source.String())) {
			sids = append(sids, t.Sid)
		}
	}
	return sids, err
}

// failed adds the participant, the room and advice to an error of muting.
func (c mute) failed(room, identity string, err error) error {
	return withAdvice(fmt.Errorf("%s %q in room %q: %w", c.verb("m", "unm"), identity, room, err))
}

// verb appends "ute" to mutePrefix, or with --unmute to unmutePrefix. With "M" and "Unm" it returns "Mute" or
// "Unmute".
func (c mute) verb(mutePrefix, unmutePrefix string) string {
	if c.Unmute {
		return unmutePrefix + "ute"
	}
	return mutePrefix + "ute"
}

// sources returns the sources of --source, or the default.
func (c mute) sources() []string {
	if len(c.Source) == 0 {
		return []string{"microphone", "camera"}
	}
	return c.Source
}
