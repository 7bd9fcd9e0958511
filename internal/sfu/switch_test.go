package sfu

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// threeLayers sends one picture of each of three layers 30 times a second. The picture of a higher layer arrives later.
// A requested key frame is sent after 60 ms. The layers' sequence numbers and timestamps are unrelated.
type threeLayers struct {
	g       *fixture
	frame   int
	pending [MaxLayers]time.Time // when a key frame is due; zero if none is
}

// jitter contains the additional delay of each picture in ms. It repeats after the last element.
var jitter = []time.Duration{0, 9, 3, 14, 1, 6, 12, 2}

// tick sends one picture of each layer, but none of the layer whose index is stopped. With -1, all layers are sent.
func (s *threeLayers) tick(stopped int) {
	g := s.g
	begin := g.now
	for n := range MaxLayers {
		// A higher layer is larger, so it takes longer to encode and to send.
		g.now = begin.Add(time.Duration(n)*6*time.Millisecond + jitter[(s.frame+n)%len(jitter)]*time.Millisecond)
		key := s.frame == 0 || !s.pending[n].IsZero() && !g.now.Before(s.pending[n])
		if key {
			s.pending[n] = time.Time{}
		}
		if n != stopped {
			g.receive(n, vp8Packet{
				seq: uint16(n*20000 + s.frame), ts: uint32(n)<<30 + uint32(s.frame)*3000, id: uint16(n*5000 + s.frame),
				tl0: uint8(n*50 + s.frame), keyIdx: uint8(n), key: key,
			})
		}
	}
	for _, ssrc := range g.publisher.keyFrameRequests() {
		if n := int(ssrc - layerSSRC(0)); s.pending[n].IsZero() {
			s.pending[n] = g.now.Add(60 * time.Millisecond)
		}
	}
	g.now = begin.Add(time.Second / 30)
	s.frame++
}

// report makes each layer receive a sender report.
func (s *threeLayers) report() {
	for n := range MaxLayers {
		l := s.g.r.layer(n)
		l.mu.Lock()
		l.lastSenderReport = senderReport{ntp: 1<<40 + uint64(s.frame)<<32/30, rtp: uint32(n)<<30 + uint32(s.frame)*3000, at: s.g.now}
		l.mu.Unlock()
	}
}

// The track goes up and down ten times. Timestamps must follow the wall clock with an error of less than a picture, and
// there must be no pause of more than two pictures.
func TestTenLayerSwitchesLeaveOneUnbrokenStream(t *testing.T) {
	for _, tt := range []struct {
		name    string
		reports func(switches int) bool // whether sender reports have arrived
	}{
		{"by sender reports", func(int) bool { return true }},
		{"by arrival", func(int) bool { return false }},
		{"by arrival, then by reports", func(switches int) bool { return switches == 4 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newFixture(t, MaxLayers, true)
			s := &threeLayers{g: g}
			type shown struct {
				described
				at time.Time
			}
			var all []shown
			for i, layer := range []int{0, 2, 1, 2, 0, 1, 0, 2, 0, 1, 2, 0} {
				g.d.SetAllowed(layer, MaxTemporals-1)
				if tt.reports(i) {
					s.report()
				}
				for range 75 {
					s.tick(-1)
					for _, p := range describe(t, g.out.take()) {
						all = append(all, shown{p, g.now})
					}
				}
				if got, _ := g.d.Current(); got != layer {
					t.Fatalf("layer %d is forwarded 2.5 s after %d was allowed", got, layer)
				}
			}
			const picture = 3000
			worst := int32(0)
			for i := 1; i < len(all); i++ {
				a, b := all[i-1], all[i]
				if b.seq != a.seq+1 || b.picture != a.picture+1 || b.tl0 != a.tl0+1 {
					t.Errorf("packet %d: %+v follows %+v", i, b.described, a.described)
				}
				if int32(b.ts-a.ts) <= 0 {
					t.Errorf("packet %d: the timestamp changes from %d to %d", i, a.ts, b.ts)
				}
				if still := b.at.Sub(a.at); still > 2*time.Second/30 {
					t.Errorf("packet %d: nothing arrived for %v", i, still)
				}
				off := int32(b.ts-all[0].ts) - int32(b.at.Sub(all[0].at).Seconds()*90000)
				worst = max(worst, max(off, -off))
			}
			if worst >= picture {
				t.Errorf("time is off by %d units, a picture has %d", worst, picture)
			}
			t.Logf("time was off by at most %d units of 1/90000 s", worst)
		})
	}
}

