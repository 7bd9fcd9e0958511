package sfu

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/transport/v4/vnet"
	"github.com/pion/webrtc/v4"
)

// linkDelay is the one-way delay of the virtual network.
const linkDelay = 5 * time.Millisecond

// testCall is a call on a virtual network with packet loss: a publisher, a Receiver with one DownTrack, and a
// subscriber. All four connections are real pion connections.
type testCall struct {
	t      *testing.T
	net    *vnet.Router
	nextIP byte // last byte of the next address

	publisher, up, down, subscriber *webrtc.PeerConnection // up and down are the server's connections

	receiver *Receiver
	track    *DownTrack
	feedback *Feedback
	reports  *SenderReports

	mu            sync.Mutex
	random        *rand.Rand
	wg            sync.WaitGroup // readers of the clients' RTCP
	percent       int            // loss of media and RTCP packets in both directions of both legs
	lost          int            // datagrams
	retransmitted int            // packets that the publisher retransmitted
}

// newCall returns a testCall whose connections are not negotiated yet.
func newCall(t *testing.T) *testCall {
	t.Helper()
	c := &testCall{t: t, random: rand.New(rand.NewPCG(1, 2))}
	loggers := logging.NewDefaultLoggerFactory()
	network, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "10.9.0.0/24", MinDelay: linkDelay, LoggerFactory: loggers})
	if err != nil {
		t.Fatal(err)
	}
	c.net = network
	c.net.AddChunkFilter(func(chunk vnet.Chunk) bool {
		b := chunk.UserData()
		if len(b) == 0 || b[0] < 128 || b[0] > 191 { // do not drop STUN and DTLS, which have their own retransmissions
			return true
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		drop := c.random.IntN(100) < c.percent
		if drop {
			c.lost++
		}
		return !drop
	})
	upTap, downTap := NewTap(11, nil), NewTap(12, nil)
	c.publisher, c.up = c.client(true), c.server(upTap)
	c.down, c.subscriber = c.server(downTap), c.client(false)
	if err := c.net.Start(); err != nil {
		t.Fatal(err)
	}
	c.receiver = NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, NACK: true}})
	c.feedback, c.reports = NewFeedback(upTap, c.up.WriteRTCP), NewSenderReports(c.down.WriteRTCP, func(time.Time) {})
	c.feedback.Add(c.receiver)
	c.track = NewDownTrack(c.receiver, DownTrackOptions{ID: "TR_x", StreamID: "PA_x|TR_x", Tap: downTap, OnBound: func(error) {}})
	c.reports.Add(c.track)
	c.up.OnTrack(c.addLayer)
	t.Cleanup(c.close)
	return c
}

// publishedTrack is a layer of the publisher's track, as a TrackSource.
type publishedTrack struct {
	*webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	call     *testCall
}

// addLayer adds a layer of the publisher's track to the Receiver.
func (c *testCall) addLayer(remote *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	n := max(0, map[string]int{"q": 0, "h": 1, "f": 2}[remote.RID()])
	c.receiver.AddLayer(n, &publishedTrack{remote, r, c}, nil)
}

func (p *publishedTrack) Info() SourceInfo { return SourceInfo{SSRC: uint32(p.SSRC())} }

func (p *publishedTrack) ReadRTP(b []byte) (int, error) {
	n, attributes, err := p.Read(b)
	if attributes != nil && attributes.Get(webrtc.AttributeRtxSsrc) != nil {
		p.call.mu.Lock()
		p.call.retransmitted++
		p.call.mu.Unlock()
	}
	return n, err
}

func (p *publishedTrack) ReadRTCP(b []byte) (int, error) {
	if p.RID() != "" {
		n, _, err := p.receiver.ReadSimulcast(b, p.RID())
		return n, err
	}
	n, _, err := p.receiver.Read(b)
	return n, err
}

func (p *publishedTrack) WriteRTCP(packets []rtcp.Packet) error { return p.call.up.WriteRTCP(packets) }

// close closes the connections first, then the Receiver, then the senders of reports.
func (c *testCall) close() {
	for _, pc := range []*webrtc.PeerConnection{c.publisher, c.subscriber, c.up, c.down} {
		if err := pc.GracefulClose(); err != nil {
			c.t.Error(err)
		}
	}
	c.wg.Wait()
	c.track.Stop()
	c.receiver.Close()
	c.feedback.Close()
	c.reports.Close()
	if err := c.net.Stop(); err != nil {
		c.t.Error(err)
	}
}

// lose sets the packet loss in percent.
func (c *testCall) lose(percent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.percent = percent
}

// server returns a new connection of the server.
func (c *testCall) server(tap *Tap) *webrtc.PeerConnection {
	media, registry := c.media(), &interceptor.Registry{}
	registry.Add(tap)
	return c.peer(media, registry, tap.Buffer)
}

// client returns a new connection of a client with the interceptors of a browser: NACKs and retransmissions, reports,
// and transport-wide sequence numbers on what it publishes.
func (c *testCall) client(publishes bool) *webrtc.PeerConnection {
	media, registry := c.media(), &interceptor.Registry{}
	if publishes {
		if err := webrtc.ConfigureTWCCHeaderExtensionSender(media, registry); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := webrtc.ConfigureNack(media, registry); err != nil {
		c.t.Fatal(err)
	}
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		c.t.Fatal(err)
	}
	return c.peer(media, registry, nil)
}

