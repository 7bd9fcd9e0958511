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

// ICE timeouts, with the values of the LiveKit server (docs/protocol.md, 7.3). A connection is disconnected when nothing has
// been received for iceDisconnected. When nothing has been received for iceFailed after that, it has failed. A keepalive is
// sent every iceKeepAlive.
const (
	iceDisconnected = 10 * time.Second
	iceFailed       = 5 * time.Second
	iceKeepAlive    = 2 * time.Second
)

// sctpRTOMax is the maximum retransmission timeout of SCTP. Without it, the timeout doubles up to 60 s (RFC 9260, section
// 6.3.3) and delays data long after a client's network has recovered.
const sctpRTOMax = 2 * time.Second

// sctpMinWindow is the minimum congestion window of SCTP in bytes: ten packets, the initial window of TCP (RFC 6928). On
// radio links packets are lost without congestion. With 10 % random loss, a minimum window of one packet tripled the time to
// transfer one megabyte (measured).
const sctpMinWindow = 12_000

// MaxMessageSize is the size in bytes of the largest message that a client may send on a data channel, as announced in SDP
// (RFC 8841, section 6). LiveKit's clients send at most 64,000 bytes. MaxMessageSize is below 64 KiB so that a forwarded
// message, to which the sender's identity is added, fits the receive buffer of clients built on Pion.
const MaxMessageSize = 64_500

// UDPMux shares a UDP socket between peer connections. LocalAddr returns the address that the socket is bound to.
type UDPMux interface {
	ice.UDPMux
	LocalAddr() net.Addr
}

// TCPMux shares a TCP port between peer connections. LocalAddr returns the address that the port is bound to.
type TCPMux interface {
	ice.TCPMux
	LocalAddr() net.Addr
}

// EngineOptions configure an Engine. The zero value is usable.
type EngineOptions struct {
	TCP           TCPMux                // ICE over TCP; nil means UDP only. The caller closes it
	NodeIP        netip.Addr            // the address in ICE candidates; zero means this machine's own addresses
	Logs          logging.LoggerFactory // for Pion; nil means Pion's default
	AnswerTimeout time.Duration         // how long to wait for a client's answer before the Transport fails; 0 means 15 s
}

// Engine makes peer connections that share one UDP socket, one TCP port and one certificate.
type Engine struct {
	options     EngineOptions
	udp         UDPMux
	certificate webrtc.Certificate
	bound       netip.Addr // address that the UDP socket is bound to; unspecified means all addresses
}

// NewEngine returns an Engine that sends media through udp. Engine.Close closes udp.
func NewEngine(udp UDPMux, o EngineOptions) (*Engine, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate the DTLS key: %w", err)
	}
	cert, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("generate the DTLS certificate: %w", err)
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

// Close closes the UDP mux.
func (e *Engine) Close() error { return e.udp.Close() }

// filteredUDPMux is the UDP mux for the peer connection of one client. Pion offers every address that a mux lists, so
// filteredUDPMux lists only the addresses that this client can use.
type filteredUDPMux struct {
	UDPMux
	engine   *Engine
	loopback bool // list loopback addresses
	senders  *rtcpSenders
}

// GetConn implements ice.UDPMux. The returned connection drops the RTCP packets that v.senders does not admit.
func (v filteredUDPMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	return v.senders.limit(v.UDPMux.GetConn(ufrag, local))
}

// GetListenAddresses implements ice.UDPMux. It returns the addresses to offer to the client.
func (v filteredUDPMux) GetListenAddresses() []net.Addr {
	return slices.DeleteFunc(v.UDPMux.GetListenAddresses(), func(a net.Addr) bool {
		udp, ok := a.(*net.UDPAddr)
		if !ok || udp.IP.IsLoopback() && !v.loopback {
			return true
		}
		// A socket that is bound to one address always offers that address.
		return udp.AddrPort().Addr().Unmap() != v.engine.bound && !v.engine.offersAddress(udp.IP)
	})
}

// connection is a Pion peer connection with the parts that Meet attaches to it.
type connection struct {
	*webrtc.PeerConnection
	tap     *sfu.Tap // intercepts its RTP and RTCP
	pairs   *pairTracker
	senders *rtcpSenders
}

