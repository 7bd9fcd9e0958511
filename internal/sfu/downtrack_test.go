package sfu

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// described holds the fields of a sent VP8 packet that a decoder uses.
type described struct {
	seq     uint16
	ts      uint32
	picture uint16
	tl0     uint8
	keyIdx  uint8
}

// describe extracts the fields of VP8 packets that a decoder uses, and checks SSRC and payload type.
func describe(t *testing.T, packets []written) []described {
	t.Helper()
	var all []described
	for _, p := range packets {
		if p.SSRC != downSSRC || p.PayloadType != downType {
			t.Errorf("sent on SSRC %d as type %d, want %d as %d", p.SSRC, p.PayloadType, downSSRC, downType)
		}
		b := p.payload
		all = append(all, described{p.SequenceNumber, p.Timestamp, uint16(b[2]&0x7f)<<8 | uint16(b[3]), b[4], b[5] & 0x1f})
	}
	return all
}

func TestDownTrackStartsWithKeyFrame(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, ts: 100, id: 10})
	if got := g.publisher.keyFrameRequests(); len(got) != 1 || got[0] != layerSSRC(0) {
		t.Errorf("key frames requested of %v, want one of %d", got, layerSSRC(0))
	}
	g.receive(0, vp8Packet{seq: 2, ts: 200, id: 11, notFirst: true, key: true})
	if got := g.out.take(); got != nil {
		t.Fatalf("sent before a key frame: %v", sequenceNumbers(got))
	}
	if got := g.publisher.keyFrameRequests(); got != nil {
		t.Errorf("requested again immediately: %v", got)
	}
	g.now = g.now.Add(keyFrameInterval)
	g.receive(0, vp8Packet{seq: 3, ts: 300, id: 12})
	if got := g.publisher.keyFrameRequests(); len(got) != 1 {
		t.Errorf("key frames requested of %v after %v without one, want one", got, keyFrameInterval)
	}
	g.receive(0, vp8Packet{seq: 4, ts: 400, id: 13, tl0: 5, keyIdx: 2, key: true})
	g.receive(0, vp8Packet{seq: 5, ts: 500, id: 14, tl0: 6, keyIdx: 2})
	g.receive(0, vp8Packet{seq: 3, ts: 300, id: 12}) // a duplicate
	want := []described{{4, 400, 13, 5, 2}, {5, 500, 14, 6, 2}}
	if d := cmp.Diff(want, describe(t, g.out.take()), cmp.AllowUnexported(described{})); d != "" {
		t.Error(d)
	}
}

// The subscriber gets the upper layer, which then stops for a while and returns. The subscriber must get one unbroken
// stream.
func TestDownTrackSwitchesLayersAtKeyFrames(t *testing.T) {
	g := newFixture(t, 2, false)
	const frame = 33 * time.Millisecond
	next := [2]vp8Packet{
		{seq: 100, ts: 10_000, id: 1000, tl0: 10, keyIdx: 1, key: true},
		{seq: 60_000, ts: 1 << 31, id: 30_000, tl0: 200, keyIdx: 30},
	}
	feed := func(n int, key bool) {
		p := &next[n]
		p.key = key
		g.receive(n, *p)
		p.seq, p.ts, p.id, p.tl0 = p.seq+1, p.ts+2970, p.id+1, p.tl0+1
	}
	for i := range 150 {
		g.now = g.now.Add(frame)
		feed(0, i == 0 || i == 115 || i == 116)
		if i < 80 || i >= 130 { // the upper layer sends nothing for 1.65 s
			feed(1, i == 10 || i == 135)
		} else {
			next[1].ts += 2970
		}
	}
	got := describe(t, g.out.take())
	// Layer 0 from frame 0, layer 1 from 10, none from 80 until layer 0's key frame at 115, layer 1 from 135 to 149, and
	// both layers at frames 10 and 135.
	if want := 10 + 71 + 20 + 16; len(got) != want {
		t.Errorf("%d packets sent, want %d", len(got), want)
	}
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if b.seq != a.seq+1 || b.picture != a.picture+1 || b.tl0 != a.tl0+1 {
			t.Errorf("packet %d: %+v follows %+v", i, b, a)
		}
		if apart := int32(b.ts - a.ts); apart <= 0 || apart > 36*2970 {
			t.Errorf("packet %d: time moves by %d", i, apart)
		}
	}
	if total := got[len(got)-1].ts - got[0].ts; total < 148*2970 || total > 150*2970 {
		t.Errorf("149 frames last %d units, want %d", total, 149*2970)
	}
	if got[len(got)-1].keyIdx != 4 { // 1 plus three switches
		t.Errorf("KEYIDX ends at %d, want 4", got[len(got)-1].keyIdx)
	}
}

