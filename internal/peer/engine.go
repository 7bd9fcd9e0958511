package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
	"github.com/pion/webrtc/v4"

	"meet/internal/netaddr"
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

// EngineOptions configure an Engine. The zero value is usable.
type EngineOptions struct {
	TCP           ice.TCPMux            // ICE over TCP; nil means UDP only. It is bound to the same address as the UDP socket. The caller closes it
	Public        func() []netip.Addr   // addresses to offer besides this machine's own; may be nil. Each connection calls it
	Logs          logging.LoggerFactory // for Pion; nil means Pion's default
	AnswerTimeout time.Duration         // how long to wait for a client's answer before the Transport fails; 0 means 15 s
}

// Engine makes peer connections that share one UDP socket, one TCP port and one certificate.
type Engine struct {
	options     EngineOptions
	udp         UDPMux
	certificate webrtc.Certificate
	net         transport.Net
	bound       netip.AddrPort               // address of the UDP socket; an unspecified address means all addresses of this machine
	usable      func() ([]netip.Addr, error) // netaddr.Usable, except in tests
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
	system, err := stdnet.NewNet()
	if err != nil {
		return nil, fmt.Errorf("list the network interfaces: %w", err)
	}
	bound, ok := udp.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, fmt.Errorf("the media socket has the address %v instead of a UDP address", udp.LocalAddr())
	}
	return &Engine{options: o, udp: udp, certificate: *cert, net: system, bound: bound.AddrPort(), usable: netaddr.Usable}, nil
}

// Close closes the UDP mux.
func (e *Engine) Close() error { return e.udp.Close() }

// offeredUDPMux is the UDP mux for the peer connection of one client. It lists the addresses to offer to this client.
type offeredUDPMux struct {
	UDPMux
	offered *offeredAddresses
	senders *rtcpSenders
}

// GetConn implements ice.UDPMux. The returned connection drops the RTCP packets that v.senders does not admit.
func (v offeredUDPMux) GetConn(ufrag string, local net.Addr) (net.PacketConn, error) {
	return v.senders.limit(v.UDPMux.GetConn(ufrag, local))
}

// GetListenAddresses implements ice.UDPMux. Pion makes a candidate of each address.
func (v offeredUDPMux) GetListenAddresses() []net.Addr { return v.offered.choose() }

// connection is a Pion peer connection with the parts that Meet attaches to it.
type connection struct {
	*webrtc.PeerConnection
	tap     *sfu.Tap // intercepts its RTP and RTCP
	pairs   *pairTracker
	senders *rtcpSenders
	offered *offeredAddresses
}

// newConnection makes a peer connection. overflow is called when the client sends more RTP streams than sfu.Tap allows.
func (e *Engine) newConnection(o Options, overflow func()) (*connection, error) {
	media, err := newMediaEngine(o)
	if err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	offered := &offeredAddresses{Net: e.net, engine: e, client: o}
	senders := newRTCPSenders()
	settings := e.settings(o, offered, senders)
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
	return &connection{PeerConnection: pc, tap: tap, pairs: pairs, senders: senders, offered: offered}, nil
}

// settings returns Pion's settings for a client.
func (e *Engine) settings(o Options, offered *offeredAddresses, senders *rtcpSenders) *webrtc.SettingEngine {
	s := &webrtc.SettingEngine{LoggerFactory: e.options.Logs}
	s.SetICEUDPMux(offeredUDPMux{e.udp, offered, senders})
	networks := []webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6}
	if o.TCP && e.options.TCP != nil {
		s.SetICETCPMux(limitedTCPMux{e.options.TCP, senders})
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	s.SetNetworkTypes(networks)
	s.SetNet(offered)
	s.SetIncludeLoopbackCandidate(true) // offered decides
	s.SetLite(!o.FullICE)
	s.SetICETimeouts(iceDisconnected, iceFailed, iceKeepAlive)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
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
	return s
}
