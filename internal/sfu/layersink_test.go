package sfu

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// consumed is a packet or an event that a Consumer received.
type consumed struct {
	layer int
	seq   uint16
	key   bool
	at    time.Time
	event string
}

// recordingConsumer is a Consumer that stores all packets and events.
type recordingConsumer struct{ all []consumed }

func (m *recordingConsumer) WritePacket(p *Packet, at time.Time) {
	m.all = append(m.all, consumed{layer: p.Layer, seq: p.Header.SequenceNumber, key: p.Info.KeyFrame, at: at})
}

func (m *recordingConsumer) SetMuted(muted bool) {
	m.all = append(m.all, consumed{event: map[bool]string{true: "muted", false: "unmuted"}[muted]})
}

func (m *recordingConsumer) Ended() { m.all = append(m.all, consumed{event: "ended"}) }

// take returns the packets and events since the previous call.
func (m *recordingConsumer) take() []consumed {
	all := m.all
	m.all = nil
	return all
}

// sequenceNumbers takes the stored packets and returns their sequence numbers.
func (m *recordingConsumer) sequenceNumbers() []uint16 {
	var all []uint16
	for _, p := range m.take() {
		all = append(all, p.seq)
	}
	return all
}

// newLayerSinkFixture returns a fixture whose only sink is a started LayerSink that wants layers up to wanted.
func newLayerSinkFixture(t *testing.T, layers, wanted int) (*fixture, *LayerSink, *recordingConsumer) {
	t.Helper()
	g, m := newFixture(t, layers, false), &recordingConsumer{}
	g.d.Stop() // the LayerSink is the only sink
	s := NewLayerSink(g.r, wanted, m)
	s.Start()
	t.Cleanup(s.Stop)
	g.publisher.take()
	return g, s, m
}

// receiveAll makes each layer receive a packet with sequence number seq.
func (g *fixture) receiveAll(seq uint16, key bool) {
	g.t.Helper()
	for n := range MaxLayers {
		if g.r.layer(n) != nil {
			g.receive(n, vp8Packet{seq: seq, ts: uint32(seq) * 3000, id: seq, key: key})
		}
	}
	g.now = g.now.Add(time.Second / 30)
}

func TestLayerSinkSwitchesLayersAtKeyFrames(t *testing.T) {
	g, s, m := newLayerSinkFixture(t, 3, 2)
	g.receiveAll(1, false)
	if requested := g.publisher.keyFrameRequests(); len(m.all) != 0 || len(requested) == 0 {
		t.Fatalf("%+v before a key frame, requested of %v", m.all, requested)
	}
	g.receiveAll(2, true)
	m.take() // until all layers send, a lower one may be passed
	g.receiveAll(3, false)
	g.receiveAll(4, false)
	if got := m.take(); len(got) != 2 || got[0].layer != 2 || got[1].layer != 2 || s.Layer() != 2 {
		t.Fatalf("%+v, want two packets of layer 2", got)
	}
	g.resetKeyFrameThrottle()
	s.SetLayer(0)
	if requested := g.publisher.keyFrameRequests(); !slices.Contains(requested, layerSSRC(0)) {
		t.Errorf("key frames requested of %v, want one of the wanted layer", requested)
	}
	g.receiveAll(5, false)
	g.receiveAll(6, true)
	g.receiveAll(7, false)
	got := m.take()
	if len(got) < 3 || got[0].layer != 2 || got[len(got)-1].layer != 0 || s.Layer() != 0 {
		t.Fatalf("%+v, want layer 2 up to a key frame of layer 0", got)
	}
	for i := 1; i < len(got); i++ {
		if got[i].layer != got[i-1].layer && !got[i].key {
			t.Errorf("%+v changes the layer without a key frame", got[i])
		}
	}
	g.resetKeyFrameThrottle()
	s.RequestKeyFrame()
	if requested := g.publisher.keyFrameRequests(); !slices.Equal(requested, []uint32{layerSSRC(0)}) {
		t.Errorf("key frames requested of %v, want one of the layer being passed", requested)
	}
}