func TestDownTrackForwardsLayersUpToTheWantedOne(t *testing.T) {
	g := newFixture(t, 3, false)
	all := func(key bool, seq uint16) []described {
		t.Helper()
		for n := range 3 {
			g.receive(n, vp8Packet{seq: seq, ts: uint32(seq) * 10, id: uint16(n), key: key})
		}
		g.now = g.now.Add(time.Second)
		return describe(t, g.out.take())
	}
	g.d.SetWanted(true, 1, MaxTemporals-1)
	all(true, 1)
	if g.d.fwd.Layer() != 1 {
		t.Fatalf("layer %d is forwarded, want 1", g.d.fwd.Layer())
	}
	g.publisher.take()
	g.d.SetWanted(true, -5, MaxTemporals-1) // the lowest layer
	if got := all(false, 2); len(got) != 1 || g.d.fwd.Layer() != 1 {
		t.Errorf("layer %d before a key frame of 0, sent %v", g.d.fwd.Layer(), got)
	}
	if got := g.publisher.keyFrameRequests(); len(got) != 1 || got[0] != layerSSRC(0) {
		t.Errorf("key frames requested of %v, want one of layer 0", got)
	}
	before := all(true, 3)
	g.d.SetWanted(false, 2, MaxTemporals-1)
	if got := all(true, 4); got != nil || g.d.fwd.Layer() != -1 {
		t.Errorf("a track that is not wanted was sent: %v", got)
	}
	g.publisher.take()
	g.resetKeyFrameThrottle() // the fixture's clock is ahead of the one that SetWanted reads
	g.d.SetWanted(true, 99, MaxTemporals-1)
	if got := g.publisher.keyFrameRequests(); len(got) == 0 {
		t.Error("no key frame was requested when the track was wanted again")
	}
	if got := all(false, 5); got != nil {
		t.Errorf("sent before a key frame: %v", got)
	}
	if got := all(true, 6); len(got) == 0 || g.d.fwd.Layer() != 2 || got[0].seq != before[len(before)-1].seq+1 {
		t.Errorf("layer %d, sent %v, want layer 2 and the next numbers", g.d.fwd.Layer(), got)
	}
}

// The first packet of a key frame is lost. When it arrives late, the packets that arrived in between must follow it.
func TestStoredPacketsAreForwardedAfterLateKeyFrameStart(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 65533, id: 4})
	g.receive(0, vp8Packet{seq: 65535, ts: 10, id: 5, notFirst: true, key: true})
	g.receive(0, vp8Packet{seq: 1, ts: 20, id: 6}) // packet 0 is lost too
	g.receive(0, vp8Packet{seq: 65534, ts: 10, id: 5, key: true})
	g.receive(0, vp8Packet{seq: 0, ts: 10, id: 5, notFirst: true})
	g.receive(0, vp8Packet{seq: 2, ts: 30, id: 7})
	want := []described{{65534, 10, 5, 0, 0}, {65535, 10, 5, 0, 0}, {1, 20, 6, 0, 0}, {0, 10, 5, 0, 0}, {2, 30, 7, 0, 0}}
	if d := cmp.Diff(want, describe(t, g.out.take()), cmp.AllowUnexported(described{})); d != "" {
		t.Error(d)
	}
}

func TestMuteLeavesNoGapInSequenceNumbers(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, ts: 100, id: 1, key: true})
	g.r.SetMuted(true)
	for seq := uint16(2); seq < 50; seq++ {
		g.receive(0, vp8Packet{seq: seq, ts: 100 * uint32(seq), id: seq, key: true})
	}
	g.r.SetMuted(false)
	g.receive(0, vp8Packet{seq: 50, ts: 5000, id: 50}) // depends on pictures that were not sent
	g.receive(0, vp8Packet{seq: 51, ts: 5100, id: 51, key: true})
	g.r.SetMuted(false) // calling it again changes nothing
	g.receive(0, vp8Packet{seq: 52, ts: 5200, id: 52})
	want := []described{{1, 100, 1, 0, 0}, {2, 5100, 2, 1, 1}, {3, 5200, 3, 1, 1}}
	if d := cmp.Diff(want, describe(t, g.out.take()), cmp.AllowUnexported(described{})); d != "" {
		t.Error(d)
	}
}

