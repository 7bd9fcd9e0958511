package sfu

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const backupType = 108

// newBackupFixture returns a fixture whose subscriber also decodes H.264, and the layer of a second Receiver with
// H.264.
func newBackupFixture(t *testing.T) (*fixture, *layer) {
	t.Helper()
	g := newFixture(t, 1, true)
	g.ctx.codecs = append(codecsFor(webrtc.MimeTypeVP8), codecOf(webrtc.MimeTypeH264, backupType, ""), codecOf("video/rtx", 109, "apt=108"))
	if _, err := g.d.Bind(&boundContext{codecs: g.ctx.codecs, rtx: downRTX}); err != nil {
		t.Fatal(err)
	}
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}})
	r.layers[0].Store(testLayer(r, 0, 200, g.publisher))
	return g, r.layer(0)
}

// h264Packet returns an H.264 packet, which starts a key frame if key is set.
func h264Packet(t *testing.T, seq uint16, ts uint32, key bool) []byte {
	t.Helper()
	payload := []byte{0x41, 0, 0}
	if key {
		payload = []byte{0x67, 0x42, 0, 0x1f} // a parameter set starts a key frame
	}
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: 200}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestSwitchReceiverContinuesTheStreamInAnotherCodec(t *testing.T) {
	g, l := newBackupFixture(t)
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 1, key: true})
	g.receive(0, vp8Packet{seq: 11, ts: 4000, id: 2})
	before := g.out.take()
	if len(before) != 2 || before[1].PayloadType != downType {
		t.Fatalf("%d packets were sent before the switch", len(before))
	}
	if !g.d.SwitchReceiver(l.r, "") {
		t.Fatal("SwitchReceiver refuses H264 although it is negotiated")
	}
	g.receive(0, vp8Packet{seq: 12, ts: 7000, id: 3, key: true}) // a late packet of the previous codec is ignored
	g.now = g.now.Add(100 * time.Millisecond)
	l.handle(h264Packet(t, 500, 90, false), g.now) // a delta frame cannot start the stream
	l.handle(h264Packet(t, 501, 90, true), g.now)
	l.handle(h264Packet(t, 502, 3090, false), g.now)
	after := g.out.take()
	if got := sequenceNumbers(after); len(got) != 2 || got[0] != before[1].SequenceNumber+1 || got[1] != got[0]+1 {
		t.Fatalf("sent %v after %v", got, sequenceNumbers(before))
	}
	if after[0].PayloadType != backupType || after[0].SSRC != before[0].SSRC {
		t.Errorf("continues with payload type %d on SSRC %d", after[0].PayloadType, after[0].SSRC)
	}
	if passed := after[0].Timestamp - before[1].Timestamp; passed != 9000 {
		t.Errorf("%d ticks passed in 100 ms, want 9000", passed)
	}
}

func TestSwitchReceiverRefusesCodecNotNegotiated(t *testing.T) {
	g, _ := newBackupFixture(t)
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}})
	if g.d.SwitchReceiver(r, "") {
		t.Error("SwitchReceiver accepts AV1 although it is not negotiated")
	}
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 1, key: true})
	if got := g.out.take(); len(got) != 1 {
		t.Errorf("%d packets of the previous codec were sent, want 1", len(got))
	}
}

func TestSwitchReceiverToBackupCodecWorksWithoutPrimaryCodec(t *testing.T) {
	g, l := newBackupFixture(t)
	primary := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}})
	var boundErr error
	d := NewDownTrack(primary, DownTrackOptions{Tap: g.d.options.Tap, OnBound: func(err error) { boundErr = err }})
	if _, err := d.Bind(&boundContext{codecs: g.ctx.codecs}); err != nil || !errors.Is(boundErr, ErrCodec) {
		t.Fatalf("Bind = %v, and OnBound got %v", err, boundErr)
	}
	if d.CanDecode(webrtc.MimeTypeAV1) || !d.CanDecode(webrtc.MimeTypeH264) {
		t.Error("CanDecode must be true for H264 and false for AV1")
	}
	if !d.SwitchReceiver(l.r, "") {
		t.Fatal("SwitchReceiver refuses H264")
	}
	d.Start()
	defer d.Stop()
	l.handle(h264Packet(t, 1, 90, true), g.now)
	if got := g.out.take(); len(got) != 1 || got[0].PayloadType != backupType {
		t.Errorf("sent %v", got)
	}
}
