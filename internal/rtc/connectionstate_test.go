package rtc

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/wire"
)

// A client without a signalling connection cannot answer an offer, so it is not asked to rejoin.
func TestUnansweredOfferMakesClientRejoin(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.answerTimeout = 50 * time.Millisecond })
	g := h.join(request("ada"))
	eventually(t, "ada is asked to rejoin", func() bool {
		return g.sink.got(func(m *livekit.SignalResponse) bool {
			l := m.GetLeave()
			return l.GetAction() == livekit.LeaveRequest_RECONNECT && l.GetReason() == livekit.DisconnectReason_STATE_MISMATCH && l.GetCanReconnect()
		})
	})
	bo := h.join(request("bo"))
	bo.inspect(func(p *Participant) {
		p.conn.sink = nil
		p.conn.negotiationFailed(peer.ErrNoAnswer)
		if p.closed {
			t.Error("bo was removed although it had no socket to answer on")
		}
		p.conn.sink = bo.sink
	})
}

// If a UDP connection fails soon after it was established, the next connection uses TCP. This requires that
// signalling messages still arrive, which shows that the client's network works.
func TestFailedUDPConnectionFallsBackToTCP(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	split := wire.NewProtocolMux(listener, wire.ProtocolMuxOptions{})
	t.Cleanup(func() { _ = split.Close() })
	h := newHarness(t, func(o *Options) { o.TCP = split.TCPMux() })
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17}
	g := h.join(req)
	g.inspect(func(p *Participant) {
		p.conn.lastReceived.Store(time.Now().Add(-time.Minute).UnixNano())
		p.conn.considerFallback(p.conn.subscriber)
		if p.conn.path() != peer.AnyPath {
			t.Error("the failure was attributed to UDP although signalling had stopped too")
		}
		p.conn.lastReceived.Store(time.Now().UnixNano())
		p.conn.stateChanged(livekit.SignalTarget_SUBSCRIBER, webrtc.PeerConnectionStateFailed)
		if p.conn.path() != peer.TCPOnly {
			t.Error("the client does not fall back to TCP")
		}
	})
	if !g.sink.got(func(m *livekit.SignalResponse) bool { return m.GetLeave().GetAction() == livekit.LeaveRequest_RESUME }) || !g.sink.ended() {
		t.Error("the client is not asked to resume")
	}
	req.Reconnect, req.SID, req.Reason = true, g.participant.sid(), livekit.ReconnectReason_RR_SUBSCRIBER_FAILED
	back := &sink{}
	if _, err := h.Join(t.Context(), req, back); err != nil {
		t.Fatal(err)
	}
	var offer string
	eventually(t, "an offer with TCP candidates only", func() bool {
		for _, o := range back.offers() {
			offer = o.Sdp
		}
		return strings.Contains(offer, "tcptype passive") && !strings.Contains(offer, " udp ")
	})
	joined := back.all()[0].GetReconnect()
	if joined == nil {
		t.Errorf("the first message is %v", back.all()[0])
	}
	again := req
	again.Reconnect, again.Identity, again.Info.Identity = false, "ada", "ada"
	if g := h.join(again); g.sink.all()[0].GetJoin().GetFastPublish() || strings.Contains(g.firstOffer(), " udp ") {
		t.Error("a new join starts with UDP")
	}
}

// firstOffer waits for the server's first offer and returns its SDP.
func (g *testClient) firstOffer() string {
	g.t.Helper()
	eventually(g.t, "an offer", func() bool { return len(g.sink.offers()) > 0 })
	return g.sink.offers()[0].Sdp
}
