package rtc

import (
	"errors"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// returnTimeout is the time a participant has to restore a failed media connection before it is removed.
const returnTimeout = 5 * time.Second

// leaveDelay is the time after the end of a client's media in which its Leave message may still arrive. The end of the
// media arrives over UDP, the Leave over TCP and possibly through a proxy.
const leaveDelay = time.Second

// stateChanged handles the new state s of a peer connection. The argument target says which of the client's two
// connections it is.
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
		// The state Closed follows from the client's DTLS close, for example when its page is closed.
		t.connected = false
		if s == webrtc.PeerConnectionStateFailed {
			cn.considerFallback(t)
		}
		cn.lostMedia(s == webrtc.PeerConnectionStateClosed)
	}
	p.updateMediaLost()
}

// lostMedia handles the loss of the media connection. The client gets returnTimeout to resume. If the client itself
// closed the media connection (closedByClient), its Leave may still arrive, so lostMedia first waits for leaveDelay.
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

// recentActivity is two ping intervals. If media fails but the client has sent a signalling message within this time,
// the client's network works. The failure is then attributed to the path of the media.
const recentActivity = 2 * pingInterval * time.Second

// considerFallback moves the client to the next path if the failure of t is attributed to its path. The client, which
// resumes after the failure, then connects over that path. A failure of a connection that still uses an earlier path is
// ignored, because the other connection may have failed first and moved the client already.
func (cn *connections) considerFallback(t *Transport) {
	now, next := time.Now(), cn.nextPath()
	if t.path != cn.path() || next == cn.path() || cn.sink == nil || now.Sub(time.Unix(0, cn.lastReceived.Load())) > recentActivity {
		return
	}
	lasted := time.Duration(0)
	if !t.connectedAt.IsZero() {
		lasted = now.Sub(t.connectedAt)
	}
	if cn.p.room.rooms.fallback.RecordFailure(cn.clientKey(), next, lasted, now) {
		cn.p.log.Info("media switched to another path", "path", next.String(), "held", lasted)
		cn.applyPath()
	}
}

// applyPath makes the transports use the client's current path from the next ICE restart on. Whether the client uses a
// relay is decided by the client, see configuration.
func (cn *connections) applyPath() {
	for _, t := range cn.transports() {
		t.SetTCPOnly(cn.path() == peer.TCPOnly)
	}
}

// clientKey returns the client's key in the fallback, which stores the paths of clients.
func (cn *connections) clientKey() peer.ClientKey {
	return peer.ClientKey{Room: cn.p.room.info.Name, Identity: cn.p.identity()}
}

// mayUseTCP reports whether server and client support media over ICE-TCP.
func (cn *connections) mayUseTCP() bool { return cn.p.room.rooms.opts.TCP != nil && cn.p.quirks.tcp }

// mayUseRelay reports whether the server can name a TURN server to the client.
func (cn *connections) mayUseRelay() bool {
	return cn.p.room.rooms.opts.ICEServers != nil && cn.p.req.Host != ""
}

// mayUse reports whether server and client support the path.
func (cn *connections) mayUse(p peer.Path) bool {
	return p == peer.AnyPath || p == peer.TCPOnly && cn.mayUseTCP() || p == peer.RelayOnly && cn.mayUseRelay()
}

// path returns the path of the client's media.
func (cn *connections) path() peer.Path {
	if p := cn.p.room.rooms.fallback.Path(cn.clientKey(), time.Now()); cn.mayUse(p) {
		return p
	}
	return peer.AnyPath
}

// nextPath returns the path to which the client is moved if its current path fails. After a relay has failed too, every path
// is tried again.
func (cn *connections) nextPath() peer.Path {
	for next := cn.path() + 1; next <= peer.RelayOnly; next++ {
		if cn.mayUse(next) {
			return next
		}
	}
	if cn.path() == peer.RelayOnly {
		return peer.AnyPath
	}
	return cn.path()
}

// startReturnTimer starts the timer that removes the participant if its connection is still down after returnTimeout.
func (cn *connections) startReturnTimer() {
	cn.deadline.Stop()
	cn.deadline = cn.p.room.after(returnTimeout, cn.removeIfDisconnected)
}

// removeIfDisconnected removes the participant if its connection is still down.
func (cn *connections) removeIfDisconnected() {
	p := cn.p
	if !p.closed && cn.disconnected() {
		p.room.remove(p, livekit.DisconnectReason_CONNECTION_TIMEOUT)
	}
}

// signalLost handles the end of the signalling connection that sink belongs to. It matters only if the media connection
// is not up either. A participant that is not active yet is then removed. An active one is given returnTimeout to
// resume.
func (cn *connections) signalLost(sink SignalSink) {
	p := cn.p
	if p.closed || cn.sink != sink {
		return // a newer signalling connection has replaced this one
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

// negotiationFailed makes the client rejoin, because client and server no longer agree on the state of their
// connection.
func (cn *connections) negotiationFailed(err error) {
	if errors.Is(err, peer.ErrNoAnswer) && cn.sink == nil {
		return // the client could not answer without a socket; it gets the offer again when it resumes
	}
	cn.p.log.Warn("negotiation failed", "err", err)
	cn.p.reconnect()
}

// reconnect sends the client a Leave that asks it to rejoin, and removes the participant.
func (p *Participant) reconnect() {
	p.sendLeave(livekit.DisconnectReason_STATE_MISMATCH, livekit.LeaveRequest_RECONNECT)
	p.room.depart(p, livekit.DisconnectReason_STATE_MISMATCH)
}
