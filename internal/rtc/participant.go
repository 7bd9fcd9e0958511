package rtc

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"meet/internal/name"
	"meet/internal/peer"
	"meet/internal/sfu"
)

// Participant is one connection of one identity to a room. It is touched on the room's loop only.
type Participant struct {
	room      *Room
	req       JoinRequest
	info      *livekit.ParticipantInfo // without tracks; snapshot adds them
	shared    *livekit.ParticipantInfo // the latest snapshot without tracks
	askedName string                   // the name the client asked for, if it is shown in another form
	dependent bool                     // serves others: an agent or a recorder
	recorder  bool
	single    bool // one connection, on which the client offers
	quirks    clientQuirks
	log       *slog.Logger
	joined    time.Time

	// context ends when p does: what waits on a data channel for the loop, or for slow receivers, must not hold up its end.
	context context.Context
	cancel  context.CancelFunc

	sink       SignalSink // nil while the client has no signalling connection
	publisher  *Transport // what the client sends; in single mode also what it receives. Made when first needed
	subscriber *Transport // what it receives; nil in single mode and for those who may not subscribe
	// subscriberFirst tells that the subscriber connection is the one that counts: it was there from the start, so the data
	// channels are on it.
	subscriberFirst bool
	closed          bool
	granted         *livekit.ParticipantPermission // what a back end has granted since the token; nil: what the token says
	heir            atomic.Pointer[Participant]    // what it has become by moving to another room
	forwarding      forwarding
	replaced        bool        // by a newer connection of the same identity
	deadline        *time.Timer // of the join, later of a lost connection
	refresh         *time.Timer

	publishing  publishing
	subscribing subscribing
	data        dataTransfer

	simulation simulation

	budget *announceBudget // of what everybody is told of p

	heard atomic.Int64 // when the client last said something on its signalling connection, in Unix nanoseconds

	speaking speakerState // as last told to others
	quality  qualityState // as last computed
}

// newParticipant makes a participant and its connections; admit it or close its transports.
func newParticipant(r *Room, req JoinRequest, sink SignalSink) (*Participant, error) {
	p := blankParticipant(r, req, sink)
	var err error
	if p.subscriberFirst {
		p.subscriber, err = p.newTransport(livekit.SignalTarget_SUBSCRIBER)
	} else {
		// The client's own connection is the only one: it will be needed.
		p.publisher, err = p.newTransport(livekit.SignalTarget_PUBLISHER)
	}
	if err != nil {
		p.cancel()
		return nil, err
	}
	return p, nil
}

// blankParticipant makes a participant that has no connections yet.
func blankParticipant(r *Room, req JoinRequest, sink SignalSink) *Participant {
	now := time.Now()
	p := &Participant{
		room: r, req: req, sink: sink, single: req.SinglePC, quirks: quirksOf(req.Client), joined: now,
		subscriberFirst: !req.SinglePC && req.Info.Permission.GetCanSubscribe(),

		dependent: req.dependent(),
		recorder:  req.Info.Permission.GetRecorder(),
		info:      proto.CloneOf(req.Info),
	}
	p.context, p.cancel = context.WithCancel(r.context)
	p.forwarding.p = p
	p.publishing.init(p)
	p.subscribing.init(p)
	p.data.init(p)
	p.budget = newAnnounceBudget()
	p.info.Sid = newID(participantPrefix)
	p.info.Name = name.Display(p.info.Name) // "" lets clients show the identity
	p.info.JoinedAt, p.info.JoinedAtMs = now.Unix(), now.UnixMilli()
	p.info.State = livekit.ParticipantInfo_JOINING
	p.info.ClientProtocol = req.Client.GetClientProtocol()
	p.info.Capabilities = req.Client.GetCapabilities()
	p.log = r.log.With("participant", req.Identity, "sid", p.info.Sid)
	return p
}

// publisherTransport returns the connection the client offers on, made at its first use: most of an audience never has one.
func (p *Participant) publisherTransport() *Transport {
	if p.publisher == nil {
		t, err := p.newTransport(livekit.SignalTarget_PUBLISHER)
		if err != nil {
			p.negotiationFailed(err)
			return nil
		}
		p.publisher = t
	}
	return p.publisher
}

// receiving is the transport on which the client receives media.
func (p *Participant) receiving() *Transport {
	if p.single {
		return p.publisher
	}
	return p.subscriber
}

// transports lists the one or two there are.
func (p *Participant) transports() []*Transport {
	return slices.DeleteFunc([]*Transport{p.publisher, p.subscriber}, func(t *Transport) bool { return t == nil })
}

// primary is the transport whose state is the participant's.
func (p *Participant) primary() *Transport {
	if p.subscriberFirst {
		return p.subscriber
	}
	return p.publisher
}

