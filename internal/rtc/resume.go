package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// resumeCheckDelay is the time in which a resumed client must show that its media connection still works. Otherwise ICE
// is restarted. A client that receives media shows it by its RTCP reports, which it sends several times per second. For
// other clients the restart may be unnecessary, but it does no harm.
const resumeCheckDelay = time.Second

// resume connects a returning client to its participant, which has kept its SID, tracks and subscriptions. The first
// message is a ReconnectResponse. If there is nothing to resume, it is a Leave that asks the client to rejoin
// (docs/protocol.md, 7.2).
func (r *Room) resume(req JoinRequest, sink SignalSink) *Session {
	p := r.participants[req.Identity]
	// The reference server checks only the identity, which every participant of the room knows. That is not enough
	// here.
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
	p.req.RemoteIP, p.req.Host, p.req.TLSPort = req.RemoteIP, req.Host, req.TLSPort
	if quirksOf(req.Client).reconnectResponse {
		p.send(reconnectMessage(&livekit.ReconnectResponse{
			ClientConfiguration: p.conn.configuration(),
			IceServers:          p.conn.iceServers(),
			ServerInfo:          proto.CloneOf(r.rooms.opts.ServerInfo),
			LastMessageSeq:      p.data.lastSequence,
		}))
	}
	if drop {
		return p.dropSocket(sink)
	}
	p.resumeWith(req)
	p.sendFullState()
	clear(p.subscribing.permitted) // sent again, because the client may have missed them
	r.reconcile(p)
	p.subscribing.sendAllStreamStates()
	for _, pub := range p.publishing.publications {
		pub.sendDemand() // sent again, because the client may have missed it
	}
	if t := p.conn.subscriber; t != nil {
		// Media does not depend on the socket, so ICE is restarted only if necessary. The client may have noticed a
		// media failure before the server.
		restart, now := moved || !t.connected || req.Reason != livekit.ReconnectReason_RR_SIGNAL_DISCONNECTED, time.Now()
		t.Resume(restart)
		if restart {
			t.path = p.conn.path()
		} else {
			// The client may not have noticed the failure yet, for example when it changed from cable to Wi-Fi behind
			// one public address.
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

// dropSocket simulates a bad network: it closes the signalling connection on which a resume has just begun.
func (p *Participant) dropSocket(sink SignalSink) *Session {
	p.conn.signalLost(sink)
	return &Session{room: p.room, participant: p, sink: sink}
}

// refuseResume makes the client rejoin. The returned session ignores all messages.
func refuseResume(sink SignalSink) *Session {
	sink.Send(NewMessage(LeaveMessage(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)))
	sink.Close()
	return &Session{}
}

// sendFullState sends the state of the whole room, in place of the updates that p missed while it had no socket.
func (p *Participant) sendFullState() {
	var all []*livekit.ParticipantInfo
	for _, d := range p.room.departed { // clients remove a participant only when an update names it
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

// syncState compares the tracks that a resuming client believes it has published with those that the server knows.
// If they differ, the client must rejoin. Otherwise, the client's subscriptions and settings are applied.
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
