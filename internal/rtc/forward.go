package rtc

import (
	"context"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
)

// This file shows a participant of one room in another one too, with its tracks.
//
// There it has a mirror, a Participant without connections whose publications are fed by the same Receivers. Whenever
// the participant changes, its room's loop posts a copy of its state to the loop of the other room; what is watched
// there comes back the same way. Media passes neither. Data and data tracks are not forwarded.

var (
	errIdentityTaken = fault.New(fault.Conflict, "somebody of this identity is in the destination room already")
	errForwarded     = fault.New(fault.Invalid, "the participant is forwarded from another room; change it there")
)

// forwarding holds the mirrors of a participant in other rooms. If the participant is a mirror itself, it holds what is
// known of its source.
type forwarding struct {
	p       *Participant
	mirrors map[string]*mirrorLink // by the names of the other rooms

	source *mirrorLink // nil unless the participant is a mirror
	lost   bool        // the source's media connection was lost
	level  float32     // how loud the source is
}

// forward connects a participant and its mirror in another room.
type mirrorLink struct {
	from, mirror *Participant
	to           *Room
}

// mirrorState is the state that a mirror is to take over. It is a copy, so it may pass from loop to loop.
type mirrorState struct {
	info    *livekit.ParticipantInfo
	policy  *policy
	lost    bool
	pending []*pendingTrack // those that others see
	tracks  []mirrorTrack
}

type mirrorTrack struct {
	info   *livekit.TrackInfo
	codecs []publishedCodec // of each, only what plays
}

// Forward shows a participant in another room, which is made if it does not exist, until the participant leaves its own room
// or is removed from the other. It may be shown in several.
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
		return err // before a room is made for nobody
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

// show begins to show the participant in the other room, and sends the outcome to result.
func (fw *forwarding) startMirror(to *Room, result chan<- error) {
	p := fw.p
	req := p.req
	req.Room, req.Info = to.info.Name, proto.CloneOf(p.info)
	req.AutoSubscribe, req.AutoSubscribeData = false, false
	f := &mirrorLink{from: p, to: to, mirror: blankParticipant(to, req, nil)}
	f.mirror.forwarding.source = f
	f.mirror.data.out.close() // nobody would read it
	if fw.mirrors == nil {
		fw.mirrors = map[string]*mirrorLink{}
	}
	fw.mirrors[to.info.Name] = f
	state := fw.snapshot()
	if !to.loop.Post(func() { result <- f.admit(state) }) {
		delete(fw.mirrors, to.info.Name)
		f.mirror.cancel()
		result <- errRoomClosed
	}
}

// begin admits the mirror. Like the other methods of forward it runs on the loop of the mirror's room.
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

// forget removes the mirror from what the source knows.
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

// state returns the state that mirrors of the participant are to show.
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

// update brings the participant's mirrors up to date.
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

// end ends the participant's mirrors. If the participant is a mirror itself, its source forgets it.
func (fw *forwarding) end(reason livekit.DisconnectReason) {
	for _, f := range fw.mirrors {
		f.to.loop.Post(func() { f.to.remove(f.mirror, reason) })
	}
	clear(fw.mirrors)
	if fw.source != nil {
		fw.source.unlink()
	}
}

// apply gives a mirror the state of its source, and announces it.
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
	added := p.publishing.mirror(state)
	p.room.announce(p, false)
	if !active && p.info.State == livekit.ParticipantInfo_ACTIVE {
		p.room.emit(Event{Kind: ParticipantJoined, Participant: p.snapshot()})
	}
	for _, pub := range added {
		p.room.addPublication(pub)
		p.room.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
	}
	for _, pub := range p.publishing.publications {
		p.room.reconcileSubscribers(pub) // also for a policy that has changed
		p.room.dirtyDemand[pub] = true
	}
	fw.lost = state.lost
	p.updateMediaLost()
}

// mirror makes the tracks of a mirror those of its source, and returns the ones that are new. The caller announces them.
func (pb *publishing) mirror(state *mirrorState) (added []*Publication) {
	pb.policy, pb.pending = state.policy, state.pending
	gone := map[string]bool{}
	for sid := range pb.publications {
		gone[sid] = true
	}
	for _, t := range state.tracks {
		delete(gone, t.info.Sid)
		if pub := pb.publications[t.info.Sid]; pub != nil {
			pub.mirror(t)
			continue
		}
		pub := &Publication{owner: pb.p, cids: []string{t.info.Sid}}
		pub.mirror(t)
		pb.publications[t.info.Sid] = pub
		added = append(added, pub)
	}
	for sid := range gone {
		pb.p.room.unpublish(pb.publications[sid])
	}
	return added
}

// mirror gives a mirror's track the state of the source's track.
func (pub *Publication) mirror(t mirrorTrack) {
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

// reportDemand reports to the source's room what is watched of a track in the mirror's room.
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

// mirrorDemand returns how much of codec c is watched in other rooms.
func (c *publishedCodec) mirrorDemand() demandLevel {
	top := noDemand
	for _, w := range c.pub.mirrorDemands {
		if i := slices.Index(c.pub.codecs, c); i >= 0 && i < len(w) {
			top = max(top, w[i])
		}
	}
	return top
}

// sendLevelToMirrors tells the mirrors how loud the participant is: reading a level resets it, so they cannot read it themselves.
func (fw *forwarding) sendLevelToMirrors() {
	for _, f := range fw.mirrors {
		level := fw.p.publishing.level
		f.to.loop.Post(func() { f.mirror.forwarding.level = level })
	}
}
