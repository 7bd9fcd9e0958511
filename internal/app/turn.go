package app

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/livekit/protocol/livekit"

	"meet/internal/metrics"
	"meet/internal/netaddr"
	"meet/internal/peer"
	"meet/internal/rtc"
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
//
// A client built on libwebrtc gets TURN over UDP only if it probably cannot reach the media socket without a relay.
// libwebrtc passes all packets that come from the UDP address of a TURN server to the TURN client, and the media socket has
// the same address: such a client would receive media over TCP or through the relay, but never directly over UDP.
func (a *App) iceServers(req rtc.RelayRequest) []*livekit.ICEServer {
	offered, _ := netaddr.Usable() // on an error no address of this machine is offered
	urls := chooseURLs(a.turnURLs(cmp.Or(a.config.Domain, req.Host), req.TLSPort), req, append(offered, a.public()...))
	c := a.turn.ParticipantCredentials(req.User)
	return []*livekit.ICEServer{{Urls: urls, Username: c.Username, Credential: c.Password}}
}

// chooseURLs returns those of the server's TURN URLs that a participant gets; see App.iceServers. urls begins with the URL for
// UDP and ends with that which passes most firewalls. offered are the addresses that the server offers for media.
func chooseURLs(urls []string, req rtc.RelayRequest, offered []netip.Addr) []string {
	switch {
	case req.Path == peer.RelayOnly:
		return urls[len(urls)-1:]
	case req.Path == peer.AnyPath && !req.TURNUDP && !isBeyondNAT(req, offered):
		return urls[1:]
	}
	return urls
}

// isBeyondNAT reports whether a participant probably cannot reach any address that the server offers for media: it has a
// public address, used a host name, and all offered addresses are private. An IP address in its URL would be offered too.
func isBeyondNAT(req rtc.RelayRequest, offered []netip.Addr) bool {
	client, err := netip.ParseAddr(req.RemoteIP)
	_, hostErr := netip.ParseAddr(req.Host) // an error for a name
	return err == nil && hostErr != nil && isPublic(client) && !slices.ContainsFunc(offered, isPublic)
}

// isPublic reports whether an address can be reached from the internet.
func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !netaddr.IsPrivate(a)
}

// directTURN returns the TURN URLs and credentials for the browsers of a direct call.
func (a *App) directTURN(host string, tlsPort int, session string) (urls []string, username, credential string) {
	c := a.turn.DirectCredentials(session)
	return a.turnURLs(host, tlsPort), c.Username, c.Password
}

// turnURLs returns the TURN URLs, that for UDP first, for a client that reaches the server at host. tlsPort is the port by which it reaches the
// server by TLS, or 0 if that is not known.
func (a *App) turnURLs(host string, tlsPort int) []string {
	if a.certificates == nil {
		return turn.URLs(host, a.port(), 0)
	}
	return turn.URLs(host, a.port(), cmp.Or(tlsPort, a.port()))
}

// port returns the number of the TCP and the UDP port.
func (a *App) port() int { return int(a.Addr().Port()) }
