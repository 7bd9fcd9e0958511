package rtc

import (
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// This file applies changes of a participant's permission.

// setPermission replaces p's permission and ends the tracks and subscriptions that the new one does not allow. The
// caller announces the change. The properties recorder and agent do not change after the join, because other
// participants have already seen them.
func (p *Participant) setPermission(now *livekit.ParticipantPermission) {
	old := p.info.Permission
	p.info.Permission = proto.CloneOf(now)
	p.info.Permission.Recorder, p.info.Permission.Agent = old.GetRecorder(), old.GetAgent()
	if hidden := now.Hidden; hidden != old.GetHidden() {
		p.setHidden(hidden)
	}
	p.publishing.dropForbidden()
	if now.CanSubscribe && p.conn.receivingTransport() == nil {
		p.conn.openSubscriber()
	}
	p.room.reconcile(p)
	p.data.rightsChanged()
	if !now.CanPublish && len(p.data.tracks) == 0 {
		p.setPublisher(false)
	}
}

// dropForbidden ends the published, pending and queued tracks that the participant may no longer publish.
func (pb *publishing) dropForbidden() {
	p := pb.p
	pb.pending = slices.DeleteFunc(pb.pending, func(t *pendingTrack) bool {
		forbidden := !p.mayPublish(t.info.Type, t.info.Source)
		if forbidden {
			pb.sendUnpublished(t.info.Sid)
		}
		return forbidden
	})
	pb.queued = slices.DeleteFunc(pb.queued, func(req *livekit.AddTrackRequest) bool { return !p.mayPublish(req.Type, req.Source) })
	for _, pub := range pb.publications {
		if !p.mayPublish(pub.info.Type, pub.info.Source) {
			p.room.unpublish(pub)
			pb.sendUnpublished(pub.info.Sid)
		}
	}
}

// sendUnpublished informs the client that the server has unpublished its track. A client that does not support that
// message is sent a mute instead (docs/protocol.md, 1.7).
func (pb *publishing) sendUnpublished(sid string) {
	if !pb.p.quirks.trackUnpublished {
		pb.sendMute(sid, true)
		return
	}
	pb.p.send(trackUnpublishedMessage(sid))
}

// setHidden hides p from the other participants as if it had left, or shows it as if it had joined.
func (p *Participant) setHidden(hidden bool) {
	r := p.room
	if !hidden {
		for _, pub := range p.publishing.publications {
			r.reconcileSubscribers(pub)
		}
		p.data.reconcileSubscribers()
		return // the caller announces it
	}
	for _, pub := range p.publishing.publications {
		pub.unsubscribeAll()
	}
	p.data.unsubscribeOthers()
	r.updates.participants = slices.DeleteFunc(r.updates.participants, func(x *Participant) bool { return x == p })
	gone := proto.CloneOf(p.info)
	gone.State = livekit.ParticipantInfo_DISCONNECTED
	m := NewMessage(updateMessage(gone))
	for _, o := range r.participants {
		if o != p {
			o.sendShared(m)
		}
	}
}
