package sfu

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const backupType = 108

// withBackup makes a rig whose subscriber also takes H264, and a second Receiver that gets it.
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

// nal is an H264 packet: an IDR picture if key is set.
func h264Packet(t *testing.T, seq uint16, ts uint32, key bool) []byte {
	t.Helper()
	payload := []byte{0x41, 0, 0}
	if key {
		payload = []byte{0x67, 0x42, 0, 0x1f} // a parameter set, which begins a key frame
	}
	raw, err := (&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, SSRC: 200}, Payload: payload}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A subscriber goes over to the backup codec in the middle of a track, and sees one stream go on.
func TestSwitchReceiverContinuesTheStreamInAnotherCodec(t *testing.T) {
	g, l := newBackupFixture(t)
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 1, key: true})
	g.receive(0, vp8Packet{seq: 11, ts: 4000, id: 2})
	before := g.out.take()
	if len(before) != 2 || before[1].PayloadType != downType {
		t.Fatalf("%d packets went out before the change", len(before))
	}
	if !g.d.SwitchReceiver(l.r, "") {
		t.Fatal("the subscriber takes H264 and is not fed it")
	}
	g.receive(0, vp8Packet{seq: 12, ts: 7000, id: 3, key: true}) // one more of the old codec is nobody's
	g.now = g.now.Add(100 * time.Millisecond)
	l.handle(h264Packet(t, 500, 90, false), g.now) // nothing can begin with it
	l.handle(h264Packet(t, 501, 90, true), g.now)
	l.handle(h264Packet(t, 502, 3090, false), g.now)
	after := g.out.take()
	if got := sequenceNumbers(after); len(got) != 2 || got[0] != before[1].SequenceNumber+1 || got[1] != got[0]+1 {
		t.Fatalf("sent %v after %v", got, sequenceNumbers(before))
	}
	if after[0].PayloadType != backupType || after[0].SSRC != before[0].SSRC {
		t.Errorf("goes on as type %d of SSRC %d", after[0].PayloadType, after[0].SSRC)
	}
	if passed := after[0].Timestamp - before[1].Timestamp; passed != 9000 {
		t.Errorf("%d ticks passed in 100 ms, want 9000", passed)
	}
}

func TestSwitchReceiverRefusesCodecNotNegotiated(t *testing.T) {
	g, _ := newBackupFixture(t)
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}})
	if g.d.SwitchReceiver(r, "") {
		t.Error("a subscriber without AV1 is fed it")
	}
	g.receive(0, vp8Packet{seq: 10, ts: 1000, id: 1, key: true})
	if got := g.out.take(); len(got) != 1 {
		t.Errorf("%d packets of the codec before went out, want 1", len(got))
	}
}

// One that does not take the primary codec is bound all the same, and plays once the backup is there.
func TestSwitchReceiverWorksAfterBindWithoutPrimaryCodec(t *testing.T) {
	g, l := newBackupFixture(t)
	primary := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}})
	var told error
	d := NewDownTrack(primary, DownTrackOptions{Tap: g.d.options.Tap, OnBound: func(err error) { told = err }})
	if _, err := d.Bind(&boundContext{codecs: g.ctx.codecs}); err != nil || !errors.Is(told, ErrCodec) {
		t.Fatalf("Bind = %v, and told %v", err, told)
	}
	if d.CanDecode(webrtc.MimeTypeAV1) || !d.CanDecode(webrtc.MimeTypeH264) {
		t.Error("it takes H264 and no AV1")
	}
	if !d.SwitchReceiver(l.r, "") {
		t.Fatal("not fed")
	}
	d.Start()
	defer d.Stop()
	l.handle(h264Packet(t, 1, 90, true), g.now)
	if got := g.out.take(); len(got) != 1 || got[0].PayloadType != backupType {
		t.Errorf("sent %v", got)
	}
}
