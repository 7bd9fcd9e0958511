package sfu

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const descriptorUp, descriptorDown = 4, 9 // ids of the dependency descriptor, from the publisher and to subscribers

// countingWriter is a writer that only counts.
type countingWriter struct{ packets, descriptors int }

func (w *countingWriter) Write(h *rtp.Header, _ []byte, _ interceptor.Attributes) (int, error) {
	w.packets++
	if h.GetExtension(descriptorDown) != nil {
		w.descriptors++
	}
	return 0, nil
}

// fanOut is one layer with subscribers, and a packet to send through it.
type fanOut struct {
	layer  *layer
	tracks []*DownTrack
	out    countingWriter
	raw    []byte
	seq    uint16
	now    time.Time

	descriptor int // offset of the dependency descriptor in raw; 0: none
}

// newFanOut returns a fanOut with started DownTracks and filled buffers.
func newFanOut(tb testing.TB, mime string, subscribers int) *fanOut {
	tb.Helper()
	f := &fanOut{now: time.Now()}
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: mime, ClockRate: 90000, NACK: true, AudioLevelID: 1, DescriptorID: descriptorUp}})
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 100, SSRC: 5}}
	var id uint8
	var extension []byte
	switch mime {
	case webrtc.MimeTypeVP8:
		p.Payload = append([]byte{0x90, 0xf0, 0x80, 1, 1, 1, 0}, make([]byte, 1100)...)
		id, extension = 7, []byte{1, 2} // an extension that is not forwarded
	case webrtc.MimeTypeOpus:
		p.Payload = make([]byte, 80)
		id, extension = 1, []byte{20}
	case webrtc.MimeTypeAV1:
		p.Payload = append([]byte{0x10, 0x0a}, make([]byte, 1100)...)
		id, extension = descriptorUp, append([]byte{0xc1}, 0, 0) // a delta frame
	}
	if err := p.SetExtension(id, extension); err != nil {
		tb.Fatal(err)
	}
	f.raw = marshal(tb, p)
	f.layer = testLayer(r, 0, 5, nil)
	r.layers[0].Store(f.layer)
	ctx := &boundContext{codecs: codecsFor(mime), rtx: downRTX, extensions: []webrtc.RTPHeaderExtensionParameter{
		{URI: DependencyDescriptorURI, ID: descriptorDown},
	}}
	tracks := make([]*DownTrack, subscribers)
	f.tracks = tracks
	for i := range tracks {
		tap := NewTap(1, nil)
		tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, &f.out)
		tracks[i] = NewDownTrack(r, DownTrackOptions{Tap: tap, OnBound: func(error) {}})
		if _, err := tracks[i].Bind(ctx); err != nil {
			tb.Fatal(err)
		}
		tracks[i].Start()
	}
	tb.Cleanup(func() {
		for _, d := range tracks {
			d.Stop()
		}
	})
	if mime == webrtc.MimeTypeAV1 {
		if err := p.SetExtension(id, keyDescriptor); err != nil {
			tb.Fatal(err)
		}
		f.layer.handle(marshal(tb, p), f.now)
		f.descriptor = 12 + 4 + 1 // after the headers of packet, extensions and descriptor
	}
	for range videoHistory { // fill the history, so that its memory is reused
		f.send()
	}
	f.out = countingWriter{}
	return f
}

// keyDescriptor is the dependency descriptor of frame 0. It has a structure of one layer, with a template for key
// frames and one for frames that depend on the previous frame.
var keyDescriptor = []byte{0xc0, 0x00, 0x00, 0x80, 0x00, 0x3a, 0x40, 0x00}

// send sends one packet to all subscribers.
func (f *fanOut) send() {
	f.seq++
	f.now = f.now.Add(time.Millisecond)
	if f.descriptor > 0 {
		binary.BigEndian.PutUint16(f.raw[f.descriptor+1:], f.seq)
	}
	binary.BigEndian.PutUint16(f.raw[2:], f.seq)
	binary.BigEndian.PutUint32(f.raw[4:], uint32(f.seq)*90)
	f.layer.handle(f.raw, f.now)
}

func TestForwardingAPacketAllocatesNothing(t *testing.T) {
	const subscribers, packets = 40, 100
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeOpus, webrtc.MimeTypeAV1} {
		t.Run(mime, func(t *testing.T) {
			f := newFanOut(t, mime, subscribers)
			if n := testing.AllocsPerRun(packets, f.send); n != 0 {
				t.Errorf("%v allocations for a packet to %d subscribers", n, subscribers)
			}
			const want = subscribers * (packets + 1) // AllocsPerRun warms up with one
			if f.out.packets != want {
				t.Errorf("%d packets delivered, want %d", f.out.packets, want)
			}
			if mime == webrtc.MimeTypeAV1 && f.out.descriptors != want {
				t.Errorf("%d of them with the dependency descriptor", f.out.descriptors)
			}
		})
	}
}

func TestRetransmissionAllocatesNothing(t *testing.T) {
	f := newFanOut(t, webrtc.MimeTypeVP8, 1)
	d := f.tracks[0]
	seq := f.seq
	if n := testing.AllocsPerRun(100, func() { d.retransmit(seq, f.now); seq-- }); n != 0 || f.out.packets != 101 {
		t.Errorf("%v allocations for a retransmission, %d sent of 101", n, f.out.packets)
	}
}

// BenchmarkFanOut measures forwarding one packet, from parsing to the writers of all subscribers, without SRTP and the
// network.
func BenchmarkFanOut(b *testing.B) {
	for _, mime := range []string{webrtc.MimeTypeVP8, webrtc.MimeTypeOpus, webrtc.MimeTypeAV1} {
		for _, subscribers := range []int{1, 10, 40} {
			b.Run(fmt.Sprintf("%s/%d", mime[6:], subscribers), func(b *testing.B) {
				f := newFanOut(b, mime, subscribers)
				b.ReportAllocs()
				for b.Loop() {
					f.send()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(f.out.packets), "ns/delivered")
			})
		}
	}
}
