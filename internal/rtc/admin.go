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

// This file holds the methods of the server API. Each method runs on the loop of its room and returns copies. Their
// errors are faults whose text is meant for the caller, or the error of the context.

// Back ends compare these texts, so they are the same as in LiveKit's server.
var (
	errNoRoom        = fault.New(fault.NotFound, "requested room does not exist")
	errNoParticipant = fault.New(fault.NotFound, "participant does not exist")
	errNoTrack       = fault.New(fault.NotFound, "track is not found")
)

// Create returns the room called name. If the room does not exist, Create makes it; the new room waits for its first
// participant for its empty timeout and closes if nobody joins.
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

// validateRoom returns an error if a room with this name and metadata may not be created.
func validateRoom(room, metadata string) error {
	if room == "" {
		return fault.New(fault.Invalid, "no room name")
	}
	if err := validateRoomName(room); err != nil {
		return err
	}
	return validateMetadata(metadata, nil)
}

// List returns the rooms with the given names, or all rooms if names is empty, sorted by name. Names without a room are
// left out.
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

// Exists returns a NotFound error if there is no room called room.
func (rs *Rooms) Exists(ctx context.Context, room string) error {
	return rs.withRoom(ctx, room, func(*Room) error { return nil })
}

// Delete closes a room and disconnects all its participants.
func (rs *Rooms) Delete(ctx context.Context, room string) error {
	return rs.withRoom(ctx, room, func(r *Room) error {
		r.close(livekit.DisconnectReason_ROOM_DELETED)
		return nil
	})
}

// SetMetadata replaces the metadata of a room, sends the change to its participants and returns the room's new state.
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

// Participants returns the participants of a room in the order in which they joined, including hidden ones. If the room
// does not exist, the list is empty.
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

// Participant returns the state of one participant.
func (rs *Rooms) Participant(ctx context.Context, room, identity string) (*livekit.ParticipantInfo, error) {
	return rs.withParticipant(ctx, room, identity, func(*Participant) error { return nil })
}

// Subscribe changes which tracks a participant receives, as if its client had sent the request.
func (rs *Rooms) Subscribe(ctx context.Context, room, identity string, u *livekit.UpdateSubscription) error {
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		p.subscribing.updateSubscription(u)
		return nil
	})
	return err
}

// Present reports whether a participant with this identity is in the room.
func (rs *Rooms) Present(ctx context.Context, room, identity string) bool {
	present := false
	err := rs.withRoom(ctx, room, func(r *Room) error {
		present = r.participants[identity] != nil
		return nil
	})
	return err == nil && present
}

// Remove disconnects a participant and bans its identity from the room: tokens issued before issuedBefore are refused.
// If issuedBefore is zero, all tokens issued so far are refused. To let the participant return, issue a new token.
func (rs *Rooms) Remove(ctx context.Context, room, identity string, issuedBefore time.Time) error {
	b := ban{issuedBefore: issuedBefore}
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		if issuedBefore.IsZero() { // tokens have a resolution of 1 s; the participant's own may have been issued in this second
			b.issuedBefore = later(time.Now().Truncate(time.Second), p.req.Token.IssuedAt.Add(time.Second))
		}
		b.expires = p.req.Token.ExpiresAt
		if p.forwarding.source == nil {
			rs.bans.add(room, p.bannedIdentity(), b) // before the removal, because the client may return immediately
		}
		p.room.remove(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
		return nil
	})
	if fault.KindOf(err) == fault.NotFound && !issuedBefore.IsZero() {
		rs.bans.add(room, identity, b) // the participant may be joining right now
	}
	return err
}

// Change describes a change of a participant. An empty field is not changed. An attribute with an empty value is
// removed. A permission replaces the old permission completely.
type Change struct {
	Name, Metadata string
	Attributes     map[string]string
	Permission     *livekit.ParticipantPermission
}

// Update changes a participant and returns its new state. The change is applied completely, or not at all if it is
// invalid. It takes effect immediately: tracks that the participant may no longer publish or receive end.
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
			if !p.req.companion() { // a companion rejoins with the rights of its participant
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

// Mute mutes or unmutes a participant's track and returns the track's new state.
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

// SendData sends a packet from the server to the participants that the packet names, or to all participants if it names
// none (docs/protocol.md, 6.5).
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

// withParticipant runs f with a participant on the loop of its room and returns the state of the participant after f.
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

// withRoom runs f on the loop of an existing room. It returns errNoRoom if there is no such room.
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

// withRoomCreated runs f on the loop of the room called name. If the room does not exist, it is created with config.
func (rs *Rooms) withRoomCreated(ctx context.Context, name string, config *livekit.RoomConfiguration, f func(*Room) error) error {
	for try := 1; ; try++ {
		r, err := rs.room(name, config, "")
		if err != nil {
			return err
		}
		if err = r.doErr(ctx, func() error { return f(r) }); !errors.Is(err, errRoomClosed) || try == maxJoinTries {
			return err
		}
		select { // the room is closing; its name becomes free when its loop ends
		case <-r.loop.Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// doErr runs f on the room's loop and returns f's error. If the room has closed, it returns errRoomClosed. If it
// returns ctx's error, f may still run later. The caller may therefore read what f writes only if doErr returns nil.
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
		return fmt.Errorf("run on the loop of the room: %w", err)
	}
	return failed
}