// media returns a MediaEngine with pion's default codecs and the header extensions of these tests.
func (c *testCall) media() *webrtc.MediaEngine {
	c.t.Helper()
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		c.t.Fatal(err)
	}
	for _, uri := range []string{sdp.TransportCCURI, sdp.SDESMidURI, sdp.SDESRTPStreamIDURI, sdp.SDESRepairRTPStreamIDURI} {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			c.t.Fatal(err)
		}
	}
	return media
}

type bufferFactory = func(packetio.BufferPacketType, uint32) io.ReadWriteCloser

// peer returns a new connection on the virtual network.
func (c *testCall) peer(media *webrtc.MediaEngine, registry *interceptor.Registry, buffers bufferFactory) *webrtc.PeerConnection {
	c.t.Helper()
	c.nextIP++
	network, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{"10.9.0." + string('0'+rune(c.nextIP))}})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.net.AddNet(network); err != nil {
		c.t.Fatal(err)
	}
	settings := webrtc.SettingEngine{BufferFactory: buffers}
	settings.SetNet(network)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		c.t.Fatal(err)
	}
	return pc
}

// connect makes a connection between the two peers, and waits until it is established. offerer sends the offer.
func (c *testCall) connect(offerer, answerer *webrtc.PeerConnection) {
	c.t.Helper()
	offer, err := offerer.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.setLocalDescription(offerer, offer)
	if err := answerer.SetRemoteDescription(*offerer.LocalDescription()); err != nil {
		c.t.Fatal(err)
	}
	answer, err := answerer.CreateAnswer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	c.setLocalDescription(answerer, answer)
	if err := offerer.SetRemoteDescription(*answerer.LocalDescription()); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, func() string {
		if offerer.ConnectionState() == webrtc.PeerConnectionStateConnected && answerer.ConnectionState() == webrtc.PeerConnectionStateConnected {
			return ""
		}
		return "connections are " + offerer.ConnectionState().String() + " and " + answerer.ConnectionState().String()
	})
}

// setLocalDescription sets a local description and waits for the ICE candidates.
func (c *testCall) setLocalDescription(pc *webrtc.PeerConnection, d webrtc.SessionDescription) {
	c.t.Helper()
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(d); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
}

// subscribe connects the DownTrack to the subscriber, and passes each packet that arrives there to the function take.
// repaired is set if the packet came on the retransmission stream.
func (c *testCall) subscribe(take func(p *rtp.Packet, repaired bool)) {
	c.t.Helper()
	if _, err := c.down.AddTrack(c.track); err != nil {
		c.t.Fatal(err)
	}
	c.subscriber.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, attributes, err := remote.ReadRTP()
			if err != nil {
				return // the connection was closed
			}
			take(p, attributes != nil && attributes.Get(webrtc.AttributeRtxSsrc) != nil)
		}
	})
	c.connect(c.down, c.subscriber)
	c.track.Start()
}

// vp8Payload returns the payload of a VP8 picture. It contains the picture's layer and number.
func vp8Payload(layer int, number uint32, key bool) []byte {
	b := []byte{0x90, 0xf0, 0x80 | byte(number>>8)&0x7f, byte(number), byte(number), 0, 1, byte(layer), 0, 0, 0, 0}
	if key {
		b[6] = 0
	}
	binary.BigEndian.PutUint32(b[8:], number)
	return append(b, make([]byte, 200)...)
}

// eventually waits until reason returns "". After ten seconds it fails with the last reason.
func eventually(t *testing.T, reason func() string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		why := reason()
		if why == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("after ten seconds: %s", why)
		case <-tick.C:
		}
	}
}

// receivedRTCP counts the RTCP packets that a sender or receiver got.
type receivedRTCP struct {
	mu           sync.Mutex
	feedback     int // transport-wide
	acknowledged int // packets reported in the feedback
	senders      int // sender reports
	nacks        int
	keyFrames    int // key frame requests
	reports      []rtcp.ReceptionReport
}

// watch counts the packets that the given function returns, until the call is closed.
func (c *testCall) watch(read func() ([]rtcp.Packet, interceptor.Attributes, error)) *receivedRTCP {
	r := &receivedRTCP{}
	c.wg.Go(func() { r.read(read) })
	return r
}

// keyFrameRequested reports whether a key frame was requested since the previous call.
func (r *receivedRTCP) keyFrameRequested() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	requested := r.keyFrames > 0
	r.keyFrames = 0
	return requested
}

// read counts the packets that the given function returns, until it returns an error.
func (r *receivedRTCP) read(read func() ([]rtcp.Packet, interceptor.Attributes, error)) {
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		r.mu.Lock()
		for _, p := range packets {
			switch p := p.(type) {
			case *rtcp.TransportLayerCC:
				r.feedback++
				r.acknowledged += len(p.RecvDeltas)
			case *rtcp.ReceiverReport:
				r.reports = append(r.reports, p.Reports...)
			case *rtcp.SenderReport:
				r.senders++
			case *rtcp.TransportLayerNack:
				r.nacks++
			case *rtcp.PictureLossIndication:
				r.keyFrames++
			}
		}
		r.mu.Unlock()
	}
}
