package rtc

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/wire"
)

func TestWhenUDPIsGivenUp(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ada := pathKey{"room", "ada"}
	after := func(d time.Duration) time.Time { return begin.Add(d) }

	f := newFallback()
	if f.failed(ada, 2*time.Minute, begin) {
		t.Error("one failure of a connection that held long")
	}
	if f.failed(ada, 2*time.Minute, after(2*time.Minute)) {
		t.Error("a second one long after it")
	}
	if !f.failed(ada, 2*time.Minute, after(2*time.Minute+50*time.Second)) || !f.tcp(ada, after(3*time.Minute)) {
		t.Error("two within a minute are not taken for UDP's fault")
	}
	if f.tcp(pathKey{"room", "bo"}, begin) {
		t.Error("bo has not failed")
	}
	if f.tcp(ada, after(time.Hour)) {
		t.Error("the choice holds for ever")
	}
	f.choose(ada, false, begin)
	if !f.failed(ada, 89*time.Second, begin) {
		t.Error("a connection that failed soon is not taken for UDP's fault")
	}
	for i := range 2 * maxPaths {
		f.choose(pathKey{"room", fmt.Sprint(i)}, true, after(time.Duration(i)*time.Millisecond))
	}
	if len(f.paths) != maxPaths || f.tcp(pathKey{"room", "0"}, begin) || !f.tcp(pathKey{"room", fmt.Sprint(2*maxPaths - 1)}, after(time.Minute)) {
		t.Errorf("%d paths are remembered, or not the latest", len(f.paths))
	}
}

const bothProtocols = "v=0\r\na=candidate:1 1 udp 2130706431 192.0.2.1 7880 typ host\r\na=candidate:2 1 tcp 1671430143 192.0.2.1 7880 typ host tcptype passive\r\na=mid:0\r\n"

func TestWithoutUDP(t *testing.T) {
	if got := withoutUDP(bothProtocols); strings.Contains(got, "udp") || !strings.Contains(got, "passive") || !strings.Contains(got, "a=mid:0") {
		t.Errorf("%q", got)
	}
	alone := strings.Join(strings.SplitAfter(bothProtocols, "\n")[:2], "")
	if got := withoutUDP(alone); got != alone {
		t.Errorf("nothing is left: %q", got)
	}
}

func FuzzWithoutUDP(f *testing.F) {
	f.Add(bothProtocols)
	f.Fuzz(func(t *testing.T, s string) {
		got := withoutUDP(s)
		if len(got) > len(s) || withoutUDP(got) != got {
			t.Errorf("%q of %q", got, s)
		}
	})
}

// A client that leaves an offer without an answer begins anew, but not while it has no socket to answer on.
func TestOfferWithoutAnswer(t *testing.T) {
	h := newHouse(t)
	h.engine.patience.answer = 50 * time.Millisecond
	g := h.join(request("ada"))
	eventually(t, "ada is told to begin anew", func() bool {
		return g.sink.got(func(m *livekit.SignalResponse) bool {
			l := m.GetLeave()
			return l.GetAction() == livekit.LeaveRequest_RECONNECT && l.GetReason() == livekit.DisconnectReason_STATE_MISMATCH && l.GetCanReconnect()
		})
	})
	bo := h.join(request("bo"))
	bo.state(func(p *Participant) {
		p.sink = nil
		p.negotiationFailed(errNoAnswer)
		if p.closed {
			t.Error("bo had no socket to answer on")
		}
		p.sink = bo.sink
	})
}

// A connection over UDP that fails soon after it was made, while the client still talks to us, is followed by one over TCP.
func TestFailureOverUDPLeadsToTCP(t *testing.T) {
	h := newHouse(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	split := wire.NewSplit(listener, wire.SplitOptions{})
	t.Cleanup(func() { _ = split.Close() })
	h.engine.tcp = split.ICE()
	req := request("ada")
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17}
	g := h.join(req)
	g.state(func(p *Participant) {
		p.heard.Store(time.Now().Add(-time.Minute).UnixNano())
		p.considerTCP(p.subscriber)
		if p.prefersTCP() {
			t.Error("a client that is silent altogether has other troubles than UDP")
		}
		p.heard.Store(time.Now().UnixNano())
		p.connectionState(livekit.SignalTarget_SUBSCRIBER, webrtc.PeerConnectionStateFailed)
		if !p.prefersTCP() {
			t.Error("UDP is not given up")
		}
	})
	if !g.sink.got(func(m *livekit.SignalResponse) bool { return m.GetLeave().GetAction() == livekit.LeaveRequest_RESUME }) || !g.sink.ended() {
		t.Error("the client is not told to resume")
	}
	req.Reconnect, req.SID, req.Reason = true, g.participant.sid(), livekit.ReconnectReason_RR_SUBSCRIBER_FAILED
	back := &sink{}
	if _, err := h.Join(t.Context(), req, back); err != nil {
		t.Fatal(err)
	}
	var offer string
	eventually(t, "an offer over TCP alone", func() bool {
		for _, o := range back.offers() {
			offer = o.Sdp
		}
		return strings.Contains(offer, "tcptype passive") && !strings.Contains(offer, " udp ")
	})
	joined := back.all()[0].GetReconnect()
	if joined == nil {
		t.Errorf("began with %v", back.all()[0])
	}
	again := req
	again.Reconnect, again.Identity, again.Info.Identity = false, "ada", "ada"
	if g := h.join(again); g.sink.all()[0].GetJoin().GetFastPublish() || strings.Contains(g.firstOffer(), " udp ") {
		t.Error("a new join begins with UDP")
	}
}

// firstOffer waits for the server's first offer.
func (g *guest) firstOffer() string {
	g.t.Helper()
	eventually(g.t, "an offer", func() bool { return len(g.sink.offers()) > 0 })
	return g.sink.offers()[0].Sdp
}
