package rtc

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
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
		back := &sink{}
		if _, err := h.Join(t.Context(), req, back); err != nil {
			t.Fatal(err)
		}
		server, forced := back.lastServer()
		if forced != (want == peer.RelayOnly) || server.GetUrls()[0] != fmt.Sprintf("192.0.2.1 %v", want) || server.Username != first.Username {
			t.Errorf("%v, forced: %v", server, forced)
		}
	}
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