func TestLayerSinkReportsMuteAndEnd(t *testing.T) {
	g, _, m := newLayerSinkFixture(t, 1, 2)
	g.receiveAll(1, true)
	g.r.SetMuted(true)
	g.receiveAll(2, false)
	g.r.SetMuted(false)
	g.receiveAll(3, false)
	g.receiveAll(4, true)
	g.r.Close()
	want := []consumed{{seq: 1, key: true}, {event: "muted"}, {event: "unmuted"}, {seq: 4, key: true}, {event: "ended"}}
	if got := m.take(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	NewLayerSink(g.r, 0, m).Start()
	if got := m.take(); len(got) != 1 || got[0].event != "ended" {
		t.Errorf("a sink of a closed Receiver gets %+v", got)
	}
}

// The first packet of a key frame is lost. When it arrives late, the packets that arrived in between must follow it.
func TestLayerSinkPassesStoredPacketsAfterLateKeyFrameStart(t *testing.T) {
	g, _, m := newLayerSinkFixture(t, 1, 0)
	g.receive(0, vp8Packet{seq: 1, id: 4})
	g.receive(0, vp8Packet{seq: 3, ts: 10, id: 5, notFirst: true, key: true})
	g.receive(0, vp8Packet{seq: 2, ts: 10, id: 5, key: true, notLast: true})
	g.receive(0, vp8Packet{seq: 4, ts: 20, id: 6})
	if got := m.sequenceNumbers(); !slices.Equal(got, []uint16{2, 3, 4}) {
		t.Errorf("packets %v, want the key frame whole", got)
	}
}

// report makes layer n receive a sender report with the RTP timestamp ts and the wall clock time wallClock.
func (g *fixture) report(n int, ts uint32, wallClock time.Time) {
	l := g.r.layer(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	since := wallClock.Unix() - ntpEpoch
	l.lastSenderReport = senderReport{ntp: uint64(since)<<32 | uint64(wallClock.Nanosecond())<<32/1_000_000_000, rtp: ts, at: g.now}
}

// The sender reports of the two layers differ by 20 ms. The times must still be close to the real ones.
func TestLayerSinkPacketTimesNeverDecreaseAcrossLayerSwitches(t *testing.T) {
	g, s, m := newLayerSinkFixture(t, 2, 0)
	if _, ok := g.r.Clock(0); ok {
		t.Error("there is a clock without a sender report")
	}
	g.receiveAll(1, true)
	if got := m.take(); len(got) != 1 || !got[0].at.IsZero() {
		t.Fatalf("%+v, want one packet of unknown moment", got)
	}
	began := time.Date(2030, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	truth := func(seq uint16) time.Time { return began.Add(time.Duration(seq) * time.Second / 30) }
	g.report(0, 3000*100, truth(100)) // before all packets
	for seq := uint16(2); seq < 10; seq++ {
		g.receiveAll(seq, false)
	}
	s.SetLayer(1)
	g.receiveAll(10, true) // layer 1 has no report yet
	g.receiveAll(11, false)
	g.report(1, 0, began.Add(-20*time.Millisecond))
	for seq := uint16(12); seq < 20; seq++ {
		g.receiveAll(seq, false)
	}
	g.receive(1, vp8Packet{seq: 19, ts: 19 * 3000, id: 19}) // a duplicate
	var last consumed
	for _, p := range m.take() {
		if off := p.at.Sub(truth(p.seq)); off.Abs() > 25*time.Millisecond || p.at.Before(last.at) {
			t.Errorf("packet %d of layer %d is said to be of %v, off by %v, after %v", p.seq, p.layer, p.at, off, last.at)
		}
		last = p
	}
	if last.layer != 1 || last.seq != 19 {
		t.Errorf("the last packet is %+v", last)
	}
	g.receive(1, vp8Packet{seq: 21, ts: 21 * 3000, id: 21})
	g.receive(1, vp8Packet{seq: 20, ts: 20 * 3000, id: 20}) // late
	if got := m.take(); len(got) != 2 || got[1].at.Sub(truth(20)).Abs() > 25*time.Millisecond || !got[1].at.Before(got[0].at) {
		t.Errorf("a late packet's moment: %+v", got)
	}
	if c, ok := g.r.Clock(1); !ok || c.Time(90000).Sub(c.Time(0)) != time.Second || c.Time(1<<32-90000).Sub(c.Time(0)) != -time.Second {
		t.Errorf("clock %+v", c)
	}
}

func TestLayerSinkPassesAudioWithoutKeyFrame(t *testing.T) {
	up, m := &feedbackLog{}, &recordingConsumer{}
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000}})
	l := testLayer(r, 0, 5, up)
	r.layers[0].Store(l)
	s := NewLayerSink(r, MaxLayers-1, m)
	s.Start()
	defer s.Stop()
	now := time.Now()
	for seq := range uint16(3) {
		l.handle(vp8Packet{seq: seq}.raw(t, 5), now)
	}
	if got := m.sequenceNumbers(); !slices.Equal(got, []uint16{0, 1, 2}) || len(up.take()) != 0 {
		t.Errorf("packets %v, want all of them and no requests", got)
	}
}

