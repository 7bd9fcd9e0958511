package sfu

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

// The maximum number of retransmissions and their minimum interval, as in package forward.
const resendTries, resendInterval = 5, 60 * time.Millisecond

// nackOf returns a NACK for the given sequence numbers.
func nackOf(ssrc uint32, seqs ...uint16) *rtcp.TransportLayerNack {
	return &rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)}
}

// The layer changes first, so that the publisher's sequence numbers differ from the sent ones.
func TestRetransmissionRepeatsThePacketAsItWasSent(t *testing.T) {
	for _, retransmission := range []bool{true, false} {
		g := newFixture(t, 2, retransmission)
		g.receive(0, vp8Packet{seq: 50, ts: 100, id: 7, tl0: 8, keyIdx: 9, key: true})
		g.receive(0, vp8Packet{seq: 51, ts: 3100, id: 8, tl0: 9, keyIdx: 9})
		g.receive(1, vp8Packet{seq: 9000, ts: 1 << 20, id: 700, tl0: 80, keyIdx: 3, key: true, padding: 3})
		g.receive(1, vp8Packet{seq: 9001, ts: 1<<20 + 3000, id: 701, tl0: 81, keyIdx: 3})
		first := g.out.take()
		if d := cmp.Diff([]uint16{50, 51, 52, 53}, sequenceNumbers(first)); d != "" {
			t.Fatal(d)
		}
		g.d.handleRTCP(nackOf(downSSRC, 51, 52, 60), g.now) // packet 60 was never sent
		g.d.handleRTCP(nackOf(downSSRC+50, 53), g.now)      // of another track
		again := g.out.take()
		if len(again) != 2 {
			t.Fatalf("rtx %v: %d packets retransmitted, want 2", retransmission, len(again))
		}
		for i, p := range again {
			want := first[1+i]
			seq, payload := p.SequenceNumber, p.payload
			if retransmission {
				seq, payload = binary.BigEndian.Uint16(payload), payload[2:]
				if p.SSRC != downRTX || p.PayloadType != rtxType {
					t.Errorf("retransmitted on SSRC %d as type %d, want %d as %d", p.SSRC, p.PayloadType, downRTX, rtxType)
				}
				if i > 0 && p.SequenceNumber != again[0].SequenceNumber+1 {
					t.Errorf("retransmissions are numbered %d, %d", again[0].SequenceNumber, p.SequenceNumber)
				}
			} else if p.SSRC != downSSRC || p.PayloadType != downType {
				t.Errorf("retransmitted on SSRC %d as type %d, want %d as %d", p.SSRC, p.PayloadType, downSSRC, downType)
			}
			if seq != want.SequenceNumber || p.Timestamp != want.Timestamp || p.Marker != want.Marker ||
				p.PaddingSize != want.PaddingSize || !bytes.Equal(payload, want.payload) {
				t.Errorf("rtx %v: %d was retransmitted as %+v % x, was %+v % x", retransmission, want.SequenceNumber, p.Header, payload, want.Header, want.payload)
			}
		}
	}
}

func TestRetransmissionsOfOnePacketAreLimited(t *testing.T) {
	g := newFixture(t, 1, true)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.out.take()
	now, sent := g.now, 0
	for range 20 {
		g.d.handleRTCP(nackOf(downSSRC, 1), now)
		g.d.handleRTCP(nackOf(downSSRC, 1), now) // sent before the first retransmission arrived
		sent += len(g.out.take())
		now = now.Add(resendInterval)
	}
	if sent != resendTries {
		t.Errorf("one packet was retransmitted %d times, want %d", sent, resendTries)
	}
	if got := g.publisher.keyFrameRequests(); len(got) == 0 {
		t.Error("no key frame is requested after the last retransmission")
	}
	g.now = now.Add(keyFrameInterval)
	g.receive(0, vp8Packet{seq: 2, ts: 3000, key: true})
	g.publisher.take()
	g.resetKeyFrameThrottle()
	g.d.selection.keyFrameRequested = time.Time{}
	g.d.handleRTCP(nackOf(downSSRC, 1), g.now)
	if got := g.publisher.keyFrameRequests(); got != nil {
		t.Error("a key frame is requested for a packet before the latest key frame")
	}
	if err := g.d.Unbind(g.ctx); err != nil {
		t.Fatal(err)
	}
	g.d.handleRTCP(nackOf(downSSRC, 1), now)
}

