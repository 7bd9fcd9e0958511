package sfu

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// The fuzzer minimizes each input that reaches new code, which takes time quadratic in its length. So inputs are
// limited to a few packets, and the seeds contain little more than headers.
const (
	seedPackets, seedBytes = 6, 40
	longestInput           = 1024
)

// FuzzForwarding sends a malicious publisher's packets to a subscriber whose allowed layers keep changing. The input
// contains the packets, each after its length. The subscriber must not get more sequence numbers than packets arrived.
func FuzzForwarding(f *testing.F) {
	mimes := []string{webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeAV1, webrtc.MimeTypeH264}
	for i, name := range []string{"vp8-l1t3-2", "vp9-l2t2", "av1-l3t3key"} {
		var data []byte
		for _, p := range recording(f, name)[:seedPackets] {
			raw := p.raw[:min(seedBytes, len(p.raw))]
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(raw))), raw...)
		}
		f.Add(uint8(i), data)
	}
	start := time.Now()
	f.Fuzz(func(t *testing.T, mime uint8, data []byte) {
		if len(data) > longestInput {
			return // the fuzzer would take minutes to minimize it
		}
		r := NewReceiver(ReceiverOptions{Format: Format{MimeType: mimes[int(mime)%len(mimes)], ClockRate: 90000, NACK: true, DescriptorID: recordedID}})
		out := &stubWriter{}
		ctx := &boundContext{codecs: codecsFor(r.options.MimeType), extensions: []webrtc.RTPHeaderExtensionParameter{{URI: DependencyDescriptorURI, ID: descriptorDown}}}
		d := NewDownTrack(r, DownTrackOptions{Tap: NewTap(1, nil), OnBound: func(error) {}})
		if _, err := d.Bind(ctx); err != nil {
			t.Fatal(err)
		}
		d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, out)
		d.Start()
		defer d.Stop()
		now := start
		received := 0
		for ; len(data) > 2; received++ {
			size := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			raw := append([]byte{}, data[2:2+size]...)
			data = data[2+size:]
			var h rtp.Header
			if _, err := h.Unmarshal(raw); err == nil && r.layers[0].Load() == nil {
				r.layers[0].Store(testLayer(r, 0, h.SSRC, nil))
			}
			if l := r.layer(0); l != nil {
				l.handle(raw, now)
			}
			d.SetAllowed(received%4-1, received/4%4)
			d.handleRTCP(nackOf(downSSRC, h.SequenceNumber), now)
			now = now.Add(10 * time.Millisecond)
		}
		seen := map[uint16]bool{}
		for _, p := range out.take() {
			seen[p.SequenceNumber] = true
		}
		if len(seen) > received {
			t.Errorf("%d packets became %d", received, len(seen))
		}
	})
}
