package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// resumeCheckDelay is how long a client that has resumed has to show that its media connection still works. A client that
// receives media sends reports several times a second; for any other a needless ICE restart costs nothing.
const resumeCheckDelay = time.Second

// resume gives a returning client its participant back: the sid, tracks and subscriptions. The first message is a
// ReconnectResponse, or a Leave that asks for a new join if there is nothing to resume (docs/protocol.md, 7.2).
func (r *Room) resume(req JoinRequest, sink SignalSink) *Session {
	p := r.participants[req.Identity]
	// The reference compares only identities, which everybody in the room knows.
	if r.closed || p == nil || !p.mayResume(req) {
		return refuseResume(sink)
	}
	if p.conn.sink != nil {
		p.conn.sink.Close()
	}
	p.conn.sink = sink
	drop, silently := p.dropResume(time.Now())
	if silently {
		return p.dropSocket(sink)
	}
	moved := req.RemoteIP != p.req.RemoteIP
	p.req.RemoteIP = req.RemoteIP
	if quirksOf(req.Client).reconnectResponse {
		p.send(reconnectMessage(&livekit.ReconnectResponse{
			ClientConfiguration: p.quirks.configuration(),
			ServerInfo:          proto.CloneOf(r.rooms.opts.ServerInfo),
			LastMessageSeq:      p.data.lastSequence,
		}))
	}
	if drop {
		return p.dropSocket(sink)
	}
	p.resumeWith(req)
	p.sendFullState()
	clear(p.subscribing.permitted) // what was sent of it meanwhile is lost
	r.reconcile(p)
	p.subscribing.sendAllStreamStates()
	for _, pub := range p.publishing.publications {
		pub.sendDemand() // what was sent of it meanwhile is lost
	}
	if t := p.conn.subscriber; t != nil {
		// Media does not depend on the socket: ICE is restarted only where it has to be. The client may know before us
		// that its media has failed.
		restart, now := moved || !t.connected || req.Reason != livekit.ReconnectReason_RR_SIGNAL_DISCONNECTED, time.Now()
		t.Resume(restart)
		if !restart {
			// The client may not have noticed yet, for instance if it went from cable to wireless behind one address.
			r.after(resumeCheckDelay, func() {
				if !p.closed && p.conn.sink == sink {
					t.RestartICEIfSilent(now)
				}
			})
		}
	}
	if t := p.conn.primaryTransport(); t != nil && !t.connected {
		p.conn.startReturnTimer()
	}
	p.refreshToken()
	p.log.Info("participant resumed", "reason", req.Reason.String())
	return &Session{room: r, participant: p, sink: sink}
}

// dropSocket closes the connection on which a resume has just begun, as a bad network would.
func (p *Participant) dropSocket(sink SignalSink) *Session {
	p.conn.signalLost(sink)
	return &Session{room: p.room, participant: p, sink: sink}
}

// refuseResume makes the client join again. The session it returns takes no messages.
func refuseResume(sink SignalSink) *Session {
	sink.Send(NewMessage(LeaveMessage(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)))
	sink.Close()
	return &Session{}
}

// sendFullState sends the state of the whole room, in place of the updates that p missed while it had no socket.
func (p *Participant) sendFullState() {
	var all []*livekit.ParticipantInfo
	for _, d := range p.room.departed { // clients drop only participants that an update names
		if d.at.After(p.joined) && p.room.participants[d.info.Identity] == nil {
			all = append(all, d.info)
		}
	}
	var speakers []*livekit.SpeakerInfo
	var sources []*Participant
	for _, o := range p.room.participants {
		switch {
		case o == p:
			all = append(all, p.selfInfo())
		case !o.hidden():
			all = append(all, o.snapshot())
		}
		if o == p || p.receivesFrom(o) {
			sources = append(sources, o)
			speakers = append(speakers, o.speakerInfo())
		}
	}
	for m := range splitUpdates(all) {
		p.send(m)
	}
	p.send(roomUpdateMessage(p.room.snapshot()))
	p.sendSpeakers(speakers)
	p.sendQuality(sources...)
	if len(p.data.subscriptions) > 0 {
		p.data.sendHandles()
	}
}

// syncState compares what a resuming client believes with the participant's state and takes over its subscriptions.
func (p *Participant) syncState(s *livekit.SyncState) {
	mismatch := false
	for _, t := range s.PublishTracks {
		sid := t.GetTrack().GetSid()
		mismatch = mismatch || p.publishing.publications[sid] == nil && p.publishing.pendingBySID(sid) == nil
	}
	for _, t := range s.PublishDataTracks {
		ours := p.data.tracks[t.GetInfo().GetPubHandle()]
		mismatch = mismatch || ours == nil || ours.info.Sid != t.Info.Sid
	}
	if mismatch {
		p.reconnect()
		return
	}
	if s.Subscription != nil {
		p.subscribing.updateSubscription(s.Subscription)
	}
	if len(s.TrackSidsDisabled) > 0 {
		p.subscribing.updateSettings(&livekit.UpdateTrackSettings{TrackSids: s.TrackSidsDisabled, Disabled: true})
	}
}