func TestLowerLayerIsForwardedWithinASecondAfterLayerStops(t *testing.T) {
	g := newFixture(t, MaxLayers, true)
	s := &threeLayers{g: g}
	run := func(pictures, dead int) (still time.Duration) {
		last := g.now
		for range pictures {
			s.tick(dead)
			if len(g.out.take()) > 0 {
				still, last = max(still, g.now.Sub(last)), g.now
			}
		}
		return still
	}
	run(60, -1)
	if still := run(90, 2); still >= time.Second {
		t.Errorf("nothing arrived for %v after the highest layer stopped", still)
	}
	if got, _ := g.d.Current(); got != 1 {
		t.Errorf("layer %d is forwarded while layer 2 is stopped, want 1", got)
	}
	run(90, -1)
	if got, _ := g.d.Current(); got != 2 {
		t.Errorf("layer %d is forwarded after layer 2 resumed", got)
	}
}

// A subscriber waits for a key frame that does not come. Requests may be sent every 500 ms for the lowest layer, and
// every second for higher ones.
func TestKeyFrameRequestIntervalIsLongerForHigherLayers(t *testing.T) {
	for n, want := range []int{11, 6, 6} {
		g := newFixture(t, MaxLayers, false)
		l := g.r.layer(n)
		g.publisher.take()
		for i := range 500 {
			l.requestKeyFrame(g.now)
			l.handle(vp8Packet{seq: uint16(i)}.raw(t, l.ssrc), g.now)
			g.now = g.now.Add(10 * time.Millisecond)
		}
		if got := len(g.publisher.keyFrameRequests()); got > want || got < want-1 {
			t.Errorf("layer %d: %d requests in 5 s, want %d", n, got, want)
		}
	}
}

// The second request is made before the key frame for the first request arrives.
func TestOneKeyFrameAnswersAllPendingRequests(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.resetKeyFrameThrottle()
	g.publisher.take()
	g.r.requestKeyFrame(0, g.now)
	g.r.requestKeyFrame(0, g.now.Add(20*time.Millisecond))
	g.now = g.now.Add(100 * time.Millisecond)
	g.receive(0, vp8Packet{seq: 2, key: true})
	g.now = g.now.Add(time.Second)
	g.receive(0, vp8Packet{seq: 3})
	if got := g.publisher.keyFrameRequests(); len(got) != 1 {
		t.Errorf("%d key frames were requested, want 1", len(got))
	}
}

// The first packet of the stream, which has the structure, is lost and retransmitted.
func TestPacketsAwaitingDependencyStructureAreSentWhenItArrives(t *testing.T) {
	packets := recording(t, "av1-l3t3key")[:12]
	for _, late := range []int{1, 5, 11} {
		g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeAV1, layers: 1, rtx: true, descriptor: recordedID})
		l := g.r.layer(0)
		l.ssrc = ssrcOf(packets[0].raw)
		// The server knows the first sequence number, as if padding had preceded it.
		l.handle(paddingBefore(t, packets[0].raw), g.now)
		for _, p := range packets[1 : late+1] {
			l.handle(p.raw, g.now)
		}
		if got := g.out.take(); got != nil {
			t.Errorf("%d packets were sent without a structure", len(got))
		}
		l.handle(packets[0].raw, g.now)
		for _, p := range packets[late+1:] {
			l.handle(p.raw, g.now)
		}
		v := newDecoderCheck(t)
		v.receive(g.out.take())
		if v.pictures != 3 || v.spatial != 2 {
			t.Errorf("%d pictures up to layer %d were sent, want 3 up to layer 2", v.pictures, v.spatial)
		}
	}
}

