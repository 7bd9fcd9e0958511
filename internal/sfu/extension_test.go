package sfu

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

const (
	captureUp, captureDown = 3, 5
	delayDown              = 6
)

// negotiateExtensions makes g's subscriber negotiate the extensions for capture time and playout delay, and sets the
// track's playout delay.
func negotiateExtensions(t *testing.T, g *fixture, delay PlayoutDelay) {
	t.Helper()
	g.r.options.CaptureTimeID = captureUp
	g.d.options.PlayoutDelay = delay
	ctx := &boundContext{codecs: g.ctx.codecs, extensions: []webrtc.RTPHeaderExtensionParameter{
		{URI: CaptureTimeURI, ID: captureDown}, {URI: PlayoutDelayURI, ID: delayDown},
	}}
	if _, err := g.d.Bind(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestCaptureTimeExtensionIsForwarded(t *testing.T) {
	g := newFixture(t, 1, false)
	negotiateExtensions(t, g, PlayoutDelay{})
	at := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	l := g.r.layer(0)
	l.handle(withExtension(t, vp8Packet{seq: 1, key: true}.raw(t, l.ssrc), captureUp, at), g.now)
	g.receive(0, vp8Packet{seq: 2})
	got := g.out.take()
	if len(got) != 2 || !bytes.Equal(got[0].GetExtension(captureDown), at) || got[1].GetExtension(captureDown) != nil {
		t.Fatalf("sent %v", got)
	}
	if got[0].GetExtension(delayDown) != nil {
		t.Error("a playout delay is sent although none is set")
	}
}

func TestPlayoutDelayExtensionIsSentUntilReceiptIsReported(t *testing.T) {
	g := newFixture(t, 1, false)
	negotiateExtensions(t, g, PlayoutDelay{Min: 100 * time.Millisecond, Max: time.Minute})
	want := []byte{0x00, 0xaf, 0xff} // 10 and the maximum, 4,095, in units of 10 ms
	report := func(seq uint32) {
		g.d.handleRTCP(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: downSSRC, LastSequenceNumber: seq}}}, g.now)
	}
	report(50) // before any packet with the delay
	g.receive(0, vp8Packet{seq: 100, key: true})
	report(1<<16 | 99) // of packets before the delay was sent
	g.receive(0, vp8Packet{seq: 101})
	report(1<<16 | 100)
	g.receive(0, vp8Packet{seq: 102})
	got := g.out.take()
	if len(got) != 3 || !bytes.Equal(got[0].GetExtension(delayDown), want) || !bytes.Equal(got[1].GetExtension(delayDown), want) || got[2].GetExtension(delayDown) != nil {
		t.Errorf("sent % x, % x, % x", got[0].GetExtension(delayDown), got[1].GetExtension(delayDown), got[2].GetExtension(delayDown))
	}
}

// The trailer is cut from retransmissions too.
func TestPacketTrailerIsCutForSubscribersWithoutSupport(t *testing.T) {
	g := newFixture(t, 1, true)
	g.d.options.CutTrailer = true
	trailer := []byte{0xaa, 0xbb, 7 ^ 0xff, 'L', 'K', 'T', 'S'}
	key := vp8Packet{seq: 1, key: true, suffix: append([]byte("body"), trailer...)}
	g.receive(0, key)
	g.receive(0, vp8Packet{seq: 2, notLast: true, suffix: append([]byte("body"), trailer...)}) // not the last packet of its frame
	g.d.retransmit(1, g.now)
	got := g.out.take()
	if len(got) != 3 {
		t.Fatalf("%d packets were sent", len(got))
	}
	for i, cut := range []bool{true, false, true} {
		if bytes.Contains(got[i].payload, trailer) == cut || !bytes.Contains(got[i].payload, []byte("body")) {
			t.Errorf("packet %d: % x", i, got[i].payload)
		}
	}
}

func FuzzPacketTrailerRemoval(f *testing.F) {
	f.Add([]byte{0xaa, 0xbb, 7 ^ 0xff, 'L', 'K', 'T', 'S'})
	f.Add([]byte{0xff, 'L', 'K', 'T', 'S'})
	f.Add([]byte{0x00, 'L', 'K', 'T', 'S'})
	f.Add([]byte("LKTS"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if got := withoutTrailer(payload); !bytes.HasPrefix(payload, got) {
			t.Errorf("% x became % x", payload, got)
		}
	})
}

func TestForwardingWithHeaderExtensionsAllocatesNothing(t *testing.T) {
	g := newFixture(t, 1, false)
	negotiateExtensions(t, g, PlayoutDelay{Min: time.Second})
	g.d.options.CutTrailer = true
	out := &countingWriter{}
	g.d.binding.writer = out
	l := g.r.layer(0)
	raw := withExtension(t, vp8Packet{seq: 1, key: true}.raw(t, l.ssrc), captureUp, make([]byte, 8))
	seq := uint16(1)
	if n := testing.AllocsPerRun(2*videoHistory, func() {
		raw[2], raw[3] = byte(seq>>8), byte(seq)
		l.handle(raw, g.now)
		seq++
	}); n != 0 || out.packets == 0 {
		t.Errorf("%v allocations for each packet, %d packets sent", n, out.packets)
	}
}
