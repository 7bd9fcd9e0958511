package bwe

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

func TestParseDecodesTWCCFeedback(t *testing.T) {
	f := &rtcp.TransportLayerCC{
		Header:             rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 7},
		BaseSequenceNumber: 65534, PacketStatusCount: 12, ReferenceTime: 5, FbPktCount: 1,
		PacketChunks: []rtcp.PacketStatusChunk{
			&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 2},
			&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 3},
			&rtcp.StatusVectorChunk{Type: rtcp.TypeTCCStatusVectorChunk, SymbolSize: rtcp.TypeTCCSymbolSizeTwoBit, SymbolList: []uint16{2, 1, 0, 0, 0, 0, 1}},
		},
		RecvDeltas: []*rtcp.RecvDelta{{Type: 1, Delta: 250}, {Type: 1, Delta: 500}, {Type: 2, Delta: -1000}, {Type: 1, Delta: 250}, {Type: 1, Delta: 0}},
	}
	raw, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := r.parse(raw); err != nil {
		t.Fatal(err)
	}
	const at = 5 * referenceUnit
	want := []int64{at + 250, at + 750, at - 250, at, at}
	if r.base != 65534 || len(r.statuses) != 12 || len(r.arrivals) != len(want) {
		t.Fatalf("got %+v", r)
	}
	for i := range want {
		if r.arrivals[i] != want[i] {
			t.Errorf("arrival %d is %d, want %d", i, r.arrivals[i], want[i])
		}
	}
}

func TestParseRejectsMalformedTWCCFeedback(t *testing.T) {
	header := func(count int, rest ...byte) []byte {
		b := make([]byte, feedbackHeader, 64)
		b[0], b[1], b[14], b[15] = 0x80|formatTransport, rtpfb, byte(count>>8), byte(count)
		b = append(b, rest...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		b[3] = byte(len(b)/4 - 1)
		return b
	}
	good := header(1, 0x20, 0x01, 4)
	var r report
	if err := r.parse(good); err != nil {
		t.Fatalf("valid feedback is rejected: %v", err)
	}
	for name, raw := range map[string][]byte{
		"empty":             nil,
		"another format":    append([]byte{0x81}, good[1:]...),
		"cut short":         good[:len(good)-4],
		"no packets":        header(0, 0, 0),
		"run of length 0":   header(5, 0, 0, 0, 0),
		"reserved symbol":   header(1, 0x60, 0x01, 0, 0),
		"delta missing":     header(20, 0x20, 20, 0, 0),
		"too many packets":  header(60000, 0x3f, 0xff, 0x3f, 0xff),
		"padding too large": func() []byte { b := header(1, 0x20, 0x01, 200); b[0] |= 0x20; return b }(),
	} {
		if err := r.parse(raw); err == nil {
			t.Errorf("%s: parsed as %+v", name, r)
		}
	}
}

// FuzzTWCCFeedback passes arbitrary feedback to the estimator, between packets that are sent.
func FuzzTWCCFeedback(f *testing.F) {
	raw := make([]byte, 24)
	raw[0], raw[1], raw[3], raw[15] = 0x80|formatTransport, rtpfb, 5, 10
	raw[20], raw[21] = 0x00, 10
	f.Add(raw, uint16(65530))
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 1, 0, 0x20, 3, 4, 4}, uint16(0))
	f.Fuzz(func(t *testing.T, raw []byte, start uint16) {
		e := New(1_000_000)
		now := time.Unix(1_700_000_000, 0)
		for i := range uint16(300) {
			now = now.Add(time.Millisecond)
			e.Sent(start+i, 1000, 0, now)
			if i%100 == 99 {
				_ = e.HandleFeedback(raw, now)
			}
		}
		// Repeat it with other sequence numbers and times, like a malicious client.
		if len(raw) >= feedbackHeader {
			for i := range 50 {
				raw[12], raw[13], raw[16], raw[18] = byte(i), byte(i*7), byte(i*31), byte(i*3)
				_ = e.HandleFeedback(raw, now)
			}
		}
		if rate := e.Bitrate(); rate < minBitrate || rate > maxBitrate {
			t.Fatalf("the estimate is %d", rate)
		}
		if math.IsNaN(e.trend.slope) || math.IsNaN(e.arrivals.rate) || math.IsNaN(e.aimd.rate) || math.IsNaN(e.loss.rate) {
			t.Fatal("not a number")
		}
	})
}