func TestMissingDependencyStructureCausesKeyFrameRequest(t *testing.T) {
	packets := recording(t, "av1-l3t3key")[1:12]
	g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeAV1, layers: 1, rtx: true, descriptor: recordedID})
	l := g.r.layer(0)
	g.publisher.take()
	requested := 0
	for _, p := range packets {
		l.handle(p.raw, g.now)
		g.now = g.now.Add(30 * time.Millisecond)
		requested += len(g.publisher.keyFrameRequests())
	}
	if d := cmp.Diff(1, requested); d != "" {
		t.Errorf("key frames requested in 300 ms: %s", d)
	}
}

// The packet precedes the latest key frame, so its structure is no longer stored.
func TestLatePacketOfReplacedDependencyStructureIsDropped(t *testing.T) {
	packets := recording(t, "av1-l3t3key")[:12]
	g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeAV1, layers: 1, rtx: true, descriptor: recordedID})
	l := g.r.layer(0)
	l.ssrc = ssrcOf(packets[0].raw)
	late := func(before int) []byte {
		p := &rtp.Packet{}
		if err := p.Unmarshal(packets[11].raw); err != nil {
			t.Fatal(err)
		}
		p.SequenceNumber = binary.BigEndian.Uint16(packets[0].raw[2:]) - uint16(before)
		if err := p.SetExtension(recordedID, []byte{0xc0 | 60, 0, 1}); err != nil { // template 60 belongs to another structure
			t.Fatal(err)
		}
		return marshal(t, p)
	}
	first := &rtp.Packet{}
	if err := first.Unmarshal(paddingBefore(t, packets[0].raw)); err != nil {
		t.Fatal(err)
	}
	first.SequenceNumber -= 3
	l.handle(marshal(t, first), g.now)
	for _, p := range packets {
		l.handle(p.raw, g.now)
	}
	g.resetKeyFrameThrottle()
	g.publisher.take()
	for before := 3; before > 0; before-- {
		g.now = g.now.Add(structureWait)
		l.handle(late(before), g.now)
	}
	if got := g.publisher.keyFrameRequests(); len(got) > 0 {
		t.Errorf("%d key frames were requested", len(got))
	}
}

// The first packet of a key frame is late: it arrives after the first packet of the next key frame.
func TestLateKeyFrameDoesNotReplaceNewerDependencyStructure(t *testing.T) {
	packets := recording(t, "av1-l3t3key")[:12]
	g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeAV1, layers: 1, rtx: true, descriptor: recordedID})
	l := g.r.layer(0)
	l.ssrc = ssrcOf(packets[0].raw)
	first := &rtp.Packet{}
	if err := first.Unmarshal(packets[0].raw); err != nil {
		t.Fatal(err)
	}
	// An earlier key frame with another template id offset: six bits after the numbers and flags, and in the first byte.
	first.SequenceNumber--
	ext := bytes.Clone(first.GetExtension(recordedID))
	ext[0], ext[3] = ext[0]&0xc0|32, ext[3]|0x04
	if err := first.SetExtension(recordedID, ext); err != nil {
		t.Fatal(err)
	}
	l.handle(paddingBefore(t, marshal(t, first)), g.now)
	l.handle(packets[0].raw, g.now)
	l.handle(marshal(t, first), g.now)
	for _, p := range packets[1:] {
		l.handle(p.raw, g.now)
	}
	v := newDecoderCheck(t)
	v.receive(g.out.take())
	if v.pictures != 3 || v.spatial != 2 {
		t.Errorf("%d pictures up to layer %d were sent, want 3 up to layer 2", v.pictures, v.spatial)
	}
}
