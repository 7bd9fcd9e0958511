package app

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

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
// libwebrtc hands every packet from a TURN server's UDP address to its TURN client, and the media socket has that address.
// With TURN over UDP it would therefore never receive media directly over UDP. So it gets that URL only if it probably
// cannot reach the media socket without a relay.
func (a *App) iceServers(req rtc.RelayRequest) []*livekit.ICEServer {
	host := cmp.Or(a.config.Domain, req.Host)
	urls := chooseURLs(a.turnURLs(host, host, req.TLSPort), req, a.offered)
	c := a.turn.ParticipantCredentials(req.User)
	return []*livekit.ICEServer{{Urls: urls, Username: c.Username, Credential: c.Password}}
}

// ownAddressesTTL is how long the addresses of this machine are cached.
const ownAddressesTTL = 5 * time.Second

// ownAddresses caches the addresses of this machine, because reading them takes several system calls.
type ownAddresses struct {
	mu   sync.Mutex
	all  []netip.Addr
	read time.Time
}

// get returns the addresses.
func (o *ownAddresses) get() []netip.Addr {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.read) >= ownAddressesTTL {
		o.all, _ = netaddr.Usable() // on an error no address of this machine is offered
		o.read = time.Now()
	}
	return o.all
}

// offered returns the addresses that the server offers for media, see peer.Engine.
func (a *App) offered() []netip.Addr {
	if bound := a.Addr().Addr(); !bound.IsUnspecified() {
		return append([]netip.Addr{bound}, a.public()...)
	}
	return slices.Concat(a.own.get(), a.public())
}

// chooseURLs returns those of the server's TURN URLs that a participant gets; see App.iceServers. urls begins with the URL
// for UDP and ends with that which passes most firewalls. offered returns the addresses that the server offers for media.
func chooseURLs(urls []string, req rtc.RelayRequest, offered func() []netip.Addr) []string {
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
func isBeyondNAT(req rtc.RelayRequest, offered func() []netip.Addr) bool {
	client, err := netip.ParseAddr(req.RemoteIP)
	_, hostErr := netip.ParseAddr(req.Host) // an error for a name
	return err == nil && hostErr != nil && netaddr.IsPublic(client) && !slices.ContainsFunc(offered(), netaddr.IsPublic)
}

// directTURN returns the TURN URLs and credentials for the browsers of a direct call. pageHost is the host of their page.
// The certificate is valid for this host, but need not be valid for the public address of the server.
func (a *App) directTURN(pageHost string, tlsPort int, session string) (urls []string, username, credential string) {
	c := a.turn.DirectCredentials(session)
	host, tlsHost := cmp.Or(a.config.Domain, a.config.NodeIP, pageHost), cmp.Or(a.config.Domain, pageHost)
	return a.turnURLs(host, tlsHost, tlsPort), c.Username, c.Password
}

// turnURLs returns the TURN URLs for a client that reaches the server at host, and by TLS at tlsHost. The first one is for
// UDP. tlsPort is the port of TLS, or 0 if that is not known.
func (a *App) turnURLs(host, tlsHost string, tlsPort int) []string {
	if a.certificates == nil {
		return turn.URLs(host, a.port(), "", 0)
	}
	return turn.URLs(host, a.port(), tlsHost, cmp.Or(tlsPort, a.port()))
}

// port returns the number of the TCP and the UDP port.
func (a *App) port() int { return int(a.Addr().Port()) }