func TestReceiverDemandIsHighestLayerThatAnySinkWants(t *testing.T) {
	changes := 0
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, DemandChanged: func() { changes++ }})
	one, two := NewLayerSink(r, 99, &recordingConsumer{}), NewLayerSink(r, 1, &recordingConsumer{})
	check := func(what string, demand, changed int) {
		t.Helper()
		if r.Demand() != demand || changes != changed {
			t.Errorf("%s: layer %d is wanted after %d changes, want %d after %d", what, r.Demand(), changes, demand, changed)
		}
	}
	check("nobody", -1, 0)
	two.Start()
	check("one", 1, 1)
	one.Start()
	one.Start()
	check("two", 2, 2)
	one.SetLayer(0)
	check("the higher one lowered", 1, 4)
	two.Stop()
	two.Stop()
	check("the other one stopped", 0, 5)
	two.SetLayer(2)
	check("changed while stopped", 0, 5)
	one.Stop()
	check("both stopped", -1, 6)
}

// A packet that arrives before its structure is stored both by the layer and in its history. The Consumer must get it
// only once.
func TestLayerSinkPassesPacketsAwaitingDependencyStructureOnce(t *testing.T) {
	packets := recording(t, "av1-l3t3key")[:12]
	g := newFixtureWith(t, fixtureOptions{mime: webrtc.MimeTypeAV1, layers: 1, descriptor: recordedID})
	g.d.Stop()
	m := &recordingConsumer{}
	s := NewLayerSink(g.r, 0, m)
	s.Start()
	defer s.Stop()
	l := g.r.layer(0)
	l.ssrc = ssrcOf(packets[0].raw)
	l.handle(paddingBefore(t, packets[0].raw), g.now)
	for _, p := range packets[1:6] {
		l.handle(p.raw, g.now)
	}
	l.handle(packets[0].raw, g.now)
	for _, p := range packets[6:] {
		l.handle(p.raw, g.now)
	}
	var want []uint16
	for _, p := range packets {
		want = append(want, binary.BigEndian.Uint16(p.raw[2:]))
	}
	if got := m.sequenceNumbers(); !slices.Equal(got, want) {
		t.Errorf("packets %v, want %v", got, want)
	}
}

func TestRestartedLayerSinkStartsWithKeyFrame(t *testing.T) {
	g, s, m := newLayerSinkFixture(t, 1, 0)
	g.receiveAll(1, true)
	g.receiveAll(2, false)
	s.Stop()
	if s.Layer() != -1 {
		t.Errorf("layer %d is passed on after Stop", s.Layer())
	}
	g.receiveAll(3, false)
	s.Start()
	g.receiveAll(4, false)
	g.receiveAll(5, true)
	g.receiveAll(6, false)
	if got := m.sequenceNumbers(); !slices.Equal(got, []uint16{1, 2, 5, 6}) {
		t.Errorf("packets %v, want 1 and 2, then those from the key frame on", got)
	}
}

// A Receiver may still call the sink after Stop has returned. The sink must then not call its Consumer.
func TestStoppedLayerSinkDoesNotCallItsConsumer(t *testing.T) {
	g, s, m := newLayerSinkFixture(t, 1, 0)
	g.receiveAll(1, true)
	s.Stop()
	m.take()
	s.WriteRTP(&g.r.layer(0).pkt)
	s.SetMuted(true)
	s.SetMuted(false)
	s.Ended()
	if got := m.take(); len(got) != 0 {
		t.Errorf("%+v after Stop", got)
	}
}

