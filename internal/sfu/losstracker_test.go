package sfu

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"

	"meet/internal/sfu/codec"
)

func TestLossTrackerFindsGapsAndLatePackets(t *testing.T) {
	tests := []struct {
		name     string
		seqs     []uint16
		fresh    []bool // nil: all are new
		missing  []uint16
		received uint64
		late     uint64
		last     uint32 // extended sequence number in the report
	}{
		{"in order", []uint16{5, 6, 7}, nil, nil, 3, 0, 7},
		{"a gap", []uint16{5, 8}, nil, []uint16{6, 7}, 2, 0, 8},
		{"a gap filled out of order", []uint16{5, 8, 7, 6}, nil, nil, 4, 2, 8},
		{"duplicates", []uint16{5, 5, 6, 5}, []bool{true, false, true, false}, nil, 2, 0, 6},
		{"a late packet twice", []uint16{5, 7, 6, 6}, []bool{true, true, true, false}, nil, 3, 1, 7},
		{"packet before the first one", []uint16{5, 4}, []bool{true, false}, nil, 1, 0, 5},
		{"packet before the first one, across the wrap", []uint16{0, 65535}, []bool{true, false}, nil, 1, 0, 0},
		{"wrap of sequence numbers", []uint16{65534, 65535, 0, 1}, nil, nil, 4, 0, 1<<16 | 1},
		{"a gap across the wrap", []uint16{65534, 1}, nil, []uint16{65535, 0}, 2, 0, 1<<16 | 1},
		{"a late packet across the wrap", []uint16{65534, 0, 65535}, nil, nil, 3, 1, 1 << 16},
		{"the widest gap that causes NACKs", []uint16{0, 64}, nil, span(1, 63), 2, 0, 64},
		{"an interruption causes no NACKs", []uint16{0, 2, 100}, nil, nil, 3, 0, 100},
		{"NACKs for the latest maxMissing packets only", []uint16{0, 41, 82}, nil, append(span(17, 40), span(42, 81)...), 3, 0, 82},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l lossTracker
			for i, seq := range tt.seqs {
				_, fresh := l.add(seq, 0, 90000, time.Now())
				if want := tt.fresh == nil || tt.fresh[i]; fresh != want {
					t.Errorf("packet %d (%d): fresh = %v, want %v", i, seq, fresh, want)
				}
			}
			var missing []uint16
			for _, m := range l.missing {
				missing = append(missing, uint16(m.seq))
			}
			if d := cmp.Diff(tt.missing, missing); d != "" {
				t.Errorf("missing: %s", d)
			}
			if l.received != tt.received || l.late != tt.late {
				t.Errorf("received %d, late %d, want %d, %d", l.received, l.late, tt.received, tt.late)
			}
			if got := l.report(1).LastSequenceNumber; got != tt.last {
				t.Errorf("highest number reported %#x, want %#x", got, tt.last)
			}
		})
	}
}

// span returns all numbers between two given ones, both included.
func span(from, to uint16) []uint16 {
	var s []uint16
	for ; from <= to; from++ {
		s = append(s, from)
	}
	return s
}

func TestLossTrackerReportsFractionAndTotalLost(t *testing.T) {
	var l lossTracker
	now := time.Now()
	add := func(seqs ...uint16) {
		for _, s := range seqs {
			l.add(s, 0, 90000, now)
		}
	}
	check := func(what string, fraction uint8, total uint32) {
		t.Helper()
		r := l.report(9)
		if r.SSRC != 9 || r.FractionLost != fraction || r.TotalLost != total {
			t.Errorf("%s: ssrc %d, fraction %d, total %d, want 9, %d, %d", what, r.SSRC, r.FractionLost, r.TotalLost, fraction, total)
		}
	}
	add(0, 1, 2, 3)
	check("nothing lost", 0, 0)
	add(5, 7) // of 4 to 7, 4 and 6 are missing
	check("half of the interval lost", 128, 2)
	check("nothing came", 0, 2)
	add(4, 6, 8) // the missing packets and a new one
	check("more came than was due", 0, 0)
	add(8)
	check("a duplicate counts nothing", 0, 0)
	add(508)
	check("nearly all of an interruption", 255, 499)
}

