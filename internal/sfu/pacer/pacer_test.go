package pacer

import (
	"bytes"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const numberID = 6 // extension id of the transport-wide sequence number

// remb returns a REMB packet, the subscriber's own estimate, of bitrate bits/s.
func remb(t *testing.T, bitrate float32) []byte {
	t.Helper()
	raw, err := (&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: bitrate, SSRCs: []uint32{downSSRC}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// fixture is a Pacer with an estimate from REMB and a stub writer.
type fixture struct {
	*Pacer
	out    *stubWriter
	header rtp.Header
	number [2]byte
	buf    []byte
}

// newFixture returns a fixture whose estimate is bitrate bits/s.
func newFixture(t *testing.T, bitrate float32) *fixture {
	t.Helper()
	p := &fixture{Pacer: New(), out: &stubWriter{}, buf: make([]byte, 1200)}
	if !p.HandleRTCP(remb(t, bitrate), time.Now()) {
		t.Fatal("HandleRTCP rejects REMB")
	}
	t.Cleanup(p.Close)
	return p
}

// send sends a packet whose memory is reused for the next one.
func (p *fixture) send(seq uint16, video, urgent bool) {
	p.header = rtp.Header{Version: 2, SequenceNumber: seq, SSRC: downSSRC, Extensions: p.header.Extensions[:0]}
	_ = p.header.SetExtension(3, []byte{byte(seq), 1, 2})
	binary.BigEndian.PutUint16(p.buf, seq)
	o := Packet{Writer: p.out, Header: &p.header, Payload: p.buf, TWCCNumber: &p.number, Video: video, Urgent: urgent}
	if video {
		o.TWCCExtension = numberID
	}
	p.Send(&o, time.Now())
}

func TestPacerSpreadsBursts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 300_000)
		for seq := range uint16(20) {
			p.send(seq, true, false)
		}
		atOnce := len(p.out.take())
		if atOnce < 4 || atOnce > 6 {
			t.Errorf("%d of twenty packets were sent immediately", atOnce)
		}
		p.send(100, false, false)
		p.send(101, true, true)
		if got := sequenceNumbers(p.out.take()); len(got) != 2 {
			t.Errorf("audio or a retransmission was queued: %v were sent", got)
		}
		// 16 packets at two and a half times 300 kbit/s take about 200 ms.
		<-time.After(100 * time.Millisecond)
		half := p.out.take()
		<-time.After(150 * time.Millisecond)
		all := append(half, p.out.take()...)
		if len(half) < 4 || len(half) > 12 || len(all) != 20-atOnce {
			t.Fatalf("%d of them were sent within 100 ms, %d of %d within 250 ms", len(half), len(all), 20-atOnce)
		}
		number := -1
		for i, w := range all {
			seq := uint16(atOnce + i)
			if w.SequenceNumber != seq || binary.BigEndian.Uint16(w.payload) != seq || !bytes.Equal(w.GetExtension(3), []byte{byte(seq), 1, 2}) {
				t.Errorf("packet %d arrived as %+v % x", seq, w.Header, w.payload[:2])
			}
			got := int(binary.BigEndian.Uint16(w.GetExtension(numberID)))
			if number >= 0 && got != number+1 {
				t.Errorf("number %d follows %d", got, number)
			}
			number = got
		}
	})
}

// The packets are the frames of a camera at the estimated bitrate.
func TestPacketsWithinEstimatedBitrateAreNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 1_000_000)
		for frame := range 100 {
			for i := range 3 {
				p.send(uint16(3*frame+i), true, false)
			}
			if got := len(p.out.take()); got != 3 {
				t.Fatalf("%d packets of frame %d were sent immediately", got, frame)
			}
			<-time.After(33 * time.Millisecond)
		}
	})
}

func TestPacerDropsPacketsBeyondMaxQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 100_000)
		for seq := range uint16(2 * MaxQueued) {
			p.send(seq, true, false)
		}
		if s := p.Stats(); s.Queued != MaxQueued || s.Dropped < MaxQueued-10 || s.Delayed != MaxQueued {
			t.Errorf("%+v", s)
		}
		// Even with a low estimate, queued packets are at most about a second old: maxQueueTime by the rate, which falls
		// with the queue.
		<-time.After(3 * time.Second)
		if got := len(p.out.take()); got < MaxQueued-20 {
			t.Errorf("%d packets were sent in three seconds", got)
		}
		for seq := range uint16(100) {
			p.send(seq, true, false)
		}
		p.Close()
		p.out.take()
		p.send(1, true, false)
		if got := len(p.out.take()); got != 1 {
			t.Errorf("%d packets were sent after Close, want one", got)
		}
	})
}

func TestDropQueuedIfFullDropsGivenStreamOnlyAtCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 300_000)
		for seq := range uint16(20) {
			p.send(seq, true, false)
		}
		before := len(p.out.take())
		p.DropQueuedIfFull(downSSRC)
		if got := p.Stats().Queued; got != 20-before {
			t.Errorf("%d packets are queued below capacity, want %d", got, 20-before)
		}
		p.HandleRTCP(remb(t, 200_000), time.Now())
		p.DropQueuedIfFull(downSSRC + 1)
		if got := p.Stats().Queued; got != 20-before {
			t.Errorf("%d packets of another stream are queued, want %d", got, 20-before)
		}
		p.DropQueuedIfFull(downSSRC)
		p.send(100, true, false)
		<-time.After(time.Second)
		if got := sequenceNumbers(p.out.take()); len(got) != 1 || got[0] != 100 {
			t.Errorf("%v were sent, want the packets after the switch", got)
		}
	})
}

func TestRetransmissionsAreLimitedToHalfTheEstimatedBitrate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 800_000)
		sent := 0
		for range 200 {
			for range 10 {
				if p.AllowRetransmission(1000, false, time.Now()) {
					sent += 1000
				}
			}
			<-time.After(10 * time.Millisecond)
		}
		if !p.AllowRetransmission(100, true, time.Now()) {
			t.Error("below capacity, a superseded retransmission is rejected")
		}
		p.HandleRTCP(remb(t, 200_000), time.Now())
		<-time.After(time.Second)
		if p.AllowRetransmission(100, true, time.Now()) || !p.AllowRetransmission(100, false, time.Now()) {
			t.Error("at capacity, a superseded retransmission is allowed, or another is rejected")
		}
		if want := 2 * 800_000 / 8 / 2; sent < want*8/10 || sent > want*13/10 {
			t.Errorf("%d bytes in two seconds, want about %d", sent, want)
		}
	})
}

func TestDropQueuedSubtractsQueuedBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFixture(t, 300_000)
		for seq := range uint16(20) {
			p.send(seq, true, false)
		}
		p.mu.Lock()
		waited := p.queuedBytes
		p.mu.Unlock()
		if waited == 0 {
			t.Fatal("no packet is queued")
		}
		p.DropQueued(downSSRC)
		p.mu.Lock()
		left, bytes := len(p.queue), p.queuedBytes
		p.mu.Unlock()
		if left != 0 || bytes != 0 {
			t.Errorf("%d packets are still queued, %d bytes of %d", left, bytes, waited)
		}
	})
}