// A late packet of the replaced layer has the same SSRC as the new layer.
func TestLatePacketOfReplacedLayerReachesNoSink(t *testing.T) {
	g := newFixture(t, 1, false)
	m := &recordingConsumer{}
	s := NewLayerSink(g.r, 0, m)
	s.Start()
	defer s.Stop()
	old := g.r.layer(0)
	g.r.layers[0].Store(testLayer(g.r, 0, old.ssrc, g.publisher))
	key := vp8Packet{seq: 1, ts: 3000, id: 1, key: true}
	old.handle(key.raw(t, old.ssrc), g.now)
	if recorded, sent := m.sequenceNumbers(), g.out.take(); len(recorded) > 0 || len(sent) > 0 {
		t.Errorf("recorded %v, sent %d packets", recorded, len(sent))
	}
	g.receiveAll(2, true)
	if recorded, sent := m.sequenceNumbers(), g.out.take(); !slices.Equal(recorded, []uint16{2}) || len(sent) != 1 {
		t.Errorf("recorded %v, sent %d packets of the new layer, want number 2", recorded, len(sent))
	}
}

// The new layer's timestamps are unrelated to those of the late packet.
func TestLatePacketOfReplacedStreamIsTimedByItsOwnClock(t *testing.T) {
	g, _, m := newLayerSinkFixture(t, 1, 0)
	began := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	g.report(0, 0, began)
	g.receiveAll(1, true)
	old := g.r.layer(0)
	g.r.layers[0].Store(testLayer(g.r, 0, old.ssrc+1, g.publisher))
	g.report(0, 0, began.Add(10*time.Second))
	late := vp8Packet{seq: 2, ts: 6000, id: 2}
	old.handle(late.raw(t, old.ssrc), g.now)
	got := m.take()
	if want := began.Add(time.Second / 15); len(got) != 2 || got[1].at.Sub(want).Abs() > time.Millisecond {
		t.Errorf("%+v, want two packets, the second of %v", got, want)
	}
}

// A packet may still arrive after SetMuted.
func TestMutedLayerSinkPassesNoPackets(t *testing.T) {
	g, s, m := newLayerSinkFixture(t, 1, 0)
	g.receiveAll(1, true)
	g.r.SetMuted(true)
	s.WriteRTP(&g.r.layer(0).pkt)
	g.r.SetMuted(false)
	s.WriteRTP(&g.r.layer(0).pkt)
	want := []consumed{{seq: 1, key: true}, {event: "muted"}, {event: "unmuted"}, {seq: 1, key: true}}
	if got := m.take(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestLayerSinkStoppedDuringSetLayerWantsNoLayer(t *testing.T) {
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}})
	for range 1000 {
		s := NewLayerSink(r, 0, &recordingConsumer{})
		s.Start()
		var changing sync.WaitGroup
		changing.Go(func() { s.SetLayer(2) })
		s.Stop()
		changing.Wait()
		for n := range MaxLayers {
			if got := r.demand[n].Load(); got != 0 {
				t.Fatalf("layer %d is wanted by %d", n, got)
			}
		}
	}
}

// countingConsumer is a Consumer that only counts packets.
type countingConsumer struct{ packets int }

func (c *countingConsumer) WritePacket(*Packet, time.Time) { c.packets++ }
func (c *countingConsumer) SetMuted(bool)                  {}
func (c *countingConsumer) Ended()                         {}

func TestLayerSinkAllocatesNothing(t *testing.T) {
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeAV1, webrtc.MimeTypeOpus} {
		f, c := newFanOut(t, mime, 0), &countingConsumer{}
		s := NewLayerSink(f.layer.r, 0, c)
		s.Start()
		s.layer.Store(0)
		s.ssrc = f.layer.ssrc // as if a key frame had arrived
		f.layer.lastSenderReport = senderReport{ntp: 1 << 63, at: f.now}
		if allocs := testing.AllocsPerRun(1000, f.send); allocs != 0 || c.packets < 1000 {
			t.Errorf("%s: %v allocations for each of %d packets", mime, allocs, c.packets)
		}
		s.Stop()
	}
}
