package rtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// Times after which ICE calls a connection disconnected and then failed, and between its keep-alives: those of the
// reference server (livekit-protocol.md, 0.4).
const (
	iceDisconnected = 10 * time.Second
	iceFailed       = 5 * time.Second
	iceKeepAlive    = 2 * time.Second
)

// sctpRTOMax bounds the time after which SCTP sends again what was not acknowledged. Left to double up to a minute
// (RFC 9260, section 6.3.3), data would go on long after a client's network has come back.
const sctpRTOMax = 2 * time.Second

// sctpMinWindow is the least congestion window of SCTP, in bytes: the ten packets TCP begins with (RFC 6928). Where
// packets are lost for other reasons than congestion, as over radio, a window of one packet makes a megabyte take three
// times as long (measured with 10 % loss).
const sctpMinWindow = 12_000

// engine makes peer connections that share one UDP socket, one TCP port and one certificate.
type engine struct {
	udp         UDPMux
	tcp         TCPMux // nil: media goes over UDP alone
	certificate webrtc.Certificate
	nodeIP      netip.Addr // address to offer instead of the host's own; zero: the host's own
	bound       netip.Addr // address the socket is bound to; unspecified: all
	logs        logging.LoggerFactory
	patience    patience
}

// patience is how long clients get for what they have to do. It is the same for all, but in tests.
type patience struct {
	disconnected, failed time.Duration // of ICE
	answer               time.Duration // to an offer
	introduction         time.Duration // until others learn of one whose media has not connected
}

func newEngine(udp UDPMux, tcp TCPMux, nodeIP netip.Addr, logs logging.LoggerFactory) (*engine, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the media key: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("make the media certificate: %w", err)
	}
	e := &engine{udp: udp, tcp: tcp, certificate: *cert, nodeIP: nodeIP, logs: logs, patience: patience{iceDisconnected, iceFailed, answerLimit, introductionDelay}}
	if a, ok := udp.LocalAddr().(*net.UDPAddr); ok {
		e.bound = a.AddrPort().Addr().Unmap()
	}
	return e, nil
}

func (e *engine) Close() error { return e.udp.Close() }

// visibleMux is the socket as one client sees it: pion offers every address that it names.
type visibleMux struct {
	UDPMux
	engine   *engine
	loopback bool
	senders  *rtcpSenders
}

// GetConn makes a connection; its name and parameters are those of ice.UDPMux.
func (v visibleMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	return v.senders.bounded(v.UDPMux.GetConn(ufrag, local))
}

func (v visibleMux) GetListenAddresses() []net.Addr {
	return slices.DeleteFunc(v.UDPMux.GetListenAddresses(), func(a net.Addr) bool {
		udp, ok := a.(*net.UDPAddr)
		if !ok || udp.IP.IsLoopback() && !v.loopback {
			return true
		}
		return udp.AddrPort().Addr().Unmap() != v.engine.bound && !v.engine.offered(udp.IP) // what it is bound to is all there is
	})
}

// connectionOptions are what differs between the connections of two clients.
type connectionOptions struct {
	loopback bool // the client reached us over loopback, so 127.0.0.1 is an address it can use
	fullICE  bool // the client does not get along with ICE-lite
	reuses   bool // the client plays another track on a section that has carried one
	tcp      bool // the client may connect by TCP too
	tcpOnly  bool // UDP has failed it: neither side is told of UDP addresses
	codecs   codecSet
	// zeroChecksum allows SCTP packets without a checksum.
	zeroChecksum bool
	// neverPause is set when the client wants the lowest layer of every picture, however narrow its connection.
	neverPause bool
}

// connection is a peer connection and the Tap on its media.
type connection struct {
	*webrtc.PeerConnection
	tap     *sfu.Tap
	route   *route
	senders *rtcpSenders
}

func (e *engine) newConnection(o connectionOptions, overflow func()) (*connection, error) {
	media, err := newMediaEngine(o.codecs)
	if err != nil {
		return nil, fmt.Errorf("set up codecs: %w", err)
	}
	senders := newRTCPSenders()
	settings, err := e.settings(o, senders)
	if err != nil {
		return nil, fmt.Errorf("set up ICE: %w", err)
	}
	way := &route{}
	settings.SetICEBindingRequestHandler(func(m *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
		return way.check(m, pair, time.Now())
	})
	tap := sfu.NewTap(randomSSRC(), overflow)
	registry := &interceptor.Registry{}
	registry.Add(tap)
	settings.BufferFactory = tap.Buffer
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(*settings), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{e.certificate}})
	if err != nil {
		return nil, fmt.Errorf("make a peer connection: %w", err)
	}
	return &connection{PeerConnection: pc, tap: tap, route: way, senders: senders}, nil
}

func (e *engine) settings(o connectionOptions, senders *rtcpSenders) (*webrtc.SettingEngine, error) {
	s := &webrtc.SettingEngine{LoggerFactory: e.logs}
	loopback := o.loopback || e.bound.IsLoopback()
	s.SetICEUDPMux(visibleMux{e.udp, e, loopback, senders})
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if o.tcp && e.tcp != nil {
		s.SetICETCPMux(boundedTCP{e.tcp, senders})
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetLite(!o.fullICE)
	s.SetICETimeouts(e.patience.disconnected, e.patience.failed, iceKeepAlive)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetIncludeLoopbackCandidate(loopback)
	s.SetIPFilter(e.offered)
	if e.nodeIP.IsValid() && !e.ownAddress(e.nodeIP) {
		rule := webrtc.ICEAddressRewriteRule{
			External: []string{e.nodeIP.String()}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		}
		if o.loopback {
			rule.Mode = webrtc.ICEAddressRewriteAppend // a caller on this machine cannot use the outside address
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return nil, err
		}
	}
	// Both save a round trip or work for each packet: ICE has already proven the client's address, and DTLS its data.
	s.SetDTLSInsecureSkipHelloVerify(true)
	s.EnableSCTPZeroChecksum(o.zeroChecksum)
	s.SetSCTPMaxMessageSize(maxMessage)
	s.SetSCTPRTOMax(sctpRTOMax)
	s.SetSCTPMinCwnd(sctpMinWindow)
	s.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	s.SetReceiveMTU(1500)
	s.SetIgnoreRidPauseForRecv(true)     // a layer that is paused as it is offered may be sent later
	s.SetSRTPReplayProtectionWindow(512) // wider than the deepest reordering a NACKed packet can have
	return s, nil
}

// offered tells whether an address of this machine is worth offering: not one that only works on one link, and only the
// node's own where that is set.
func (e *engine) offered(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return false
	}
	a = a.Unmap()
	if a.IsLinkLocalUnicast() {
		return false
	}
	if a.IsLoopback() {
		return a.Is4() // whether loopback is offered at all is decided for each client
	}
	return !e.nodeIP.IsValid() || !e.ownAddress(e.nodeIP) || a == e.nodeIP
}

func (e *engine) ownAddress(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(x net.Addr) bool {
		n, ok := x.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	})
}