func TestLossTrackerMeasuresJitter(t *testing.T) {
	const frame = 3000 // 90 kHz, 30 frames/s
	interval := time.Second / 30
	at := func(gaps ...time.Duration) uint32 {
		var l lossTracker
		now, ts := time.Now(), uint32(1<<32-2*frame) // across the wrap of timestamps
		l.add(0, ts, 90000, now)
		for i, gap := range gaps {
			now, ts = now.Add(gap), ts+frame
			l.add(uint16(i+1), ts, 90000, now)
		}
		return l.report(1).Jitter
	}
	if got := at(slices.Repeat([]time.Duration{interval}, 50)...); got != 0 {
		t.Errorf("an even stream has jitter %d, want 0", got)
	}
	// One step of RFC 3550's filter: 10 ms late is 900 units, and 1/16 of them counts.
	if got := at(interval + 10*time.Millisecond); got != 56 {
		t.Errorf("one packet 10 ms late gives %d, want 56", got)
	}
	// Alternating by 10 ms, the jitter converges to those 900 units.
	if got := at(slices.Repeat([]time.Duration{interval + 10*time.Millisecond, interval - 10*time.Millisecond}, 100)...); got < 895 || got > 900 {
		t.Errorf("10 ms of jitter is reported as %d, want 900", got)
	}
	if got := at(interval, time.Minute, interval); got != 0 {
		t.Errorf("an interruption counts as jitter %d, want 0", got)
	}
}

func TestNACKsAreRepeatedThenGivenUp(t *testing.T) {
	var l lossTracker
	now := time.Now()
	l.noteKeyFrame(1, 0)
	l.add(65530, 0, 90000, now)
	l.add(65533, 0, 90000, now)
	l.add(20, 0, 90000, now)
	want := []rtcp.NackPair{{PacketID: 65531, LostPackets: 1 | 1<<2 | 1<<3 | 0xfff<<4}, {PacketID: 12, LostPackets: 0x7f}}
	due := func() []rtcp.NackPair { return l.dueNACKs(now, nil) }
	if d := cmp.Diff(want, due()); d != "" {
		t.Fatalf("NACKs for a gap: %s", d)
	}
	if got := due(); got != nil {
		t.Errorf("requested again immediately: %v", got)
	}
	now = now.Add(minNACKInterval - 1)
	if got := due(); got != nil {
		t.Errorf("requested again before %v: %v", minNACKInterval, got)
	}
	now = now.Add(1)
	l.add(65531, 0, 90000, now)
	l.repairTime = 0 // another test covers the repair time
	l.add(22, 0, 90000, now)
	if d := cmp.Diff([]rtcp.NackPair{{PacketID: 65532, LostPackets: 1<<1 | 1<<2 | 0x1fff<<3}, {PacketID: 13, LostPackets: 0x3f | 1<<7}}, due()); d != "" {
		t.Errorf("NACKs for the missing packets, old and new: %s", d)
	}
	for range maxNACKs - 2 {
		now = now.Add(minNACKInterval)
		if len(due()) == 0 {
			t.Fatal("gave up too early")
		}
	}
	now = now.Add(minNACKInterval)
	if d := cmp.Diff([]rtcp.NackPair{{PacketID: 21}}, due()); d != "" {
		t.Errorf("NACKs for the packet with one request less: %s", d)
	}
	now = now.Add(minNACKInterval)
	if got := due(); got != nil || len(l.missing) != 0 {
		t.Errorf("requested %d times and not given up: %v, %v", maxNACKs, got, l.missing)
	}
}

// In each case, all retransmissions take the same time. The test counts the NACKs for each lost packet.
func TestNACKIntervalAdaptsToRetransmissionDelay(t *testing.T) {
	const step, each = 10 * time.Millisecond, 200 // one packet each step; every 200th is lost
	for _, tt := range []struct {
		roundTrip   time.Duration
		first, last int // NACKs for the first lost packet, and for one after the repair time is known
	}{
		{50 * time.Millisecond, 1, 1},
		{250 * time.Millisecond, 3, 1},
		{650 * time.Millisecond, 7, 3}, // at intervals of at most maxNACKInterval
	} {
		var l lossTracker
		now := time.Now()
		l.noteKeyFrame(1, 0)
		var nacks []int // for each lost packet
		repairs := map[int]uint16{}
		for i := range 30 * each {
			now = now.Add(step)
			if seq, ok := repairs[i]; ok && !l.noteLate(firstCycle|uint64(seq), now) {
				t.Errorf("round trip %v: packet %d arrived after it was given up", tt.roundTrip, seq)
			}
			if i%each == each-1 {
				nacks = append(nacks, 0)
				repairs[i+1+int(tt.roundTrip/step)] = uint16(i)
				continue
			}
			l.add(uint16(i), 0, 90000, now)
			if pairs := l.dueNACKs(now, nil); len(pairs) > 0 {
				nacks[len(nacks)-1] += len(pairs)
			}
		}
		if len(nacks) != 30 || nacks[0] != tt.first || nacks[28] != tt.last {
			t.Errorf("round trip %v: NACKs for each lost packet %v, want %d at first and %d in the end", tt.roundTrip, nacks, tt.first, tt.last)
		}
	}
}

