package sfu

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The SSRCs and payload types that a subscriber's connection has negotiated in these tests.
const (
	downSSRC, downRTX = 7000, 7001
	downType, rtxType = 96, 97
)

// vp8Packet is one VP8 packet from a publisher: a complete picture unless notFirst or notLast is set.
type vp8Packet struct {
	seq      uint16
	ts       uint32
	id       uint16 // picture ID
	tl0      uint8
	keyIdx   uint8
	key      bool
	notFirst bool   // not the first packet of its picture
	padding  uint8  // number of padding bytes
	notLast  bool   // not the last packet of its picture
	suffix   []byte // appended to the payload
}

// raw marshals p with a 15-bit picture ID, TL0PICIDX and KEYIDX, as browsers send with simulcast.
func (p vp8Packet) raw(t testing.TB, ssrc uint32) []byte {
	t.Helper()
	first, frame := byte(0x90), byte(0x01)
	if p.notFirst {
		first = 0x80
	}
	if p.key {
		frame = 0x00
	}
	payload := []byte{first, 0xf0, 0x80 | byte(p.id>>8), byte(p.id), p.tl0, p.keyIdx & 0x1f, frame, 0xaa, 0xbb}
	payload = append(payload, p.suffix...)
	return marshal(t, &rtp.Packet{
		Header: rtp.Header{
			Version: 2, PayloadType: 100, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: ssrc, Marker: !p.notLast,
			Padding: p.padding > 0, PaddingSize: p.padding,
		},
		Payload: payload,
	})
}

// withExtension returns the packet raw with one more header extension.
func withExtension(t testing.TB, raw []byte, id uint8, extension []byte) []byte {
	t.Helper()
	p := &rtp.Packet{}
	if err := p.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	if err := p.SetExtension(id, extension); err != nil {
		t.Fatal(err)
	}
	return marshal(t, p)
}

// marshal marshals p and fails the test on an error.
func marshal(t testing.TB, p *rtp.Packet) []byte {
	t.Helper()
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// written is a packet that a DownTrack wrote to its connection.
type written struct {
	rtp.Header
	payload []byte
}

// stubWriter stands in for the connection's writer and stores the packets.
type stubWriter struct {
	mu      sync.Mutex
	packets []written
}

func (w *stubWriter) Write(h *rtp.Header, payload []byte, _ interceptor.Attributes) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := h.Clone()
	c.Extensions, c.Extension = nil, false
	for _, id := range h.GetExtensionIDs() {
		if err := c.SetExtension(id, slices.Clone(h.GetExtension(id))); err != nil {
			return 0, err
		}
	}
	w.packets = append(w.packets, written{c, slices.Clone(payload)})
	return len(payload), nil
}

// take returns the packets written since the previous call.
func (w *stubWriter) take() []written {
	w.mu.Lock()
	defer w.mu.Unlock()
	packets := w.packets
	w.packets = nil
	return packets
}

// feedbackLog stands in for the publisher's connection and stores the feedback sent to it.
type feedbackLog struct {
	mu      sync.Mutex
	packets []rtcp.Packet
}

func (f *feedbackLog) send(packets []rtcp.Packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range packets {
		if n, ok := p.(*rtcp.TransportLayerNack); ok {
			p = &rtcp.TransportLayerNack{MediaSSRC: n.MediaSSRC, Nacks: slices.Clone(n.Nacks)}
		}
		f.packets = append(f.packets, p)
	}
	return nil
}

// take returns the feedback since the previous call.
func (f *feedbackLog) take() []rtcp.Packet {
	f.mu.Lock()
	defer f.mu.Unlock()
	packets := f.packets
	f.packets = nil
	return packets
}

// keyFrameRequests takes the stored feedback and returns the SSRCs of the key frame requests in it.
func (f *feedbackLog) keyFrameRequests() []uint32 {
	var ssrcs []uint32
	for _, p := range f.take() {
		if pli, ok := p.(*rtcp.PictureLossIndication); ok {
			ssrcs = append(ssrcs, pli.MediaSSRC)
		}
	}
	return ssrcs
}

// scriptedSource is a TrackSource whose packets come from functions.
type scriptedSource struct {
	ssrc      uint32
	rtp, rtcp func([]byte) (int, error)
	publisher *feedbackLog // gets the feedback; may be nil
}

func (s *scriptedSource) Info() SourceInfo               { return SourceInfo{SSRC: s.ssrc} }
func (s *scriptedSource) ReadRTP(b []byte) (int, error)  { return s.rtp(b) }
func (s *scriptedSource) ReadRTCP(b []byte) (int, error) { return s.rtcp(b) }

func (s *scriptedSource) WriteRTCP(packets []rtcp.Packet) error {
	if s.publisher == nil {
		return nil
	}
	return s.publisher.send(packets)
}

