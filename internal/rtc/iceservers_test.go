package rtc

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/wire"
)

// withRelays makes ICEServers return a server whose URL has its arguments.
func withRelays(o *Options) {
	o.ICEServers = func(req RelayRequest) []*livekit.ICEServer {
		return []*livekit.ICEServer{{Urls: []string{fmt.Sprintf("%s %v", req.Host, req.Path)}, Username: req.User}}
	}
}

// relayRequest returns the join request of a client that can use relays but not ICE over TCP.
func relayRequest() JoinRequest {
	req := request("ada")
	req.Host, req.Client.Protocol = "meet.example", 17
	return req
}

// lastServer returns the TURN server in the latest join or reconnect response, and whether it is forced.
func (s *sink) lastServer() (server *livekit.ICEServer, forced bool) {
	for _, m := range s.all() {
		servers, config := m.GetJoin().GetIceServers(), m.GetJoin().GetClientConfiguration()
		if r := m.GetReconnect(); r != nil {
			servers, config = r.IceServers, r.ClientConfiguration
		}
		if len(servers) > 0 {
			server, forced = servers[0], config.ForceRelay == livekit.ClientConfigSetting_ENABLED
		}
	}
	return server, forced
}

func TestRelayUserExistsWhileItsParticipantIsInARoom(t *testing.T) {
	h := newHarness(t, withRelays)
	g := h.join(relayRequest())
	server, forced := g.sink.lastServer()
	if server.GetUrls()[0] != "meet.example any" || forced || !h.HasRelayUser(server.GetUsername()) {
		t.Fatalf("%v, forced: %v", server, forced)
	}
	if user := server.Username; strings.Contains(user, "ada") || len(user) < 12 {
		t.Errorf("the user is %q", user)
	}
	g.inspect(func(p *Participant) { p.activate() })
	if err := h.Move(t.Context(), "room", "ada", "other"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ada has moved", func() bool { return len(h.eventLog("other")) == 2 })
	if !h.HasRelayUser(server.Username) {
		t.Error("the move has ended the credentials")
	}
	if err := h.Remove(t.Context(), "other", "ada", time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the credentials have ended", func() bool { return !h.HasRelayUser(server.Username) })
}

// The client resumes after each failure. After the relay has failed too, all paths are tried again.
func TestFailedConnectionFallsBackToRelay(t *testing.T) {
	h := newHarness(t, withRelays)
	g := h.join(relayRequest())
	first, _ := g.sink.lastServer()
	for _, want := range []peer.Path{peer.RelayOnly, peer.AnyPath} {
		g.inspect(func(p *Participant) {
			p.conn.lastReceived.Store(time.Now().UnixNano())
			p.conn.considerFallback(p.conn.subscriber)
			if got := p.conn.path(); got != want {
				t.Errorf("the path is %v, want %v", got, want)
			}
		})
		req := relayRequest()
		req.Reconnect, req.SID, req.Reason, req.Host = true, g.participant.sid(), livekit.ReconnectReason_RR_SUBSCRIBER_FAILED, "192.0.2.1"
		req.TLSPort = 443
		back := &sink{}
		if _, err := h.Join(t.Context(), req, back); err != nil {
			t.Fatal(err)
		}
		server, forced := back.lastServer()
		if forced != (want == peer.RelayOnly) || server.GetUrls()[0] != fmt.Sprintf("192.0.2.1 %v", want) || server.Username != first.Username {
			t.Errorf("%v, forced: %v", server, forced)
		}
		g.inspect(func(p *Participant) {
			if p.req.Host != req.Host || p.req.TLSPort != req.TLSPort {
				t.Errorf("the client is at %s, port %d", p.req.Host, p.req.TLSPort)
			}
		})
	}
}

// Both connections of a client usually fail, but not at the same time.
func TestLateFailureOfTheOtherConnectionDoesNotSkipAPath(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	split := wire.NewProtocolMux(listener, wire.ProtocolMuxOptions{})
	t.Cleanup(func() { _ = split.Close() })
	h := newHarness(t, withRelays, func(o *Options) { o.TCP = split.TCPMux() })
	req := relayRequest()
	req.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Protocol: 17}
	g := h.join(req)
	fail := func(transport func(*Participant) *Transport, want peer.Path) {
		t.Helper()
		g.inspect(func(p *Participant) {
			p.conn.lastReceived.Store(time.Now().UnixNano())
			p.conn.considerFallback(transport(p))
			if got := p.conn.path(); got != want {
				t.Errorf("the path is %v, want %v", got, want)
			}
		})
	}
	subscriber := func(p *Participant) *Transport { return p.conn.subscriber }
	publisher := func(p *Participant) *Transport { return p.conn.publisherTransport() }
	g.inspect(func(p *Participant) { publisher(p) }) // creates it
	fail(subscriber, peer.TCPOnly)
	fail(publisher, peer.TCPOnly)
	req.Reconnect, req.SID, req.Reason = true, g.participant.sid(), livekit.ReconnectReason_RR_SUBSCRIBER_FAILED
	if _, err := h.Join(t.Context(), req, &sink{}); err != nil {
		t.Fatal(err)
	}
	fail(publisher, peer.TCPOnly)
	fail(subscriber, peer.RelayOnly)
}

func TestClientWithoutTURNServersStaysOnItsPath(t *testing.T) {
	h := newHarness(t)
	g := h.join(relayRequest())
	g.inspect(func(p *Participant) {
		p.conn.lastReceived.Store(time.Now().UnixNano())
		p.conn.considerFallback(p.conn.subscriber)
		p.conn.switchProtocol(livekit.CandidateProtocol_TLS)
		if got := p.conn.path(); got != peer.AnyPath {
			t.Errorf("the path is %v", got)
		}
	})
	if server, forced := g.sink.lastServer(); server != nil || forced {
		t.Errorf("%v, forced: %v", server, forced)
	}
}
