package sfu

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const opusFrame = 960 // 20 ms at 48 kHz

// redPayload returns the RED payload of packet seq with the given number of redundant copies. Each encoding is one
// byte: the number of its packet.
func redPayload(seq uint16, copies int) []byte {
	var payload []byte
	for age := copies; age > 0; age-- {
		header := uint32(111)<<24 | uint32(age*opusFrame)<<10 | 1 | 1<<31
		payload = append(payload, byte(header>>24), byte(header>>16), byte(header>>8), byte(header))
	}
	payload = append(payload, 111)
	for age := copies; age >= 0; age-- {
		payload = append(payload, byte(int(seq)-age))
	}
	return payload
}

// redPacket returns the RTP packet seq with a RED payload that has the given number of redundant copies.
func redPacket(t *testing.T, seq uint16, copies int) []byte {
	t.Helper()
	return marshal(t, &rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 63, SequenceNumber: seq, Timestamp: uint32(seq) * opusFrame, SSRC: 5},
		Payload: redPayload(seq, copies),
	})
}

// newREDTrack returns a layer with RED, and a started DownTrack for a subscriber with the given codecs. The DownTrack
// writes to out.
func newREDTrack(t *testing.T, codecs []webrtc.RTPCodecParameters, out interceptor.RTPWriter) (*layer, *DownTrack) {
	t.Helper()
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: "audio/red", ClockRate: 48000}})
	l := testLayer(r, 0, 5, nil)
	r.layers[0].Store(l)
	tap := NewTap(1, nil)
	tap.BindLocalStream(&interceptor.StreamInfo{SSRC: downSSRC}, out)
	d := NewDownTrack(r, DownTrackOptions{Tap: tap, OnBound: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	ctx := &boundContext{codecs: codecs}
	if _, err := d.Bind(ctx); err != nil {
		t.Fatal(err)
	}
	d.Start()
	t.Cleanup(d.Stop)
	return l, d
}

// opusOnly returns the codecs of a subscriber that decodes Opus but not RED.
func opusOnly() []webrtc.RTPCodecParameters {
	return []webrtc.RTPCodecParameters{{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 109,
	}}
}

// Some of the publisher's packets are lost.
func TestREDIsUnpackedForSubscribersWithoutRED(t *testing.T) {
	out := &stubWriter{}
	l, d := newREDTrack(t, opusOnly(), out)
	now := time.Now()
	for _, seq := range []uint16{10, 11, 13, 16, 15, 20, 21} { // 12 and 14 arrive only as copies, 15 arrives late, 17 and 18 never
		now = now.Add(20 * time.Millisecond)
		l.handle(redPacket(t, seq, 2), now)
	}
	type frame struct {
		Seq     uint16
		TS      uint32
		Content byte
	}
	var got []frame
	for _, p := range out.take() {
		if p.PayloadType != 109 || len(p.payload) != 1 {
			t.Fatalf("sent type %d with %d bytes, want plain Opus as 109 with 1", p.PayloadType, len(p.payload))
		}
		got = append(got, frame{p.SequenceNumber, p.Timestamp, p.payload[0]})
	}
	var want []frame
	for _, seq := range []uint16{10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21} {
		want = append(want, frame{seq, uint32(seq) * opusFrame, byte(seq)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	d.retransmit(20, now)
	if again := out.take(); len(again) != 1 || string(again[0].payload) != string([]byte{20}) {
		t.Errorf("retransmitted: %v, want frame 20 alone", again)
	}
}

func TestREDIsForwardedIfNegotiated(t *testing.T) {
	out := &stubWriter{}
	l, _ := newREDTrack(t, append(opusOnly(), webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "109/109"}, PayloadType: 63,
	}), out)
	l.handle(redPacket(t, 10, 2), time.Now())
	got := out.take()
	if len(got) != 1 || got[0].PayloadType != 63 || string(got[0].payload) != string(redPayload(10, 2)) {
		t.Errorf("sent %v, want the packet unchanged", got)
	}
}

func TestREDUnpackingAllocatesNothing(t *testing.T) {
	out := &countingWriter{}
	l, _ := newREDTrack(t, opusOnly(), out)
	packets := make([][]byte, 1000)
	for i := range packets {
		packets[i] = redPacket(t, uint16(i), 2)
	}
	i, now := 0, time.Now()
	next := func() {
		l.handle(packets[i], now)
		i++
	}
	for range 2 * audioHistory { // fill the history, so that its memory is reused
		next()
	}
	if n := testing.AllocsPerRun(300, next); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	if out.packets != i {
		t.Errorf("%d packets delivered of %d", out.packets, i)
	}
}