// newConnection makes a peer connection. overflow is called when the client sends more RTP streams than sfu.Tap allows.
func (e *Engine) newConnection(o Options, overflow func()) (*connection, error) {
	media, err := newMediaEngine(o)
	if err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	senders := newRTCPSenders()
	settings, err := e.settings(o, senders)
	if err != nil {
		return nil, fmt.Errorf("configure ICE: %w", err)
	}
	pairs := &pairTracker{}
	settings.SetICEBindingRequestHandler(func(m *stun.Message, _, _ ice.Candidate, pair *ice.CandidatePair) bool {
		return pairs.observeCheck(m, pair, time.Now())
	})
	tap := sfu.NewTap(randomSSRC(), overflow)
	registry := &interceptor.Registry{}
	registry.Add(tap)
	settings.BufferFactory = tap.Buffer
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(*settings), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{e.certificate}})
	if err != nil {
		return nil, fmt.Errorf("create a peer connection: %w", err)
	}
	return &connection{PeerConnection: pc, tap: tap, pairs: pairs, senders: senders}, nil
}

// settings returns Pion's settings for a client.
func (e *Engine) settings(o Options, senders *rtcpSenders) (*webrtc.SettingEngine, error) {
	s := &webrtc.SettingEngine{LoggerFactory: e.options.Logs}
	loopback := o.Loopback || e.bound.IsLoopback()
	s.SetICEUDPMux(filteredUDPMux{e.udp, e, loopback, senders})
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if o.TCP && e.options.TCP != nil {
		s.SetICETCPMux(limitedTCPMux{e.options.TCP, senders})
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetLite(!o.FullICE)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetIncludeLoopbackCandidate(loopback)
	s.SetIPFilter(e.offersAddress)
	if e.options.NodeIP.IsValid() && !e.ownAddress(e.options.NodeIP) {
		rule := webrtc.ICEAddressRewriteRule{
			External: []string{e.options.NodeIP.String()}, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteReplace,
		}
		if o.Loopback {
			rule.Mode = webrtc.ICEAddressRewriteAppend // a client on this machine may not be able to use the public address
		}
		if err := s.SetICEAddressRewriteRules(rule); err != nil {
			return nil, err
		}
	}
	// The DTLS cookie costs a round trip. The SCTP checksum costs CPU time for each packet. Neither is needed: ICE has
	// verified the client's address, and DTLS authenticates the data.
	s.SetDTLSInsecureSkipHelloVerify(true)
	s.EnableSCTPZeroChecksum(o.ZeroChecksum)
	s.SetSCTPMaxMessageSize(MaxMessageSize)
	s.SetSCTPRTOMax(sctpRTOMax)
	s.SetSCTPMinCwnd(sctpMinWindow)
	s.SetDTLSRetransmissionInterval(100 * time.Millisecond)
	s.SetReceiveMTU(1500)
	s.SetIgnoreRidPauseForRecv(true)     // a layer that is offered as paused may be sent later
	s.SetSRTPReplayProtectionWindow(512) // packets; retransmissions arrive up to this far out of order
	return s, nil
}

// offersAddress reports whether ICE candidates may contain ip. They may not contain link-local addresses. If NodeIP is an
// address of this machine, they may contain no other address except loopback. offersAddress allows loopback addresses only
// for IPv4; filteredUDPMux decides for each client whether to list them.
func (e *Engine) offersAddress(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	if !ok {
		return false
	}
	a = a.Unmap()
	if a.IsLinkLocalUnicast() {
		return false
	}
	if a.IsLoopback() {
		return a.Is4() // filteredUDPMux decides for each client
	}
	return !e.options.NodeIP.IsValid() || !e.ownAddress(e.options.NodeIP) || a == e.options.NodeIP
}

// ownAddress reports whether a is an address of a network interface of this machine.
func (e *Engine) ownAddress(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(x net.Addr) bool {
		n, ok := x.(*net.IPNet)
		return ok && n.IP.Equal(a.AsSlice())
	})
}
