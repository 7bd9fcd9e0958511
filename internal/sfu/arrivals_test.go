package sfu

import (
	"bytes"
	"testing"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
)

func TestExtension16FindsOneByteAndTwoByteHeaderExtensions(t *testing.T) {
	packet := func(profile uint16, ext ...byte) []byte {
		for len(ext)%4 != 0 {
			ext = append(ext, 0)
		}
		raw := []byte{0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, byte(profile >> 8), byte(profile), 0, byte(len(ext) / 4)}
		return append(raw, ext...)
	}
	csrc := packet(0xBEDE, 0x51, 0xab, 0xcd)
	csrc[0] |= 1
	csrc = append(csrc[:12:12], append([]byte{9, 9, 9, 9}, csrc[12:]...)...)
	bare := packet(0xBEDE, 0x51, 0xab, 0xcd)
	bare[0] &^= 0x10
	long := packet(0xBEDE, 0x51, 0xab, 0xcd)
	long[15] = 9
	tests := []struct {
		name string
		raw  []byte
		ok   bool
	}{
		{"one-byte headers", packet(0xBEDE, 0x51, 0xab, 0xcd), true},
		{"after another extension and padding", packet(0xBEDE, 0x10, 7, 0, 0, 0x51, 0xab, 0xcd), true},
		{"after CSRCs", csrc, true},
		{"two-byte headers", packet(0x1000, 5, 2, 0xab, 0xcd), true},
		{"two-byte headers with application bits", packet(0x1003, 5, 2, 0xab, 0xcd), true},
		{"two-byte headers, after an empty extension and padding", packet(0x1000, 6, 0, 0, 5, 2, 0xab, 0xcd), true},
		{"longer than two bytes", packet(0xBEDE, 0x52, 0xab, 0xcd, 0xef), true},
		{"another id", packet(0xBEDE, 0x61, 0xab, 0xcd), false},
		{"one byte only", packet(0xBEDE, 0x50, 0xab), false},
		{"truncated extension", packet(0xBEDE, 0x10, 7, 0x5f, 0xab), false},
		{"truncated two-byte header", packet(0x1000, 1, 1, 7, 5), false},
		{"after the reserved id", packet(0xBEDE, 0xf0, 0x00, 0x51, 0xab, 0xcd), false},
		{"after padding with a length", packet(0xBEDE, 0x01, 0x00, 0x51, 0xab, 0xcd), false},
		{"another header extension profile", packet(0x4321, 5, 2, 0xab, 0xcd), false},
		{"no extensions", bare, false},
		{"longer than the packet", long, false},
		{"truncated extension header", packet(0xBEDE)[:14], false},
		{"empty", nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := extension16(tt.raw, 5)
			if ok != tt.ok || ok && got != 0xabcd {
				t.Errorf("extension16 = %#x, %v, want it found: %v", got, ok, tt.ok)
			}
		})
	}
}

// FuzzRead16BitHeaderExtension checks that extension16 does not panic, and that it returns the same bytes as pion.
func FuzzRead16BitHeaderExtension(f *testing.F) {
	head := []byte{0x90, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}
	f.Add(append(bytes.Clone(head), 0xbe, 0xde, 0, 1, 0x51, 0xab, 0xcd, 0), uint8(5))
	f.Add(append(bytes.Clone(head), 0x10, 0, 0, 1, 5, 2, 0xab, 0xcd), uint8(5))
	f.Fuzz(func(t *testing.T, raw []byte, id uint8) {
		got, ok := extension16(raw, id)
		var h rtp.Header
		if _, err := h.Unmarshal(raw); err != nil || id == 0 {
			return
		}
		var want []byte
		for _, have := range h.GetExtensionIDs() {
			if have == id {
				want = h.GetExtension(id)
				break
			}
		}
		if ok && len(want) >= 2 && (want[0] != byte(got>>8) || want[1] != byte(got)) {
			t.Fatalf("extension %d of % x is %#x, pion reads % x", id, raw, got, want)
		}
		if len(want) >= 2 && !ok {
			t.Fatalf("extension %d of % x was not found, pion reads % x", id, raw, want)
		}
	})
}

func TestTWCCFeedbackReportsEachArrivalOnce(t *testing.T) {
	tap := NewTap(77, nil)
	info := &interceptor.StreamInfo{SSRC: 5, RTPHeaderExtensions: []interceptor.RTPHeaderExtension{{URI: sdp.TransportCCURI, ID: 3}}}
	var next uint16
	reader := tap.BindRemoteStream(info, interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: next, SSRC: 5}, Payload: []byte{1}}
		if err := p.SetExtension(3, []byte{byte(next >> 8), byte(next)}); err != nil {
			t.Fatal(err)
		}
		return copy(b, marshal(t, p)), a, nil
	}))
	if got := tap.arrivals.feedback(); got != nil {
		t.Errorf("feedback %v before any packet", got)
	}
	buf := make([]byte, mtu)
	for _, next = range []uint16{65534, 65535, 1} {
		if _, _, err := reader.Read(buf, nil); err != nil {
			t.Fatal(err)
		}
	}
	got := tap.arrivals.feedback()
	if len(got) != 1 {
		t.Fatalf("feedback %v, want one packet", got)
	}
	cc := got[0].(*rtcp.TransportLayerCC)
	if cc.SenderSSRC != 77 || cc.MediaSSRC != 5 || cc.BaseSequenceNumber != 65534 || cc.PacketStatusCount != 4 || len(cc.RecvDeltas) != 3 {
		t.Errorf("feedback %+v, want three of the four from 65534", cc)
	}
	if got := tap.arrivals.feedback(); got != nil {
		t.Errorf("the same feedback twice: %v", got)
	}
}

func TestStreamsWithoutTWCCExtensionAreNotIntercepted(t *testing.T) {
	tap := NewTap(77, nil)
	reader := interceptor.RTPReaderFunc(nil)
	if got := tap.BindRemoteStream(&interceptor.StreamInfo{SSRC: 5}, reader); got.(interceptor.RTPReaderFunc) != nil {
		t.Error("a stream without the extension is read through the tap")
	}
	w := &stubWriter{}
	info := &interceptor.StreamInfo{SSRC: 6}
	tap.BindLocalStream(info, w)
	if tap.sentTracks.writer(6) != interceptor.RTPWriter(w) || tap.sentTracks.writer(5) != nil {
		t.Error("the writer is not found by its SSRC alone")
	}
	tap.UnbindLocalStream(info)
	if tap.sentTracks.writer(6) != nil {
		t.Error("the writer remains after its stream was unbound")
	}
}
