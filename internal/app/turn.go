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

// iceServers returns the TURN servers for a participant, see rtc.Options.ICEServers. With a domain they have its name, to
// which the certificate belongs.
func (a *App) iceServers(host, user string, relayOnly bool) []*livekit.ICEServer {
	urls := a.turnURLs(cmp.Or(a.config.Domain, host))
	if relayOnly {
		urls = urls[len(urls)-1:]
	}
	c := a.turn.ParticipantCredentials(user)
	return []*livekit.ICEServer{{Urls: urls, Username: c.Username, Credential: c.Password}}
}

// directTURN returns the TURN URLs and credentials for the browsers of a direct call.
func (a *App) directTURN(host, session string) (urls []string, username, credential string) {
	c := a.turn.DirectCredentials(session)
	return a.turnURLs(host), c.Username, c.Password
}

// turnURLs returns the TURN URLs for a client that reaches the server at host.
func (a *App) turnURLs(host string) []string {
	return turn.URLs(host, int(a.Addr().Port()), a.certificates != nil)
}
