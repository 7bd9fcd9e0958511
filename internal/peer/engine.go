package peer

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

// Times after which ICE calls a connection disconnected and then failed, and between keep-alives: those of the reference
// server (docs/protocol.md, 7.3).
const (
	iceDisconnected = 10 * time.Second
	iceFailed       = 5 * time.Second
	iceKeepAlive    = 2 * time.Second
)

// sctpRTOMax bounds the time after which SCTP retransmits. Doubled up to a minute (RFC 9260, section 6.3.3), it would
// delay data long after a client's network has come back.
const sctpRTOMax = 2 * time.Second

// sctpMinWindow is the smallest congestion window of SCTP, in bytes: the ten packets with which TCP begins (RFC 6928).
// Where packets are lost for other reasons than congestion, as over radio, a window of one packet makes the transfer of a
// megabyte take three times as long (measured with 10 % loss).
const sctpMinWindow = 12_000

// MaxMessageSize bounds the messages that a client may send on a data channel, in bytes; our SDP says it (RFC 8841, section
// 6). LiveKit's clients send at most 64,000. It leaves room for the sender's names, so that a forwarded message fits the
// buffers of clients built on pion.
const MaxMessageSize = 64_500

// UDPMux shares a UDP socket between peer connections.
type UDPMux interface {
	ice.UDPMux
	LocalAddr() net.Addr
}

// TCPMux shares a TCP port between peer connections.
type TCPMux interface {
	ice.TCPMux
	LocalAddr() net.Addr
}

// EngineOptions describe an Engine; the zero value is usable.
type EngineOptions struct {
	TCP           TCPMux     // nil: media goes over UDP alone. It stays the caller's to close
	NodeIP        netip.Addr // address to offer instead of the host's own; zero: the host's own
	Logs          logging.LoggerFactory
	AnswerTimeout time.Duration // how long a client may take to answer an offer; zero: 15 s
}

// Engine makes peer connections that share one UDP socket, one TCP port and one certificate.
type Engine struct {
	options     EngineOptions
	udp         UDPMux
	certificate webrtc.Certificate
	bound       netip.Addr // address the socket is bound to; unspecified: all
}

// NewEngine makes an Engine whose media goes over udp, which it closes in Close.
func NewEngine(udp UDPMux, o EngineOptions) (*Engine, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the media key: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("make the media certificate: %w", err)
	}
	if o.AnswerTimeout == 0 {
		o.AnswerTimeout = answerTimeout
	}
	e := &Engine{options: o, udp: udp, certificate: *cert}
	if a, ok := udp.LocalAddr().(*net.UDPAddr); ok {
		e.bound = a.AddrPort().Addr().Unmap()
	}
	return e, nil
}

// Close closes the UDP socket.
func (e *Engine) Close() error { return e.udp.Close() }

// visibleMux is the UDP socket for one client. It lists only the addresses to offer: pion offers every address that a mux
// lists.
type visibleMux struct {
	UDPMux
	engine   *Engine
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
		return udp.AddrPort().Addr().Unmap() != v.engine.bound && !v.engine.offered(udp.IP) // a socket bound to one address has no other
	})
}

// connection is a peer connection and the Tap on its media.
type connection struct {
	*webrtc.PeerConnection
	tap     *sfu.Tap
	pairs   *pairTracker
	senders *rtcpSenders
}

func (e *Engine) newConnection(o Options, overflow func()) (*connection, error) {
	media, err := newMediaEngine(o)
	if err != nil {
		return nil, fmt.Errorf("set up codecs: %w", err)
	}
	senders := newRTCPSenders()
	settings, err := e.settings(o, senders)
	if err != nil {
		return nil, fmt.Errorf("set up ICE: %w", err)
	}
	pairs := &pairTracker{}
	settings.SetICEBindingRequestHandler(func(m *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
		return pairs.check(m, pair, time.Now())
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
	return &connection{PeerConnection: pc, tap: tap, pairs: pairs, senders: senders}, nil
}

func (e *Engine) settings(o Options, senders *rtcpSenders) (*webrtc.SettingEngine, error) {
	s := &webrtc.SettingEngine{LoggerFactory: e.options.Logs}
	loopback := o.Loopback || e.bound.IsLoopback()
	s.SetICEUDPMux(visibleMux{e.udp, e, loopback, senders})
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if o.TCP && e.options.TCP != nil {
		s.SetICETCPMux(boundedTCP{e.options.TCP, senders})
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetLite(!o.FullICE)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetIncludeLoopbackCandidate(loopback)
	s.SetIPFilter(e.offered)
	if e.options.NodeIP.IsValid() && !e.ownAddress(e.options.NodeIP) {
		rule := webrtc.ICEAddressRewriteRule{
			External: []string{e.options.NodeIP.String()}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		}
		if o.Loopback {
			rule.Mode = webrtc.ICEAddressRewriteAppend // a caller on this machine cannot use the outside address
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return nil, err
		}
	}
	// Both save a round trip or work for each packet: ICE has already proven the client's address, and DTLS its data.
	s.SetDTLSInsecureSkipHelloVerify(true)
	s.EnableSCTPZeroChecksum(o.ZeroChecksum)
	s.SetSCTPMaxMessageSize(MaxMessageSize)
	s.SetSCTPRTOMax(sctpRTOMax)
	s.SetSCTPMinCwnd(sctpMinWindow)
	s.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	s.SetReceiveMTU(1500)
	s.SetIgnoreRidPauseForRecv(true)     // a layer that is paused as it is offered may be sent later
	s.SetSRTPReplayProtectionWindow(512) // wider than the deepest reordering a NACKed packet can have
	return s, nil
}

// offered reports whether to offer an address of this machine: no address that works on one link only, and none but
// NodeIP if that is an address of this machine.
func (e *Engine) offered(ip net.IP) bool {
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
	return !e.options.NodeIP.IsValid() || !e.ownAddress(e.options.NodeIP) || a == e.options.NodeIP
}

func (e *Engine) ownAddress(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(x net.Addr) bool {
		n, ok := x.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	})
}
