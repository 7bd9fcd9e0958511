package sfu

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// For each codec, a key frame with a random payload must start the stream and arrive unchanged, also when it is
// retransmitted.
func TestEncryptedFramesAreForwardedUnchanged(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, tt := range []struct {
		mime  string
		clear []byte
	}{
		{webrtc.MimeTypeVP8, []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}},
		{webrtc.MimeTypeH264, []byte{0x65}},
		{webrtc.MimeTypeVP9, []byte{0xa8, 0x01, 0x00}},
		{webrtc.MimeTypeAV1, []byte{0x08}},
		{webrtc.MimeTypeOpus, []byte{0x78}},
	} {
		t.Run(tt.mime, func(t *testing.T) {
			g := newFixtureWith(t, fixtureOptions{mime: tt.mime, layers: 1, rtx: true})
			payload := append([]byte{}, tt.clear...)
			for range 500 {
				payload = append(payload, byte(random.Uint32()))
			}
			raw := marshal(t, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 77, SSRC: layerSSRC(0), Marker: true}, Payload: payload})
			g.r.layer(0).handle(raw, g.now)
			g.d.handleRTCP(nackOf(downSSRC, 77), g.now)
			got := g.out.take()
			if len(got) != 2 {
				t.Fatalf("%d packets were sent, want one and its retransmission", len(got))
			}
			if !bytes.Equal(got[0].payload, payload) || !bytes.Equal(got[1].payload[2:], payload) {
				t.Error("the payload arrived changed")
			}
		})
	}
}

// End-to-end encryption makes the RED headers unreadable for the server, so a subscriber that decodes only Opus must
// get nothing.
func TestEncryptedREDIsNotUnpacked(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		r := NewReceiver(ReceiverOptions{Format: Format{MimeType: "audio/red", ClockRate: 48000}})
		r.layers[0].Store(testLayer(r, 0, 1, nil))
		var bound error
		out := &stubWriter{}
		d := NewDownTrack(r, DownTrackOptions{Tap: NewTap(1, nil), Encrypted: encrypted, OnBound: func(err error) { bound = err }})
		ctx := &boundContext{codecs: codecsFor(webrtc.MimeTypeOpus)}
		if _, err := d.Bind(ctx); err != nil {
			t.Fatal(err)
		}
		d.options.Tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, out)
		d.Start()
		raw := marshal(t, &rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 1}, Payload: []byte{111, 1, 2, 3}})
		r.layer(0).handle(raw, time.Now())
		got := out.take()
		if encrypted && (!errors.Is(bound, ErrCodec) || got != nil || d.CanDecode("audio/red")) {
			t.Errorf("encrypted redundancy: bound with %v, sent %v", bound, got)
		}
		if !encrypted && (bound != nil || len(got) != 1 || !bytes.Equal(got[0].payload, []byte{1, 2, 3})) {
			t.Errorf("redundancy: bound with %v, sent %v", bound, got)
		}
		d.Stop()
	}
}
