package rtc

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file moves a participant to another room without interrupting its connections (docs/protocol.md, 5.8).
//
// The Participant in the old room ends as if it had left. It has a successor: a Participant of the other room, which
// takes over its socket, its peer connections and the Receivers of its tracks. What pion, timers and the socket still
// report to the old Participant reaches the successor through onLoop. The successor is first accessed by the loop of
// the old room, which fills it, and then only by the loop of the new room, which admits it.

var (
	errSameRoom    = fault.New(fault.Invalid, "destination room cannot be the same as source room")
	errCompanion   = fault.New(fault.Invalid, "this is a publish-only connection; move or forward its participant instead")
	errInterrupted = fault.New(fault.Unavailable, "the participant's connection is interrupted; try again in a moment")
)

// Move moves a participant to the room called destination, which is created if it does not exist. Clients that do not
// support RoomMoved are sent a token for the destination and asked to join it.
func (rs *Rooms) Move(ctx context.Context, room, identity, destination string) error {
	if room == destination {
		return errSameRoom
	}
	if err := validateRoom(destination, ""); err != nil {
		return err
	}
	info, err := rs.Participant(ctx, room, identity)
	if err != nil {
		return err
	}
	if err := rs.requireNoCompanion(ctx, room, identity); err != nil {
		return err
	}
	var to *Room
	err = rs.withRoomCreated(ctx, destination, nil, func(r *Room) error {
		to = r
		return r.checkCapacity(JoinRequest{Identity: identity, Info: info})
	})
	if err != nil {
		return err
	}
	rs.bans.remove(destination, identity) // the back end wants the participant there, even if it was banned
	_, err = rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		switch {
		case p.forwarding.source != nil:
			return errForwarded
		case p.conn.sink == nil:
			return errInterrupted
		case !p.quirks.roomMoved || p.info.State != livekit.ParticipantInfo_ACTIVE:
			p.redirectTo(destination)
		default:
			p.moveTo(to)
		}
		return nil
	})
	return err
}

// redirectTo gives the client a token for the room called destination and asks it to reconnect, so that it joins
// that room.
func (p *Participant) redirectTo(destination string) {
	if t := p.mintToken(destination); t != "" {
		p.send(refreshTokenMessage(t))
	}
	p.sendLeave(livekit.DisconnectReason_MIGRATION, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
}

// moveTo moves p to the room dst. A new Participant, the successor, takes over all state of p there. moveTo runs on the
// loop of the room that p leaves.
func (p *Participant) moveTo(dst *Room) {
	successor := p.newSuccessor(dst)
	p.subscribing.transferTo(&successor.subscribing)
	p.publishing.transferTo(&successor.publishing)
	p.data.transferTo(&successor.data)
	p.conn.transferTo(&successor.conn)

	taken := dst.loop.Post(func() { dst.admitMoved(successor) })
	p.successor.Store(successor) // events of p go to the successor from here on; they run after admitMoved
	p.room.depart(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
	if !taken { // the other room has just closed
		successor.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
		successor.conn.closeSocket()
		p.room.wg.Go(successor.conn.closeTransports) // ends when the connections have closed; the room waits for it
	}
}

// newSuccessor returns a participant of the room dst with p's current state and rights. It replaces p when p moves
// to dst.
func (p *Participant) newSuccessor(dst *Room) *Participant {
	req := p.req
	req.Room, req.Info = dst.info.Name, proto.CloneOf(p.info)
	successor := blankParticipant(dst, req, nil)
	successor.info.State, successor.info.Version = p.info.State, 0
	successor.granted, successor.bucket = p.granted, p.bucket
	return successor
}

// transferTo returns a publication of the same track in the room of owner. It moves pub's Receivers to the new
// publication.
func (pub *Publication) transferTo(owner *Participant) *Publication {
	next := &Publication{owner: owner, info: proto.CloneOf(pub.info), cids: pub.cids, backupOnly: pub.backupOnly, trackSubscribedSent: pub.trackSubscribedSent}
	for i, c := range pub.codecs {
		now := &publishedCodec{
			pub: next, info: next.info.Codecs[i], section: c.section, receiver: c.receiver, fmtp: c.fmtp, streams: c.streams, requested: c.requested,
		}
		c.successor = now
		c.receiver = nil // otherwise unpublish would close the Receiver
		next.codecs = append(next.codecs, now)
	}
	return next
}

// admitMoved adds p to r. moveTo has created p to replace a participant that moves here from another room, so p's
// connections exist already. If r has closed, admitMoved disconnects the client.
func (r *Room) admitMoved(p *Participant) {
	if r.closed {
		p.closed = true
		p.sendLeave(livekit.DisconnectReason_ROOM_CLOSED, livekit.LeaveRequest_DISCONNECT)
		p.conn.closeSocket()
		r.rooms.wg.Go(p.conn.closeTransports) // ends when the connections have closed; this room has already stopped waiting
		return
	}
	r.addParticipant(p)
	p.send(roomMovedMessage(p.roomMoved()))
	p.conn.deadline = r.after(returnTimeout, p.conn.removeIfDisconnected) // in case the connection was lost during the move
	p.data.enterRoom()
	r.emit(Event{Kind: ParticipantJoined, Participant: p.snapshot()})
	r.announce(p, false)
	r.countsChanged()
	for _, pub := range p.publishing.publications {
		r.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
		r.addPublication(pub)
		r.reconcileSubscribers(pub)
		r.dirtyDemand[pub] = true
	}
	p.data.reconcileSubscribers()
	r.reconcile(p)
	p.data.reconcile()
	r.dirtyTransports[p] = true // the same negotiation removes the tracks of the previous room
	p.refreshToken()
	p.log.Info("participant moved to this room")
}

// roomMoved returns the message that informs the client of its new room.
func (p *Participant) roomMoved() *livekit.RoomMovedResponse {
	return &livekit.RoomMovedResponse{
		Room: p.room.snapshot(), Token: p.mintToken(p.room.info.Name), Participant: p.snapshot(), OtherParticipants: p.otherParticipants(),
	}
}

// latest returns p, or the participant that has replaced p if p has moved to another room. latest may be called from
// any goroutine.
func (p *Participant) latest() *Participant {
	for {
		successor := p.successor.Load()
		if successor == nil {
			return p
		}
		p = successor
	}
}

// onLoop runs f with p on the loop of p's room. If p has moved to another room, f runs on the loop of that room
// instead, with the participant that has replaced p there. onLoop may be called from any goroutine and does not wait
// for f.
func (p *Participant) onLoop(f func(*Participant)) {
	p = p.latest()
	p.room.loop.Post(func() {
		if p.successor.Load() != nil { // p has moved in the meantime
			p.onLoop(f)
			return
		}
		f(p)
	})
}

// doOnLoop is like onLoop but waits until f has run. It stops waiting when a context ends. The argument ctx is a
// function that returns this context for the participant with which f runs.
func (p *Participant) doOnLoop(ctx func(*Participant) context.Context, f func(*Participant)) error {
	for {
		now := p.latest() // declared per iteration: after Do has returned ctx's error, its closure may still run and must use this participant
		moved := false
		err := now.room.loop.Do(ctx(now), func() {
			if moved = now.successor.Load() != nil; !moved {
				f(now)
			}
		})
		if now.successor.Load() == nil || err == nil && !moved {
			return err
		}
		if err != nil && ctx(now.latest()).Err() != nil {
			return err // the context that ended is the caller's own
		}
	}
}
