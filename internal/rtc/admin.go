package rtc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file holds the methods of the server API. Each runs on the loop of the room it is about and returns copies; its
// errors are faults whose text is for the caller, or those of its context.

// Back ends compare these texts, which are those of LiveKit's server.
var (
	errNoRoom        = fault.New(fault.NotFound, "requested room does not exist")
	errNoParticipant = fault.New(fault.NotFound, "participant does not exist")
	errNoTrack       = fault.New(fault.NotFound, "track is not found")
)

// Create returns the room of that name as it is, or makes it. A new one waits for its first participant as long as its
// empty timeout says.
func (rs *Rooms) Create(ctx context.Context, name string, config *livekit.RoomConfiguration) (*livekit.Room, error) {
	if err := validateRoom(name, config.GetMetadata()); err != nil {
		return nil, err
	}
	var made *livekit.Room
	err := rs.withRoomCreated(ctx, name, config, func(r *Room) error {
		made = r.snapshot()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

func validateRoom(room, metadata string) error {
	if room == "" {
		return fault.New(fault.Invalid, "no room name")
	}
	if err := validateRoomName(room); err != nil {
		return err
	}
	return validateMetadata(metadata, nil)
}

// List returns the rooms of those names, or all rooms if no name is given, ordered by name.
func (rs *Rooms) List(ctx context.Context, names []string) ([]*livekit.Room, error) {
	var found []*Room
	rs.mu.Lock()
	for name, r := range rs.rooms {
		if len(names) == 0 || slices.Contains(names, name) {
			found = append(found, r)
		}
	}
	rs.mu.Unlock()
	list := make([]*livekit.Room, 0, len(found))
	for _, r := range found {
		var info *livekit.Room
		switch err := r.doErr(ctx, func() error { info = r.snapshot(); return nil }); {
		case err == nil:
			list = append(list, info)
		case !errors.Is(err, errRoomClosed): // a room that has just ended is left out
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b *livekit.Room) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// Exists returns an error if there is no room of that name.
func (rs *Rooms) Exists(ctx context.Context, room string) error {
	return rs.withRoom(ctx, room, func(*Room) error { return nil })
}

// Delete ends a room for everybody in it.
func (rs *Rooms) Delete(ctx context.Context, room string) error {
	return rs.withRoom(ctx, room, func(r *Room) error {
		r.close(livekit.DisconnectReason_ROOM_DELETED)
		return nil
	})
}

// SetMetadata changes a room's metadata and sends it to everybody.
func (rs *Rooms) SetMetadata(ctx context.Context, room, metadata string) (*livekit.Room, error) {
	if err := validateMetadata(metadata, nil); err != nil {
		return nil, err
	}
	var changed *livekit.Room
	err := rs.withRoom(ctx, room, func(r *Room) error {
		r.info.Metadata = metadata
		r.updates.roomChanged = true
		r.flushUpdates(true)
		changed = r.snapshot()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return changed, nil
}

// Participants lists the participants of a room, hidden ones included, in the order in which they came. A room that does
// not exist has none.
func (rs *Rooms) Participants(ctx context.Context, room string) ([]*livekit.ParticipantInfo, error) {
	var list []*livekit.ParticipantInfo
	err := rs.withRoom(ctx, room, func(r *Room) error {
		for _, p := range r.participants {
			list = append(list, proto.CloneOf(p.snapshot()))
		}
		return nil
	})
	switch {
	case errors.Is(err, errNoRoom):
		return nil, nil
	case err != nil:
		return nil, err
	}
	slices.SortFunc(list, func(a, b *livekit.ParticipantInfo) int {
		return cmp.Or(cmp.Compare(a.JoinedAtMs, b.JoinedAtMs), cmp.Compare(a.Identity, b.Identity))
	})
	return list, nil
}

// Participant returns one participant.
func (rs *Rooms) Participant(ctx context.Context, room, identity string) (*livekit.ParticipantInfo, error) {
	return rs.withParticipant(ctx, room, identity, func(*Participant) error { return nil })
}

// Subscribe changes what a participant receives, as if it had asked for it.
func (rs *Rooms) Subscribe(ctx context.Context, room, identity string, u *livekit.UpdateSubscription) error {
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		p.subscribing.updateSubscription(u)
		return nil
	})
	return err
}

// Present reports whether a participant of that identity is in a room.
func (rs *Rooms) Present(ctx context.Context, room, identity string) bool {
	present := false
	err := rs.withRoom(ctx, room, func(r *Room) error {
		present = r.participants[identity] != nil
		return nil
	})
	return err == nil && present
}

// Remove ends a participant and keeps it out of the room: tokens of its identity that were issued before revoked are
// refused from then on. The zero time revokes those issued until now; a participant that may return gets a new one.
func (rs *Rooms) Remove(ctx context.Context, room, identity string, revoked time.Time) error {
	b := ban{before: revoked}
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if revoked.IsZero() { // tokens know whole seconds, and the one it came with may be of this one
			b.before = later(time.Now().Truncate(time.Second), p.req.Token.IssuedAt.Add(time.Second))
		}
		b.until = p.req.Token.ExpiresAt
		if p.forwarding.source == nil {
			rs.bans.add(room, p.bannedIdentity(), b) // before it is removed, because it may return at once
		}
		p.room.remove(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
		return nil
	})
	if fault.KindOf(err) == fault.NotFound && !revoked.IsZero() {
		rs.bans.add(room, identity, b) // a join of it may be under way
	}
	return err
}

// Change describes the changes of a participant. Empty fields stay as they are, an attribute without a value is removed,
// and a permission replaces the old one as a whole.
type Change struct {
	Name, Metadata string
	Attributes     map[string]string
	Permission     *livekit.ParticipantPermission
}

// Update changes a participant, completely or not at all, and returns its new state. It takes effect at once: tracks that
// may not be published or received after the change end.
func (rs *Rooms) Update(ctx context.Context, room, identity string, c Change) (*livekit.ParticipantInfo, error) {
	return rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if p.forwarding.source != nil {
			return errForwarded
		}
		if err := p.applyChange(c.Name, c.Metadata, c.Attributes); err != nil {
			return err
		}
		if c.Permission != nil {
			p.setPermission(c.Permission)
			p.granted = p.info.Permission
			if !p.req.companion() { // a companion returns with the rights of its participant
				p.room.family(p.req.Token).granted = p.granted
			}
			if c := p.room.companionOf(p); c != nil {
				c.setPermission(intersectPermissions(c.info.Permission, p.granted))
				p.room.announce(c, true)
			}
		}
		p.room.announce(p, true)
		p.refreshToken()
		return nil
	})
}

// Mute mutes or unmutes a participant's track and returns its new state.
func (rs *Rooms) Mute(ctx context.Context, room, identity, sid string, muted bool) (*livekit.TrackInfo, error) {
	var track *livekit.TrackInfo
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if p.forwarding.source != nil {
			return errForwarded
		}
		info := p.publishing.muteByServer(sid, muted)
		if info == nil {
			return errNoTrack
		}
		track = proto.CloneOf(info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return track, nil
}

// SendData sends a packet of the server to the participants that it names, or to everybody (docs/protocol.md, 6.5).
func (rs *Rooms) SendData(ctx context.Context, room string, packet *livekit.DataPacket) error {
	user := packet.GetUser()
	if n := len(user.GetNonce()); n != 0 && n != nonceSize {
		return fault.New(fault.Invalid, fmt.Sprintf("nonce should be %d-bytes or not present, got: %d bytes", nonceSize, n))
	}
	raw, err := proto.Marshal(packet)
	if err != nil {
		return fmt.Errorf("encode data: %w", err)
	}
	if len(raw) > maxForwarded {
		return fault.New(fault.Invalid, fmt.Sprintf("the data makes a packet of %d bytes; at most %d are allowed", len(raw), maxForwarded))
	}
	var to []*outbox
	err = rs.withRoom(ctx, room, func(r *Room) error {
		if n := user.GetNonce(); len(n) == 0 || r.nonces.addIfNew([nonceSize]byte(n)) {
			to = r.recipients(nil, packet)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, o := range to {
		if packet.Kind == livekit.DataPacket_LOSSY {
			o.putLossy(raw)
		} else {
			o.put(raw)
		}
	}
	return nil
}

// about runs f on the loop of a participant's room and returns the participant's state after it.
func (rs *Rooms) withParticipant(ctx context.Context, room, identity string, f func(*Participant) error) (*livekit.ParticipantInfo, error) {
	var info *livekit.ParticipantInfo
	err := rs.withRoom(ctx, room, func(r *Room) error {
		p := r.participants[identity]
		if p == nil {
			return errNoParticipant
		}
		if err := f(p); err != nil {
			return err
		}
		info = proto.CloneOf(p.snapshot())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

// within runs f on the loop of the room of that name.
func (rs *Rooms) withRoom(ctx context.Context, room string, f func(*Room) error) error {
	rs.mu.Lock()
	r := rs.rooms[room]
	rs.mu.Unlock()
	if r == nil {
		return errNoRoom
	}
	err := r.doErr(ctx, func() error { return f(r) })
	if errors.Is(err, errRoomClosed) {
		return errNoRoom
	}
	return err
}

// open runs f on the loop of the room of that name, which is made if it does not exist.
func (rs *Rooms) withRoomCreated(ctx context.Context, name string, config *livekit.RoomConfiguration, f func(*Room) error) error {
	for try := 1; ; try++ {
		r, err := rs.room(name, config)
		if err != nil {
			return err
		}
		if err = r.doErr(ctx, func() error { return f(r) }); !errors.Is(err, errRoomClosed) || try == maxJoinTries {
			return err
		}
		select { // its name is free in a moment
		case <-r.loop.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ask runs f on the loop and returns its error. When it returns ctx's error, f may still run; so what f writes may only
// be read without an error.
func (r *Room) doErr(ctx context.Context, f func() error) error {
	var failed error
	err := r.loop.Do(ctx, func() {
		if r.closed {
			failed = errRoomClosed
			return
		}
		failed = f()
	})
	if err != nil {
		return fmt.Errorf("ask room: %w", err)
	}
	return failed
}
