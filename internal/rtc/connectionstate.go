package rtc

import (
	"errors"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// returnTimeout is how long a participant whose media connection has failed may take to come back.
const returnTimeout = 5 * time.Second

// leaveDelay is how much later than the end of its media the Leave of a client may arrive: the end comes by UDP, the
// Leave by TCP and perhaps through a proxy.
const leaveDelay = time.Second

// stateChanged acts on a change in the state of one of the client's connections.
func (cn *connections) stateChanged(target livekit.SignalTarget, s webrtc.PeerConnectionState) {
	p := cn.p
	t := cn.publisher
	if target == livekit.SignalTarget_SUBSCRIBER {
		t = cn.subscriber
	}
	switch s {
	case webrtc.PeerConnectionStateConnected:
		t.connected, t.connectedAt = true, time.Now()
		if t == cn.receivingTransport() {
			p.subscribing.connected()
		}
		if t == cn.primaryTransport() {
			cn.deadline.Stop()
			p.activate()
		}
		p.publishing.publishOffered()
	case webrtc.PeerConnectionStateDisconnected:
		t.connected = false
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		// Closed comes from the client's own DTLS close, as when its page goes away.
		t.connected = false
		if s == webrtc.PeerConnectionStateFailed {
			cn.considerTCPFallback(t)
		}
		cn.lostMedia(s == webrtc.PeerConnectionStateClosed)
	}
	p.updateMediaLost()
}

// lostMedia gives the client a few seconds to resume. If the client closed its media itself, its Leave may still be on
// its way.
func (cn *connections) lostMedia(closedByClient bool) {
	p := cn.p
	switch sink := cn.sink; {
	case closedByClient && sink == nil:
		p.room.depart(p, livekit.DisconnectReason_CLIENT_INITIATED)
		return
	case closedByClient:
		cn.startReturnTimer()
		p.room.after(leaveDelay, func() {
			if !p.closed && cn.sink == sink {
				cn.lostMedia(false)
			}
		})
		return
	}
	if p.quirks.resumeAction {
		p.sendLeave(livekit.DisconnectReason_CONNECTION_TIMEOUT, livekit.LeaveRequest_RESUME)
	}
	cn.closeSocket()
	p.log.Debug("media connection lost")
	cn.startReturnTimer()
}

// recentActivity is how recently a client must have sent something for the failure of its media to be blamed on UDP and not
// on its whole network: two of the intervals at which clients ping.
const recentActivity = 2 * pingInterval * time.Second

// considerTCPFallback moves the client to TCP if the failure of t, from which the client is about to resume, is to be blamed on
// UDP.
func (cn *connections) considerTCPFallback(t *Transport) {
	now := time.Now()
	if !cn.mayUseTCP() || cn.sink == nil || now.Sub(time.Unix(0, cn.lastReceived.Load())) > recentActivity {
		return
	}
	lasted := time.Duration(0)
	if !t.connectedAt.IsZero() {
		lasted = now.Sub(t.connectedAt)
	}
	if cn.p.room.rooms.fallback.RecordFailure(cn.clientKey(), lasted, now) {
		cn.p.log.Info("media goes over TCP from now on", "held", lasted)
		for _, t := range cn.transports() {
			t.SetTCPOnly(true)
		}
	}
}

func (cn *connections) clientKey() peer.ClientKey {
	return peer.ClientKey{Room: cn.p.room.info.Name, Identity: cn.p.identity()}
}

// mayUseTCP reports whether the client can connect without UDP.
func (cn *connections) mayUseTCP() bool { return cn.p.room.rooms.opts.TCP != nil && cn.p.quirks.tcp }

// prefersTCP reports whether the client is to connect without UDP.
func (cn *connections) prefersTCP() bool {
	return cn.mayUseTCP() && cn.p.room.rooms.fallback.TCPOnly(cn.clientKey(), time.Now())
}

func (cn *connections) startReturnTimer() {
	cn.deadline.Stop()
	cn.deadline = cn.p.room.after(returnTimeout, cn.removeIfDisconnected)
}

func (cn *connections) removeIfDisconnected() {
	p := cn.p
	if !p.closed && cn.disconnected() {
		p.room.remove(p, livekit.DisconnectReason_CONNECTION_TIMEOUT)
	}
}

// signalLost notes that the client's socket has closed. Without media the client has left; with media it may come back.
func (cn *connections) signalLost(sink SignalSink) {
	p := cn.p
	if p.closed || cn.sink != sink {
		return // a newer socket has taken over
	}
	cn.sink.Close()
	cn.sink = nil
	if cn.disconnected() {
		if p.info.State != livekit.ParticipantInfo_ACTIVE {
			p.room.depart(p, livekit.DisconnectReason_SIGNAL_CLOSE)
			return
		}
		cn.startReturnTimer()
	}
}

// negotiationFailed makes the client join again, because the two sides no longer agree on the state of their connection.
func (cn *connections) negotiationFailed(err error) {
	if errors.Is(err, peer.ErrNoAnswer) && cn.sink == nil {
		return // the client was not there to answer; it gets the offer again when it resumes
	}
	cn.p.log.Warn("negotiation failed", "err", err)
	cn.p.reconnect()
}

// reconnect makes the client join again.
func (p *Participant) reconnect() {
	p.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_STATE_MISMATCH)
}
