package rtc

import (
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
)

// lostTimeout is how long a participant whose media connection has failed may take to come back.
const lostTimeout = 5 * time.Second

// connectionState follows the state of one of p's connections.
func (p *Participant) connectionState(target livekit.SignalTarget, s webrtc.PeerConnectionState) {
	t := p.publisher
	if target == livekit.SignalTarget_SUBSCRIBER {
		t = p.subscriber
	}
	switch s {
	case webrtc.PeerConnectionStateConnected:
		t.connected = true
		if t == p.receiving() {
			for _, sub := range p.subscriptions {
				sub.start()
			}
		}
		if t == p.primary() {
			p.deadline.Stop()
			p.activate()
		}
	case webrtc.PeerConnectionStateDisconnected:
		t.connected = false
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		// Closed comes from the client's own DTLS close, as when its page goes away.
		t.connected = false
		p.connectionLost(s == webrtc.PeerConnectionStateClosed)
	}
}

// connectionLost gives p a few seconds to resume. One that closed its media and has no socket left for good.
func (p *Participant) connectionLost(closedByClient bool) {
	if closedByClient && p.sink == nil {
		p.room.depart(p, livekit.DisconnectReason_CLIENT_INITIATED)
		return
	}
	if p.req.Client.GetProtocol() > 12 {
		p.sendLeave(livekit.DisconnectReason_CONNECTION_TIMEOUT, livekit.LeaveRequest_RESUME)
	}
	if p.sink != nil {
		p.sink.Close()
		p.sink = nil
	}
	p.log.Debug("media connection lost")
	p.expectReturn()
}

func (p *Participant) expectReturn() {
	p.deadline.Stop()
	p.deadline = p.room.after(lostTimeout, func() {
		if !p.closed && (p.primary() == nil || !p.primary().connected) {
			p.room.remove(p, livekit.DisconnectReason_CONNECTION_TIMEOUT)
		}
	})
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
	p.log.Warn("negotiation failed", "err", err)
	p.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_STATE_MISMATCH)
}
