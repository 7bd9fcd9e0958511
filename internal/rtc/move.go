package rtc

import (
	"context"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file moves a participant to another room while its connections go on (docs/protocol.md, 5.8).
//
// In the room it leaves it has ended, as if it had left: that Participant is closed and has a successor, a Participant of
// the other room, which gets its socket, its connections and the Receivers of its tracks. What pion, timers and the socket
// still report to the old one finds the successor by onLoop. Only the loop that hands over, and then the one that takes
// in, touches the successor.

var (
	errSameRoom    = fault.New(fault.Invalid, "destination room cannot be the same as source room")
	errCompanion   = fault.New(fault.Invalid, "this is a connection that only publishes; it goes where its participant goes")
	errInterrupted = fault.New(fault.Unavailable, "the participant's connection is interrupted; try again in a moment")
)

// Move takes a participant to another room, which is made if it does not exist. Older clients have to join it themselves.
func (rs *Rooms) Move(ctx context.Context, room, identity, destination string) error {
	if room == destination {
		return errSameRoom
	}
	if err := validateRoom(destination, ""); err != nil {
		return err
	}
	who, err := rs.Participant(ctx, room, identity)
	if err != nil {
		return err
	}
	if err := rs.requireNoCompanion(ctx, room, identity); err != nil {
		return err
	}
	var to *Room
	err = rs.withRoomCreated(ctx, destination, nil, func(r *Room) error {
		to = r
		return r.checkCapacity(JoinRequest{Identity: identity, Info: who})
	})
	if err != nil {
		return err
	}
	rs.bans.remove(destination, identity) // the back end wants it there
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

// redirectTo gives the client a token for the other room and makes it join with that.
func (p *Participant) redirectTo(destination string) {
	if t := p.mintToken(destination); t != "" {
		p.send(refreshTokenMessage(t))
	}
	p.sendLeave(livekit.DisconnectReason_MIGRATION, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
}

// moveTo hands everything p has over to a successor in the other room. It runs on the loop of p's room.
func (p *Participant) moveTo(to *Room) {
	successor := p.newSuccessor(to)
	p.subscribing.transferTo(&successor.subscribing)
	p.publishing.transferTo(&successor.publishing)
	p.data.transferTo(&successor.data)
	p.conn.transferTo(&successor.conn)

	taken := to.loop.Post(func() { to.admitMoved(successor) })
	p.successor.Store(successor) // events of p go there from here on, after admitMoved
	p.room.depart(p, livekit.DisconnectReason_PARTICIPANT_REMOVED)
	if !taken { // the other room has just ended
		successor.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
		successor.conn.closeSocket()
		p.room.wg.Go(successor.conn.closeTransports) // ends when the connections have closed; the room waits for it
	}
}

// newSuccessor makes the participant that p becomes in the other room, with p's present state and rights.
func (p *Participant) newSuccessor(to *Room) *Participant {
	req := p.req
	req.Room, req.Info = to.info.Name, proto.CloneOf(p.info)
	successor := blankParticipant(to, req, nil)
	successor.info.State, successor.info.Version = p.info.State, 0
	successor.granted, successor.bucket = p.granted, p.bucket
	return successor
}

// transferTo makes the publication that the track becomes in its owner's successor, with the same Receivers.
func (pub *Publication) transferTo(owner *Participant) *Publication {
	next := &Publication{owner: owner, info: proto.CloneOf(pub.info), cids: pub.cids, backupOnly: pub.backupOnly, trackSubscribedSent: pub.trackSubscribedSent}
	for i, c := range pub.codecs {
		now := &publishedCodec{
			pub: next, info: next.info.Codecs[i], section: c.section, receiver: c.receiver, fmtp: c.fmtp, streams: c.streams, requested: c.requested,
		}
		c.successor = now
		c.receiver = nil // it goes on; unpublish would end it
		next.codecs = append(next.codecs, now)
	}
	return next
}

// admitMoved admits a successor, which has connections already.
func (r *Room) admitMoved(p *Participant) {
	if r.closed {
		p.closed = true
		p.sendLeave(livekit.DisconnectReason_ROOM_CLOSED, livekit.LeaveRequest_DISCONNECT)
		p.conn.closeSocket()
		r.rooms.wg.Go(p.conn.closeTransports) // ends when the connections have closed; this room may wait for nothing any more
		return
	}
	r.addParticipant(p)
	p.send(roomMovedMessage(p.roomMoved()))
	p.conn.deadline = r.after(returnTimeout, p.conn.removeIfDisconnected) // if its connection was lost just now
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
	r.dirtyTransports[p] = true // what it received before goes with the same negotiation
	p.refreshToken()
	p.log.Info("participant moved here")
}

func (p *Participant) roomMoved() *livekit.RoomMovedResponse {
	return &livekit.RoomMovedResponse{
		Room: p.room.snapshot(), Token: p.mintToken(p.room.info.Name), Participant: p.snapshot(), OtherParticipants: p.otherParticipants(),
	}
}

// latest returns p, or its latest successor if it has moved. It may be called from anywhere.
func (p *Participant) latest() *Participant {
	for {
		successor := p.successor.Load()
		if successor == nil {
			return p
		}
		p = successor
	}
}

// onLoop runs f with p, or its successor, on the loop of the room that this participant is in. It may be called from
// anywhere and does not wait.
func (p *Participant) onLoop(f func(*Participant)) {
	p = p.latest()
	p.room.loop.Post(func() {
		if p.successor.Load() != nil { // it moved meanwhile
			p.onLoop(f)
			return
		}
		f(p)
	})
}

// doOnLoop runs f as onLoop does, and waits for it.
func (p *Participant) doOnLoop(ctx func(*Participant) context.Context, f func(*Participant)) error {
	for {
		now := p.latest() // a variable of this round: an f that Do has given up on may still run, and must see that now has moved
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
			return err // the caller's own end
		}
	}
}