// hooks make callbacks of pion and of the transport's worker run on the room's loop.
func (p *Participant) hooks(target livekit.SignalTarget) peer.Hooks {
	post := func(f func(*Participant)) {
		p.onLoop(func(p *Participant) {
			if !p.closed {
				f(p)
			}
		})
	}
	sdp := func(wrap func(*livekit.SessionDescription) *livekit.SignalResponse) func(*livekit.SessionDescription) {
		return func(d *livekit.SessionDescription) {
			for mid, id := range d.MidToTrackId {
				d.MidToTrackId[mid] = sidOf(id)
			}
			post(func(p *Participant) { p.send(wrap(d)) })
		}
	}
	return peer.Hooks{
		Offer:  sdp(offerMessage),
		Answer: sdp(answerMessage),
		NeedSections: func(audio, video uint32) {
			post(func(p *Participant) { p.send(mediaSectionsMessage(audio, video)) })
		},
		Sending: func(tracks []peer.OfferedTrack) { post(func(p *Participant) { p.publishing.sending(tracks) }) },
		State:   func(s webrtc.PeerConnectionState) { post(func(p *Participant) { p.connectionState(target, s) }) },
		Track: func(source sfu.TrackSource, section peer.MediaSection) {
			post(func(p *Participant) { p.publishing.mediaArrived(incomingStream{source, section}) })
		},
		DataChannel: func(dc *webrtc.DataChannel) {
			p.data.takeChannel(dc) // handlers must be set before the callback returns, or the first message is lost
		},
		Paused: func(changed []sfu.PauseChange) { post(func(p *Participant) { p.subscribing.picturesPaused(changed) }) },
		Failed: func(err error) { post(func(p *Participant) { p.negotiationFailed(err) }) },
	}
}

func (p *Participant) identity() string { return p.info.Identity }
func (p *Participant) sid() string      { return p.info.Sid }
func (p *Participant) hidden() bool     { return p.info.Permission.GetHidden() }

// shows tells whether others see tracks of p.
func (p *Participant) shows() bool { return p.publishing.shown() || len(p.data.tracks) > 0 }

// snapshot is a copy of p's state, tracks included, that may leave the loop. It is shared, so nobody may change it.
func (p *Participant) snapshot() *livekit.ParticipantInfo {
	if p.shows() {
		return p.snapshotWithTracks()
	}
	// An audience is told of often and changes rarely.
	if s := p.shared; s == nil || s.Version != p.info.Version || s.State != p.info.State {
		p.shared = proto.CloneOf(p.info)
	}
	return p.shared
}

// ownState is p's state as its client is told, with the name that it asked for: LiveKit's JS SDK waits to see just that.
func (p *Participant) ownState() *livekit.ParticipantInfo {
	info := p.snapshot()
	if p.askedName != "" {
		info = proto.CloneOf(info)
		info.Name = p.askedName
	}
	return info
}

func (p *Participant) snapshotWithTracks() *livekit.ParticipantInfo {
	info := proto.CloneOf(p.info)
	info.Tracks, info.DataTracks = p.publishing.infos(), p.data.infos()
	return info
}

// send queues a message for the client. Without a signalling connection it is dropped; a resume sends the whole state.
func (p *Participant) send(m *livekit.SignalResponse) { p.sendShared(NewMessage(m)) }

// sendShared is send for a message that others get too.
func (p *Participant) sendShared(m *Message) {
	if p.sink != nil && !p.sink.Send(m) {
		sink := p.sink
		p.room.loop.Post(func() { p.signalLost(sink) })
	}
}

func (p *Participant) sendLeave(reason livekit.DisconnectReason, action livekit.LeaveRequest_Action) {
	p.send(LeaveMessage(reason, action))
}

// end closes everything p has and tells the others that it is gone.
func (p *Participant) end(reason livekit.DisconnectReason) {
	p.closed = true
	wasActive := p.info.State == livekit.ParticipantInfo_ACTIVE
	for _, t := range []*time.Timer{p.deadline, p.refresh} {
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

// disconnect closes the signalling connection, and without waiting for them the others.
func (p *Participant) disconnect() {
	p.closeSocket()
	p.room.wg.Go(p.closeTransports) // ends when the connections have closed; the room waits for it
}

// closeSocket closes the client's socket, if it has one.
func (p *Participant) closeSocket() {
	if p.sink != nil {
		p.sink.Close()
		p.sink = nil
	}
}

// closeTransports closes p's connections and waits until they have ended. No new ones may be made from then on.
func (p *Participant) closeTransports() {
	p.cancel()
	for _, t := range p.transports() {
		t.Close()
	}
	for _, t := range p.transports() {
		t.Wait()
	}
}