// Several packets of an H.264 key frame look like its start. Only the first one counts, so that its loss causes a
// request for another key frame.
func TestOnlyFirstPacketCountsAsStartOfH264KeyFrame(t *testing.T) {
	g := newFixture(t, 1, true)
	for seq := range uint16(3) {
		g.receive(0, vp8Packet{seq: 10 + seq, ts: 3000, key: true})
	}
	if got := g.r.layer(0).loss.keyFrame; got != firstCycle|10 {
		t.Errorf("the key frame counts from %d on, want %d", got, firstCycle|10)
	}
	for range resendTries + 1 {
		g.resetKeyFrameThrottle()
		g.publisher.take()
		g.d.handleRTCP(nackOf(downSSRC, 10), g.now)
		g.now = g.now.Add(maxKeyFrameRetry)
	}
	if got := g.publisher.keyFrameRequests(); len(got) != 1 {
		t.Errorf("key frames requested of %v, want one for a first packet that is lost", got)
	}
}

func TestPacketNoLongerStoredIsNotRetransmitted(t *testing.T) {
	g := newFixture(t, 1, true)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.receive(0, vp8Packet{seq: 2})
	g.r.layer(0).history.Store(vp8Packet{seq: 2 + videoHistory}.raw(t, layerSSRC(0)))
	g.out.take()
	g.d.handleRTCP(nackOf(downSSRC, 2), g.now)
	if got := g.out.take(); got != nil {
		t.Errorf("sent %v for a packet that is no longer stored", got)
	}
}

// The new stream has another packet with the same sequence number.
func TestPacketOfReplacedStreamIsNotRetransmitted(t *testing.T) {
	g := newFixture(t, 1, true)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.out.take()
	other := testLayer(g.r, 0, layerSSRC(0)+100, g.publisher)
	other.history.Store(vp8Packet{seq: 1, key: true, id: 77}.raw(t, other.ssrc))
	g.r.layers[0].Store(other)
	g.d.handleRTCP(nackOf(downSSRC, 1), g.now)
	if got := g.out.take(); got != nil {
		t.Errorf("sent %v of another stream", got)
	}
}

// The requests are RTCP packets from the subscriber.
func TestSubscribersKeyFrameRequestReachesTheForwardedLayer(t *testing.T) {
	g := newFixture(t, 2, false)
	g.d.Stop()
	buffer := g.d.options.Tap.Buffer(packetio.RTCPBufferPacket, downSSRC)
	send := func(packets ...rtcp.Packet) {
		t.Helper()
		raw, err := rtcp.Marshal(packets)
		if err != nil {
			t.Fatal(err)
		}
		g.resetKeyFrameThrottle()
		for _, raw := range [][]byte{raw, {1, 2}, make([]byte, 2*mtu)} { // malformed packets are ignored
			if n, err := buffer.Write(raw); err != nil || n != len(raw) {
				t.Fatal(n, err)
			}
		}
	}
	requested := func(what string, want ...uint32) {
		t.Helper()
		if d := cmp.Diff(want, g.publisher.keyFrameRequests()); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	pli := &rtcp.PictureLossIndication{MediaSSRC: downSSRC}
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.receive(1, vp8Packet{seq: 1, key: true})
	g.d.SetWanted(true, 0, MaxTemporals-1)
	send(pli)
	requested("before forwarding: the layer to start with", layerSSRC(0))
	g.d.Start()
	g.receive(0, vp8Packet{seq: 2, key: true})
	g.publisher.take()
	send(pli)
	requested("forwarding layer 0", layerSSRC(0))
	g.d.SetWanted(true, 1, MaxTemporals-1)
	g.receive(1, vp8Packet{seq: 2, key: true})
	send(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 3}, {SSRC: downSSRC}}})
	requested("forwarding layer 1, by FIR", layerSSRC(1))
	send(&rtcp.PictureLossIndication{MediaSSRC: 3}, &rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: 3}}})
	requested("for another track")
	if err := g.d.Unbind(g.ctx); err != nil {
		t.Fatal(err)
	}
	send(pli)
	requested("when the track is no longer sent")
}

func TestSubscribersReceiverReportGivesLossAndRoundTrip(t *testing.T) {
	g := newFixture(t, 1, false)
	g.receive(0, vp8Packet{seq: 1, key: true})
	g.r.layer(0).lastSenderReport = senderReport{ntp: 0x1122334455667788, rtp: 1, at: g.now}
	sr := g.d.senderReport(g.now)[0].(*rtcp.SenderReport)
	rr := &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{
		{SSRC: 3, LastSequenceNumber: 5000, TotalLost: 1000},
		{SSRC: downSSRC, LastSequenceNumber: 400, TotalLost: 100, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 65536 / 2},
	}}
	g.d.senderReport(g.now.Add(529 * time.Millisecond)) // sent before the answer to the previous report
	g.d.handleRTCP(rr, g.now.Add(530*time.Millisecond))
	g.d.handleRTCP(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: downSSRC, LastSequenceNumber: 500, TotalLost: 125}}}, g.now.Add(time.Second))
	if got, want := g.d.Reception(), (Reception{Expected: 100, Lost: 25, RoundTrip: 30 * time.Millisecond}); got != want {
		t.Errorf("reported %+v, want %+v", got, want)
	}
}