// The request must be repeated until the key frame arrives.
func TestUnrepairedPacketLossCausesKeyFrameRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		next uint16        // after packet 1, the key frame
		wait time.Duration // until the request
		nack bool          // the publisher retransmits on NACK
	}{
		{"a lost packet", 3, nacksBeforeKeyFrame * minNACKInterval, true},
		{"a lost packet without NACK", 3, nacksBeforeKeyFrame * minNACKInterval, false},
		{"an interruption", 3 + maxMissing, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newFixture(t, 1, false)
			g.r.options.NACK = tt.nack
			seq := tt.next - 1
			feed := func(key bool, after time.Duration) {
				g.now, seq = g.now.Add(after), seq+1
				g.receive(0, vp8Packet{seq: seq, ts: uint32(seq), key: key})
			}
			requested := func(what string, want ...uint32) {
				t.Helper()
				if d := cmp.Diff(want, g.publisher.keyFrameRequests()); d != "" {
					t.Errorf("%s: %s", what, d)
				}
			}
			g.receive(0, vp8Packet{seq: 1, key: true})
			g.now = g.now.Add(keyFrameInterval)
			g.publisher.take()
			began := g.now
			for feed(false, 0); g.now.Sub(began) < tt.wait; feed(false, minNACKInterval) {
				requested("the packet may still arrive")
			}
			requested("the packet was given up", layerSSRC(0))
			feed(false, keyFrameInterval-1)
			requested("the key frame may be on its way")
			feed(false, 1)
			requested("neither the packet nor a key frame arrived", layerSSRC(0))
			feed(true, 0)
			for range maxNACKs {
				feed(false, keyFrameInterval)
			}
			requested("the key frame has arrived")
		})
	}
}

func TestHarmlessPacketLossCausesNoKeyFrameRequest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(g *fixture)
	}{
		{"lost before the latest key frame", func(g *fixture) { g.receive(0, vp8Packet{seq: 4, ts: 4, key: true}) }},
		{"arrived late", func(g *fixture) { g.receive(0, vp8Packet{seq: 2}) }},
		{"audio", func(g *fixture) { g.r.codec = codec.Opus }},
		{"while muted", func(g *fixture) { g.r.SetMuted(true) }},
		{"without subscribers", func(g *fixture) { g.d.Stop() }},
	} {
		g := newFixture(t, 1, false)
		g.receive(0, vp8Packet{seq: 1, key: true})
		g.receive(0, vp8Packet{seq: 3})
		g.publisher.take()
		tt.spoil(g)
		for i := range uint16(2 * maxNACKs) {
			g.now = g.now.Add(minNACKInterval)
			g.receive(0, vp8Packet{seq: 4 + i})
		}
		if got := g.publisher.keyFrameRequests(); got != nil {
			t.Errorf("%s: a key frame is requested", tt.name)
		}
	}
}

func TestSequenceNumberGapCausesNACKIfNegotiated(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.publisher.take()
	g.receive(0, vp8Packet{seq: 3})
	want := []rtcp.Packet{&rtcp.TransportLayerNack{MediaSSRC: layerSSRC(0), Nacks: []rtcp.NackPair{{PacketID: 2}}}}
	if d := cmp.Diff(want, g.publisher.take()); d != "" {
		t.Error(d)
	}
	g.r.options.NACK = false
	g.receive(0, vp8Packet{seq: 5})
	if got := g.publisher.take(); got != nil {
		t.Errorf("feedback %v to a publisher that answers none", got)
	}
}
