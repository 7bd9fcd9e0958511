package sfu

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// The report to the subscriber must contain the current time on the publisher's clock, and the RTP timestamp of that
// time as the subscriber sees it.
func TestSenderReportToSubscriberExtrapolatesPublishersReport(t *testing.T) {
	g := newFixture(t, 2, false)
	const ntp = 0x1122334400000000
	g.r.layer(0).lastSenderReport = senderReport{ntp: ntp, rtp: 90_000, at: g.now}
	g.r.layer(1).lastSenderReport = senderReport{ntp: ntp + 1<<31, rtp: 1<<31 + 45_000, at: g.now} // half a second later
	if got := g.d.senderReport(g.now); got != nil {
		t.Errorf("report %v before anything was forwarded", got)
	}
	g.receive(0, vp8Packet{seq: 1, ts: 91_000, key: true})
	g.receive(0, vp8Packet{seq: 2, ts: 94_000})
	now := g.now.Add(250 * time.Millisecond)
	want := func(ntp uint64, rtpTime, packets uint32) []rtcp.Packet {
		return []rtcp.Packet{
			&rtcp.SenderReport{SSRC: downSSRC, NTPTime: ntp, RTPTime: rtpTime, PacketCount: packets, OctetCount: 9 * packets},
			&rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
				Source: downSSRC, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "PA_x|TR_x"}},
			}}},
		}
	}
	if d := cmp.Diff(want(ntp+1<<30, 112_500, 2), g.d.senderReport(now)); d != "" {
		t.Error(d)
	}
	// The same time on layer 1, whose timestamps start at 1<<31 and whose report is half a second later: 135,000 in
	// layer 0's timestamps.
	g.receive(1, vp8Packet{seq: 9, ts: 1<<31 + 50_000, key: true})
	if got := g.out.take()[2].Timestamp; got != 140_000 {
		t.Errorf("the frame is sent with timestamp %d, want 140000", got)
	}
	if d := cmp.Diff(want(ntp+1<<31+1<<30, 135_000+22_500, 3), g.d.senderReport(now)); d != "" {
		t.Error(d)
	}
	g.r.layers[1].Store(testLayer(g.r, 1, 999, g.publisher))
	g.r.layer(1).lastSenderReport = senderReport{ntp: ntp, rtp: 1, at: g.now}
	if got := g.d.senderReport(now); got != nil {
		t.Errorf("report %v by the clock of a stream that is not forwarded yet", got)
	}
}

func TestTimestampsAlignOnlyWithSenderReportsOfBothLayers(t *testing.T) {
	g := newFixture(t, 2, false)
	check := func(what string, ok bool) {
		t.Helper()
		if _, got := g.r.align(0, 1); got != ok {
			t.Errorf("%s: aligned %v, want %v", what, got, ok)
		}
	}
	check("no report", false)
	g.r.layer(0).lastSenderReport = senderReport{ntp: 5 << 32, rtp: 1000, at: g.now}
	check("one report", false)
	// Layer 1's report is a second older.
	g.r.layer(1).lastSenderReport = senderReport{ntp: 4 << 32, rtp: 300, at: g.now}
	check("both", true)
	if delta, _ := g.r.align(0, 1); int32(delta) != 1000-90_000-300 {
		t.Errorf("difference %d, want %d", int32(delta), 1000-90_000-300)
	}
	if _, ok := g.r.align(0, 2); ok {
		t.Error("aligned with a layer that does not exist")
	}
}

func TestTWCCFeedbackAndReceiverReportsAreSentAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &feedbackLog{}
		tap := NewTap(77, nil)
		f := NewFeedback(tap, up.send)
		r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}})
		r.layers[0].Store(testLayer(r, 0, 5, up))
		f.Add(r)
		var seq uint16
		stream := tap.BindRemoteStream(
			&interceptor.StreamInfo{SSRC: 5, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: sdp.TransportCCURI, ID: 3}}},
			interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
				p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, SSRC: 5}, Payload: []byte{0x10, 0}}
				if err := p.SetExtension(3, []byte{byte(seq >> 8), byte(seq)}); err != nil {
					t.Fatal(err)
				}
				return copy(b, marshal(t, p)), a, nil
			}))
		tick := time.NewTicker(10 * time.Millisecond) // one packet each: five per feedback
		defer tick.Stop()
		buf := make([]byte, mtu)
		for range 210 {
			<-tick.C
			n, _, err := stream.Read(buf, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.layer(0).handle(buf[:n], time.Now())
			seq++
		}
		synctest.Wait()
		var feedbacks, reports, reported int
		for _, p := range up.take() {
			switch p := p.(type) {
			case *rtcp.TransportLayerCC:
				feedbacks++
				reported += len(p.RecvDeltas)
			case *rtcp.ReceiverReport:
				reports++
				if len(p.Reports) != 1 || p.Reports[0].SSRC != 5 || p.Reports[0].FractionLost != 0 {
					t.Errorf("report %+v, want one of SSRC 5 without loss", p.Reports)
				}
			}
		}
		if feedbacks < 41 || feedbacks > 42 || reported < 205 || reports != 2 {
			t.Errorf("in 2.1 s %d feedbacks on %d packets and %d reports, want 42 on 210 and 2", feedbacks, reported, reports)
		}
		f.Remove(r)
		<-time.After(3 * reportInterval)
		for _, p := range up.take() {
			if _, ok := p.(*rtcp.ReceiverReport); ok {
				t.Error("reports go on after Remove")
			}
		}
		f.Close()
		f.Close() // a second Close does nothing
	})
}

func TestReceiverReportsAreSplitAt31ReportBlocks(t *testing.T) {
	var receivers []*Receiver
	for i := range 40 {
		r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000}})
		l := testLayer(r, 0, uint32(i), nil)
		l.loss.add(1, 1, 48000, time.Now())
		r.layers[0].Store(l)
		receivers = append(receivers, r)
	}
	var sizes []int
	for _, p := range receiverReports(time.Now(), receivers) {
		sizes = append(sizes, len(p.(*rtcp.ReceiverReport).Reports))
	}
	if d := cmp.Diff([]int{31, 9}, sizes); d != "" {
		t.Error(d)
	}
}

func TestSenderReportsAreSentEachSecondInPacketsBelowTheMTU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent [][]rtcp.Packet
		s := NewSenderReports(func(p []rtcp.Packet) error { sent = append(sent, p); return nil }, func(time.Time) {})
		g := newFixture(t, 1, false)
		g.receive(0, vp8Packet{seq: 1, key: true})
		g.r.layer(0).lastSenderReport = senderReport{ntp: 1 << 40, rtp: 1, at: g.now}
		for range 20 {
			s.Add(g.d)
		}
		<-time.After(reportInterval + time.Millisecond)
		s.Remove(g.d)
		<-time.After(reportInterval)
		s.Close()
		if len(sent) != 2 || len(sent[0]) != 32 || len(sent[1]) != 8 {
			t.Fatalf("%d RTCP packets for 20 tracks and one second, want 2", len(sent))
		}
		raw, err := rtcp.Marshal(sent[0])
		if err != nil || len(raw) > 1200 {
			t.Errorf("an RTCP packet of %d bytes, %v", len(raw), err)
		}
	})
}
