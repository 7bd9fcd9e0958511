package rtc

import (
	"errors"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// lostTimeout is how long a participant whose media connection has failed may take to come back.
const lostTimeout = 5 * time.Second

// leaveDelay is how much later than the end of its media the Leave of a client may arrive: the former comes by UDP, the
// latter by TCP and perhaps through a proxy.
const leaveDelay = time.Second

// Transport is one of a participant's peer connections, with its state as the room's loop knows it.
type Transport struct {
	*peer.Transport
	connected   bool
	connectedAt time.Time // latest; zero: never
}

// newTransport makes one of p's connections.
func (p *Participant) newTransport(target livekit.SignalTarget) (*Transport, error) {
	t, err := p.room.rooms.engine.NewTransport(p.transportOptions(target), p.hooks(target), p.log)
	if err != nil {
		return nil, err
	}
	return &Transport{Transport: t}, nil
}

// transportOptions returns what p's client needs to be different about a connection.
func (p *Participant) transportOptions(target livekit.SignalTarget) peer.Options {
	return peer.Options{
		Publishes: target == livekit.SignalTarget_PUBLISHER, Subscribes: p.single || target == livekit.SignalTarget_SUBSCRIBER,
		Loopback: p.req.Loopback, FullICE: p.req.FullICE || p.quirks.fullICE, ReusesSections: p.quirks.reuses,
		TCP: p.quirks.tcp, TCPOnly: p.prefersTCP(), ZeroChecksum: p.quirks.zeroChecksum, NeverPause: p.req.NeverPause,
		RED: p.quirks.red, NoAV1: !p.quirks.av1, PlayoutDelay: p.room.playoutDelay != (sfu.PlayoutDelay{}),
	}
}

// connectionState follows the state of one of p's connections.
func (p *Participant) connectionState(target livekit.SignalTarget, s webrtc.PeerConnectionState) {
	t := p.publisher
	if target == livekit.SignalTarget_SUBSCRIBER {
		t = p.subscriber
	}
	switch s {
	case webrtc.PeerConnectionStateConnected:
		t.connected, t.connectedAt = true, time.Now()
		if t == p.receiving() {
			p.subscribing.connected()
		}
		if t == p.primary() {
			p.deadline.Stop()
			p.activate()
		}
		p.publishing.publishOffered()
	case webrtc.PeerConnectionStateDisconnected:
		t.connected = false
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		// Closed comes from the client's own DTLS close, as when its page goes away.
		t.connected = false
		if s == webrtc.PeerConnectionStateFailed {
			p.considerTCP(t)
		}
		p.connectionLost(s == webrtc.PeerConnectionStateClosed)
	}
	p.noteLost()
}

// connectionLost gives p a few seconds to resume. If the client closed its media itself, its Leave may still be under way.
func (p *Participant) connectionLost(closedByClient bool) {
	switch sink := p.sink; {
	case closedByClient && sink == nil:
		p.room.depart(p, livekit.DisconnectReason_CLIENT_INITIATED)
		return
	case closedByClient:
		p.expectReturn()
		p.room.after(leaveDelay, func() {
			if !p.closed && p.sink == sink {
				p.connectionLost(false)
			}
		})
		return
	}
	if p.quirks.resumeAction {
		p.sendLeave(livekit.DisconnectReason_CONNECTION_TIMEOUT, livekit.LeaveRequest_RESUME)
	}
	p.closeSocket()
	p.log.Debug("media connection lost")
	p.expectReturn()
}

// stillTalks is how recently a client must have said something for the failure of its media to be UDP's fault rather
// than that of its whole network: two of the intervals at which clients ping.
const stillTalks = 2 * pingInterval * time.Second

// considerTCP moves the client to TCP if the failure of t, which it is about to resume from, says that UDP does not hold.
func (p *Participant) considerTCP(t *Transport) {
	now := time.Now()
	if !p.mayUseTCP() || p.sink == nil || now.Sub(time.Unix(0, p.heard.Load())) > stillTalks {
		return
	}
	held := time.Duration(0)
	if !t.connectedAt.IsZero() {
		held = now.Sub(t.connectedAt)
	}
	if p.room.rooms.fallback.Failed(p.clientKey(), held, now) {
		p.log.Info("media goes over TCP from now on", "held", held)
		for _, t := range p.transports() {
			t.UseTCP(true)
		}
	}
}

func (p *Participant) clientKey() peer.ClientKey {
	return peer.ClientKey{Room: p.room.info.Name, Identity: p.identity()}
}

// mayUseTCP reports whether the client could do without UDP.
func (p *Participant) mayUseTCP() bool { return p.room.rooms.opts.TCP != nil && p.quirks.tcp }

// prefersTCP reports whether the client is to do without UDP.
func (p *Participant) prefersTCP() bool {
	return p.mayUseTCP() && p.room.rooms.fallback.TCPOnly(p.clientKey(), time.Now())
}

func (p *Participant) expectReturn() {
	p.deadline.Stop()
	p.deadline = p.room.after(lostTimeout, p.checkReturn)
}

func (p *Participant) checkReturn() {
	if !p.closed && (p.primary() == nil || !p.primary().connected) {
		p.room.remove(p, livekit.DisconnectReason_CONNECTION_TIMEOUT)
	}
}

// signalLost notes that the client's socket is gone. Without media it has left; with media it may come back.
func (p *Participant) signalLost(sink SignalSink) {
	if p.closed || p.sink != sink {
		return // a newer socket has taken over
	}
	p.sink.Close()
	p.sink = nil
	if t := p.primary(); t == nil || !t.connected {
		if p.info.State != livekit.ParticipantInfo_ACTIVE {
			p.room.depart(p, livekit.DisconnectReason_SIGNAL_CLOSE)
			return
		}
		p.expectReturn()
	}
}

// negotiationFailed makes the client begin anew: what the two sides hold of their connection no longer agrees.
func (p *Participant) negotiationFailed(err error) {
	if errors.Is(err, peer.ErrNoAnswer) && p.sink == nil {
		return // the client was not there to answer; it gets the offer again when it resumes
	}
	p.log.Warn("negotiation failed", "err", err)
	p.reconnect()
}

// reconnect makes the client join anew.
func (p *Participant) reconnect() {
	p.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_STATE_MISMATCH)
}
