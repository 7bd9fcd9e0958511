package sfu

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
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

// numberPackets makes f's subscribers use transport-wide sequence numbers and have a high bandwidth estimate.
func (f *fanOut) numberPackets(tb testing.TB) {
	tb.Helper()
	raw, err := (&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 100_000_000, SSRCs: []uint32{downSSRC}}).Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	for _, d := range f.tracks {
		d.binding.twccID = numberID
		d.options.Tap.pacer.HandleRTCP(raw, f.now)
	}
	f.send()
	f.out = countingWriter{}
}

func TestForwardingWithTWCCAllocatesNothing(t *testing.T) {
	f := newFanOut(t, webrtc.MimeTypeVP8, 40)
	f.numberPackets(t)
	if n := testing.AllocsPerRun(100, f.send); n != 0 || f.out.packets != 40*101 {
		t.Errorf("%v allocations for a packet to 40 subscribers, %d delivered", n, f.out.packets)
	}
}

// BenchmarkFanOutWithTWCC is BenchmarkFanOut with transport-wide sequence numbers and bandwidth estimation.
func BenchmarkFanOutWithTWCC(b *testing.B) {
	for _, subscribers := range []int{1, 10, 40} {
		b.Run(fmt.Sprintf("VP8/%d", subscribers), func(b *testing.B) {
			f := newFanOut(b, webrtc.MimeTypeVP8, subscribers)
			f.numberPackets(b)
			b.ReportAllocs()
			for b.Loop() {
				f.send()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(f.out.packets), "ns/delivered")
		})
	}
}

// When a track leaves the connection, its queued packets must be neither sent nor numbered. Otherwise they would count
// as lost.
func TestUnbindDropsPacketsQueuedByThePacer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newAllocatorFixture(t, false)
		g.receiveREMB(100_000)
		g.d.SetAllowed(2, 3)
		p := g.d.options.Tap.pacer
		g.sendLayers(50 * time.Millisecond)
		g.sendLayers(50 * time.Millisecond)
		waited := p.Stats().Queued
		if waited == 0 {
			t.Fatal("no packet is queued")
		}
		if err := g.d.Unbind(g.ctx); err != nil {
			t.Fatal(err)
		}
		if left := p.Stats().Queued; left != 0 {
			t.Errorf("%d packets of %d are still queued", left, waited)
		}
	})
}