// testLayer returns a layer without goroutines. Its feedback goes to publisher, which may be nil.
func testLayer(r *Receiver, n int, ssrc uint32, publisher *feedbackLog) *layer {
	return newLayer(r, n, &scriptedSource{ssrc: ssrc, publisher: publisher})
}

// boundContext is the webrtc.TrackLocalContext for Bind.
type boundContext struct {
	codecs     []webrtc.RTPCodecParameters
	extensions []webrtc.RTPHeaderExtensionParameter
	rtx        webrtc.SSRC
}

func (c *boundContext) CodecParameters() []webrtc.RTPCodecParameters { return c.codecs }
func (c *boundContext) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter {
	return c.extensions
}
func (c *boundContext) SSRC() webrtc.SSRC                       { return downSSRC }
func (c *boundContext) SSRCRetransmission() webrtc.SSRC         { return c.rtx }
func (c *boundContext) SSRCForwardErrorCorrection() webrtc.SSRC { return 0 }
func (c *boundContext) WriteStream() webrtc.TrackLocalWriter    { return nil }
func (c *boundContext) ID() string                              { return "sender" }
func (c *boundContext) RTCPReader() interceptor.RTCPReader      { return nil }

// codecsFor returns negotiated codecs: the one with the MIME type mime, and its retransmission format.
func codecsFor(mime string) []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime}, PayloadType: downType},
		{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, SDPFmtpLine: "apt=96"}, PayloadType: rtxType},
	}
}

// fixture is a Receiver with one DownTrack and a stub writer. The test passes packets to the Receiver's layers, and
// sets their arrival time in the field now.
type fixture struct {
	t         *testing.T
	publisher *feedbackLog
	r         *Receiver
	ctx       *boundContext
	d         *DownTrack
	out       *stubWriter
	now       time.Time
}

// layerSSRC returns the SSRC of layer n.
func layerSSRC(n int) uint32 { return uint32(100 + n) }

// fixtureOptions configure a fixture.
type fixtureOptions struct {
	mime       string
	layers     int
	rtx        bool  // the subscriber has a retransmission stream
	descriptor uint8 // extension id of the publisher's dependency descriptor; the subscriber's is descriptorDown
}

// newFixture returns a fixture with the given number of VP8 layers and a started DownTrack, with or without a
// retransmission stream.
func newFixture(t *testing.T, layers int, retransmission bool) *fixture {
	t.Helper()
	return newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeVP8, layers: layers, rtx: retransmission})
}

// newFixtureWith returns a fixture with a started DownTrack.
func newFixtureWith(t *testing.T, o fixtureOptions) *fixture {
	t.Helper()
	g := &fixture{t: t, publisher: &feedbackLog{}, out: &stubWriter{}, now: time.Now()}
	g.r = NewReceiver(ReceiverOptions{Format: Format{MimeType: o.mime, ClockRate: 90000, NACK: true, DescriptorID: o.descriptor}})
	for n := range o.layers {
		g.r.layers[n].Store(testLayer(g.r, n, layerSSRC(n), g.publisher))
	}
	g.ctx = &boundContext{codecs: codecsFor(o.mime)}
	if o.rtx {
		g.ctx.rtx = downRTX
	}
	if o.descriptor != 0 {
		g.ctx.extensions = []webrtc.RTPHeaderExtensionParameter{{URI: DependencyDescriptorURI, ID: descriptorDown}}
	}
	g.d = NewDownTrack(g.r, DownTrackOptions{ID: "TR_x", StreamID: "PA_x|TR_x", Tap: NewTap(1, nil), OnBound: func(error) {}})
	if _, err := g.d.Bind(g.ctx); err != nil {
		t.Fatal(err)
	}
	g.d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, g.out)
	g.d.Start()
	t.Cleanup(g.d.Stop)
	return g
}

// receive makes layer n receive a packet at g.now.
func (g *fixture) receive(n int, p vp8Packet) {
	g.t.Helper()
	l := g.r.layer(n)
	l.handle(p.raw(g.t, l.ssrc), g.now)
}

// resetKeyFrameThrottle allows an immediate key frame request on every layer.
func (g *fixture) resetKeyFrameThrottle() {
	for n := range MaxLayers {
		if l := g.r.layer(n); l != nil {
			l.mu.Lock()
			l.keyFrameRequested, l.keyFramePending = time.Time{}, false
			l.mu.Unlock()
		}
	}
}

// sequenceNumbers returns the sequence numbers of packets.
func sequenceNumbers(packets []written) []uint16 {
	var seqs []uint16
	for _, p := range packets {
		seqs = append(seqs, p.SequenceNumber)
	}
	return seqs
}
