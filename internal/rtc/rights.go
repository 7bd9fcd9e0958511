package rtc

import (
	"context"
	"maps"
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/fault"
	"meet/internal/name"
)

// This file is what a server API changes of a participant: what it is called, what it may do, and whether it is heard.

var errUnseen = fault.New(fault.Invalid, "the display name has no character that can be seen")

// errNoTrack has the text of LiveKit's server.
var errNoTrack = fault.New(fault.NotFound, "track is not found")

// Change is what is to change of a participant. What is empty stays as it is, an attribute without a value is dropped,
// and a permission replaces the one before in all its parts.
type Change struct {
	Name, Metadata string
	Attributes     map[string]string
	Permission     *livekit.ParticipantPermission
}

// Update changes a participant, all of it or nothing, and returns what it then is. It takes effect at once: tracks that
// may no longer be published or received end.
func (rs *Rooms) Update(ctx context.Context, room, identity string, c Change) (*livekit.ParticipantInfo, error) {
	return rs.about(ctx, room, identity, func(p *Participant) error {
		if p.forwarded != nil {
			return errForwarded
		}
		if err := p.describe(c.Name, c.Metadata, c.Attributes); err != nil {
			return err
		}
		if c.Permission != nil {
			p.setPermission(c.Permission)
			p.granted = p.info.Permission
			if !p.req.companion() { // it comes back as its participant may
				p.room.family(p.req.Token).granted = p.granted
			}
			if c := p.room.companionOf(p); c != nil {
				c.setPermission(narrower(c.info.Permission, p.granted))
				p.room.announce(c, true)
			}
		}
		p.room.announce(p, true)
		p.refreshToken()
		return nil
	})
}

// describe changes p's name, metadata and attributes. The caller announces it.
func (p *Participant) describe(called, metadata string, changed map[string]string) error {
	attributes := maps.Clone(p.info.Attributes)
	if attributes == nil {
		attributes = map[string]string{}
	}
	for k, v := range changed {
		attributes[k] = v
		if v == "" {
			delete(attributes, k)
		}
	}
	if err := validateName("the display name", called); err != nil {
		return err
	}
	shown := name.Display(called)
	if called != "" && shown == "" {
		return errUnseen
	}
	if err := validateMetadata(metadata, attributes); err != nil {
		return err
	}
	if shown != "" {
		p.info.Name, p.askedName = shown, ""
	}
	if metadata != "" {
		p.info.Metadata = metadata
	}
	p.info.Attributes = attributes
	return nil
}

// setPermission replaces what p may do and ends what it no longer may. The caller announces it. Whether p records or is
// an agent is settled at its join: others have been told of it as such.
func (p *Participant) setPermission(now *livekit.ParticipantPermission) {
	old := p.info.Permission
	p.info.Permission = proto.CloneOf(now)
	p.info.Permission.Recorder, p.info.Permission.Agent = old.GetRecorder(), old.GetAgent()
	if hidden := now.Hidden; hidden != old.GetHidden() {
		p.setHidden(hidden)
	}
	p.dropForbidden()
	if now.CanSubscribe && p.receiving() == nil {
		p.openSubscriber()
	}
	p.room.reconcile(p)
	p.dataRightsChanged()
	if !now.CanPublish && len(p.dataTracks) == 0 {
		p.setPublisher(false)
	}
}

// dropForbidden unpublishes what p may no longer publish.
func (p *Participant) dropForbidden() {
	p.pending = slices.DeleteFunc(p.pending, func(t *pendingTrack) bool {
		forbidden := !p.mayPublish(t.info.Type, t.info.Source)
		if forbidden {
			p.tellUnpublished(t.info.Sid)
		}
		return forbidden
	})
	p.queued = slices.DeleteFunc(p.queued, func(req *livekit.AddTrackRequest) bool { return !p.mayPublish(req.Type, req.Source) })
	for _, pub := range p.publications {
		if !p.mayPublish(pub.info.Type, pub.info.Source) {
			p.room.unpublish(pub)
			p.tellUnpublished(pub.info.Sid)
		}
	}
}

// tellUnpublished tells the client that the server has taken its track back; one that does not know of that is told that
// it is muted (livekit-protocol.md, 1.7: protocol 6).
func (p *Participant) tellUnpublished(sid string) {
	if p.req.Client.GetProtocol() <= 6 {
		p.tellMuted(sid, true)
		return
	}
	p.send(trackUnpublishedMessage(sid))
}

// openSubscriber makes the connection of somebody who joined without the right to receive.
func (p *Participant) openSubscriber() {
	if p.single {
		p.publisherTransport()
		return
	}
	t, err := p.newTransport(livekit.SignalTarget_SUBSCRIBER)
	if err != nil {
		p.negotiationFailed(err)
		return
	}
	p.subscriber = t
}

// setHidden takes p out of the others' sight, as if it had left, or shows it to them, as if it had come.
func (p *Participant) setHidden(hidden bool) {
	r := p.room
	if !hidden {
		for _, pub := range p.publications {
			r.offerToAll(pub)
		}
		for _, t := range p.dataTracks {
			t.reconcile()
		}
		return // the caller announces it
	}
	for _, pub := range p.publications {
		for _, s := range slices.Clone(pub.subs) {
			s.subscriber.unsubscribe(s)
		}
	}
	for _, t := range p.dataTracks {
		for o := range t.subs {
			t.unsubscribe(o)
		}
	}
	r.news.people = slices.DeleteFunc(r.news.people, func(x *Participant) bool { return x == p })
	gone := proto.CloneOf(p.info)
	gone.State = livekit.ParticipantInfo_DISCONNECTED
	m := NewMessage(updateMessage(gone))
	for _, o := range r.participants {
		if o != p {
			o.sendShared(m)
		}
	}
}

// Mute mutes or unmutes a participant's track and returns what it then is.
func (rs *Rooms) Mute(ctx context.Context, room, identity, sid string, muted bool) (*livekit.TrackInfo, error) {
	var track *livekit.TrackInfo
	_, err := rs.about(ctx, room, identity, func(p *Participant) error {
		if p.forwarded != nil {
			return errForwarded
		}
		info := p.muteByServer(sid, muted)
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

// muteByServer mutes or unmutes a track of p's. Its client is told so first, by itself: one that only saw its track muted
// in an update would say that it is not (livekit-protocol.md, 14, row 27).
func (p *Participant) muteByServer(sid string, muted bool) *livekit.TrackInfo {
	pub, t := p.publications[sid], p.pendingBySID(sid)
	switch {
	case pub != nil && pub.info.Muted != muted:
		p.tellMuted(sid, muted)
		pub.setMuted(muted)
		p.room.announce(p, true)
	case t != nil && t.info.Muted != muted:
		p.tellMuted(sid, muted)
		if t.info.Muted = muted; t.public {
			p.room.announce(p, true)
		}
	}
	switch {
	case pub != nil:
		return pub.info
	case t != nil:
		return t.info
	}
	return nil
}

func (p *Participant) tellMuted(sid string, muted bool) {
	p.send(muteMessage(sid, muted))
}
