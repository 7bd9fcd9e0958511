package rtc

import (
	"context"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file forwards a participant of one room to another room, with its tracks (LiveKit's ForwardParticipant).
//
// In the other room the participant has a mirror: a Participant without connections whose publications use the same
// Receivers. Whenever the source participant changes, its room's loop posts a copy of its state to the loop of the
// other room. The demand for its tracks in the other room is posted back. Media does not pass through the loops. Data
// and data tracks are not forwarded.

var (
	errIdentityTaken = fault.New(fault.Conflict, "a participant with this identity is already in the destination room")
	errForwarded     = fault.New(fault.Invalid, "the participant is forwarded from another room; change it there")
)

// forwarding holds the links from a participant to its mirrors, which are its copies in other rooms. A mirror has no
// mirrors. Its forwarding holds the link to its source (the original participant) and a part of the source's state.
type forwarding struct {
	p       *Participant
	mirrors map[string]*mirrorLink // by name of the mirror's room

	source *mirrorLink // link to the source; nil unless the participant is a mirror
	lost   bool        // of a mirror: set while the source's media connection is down
	level  float32     // of a mirror: the source's audio level, 0 to 1
}

// mirrorLink connects a forwarded participant with its mirror: the participant that represents it in another room.
// The field from holds the forwarded participant, the field to holds the other room.
type mirrorLink struct {
	from, mirror *Participant
	to           *Room
}

// mirrorState is the state that a forwarded participant passes to its mirrors, which represent it in other rooms. It
// is a copy, so it may be passed between loops.
type mirrorState struct {
	info    *livekit.ParticipantInfo
	policy  *policy
	lost    bool
	pending []*pendingTrack // only tracks that other participants see
	tracks  []mirrorTrack
}

// mirrorTrack is the state of one track in a mirrorState.
type mirrorTrack struct {
	info   *livekit.TrackInfo
	codecs []publishedCodec // only the fields that a mirror uses are set
}

// Forward shows a participant also in the room called destination, which is created if it does not exist. The
// forwarding ends when the participant leaves its own room or is removed from the destination. A participant may be
// forwarded to several rooms. Forward returns when the participant has been admitted there.
func (rs *Rooms) Forward(ctx context.Context, room, identity, destination string) error {
	if room == destination {
		return errSameRoom
	}
	if err := validateRoom(destination, ""); err != nil {
		return err
	}
	if err := rs.Exists(ctx, room); err != nil {
		return err
	}
	if _, err := rs.Participant(ctx, room, identity); err != nil {
		return err // checked first, so that no room is created for nothing
	}
	if err := rs.requireNoCompanion(ctx, room, identity); err != nil {
		return err
	}
	var to *Room
	if err := rs.withRoomCreated(ctx, destination, nil, func(r *Room) error { to = r; return nil }); err != nil {
		return err
	}
	result := make(chan error, 1)
	_, err := rs.withParticipant(ctx, room, identity, func(p *Participant) error {
		switch {
		case p.forwarding.source != nil:
			return errForwarded
		case p.forwarding.mirrors[destination] != nil:
			result <- nil
		default:
			p.forwarding.startMirror(to, result)
		}
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-to.loop.Done():
		return errRoomClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startMirror creates a copy of the participant for the room dst, its mirror. The loop of dst then admits the mirror
// and sends the outcome to result, which must be a buffered channel.
func (fw *forwarding) startMirror(dst *Room, result chan<- error) {
	p := fw.p
	req := p.req
	req.Room, req.Info = dst.info.Name, proto.CloneOf(p.info)
	req.AutoSubscribe, req.AutoSubscribeData = false, false
	f := &mirrorLink{from: p, to: dst, mirror: blankParticipant(dst, req, nil)}
	f.mirror.forwarding.source = f
	f.mirror.data.out.close() // a mirror has no client that could read it
	if fw.mirrors == nil {
		fw.mirrors = map[string]*mirrorLink{}
	}
	fw.mirrors[dst.info.Name] = f
	state := fw.snapshot()
	if !dst.loop.Post(func() { result <- f.admit(state) }) {
		delete(fw.mirrors, dst.info.Name)
		f.mirror.cancel()
		result <- errRoomClosed
	}
}

// admit adds the mirror, the copy of a forwarded participant, to the room for which it was made. If it may not join,
// admit returns the reason. Like the other methods of mirrorLink, admit runs on the loop of the mirror's room.
func (f *mirrorLink) admit(state *mirrorState) error {
	refused := f.to.checkCapacity(f.mirror.req)
	if refused == nil && f.to.participants[f.mirror.identity()] != nil {
		refused = errIdentityTaken
	}
	if refused != nil {
		f.mirror.closed = true
		f.mirror.cancel()
		f.unlink()
		return refused
	}
	f.to.addParticipant(f.mirror)
	f.mirror.forwarding.apply(state)
	f.to.countsChanged()
	return nil
}

// unlink removes the link from the forwarded participant. Its tracks are then no longer requested for viewers in the
// other room.
func (f *mirrorLink) unlink() {
	f.from.onLoop(func(p *Participant) {
		if p.forwarding.mirrors[f.to.info.Name] != f {
			return
		}
		delete(p.forwarding.mirrors, f.to.info.Name)
		for _, pub := range p.publishing.publications {
			delete(pub.mirrorDemands, f)
			p.room.dirtyDemand[pub] = true
		}
	})
}

// snapshot returns the state to pass to the participant's mirrors.
func (fw *forwarding) snapshot() *mirrorState {
	p := fw.p
	state := &mirrorState{info: proto.CloneOf(p.info), policy: p.publishing.policy, lost: p.mediaLost()}
	for _, t := range p.publishing.pending {
		if t.public {
			state.pending = append(state.pending, &pendingTrack{info: proto.CloneOf(t.info), public: true})
		}
	}
	for _, pub := range p.publishing.publications {
		t := mirrorTrack{info: proto.CloneOf(pub.info)}
		for _, c := range pub.codecs {
			t.codecs = append(t.codecs, publishedCodec{receiver: c.receiver, fmtp: c.fmtp, requested: demandLevel(livekit.VideoQuality_HIGH)})
		}
		state.tracks = append(state.tracks, t)
	}
	return state
}

// syncMirrors posts the participant's current state to its mirrors, which are its copies in other rooms.
func (fw *forwarding) syncMirrors() {
	for _, f := range fw.mirrors {
		state := fw.snapshot()
		f.to.loop.Post(func() {
			if !f.mirror.closed {
				f.mirror.forwarding.apply(state)
			}
		})
	}
}

// end removes the participant's mirrors, which represent it in other rooms. If the participant is a mirror itself,
// end unlinks it from the participant that it represents.
func (fw *forwarding) end(reason livekit.DisconnectReason) {
	for _, f := range fw.mirrors {
		f.to.loop.Post(func() { f.to.remove(f.mirror, reason) })
	}
	clear(fw.mirrors)
	if fw.source != nil {
		fw.source.unlink()
	}
}

// apply replaces the state of a mirror by that of its source, the original participant, and announces the changes. The
// mirror keeps its own SID, version and join time.
func (fw *forwarding) apply(state *mirrorState) {
	p := fw.p
	sid, version, joined, joinedMs := p.info.Sid, p.info.Version, p.info.JoinedAt, p.info.JoinedAtMs
	publishes, active := p.info.IsPublisher, p.info.State == livekit.ParticipantInfo_ACTIVE
	p.info = state.info
	p.info.Sid, p.info.Version, p.info.JoinedAt, p.info.JoinedAtMs = sid, version, joined, joinedMs
	p.info.KindDetails = append(p.info.KindDetails, livekit.ParticipantInfo_FORWARDED)
	if now := p.info.IsPublisher; now != publishes {
		p.info.IsPublisher = publishes
		p.setPublisher(now)
	}
	added := p.publishing.applyState(state)
	p.room.announce(p, false)
	if !active && p.info.State == livekit.ParticipantInfo_ACTIVE {
		p.room.emit(Event{Kind: ParticipantJoined, Participant: p.snapshot()})
	}
	for _, pub := range added {
		p.room.addPublication(pub)
		p.room.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
	}
	for _, pub := range p.publishing.publications {
		p.room.reconcileSubscribers(pub) // also because the policy may have changed
		p.room.dirtyDemand[pub] = true
	}
	fw.lost = state.lost
	p.updateMediaLost()
}

// applyState sets the tracks of a mirror to those of its source and returns the new ones, which the caller has to announce.
func (pb *publishing) applyState(state *mirrorState) (added []*Publication) {
	pb.policy, pb.pending = state.policy, state.pending
	gone := map[string]bool{}
	for sid := range pb.publications {
		gone[sid] = true
	}
	for _, t := range state.tracks {
		delete(gone, t.info.Sid)
		if pub := pb.publications[t.info.Sid]; pub != nil {
			pub.applyState(t)
			continue
		}
		pub := &Publication{owner: pb.p, cids: []string{t.info.Sid}}
		pub.applyState(t)
		pb.publications[t.info.Sid] = pub
		added = append(added, pub)
	}
	for sid := range gone {
		pb.p.room.unpublish(pb.publications[sid])
	}
	return added
}

// applyState copies t, the state of the source's track, to pub, the same track of a mirror. Subscriptions end if the
// Receiver or the codec has been replaced.
func (pub *Publication) applyState(t mirrorTrack) {
	pub.info = t.info
	for i, now := range t.codecs {
		if i == len(pub.codecs) {
			pub.codecs = append(pub.codecs, &publishedCodec{pub: pub})
		}
		c := pub.codecs[i]
		stops := c.receiver != nil && c.receiver != now.receiver
		if stops && now.receiver != nil || c.info != nil && c.info.MimeType != t.info.Codecs[i].MimeType {
			pub.unsubscribeAll() // see correctCodec
		}
		if stops {
			c.stop()
		}
		c.info, c.receiver, c.fmtp, c.requested = t.info.Codecs[i], now.receiver, now.fmtp, now.requested
	}
}

// reportDemand tells the room of the original participant which quality of each codec the mirror's room requests. pub
// is the track as published by the mirror.
func (f *mirrorLink) reportDemand(pub *Publication) {
	sid, demand := pub.info.Sid, make([]demandLevel, len(pub.codecs))
	for i, c := range pub.codecs {
		demand[i] = c.demand()
	}
	if slices.Equal(demand, pub.reportedDemand) {
		return
	}
	pub.reportedDemand = demand
	f.from.onLoop(func(p *Participant) {
		source := p.publishing.publications[sid]
		if source == nil || p.forwarding.mirrors[f.to.info.Name] != f {
			return
		}
		if source.mirrorDemands == nil {
			source.mirrorDemands = map[*mirrorLink][]demandLevel{}
		}
		source.mirrorDemands[f] = demand
		p.room.dirtyDemand[source] = true
	})
}

// mirrorDemand returns the highest demand for codec c in the rooms to which the publisher is forwarded.
func (c *publishedCodec) mirrorDemand() demandLevel {
	top := noDemand
	for _, w := range c.pub.mirrorDemands {
		if i := slices.Index(c.pub.codecs, c); i >= 0 && i < len(w) {
			top = max(top, w[i])
		}
	}
	return top
}

// sendLevelToMirrors posts the participant's audio level to its mirrors, which represent it in other rooms. They
// cannot read the level themselves, because reading a level resets it.
func (fw *forwarding) sendLevelToMirrors() {
	for _, f := range fw.mirrors {
		level := fw.p.publishing.level
		f.to.loop.Post(func() { f.mirror.forwarding.level = level })
	}
}
