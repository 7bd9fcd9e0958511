package rtc

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/name"
)

// Participant is one connection of one identity to a room. It is accessed on the room's loop only, except for the
// fields context and successor.
type Participant struct {
	room   *Room
	log    *slog.Logger
	req    JoinRequest
	quirks clientQuirks
	joined time.Time

	// context is canceled as soon as p begins to end. Goroutines of data channels that wait for the loop or for slow
	// recipients then stop waiting, so that they do not delay the end of p.
	context   context.Context
	cancel    context.CancelFunc
	closed    bool
	replaced  bool                        // set if a newer connection of the same identity has replaced p
	successor atomic.Pointer[Participant] // participant in the room to which p has moved; nil if it has not moved

	info          *livekit.ParticipantInfo       // state without tracks; snapshot adds them
	shared        *livekit.ParticipantInfo       // cached snapshot without tracks
	requestedName string                         // display name as requested by the client; "" if it equals info.Name
	granted       *livekit.ParticipantPermission // permission granted by a back end since the token was issued; nil if the token's applies
	refresh       *time.Timer                    // fires when the token must be refreshed
	bucket        *announceBucket                // limits updates about p

	conn        connections
	publishing  publishing
	subscribing subscribing
	data        dataTransfer
	forwarding  forwarding

	quality    qualityState
	simulation simulation
}

// newParticipant creates a participant and its primary connection, unless a limit of the server is reached. The caller must
// admit it or close its transports.
func newParticipant(r *Room, req JoinRequest, sink SignalSink) (*Participant, error) {
	count, address := r.rooms.participantCount, req.countedAddress()
	if err := count.Add(address, 1); err != nil {
		return nil, err
	}
	p := blankParticipant(r, req, sink)
	p.conn.uncount = func() { count.Remove(address, 1) }
	if err := p.conn.open(); err != nil {
		p.conn.closeTransports()
		return nil, err
	}
	return p, nil
}

// blankParticipant creates a participant without peer connections.
func blankParticipant(r *Room, req JoinRequest, sink SignalSink) *Participant {
	now := time.Now()
	p := &Participant{
		room: r, req: req, quirks: quirksOf(req.Client), joined: now,
		info: proto.CloneOf(req.Info), bucket: newAnnounceBucket(),
	}
	p.context, p.cancel = context.WithCancel(r.context)
	p.conn.init(p, sink)
	p.forwarding.p = p
	p.publishing.init(p)
	p.subscribing.init(p)
	p.data.init(p)
	p.info.Sid = newID(participantPrefix)
	p.info.Name = name.Display(p.info.Name) // if it is "", clients show the identity
	p.info.JoinedAt, p.info.JoinedAtMs = now.Unix(), now.UnixMilli()
	p.info.State = livekit.ParticipantInfo_JOINING
	p.info.ClientProtocol = req.Client.GetClientProtocol()
	p.info.Capabilities = req.Client.GetCapabilities()
	p.log = r.log.With("participant", req.Identity, "sid", p.info.Sid)
	return p
}

func (p *Participant) identity() string { return p.info.Identity }
func (p *Participant) sid() string      { return p.info.Sid }
func (p *Participant) hidden() bool     { return p.info.Permission.GetHidden() }
func (p *Participant) recorder() bool   { return p.info.Permission.GetRecorder() }

// hasVisibleTracks reports whether p has media or data tracks that other participants see.
func (p *Participant) hasVisibleTracks() bool {
	return p.publishing.hasVisibleTracks() || len(p.data.tracks) > 0
}

// snapshot returns a copy of p's state, including its tracks. The copy may be used outside the loop; it is shared and
// must not be changed.
func (p *Participant) snapshot() *livekit.ParticipantInfo {
	if p.hasVisibleTracks() {
		return p.snapshotWithTracks()
	}
	// Updates about an audience are frequent, while its state changes rarely; so the copy is reused.
	if s := p.shared; s == nil || s.Version != p.info.Version || s.State != p.info.State {
		p.shared = proto.CloneOf(p.info)
	}
	return p.shared
}

// selfInfo returns p's state for its own client, with the display name that the client requested. LiveKit's JS SDK
// waits until it sees exactly that name.
func (p *Participant) selfInfo() *livekit.ParticipantInfo {
	info := p.snapshot()
	if p.requestedName != "" {
		info = proto.CloneOf(info)
		info.Name = p.requestedName
	}
	return info
}

// snapshotWithTracks returns a new copy of p's state, including its tracks.
func (p *Participant) snapshotWithTracks() *livekit.ParticipantInfo {
	info := proto.CloneOf(p.info)
	info.Tracks, info.DataTracks = p.publishing.infos(), p.data.infos()
	return info
}

// send queues a message for the client. Without a signalling connection the message is dropped; the client gets the
// full state when it resumes.
func (p *Participant) send(m *livekit.SignalResponse) { p.sendShared(NewMessage(m)) }

// sendShared is like send, for a message that other participants get too.
func (p *Participant) sendShared(m *Message) {
	if p.conn.sink != nil && !p.conn.sink.Send(m) {
		sink := p.conn.sink
		p.room.loop.Post(func() { p.conn.signalLost(sink) })
	}
}

// sendLeave sends the client a Leave message.
func (p *Participant) sendLeave(reason livekit.DisconnectReason, action livekit.LeaveRequest_Action) {
	p.send(LeaveMessage(reason, action))
}

// end ends p's connections, tracks and subscriptions and announces its departure.
func (p *Participant) end(reason livekit.DisconnectReason) {
	p.closed = true
	wasActive := p.info.State == livekit.ParticipantInfo_ACTIVE
	for _, t := range []*time.Timer{p.conn.deadline, p.refresh} {
		if t != nil {
			t.Stop()
		}
	}
	p.data.end()
	p.forwarding.end(reason)
	p.subscribing.detach()
	p.publishing.end()
	p.info.State = livekit.ParticipantInfo_DISCONNECTED
	p.info.DisconnectReason = reason
	p.info.Version++
	p.room.announceDeparture(p)
	p.disconnect()
	kind := ParticipantAborted
	if wasActive {
		kind = ParticipantLeft
	}
	p.room.emit(Event{Kind: kind, Participant: p.snapshot()})
	p.log.Info("participant left", "reason", reason.String(), "seconds", int(time.Since(p.joined).Seconds()))
}

// disconnect closes the signalling connection immediately and the peer connections in the background.
func (p *Participant) disconnect() {
	p.conn.closeSocket()
	p.room.wg.Go(p.conn.closeTransports) // ends when the connections have closed; the room waits for it
}