// After a renegotiation, the layer's packets have another SSRC.
func TestLayerWithNewSSRCContinuesAtKeyFrame(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, ts: 100, id: 1, key: true})
	g.r.layers[0].Store(testLayer(g.r, 0, 555, g.publisher))
	g.now = g.now.Add(100 * time.Millisecond)
	g.receive(0, vp8Packet{seq: 9000, ts: 1 << 30, id: 400})
	g.receive(0, vp8Packet{seq: 9001, ts: 1<<30 + 3000, id: 401, key: true})
	want := []described{{1, 100, 1, 0, 0}, {2, 9100, 2, 1, 1}}
	if d := cmp.Diff(want, describe(t, g.out.take()), cmp.AllowUnexported(described{})); d != "" {
		t.Error(d)
	}
}

func TestKeyFrameBeforeConnectionIsReadyStartsNoStream(t *testing.T) {
	g := newFixture(t, 1, false)
	info := &interceptor.StreamInfo{SSRC: downSSRC}
	g.d.options.Tap.UnbindLocalStream(info)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.d.options.Tap.BindLocalStream(info, g.out)
	g.receive(0, vp8Packet{seq: 2})
	if got := g.out.take(); got != nil {
		t.Errorf("sent %v without a key frame", sequenceNumbers(got))
	}
	g.receive(0, vp8Packet{seq: 3, key: true})
	if got := g.out.take(); len(got) != 1 {
		t.Errorf("sent %v, want 3", sequenceNumbers(got))
	}
	if err := g.d.Unbind(g.ctx); err != nil {
		t.Fatal(err)
	}
	g.receive(0, vp8Packet{seq: 4})
	if got := g.out.take(); got != nil {
		t.Errorf("sent %v after the track left the connection", sequenceNumbers(got))
	}
}

// failingWriter stands in for the writer of a connection that is closing.
type failingWriter struct{}

func (failingWriter) Write(*rtp.Header, []byte, interceptor.Attributes) (int, error) {
	return 0, errors.New("closed")
}

func TestPublishersPaddingIsForwarded(t *testing.T) {
	g := newFixture(t, 1, false)
	l := g.r.layer(0)
	only := func(seq uint16) []byte {
		return marshal(t, &rtp.Packet{Header: rtp.Header{
			Version: 2, SequenceNumber: seq, SSRC: l.ssrc, Padding: true, PaddingSize: 200,
		}})
	}
	l.handle(only(0), g.now) // padding cannot start the stream
	g.receive(0, vp8Packet{seq: 1, key: true, padding: 4})
	l.handle(only(2), g.now)
	g.receive(0, vp8Packet{seq: 3})
	got := g.out.take()
	if d := cmp.Diff([]uint16{1, 2, 3}, sequenceNumbers(got)); d != "" {
		t.Fatal(d)
	}
	for i, want := range []byte{4, 200, 0} {
		if h := got[i].Header; h.PaddingSize != want || h.Padding != (want > 0) {
			t.Errorf("packet %d: padding %v of %d, want %d", i, h.Padding, h.PaddingSize, want)
		}
	}
	if len(got[1].payload) != 0 {
		t.Errorf("the padding packet has a payload % x", got[1].payload)
	}
	g.d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, failingWriter{})
	g.receive(0, vp8Packet{seq: 4}) // must not change anything
}

func TestAudioIsForwardedWithoutKeyFrameRequest(t *testing.T) {
	up := &feedbackLog{}
	g := &fixture{t: t, publisher: up, out: &stubWriter{}, ctx: &boundContext{codecs: codecsFor(webrtc.MimeTypeOpus)}}
	g.r = NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, AudioLevelID: 1}})
	g.d = NewDownTrack(g.r, DownTrackOptions{ID: "TR_a", StreamID: "PA_x", Tap: NewTap(1, nil), OnBound: func(error) {}})
	if _, err := g.d.Bind(g.ctx); err != nil {
		t.Fatal(err)
	}
	g.d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, g.out)
	g.d.Start()
	if g.d.ID() != "TR_a" || g.d.StreamID() != "PA_x" || g.d.RID() != "" || g.d.Kind() != webrtc.RTPCodecTypeAudio {
		t.Errorf("shown to the subscriber as %q %q %q %v", g.d.ID(), g.d.StreamID(), g.d.RID(), g.d.Kind())
	}
	l := testLayer(g.r, 0, 1, g.publisher)
	g.r.layers[0].Store(l)
	p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 9, SSRC: 1}, Payload: []byte{0xfc, 1}}
	if err := p.SetExtension(1, []byte{20}); err != nil {
		t.Fatal(err)
	}
	l.handle(marshal(t, p), time.Now())
	got := g.out.take()
	if len(got) != 1 || got[0].SequenceNumber != 9 || len(got[0].Extensions) != 0 {
		t.Errorf("sent %+v, want number 9 without the level", got)
	}
	if requested := up.take(); requested != nil {
		t.Errorf("feedback %v for audio", requested)
	}
	g.d.Stop()
}
