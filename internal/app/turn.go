package app

import (
	"cmp"
	"context"
	"net/netip"

	"github.com/livekit/protocol/livekit"

	"meet/internal/metrics"
	"meet/internal/turn"
	"meet/internal/wire"
)

// openTURN starts the TURN server. Clients can use it from then on. Relays of participants use mux as the media socket.
func (a *App) openTURN(media *wire.PacketConn, mux *wire.UDPMux, nodeIP netip.Addr) (err error) {
	a.turn, err = turn.New(media.STUNConn(), a.tcp.TURNListener(), turn.Options{
		DirectAddress: nodeIP, Media: mux, Present: a.rooms.HasRelayUser, Log: a.log,
	})
	if err != nil {
		return err
	}
	a.push("TURN", func(context.Context) error { return a.turn.Close() })
	return nil
}

// relays returns the relays inside this process. The media socket sends packets to them only for participants, which can
// join only after openTURN.
func (a *App) relays() wire.Relays {
	return wire.Relays{
		V4: turn.ParticipantV4, V6: turn.ParticipantV6,
		Deliver: func(b []byte, to netip.AddrPort) { a.turn.Deliver(b, to) },
	}
}

// relayMetrics returns the statistics of the relays.
func (a *App) relayMetrics() metrics.Relays {
	s := a.turn.Stats()
	return metrics.Relays{Open: s.Relays, BytesIn: s.BytesSent, BytesOut: s.BytesReceived}
}

// iceServers returns the STUN and TURN servers for a participant, see rtc.Options.ICEServers. With a domain they have its
// name, to which the certificate belongs.
//
// The STUN server is necessary although the client needs no address of its own: libwebrtc passes packets that come from the
// address of a TURN server to the TURN client alone, unless a STUN server has the same address. Media would thus never use
// UDP without the relay.
func (a *App) iceServers(host string, tlsPort int, user string, relayOnly bool) []*livekit.ICEServer {
	host = cmp.Or(a.config.Domain, host)
	urls, c := a.turnURLs(host, tlsPort), a.turn.ParticipantCredentials(user)
	relay := &livekit.ICEServer{Urls: urls, Username: c.Username, Credential: c.Password}
	if relayOnly {
		relay.Urls = urls[len(urls)-1:]
		return []*livekit.ICEServer{relay}
	}
	return []*livekit.ICEServer{{Urls: []string{turn.STUNURL(host, a.port())}}, relay}
}

// directTURN returns the TURN URLs and credentials for the browsers of a direct call.
func (a *App) directTURN(host string, tlsPort int, session string) (urls []string, username, credential string) {
	c := a.turn.DirectCredentials(session)
	return a.turnURLs(host, tlsPort), c.Username, c.Password
}

// turnURLs returns the TURN URLs for a client that reaches the server at host. tlsPort is the port by which it reaches the
// server by TLS, or 0 if that is not known.
func (a *App) turnURLs(host string, tlsPort int) []string {
	if a.certificates == nil {
		return turn.URLs(host, a.port(), 0)
	}
	return turn.URLs(host, a.port(), cmp.Or(tlsPort, a.port()))
}

// port returns the number of the TCP and the UDP port.
func (a *App) port() int { return int(a.Addr().Port()) }
