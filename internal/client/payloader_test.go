package client

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// The test includes the first frame and the frame at which the picture ids wrap around to 0.
func TestEveryVP8PacketHasAPictureID(t *testing.T) {
	payloader, err := payloaderFor(webrtc.MimeTypeVP8)
	if err != nil {
		t.Fatal(err)
	}
	frame := bytes.Repeat([]byte{1, 2, 3}, maxPayload)
	for n := range 1<<15 + 2 {
		var whole []byte
		for i, payload := range payloader.Payload(maxPayload, frame) {
			var p codecs.VP8Packet
			part, err := p.Unmarshal(payload)
			if err != nil || len(payload) > maxPayload || p.I != 1 || int(p.PictureID) != n%(1<<15) || payload[2]&0x80 == 0 || (p.S == 1) != (i == 0) || p.PID != 0 {
				t.Fatalf("frame %d, packet %d of %d bytes: %+v, %v", n, i, len(payload), p, err)
			}
			whole = append(whole, part...)
		}
		if !bytes.Equal(whole, frame) {
			t.Fatalf("frame %d has changed", n)
		}
		frame = frame[:4] // only the first frame needs several packets
	}
}

// A frame that only shows an earlier frame is not a key frame.
func TestVP9PayloaderMarksOnlyKeyFramesAsKeyFrames(t *testing.T) {
	payloader, err := payloaderFor(webrtc.MimeTypeVP9)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		frame []byte
		key   bool
	}{
		"key frame":        {[]byte{0x82, 0x49, 0x83, 0x42, 0, 0, 0xf0, 0, 0xf0, 0}, true},
		"inter frame":      {[]byte{0x86, 1, 2, 3}, false},
		"shows an earlier": {[]byte{0x88}, false},
	} {
		payloads := payloader.Payload(maxPayload, tt.frame)
		if len(payloads) != 1 {
			t.Fatalf("%s: %d packets", name, len(payloads))
		}
		var p codecs.VP9Packet
		if frame, err := p.Unmarshal(payloads[0]); err != nil || !bytes.Equal(frame, tt.frame) || p.P == tt.key || p.V != tt.key || !p.I || !p.B || !p.E {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// Every parameter set of a frame is sent, not only the last one of each kind.
func TestAllH264ParameterSetsAreSent(t *testing.T) {
	payloader, err := payloaderFor(webrtc.MimeTypeH264)
	if err != nil {
		t.Fatal(err)
	}
	units := [][]byte{{0x67, 1, 1}, {0x68, 1, 1}, {0x68, 2, 2}, {0x65, 0x88, 3}}
	var frame []byte
	for _, unit := range units {
		frame = append(append(frame, 0, 0, 0, 1), unit...)
	}
	if got := payloader.Payload(maxPayload, frame); !slices.EqualFunc(got, units, bytes.Equal) {
		t.Errorf("sent %x, want %x", got, units)
	}
}

// packetLog records the packets written to a track.
type packetLog struct{ packets []rtp.Packet }

func (s *packetLog) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	s.packets = append(s.packets, rtp.Packet{Header: *h, Payload: payload})
	return len(payload), nil
}

func (s *packetLog) Write([]byte) (int, error) { panic("not used here") }

// Padding has the timestamp of the last frame, not that of its end, because AdvanceClock may make the next frame
// start before this end.
func TestPaddingPacketIsEmptyAndHasTimestampOfLastFrame(t *testing.T) {
	l, err := newLocalLayer(&Publication{}, "", webrtc.MimeTypeVP8)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.WritePadding(); err != nil { // before the track is negotiated
		t.Fatal(err)
	}
	out := &packetLog{}
	l.binding = &negotiatedParams{writer: out, ssrc: 7, payloadType: 96}
	l.packetizer = rtp.NewPacketizer(maxPayload, 96, 7, l.payloader, rtp.NewFixedSequencer(1), 90_000)
	if err := l.WritePadding(); err != nil {
		t.Fatal(err)
	}
	if len(out.packets) != 1 {
		t.Fatalf("%d packets", len(out.packets))
	}
	if p := out.packets[0]; !p.Padding || p.Header.PaddingSize == 0 || len(p.Payload) != 0 || p.SSRC != 7 || p.PayloadType != 96 || p.SequenceNumber != 1 {
		t.Errorf("sent %+v", p)
	}
	if err := errors.Join(l.WriteSample(media.Sample{Data: []byte{0x10}, Duration: 10 * time.Second}), l.WritePadding()); err != nil {
		t.Fatal(err)
	}
	l.AdvanceClock(-9 * time.Second)
	if err := l.WriteSample(media.Sample{Data: []byte{0x10}, Duration: time.Second}); err != nil {
		t.Fatal(err)
	}
	first, padding, next := out.packets[1], out.packets[2], out.packets[3]
	if padding.Timestamp != first.Timestamp || next.Timestamp != first.Timestamp+90_000 {
		t.Errorf("timestamps %d, of padding %d, %d", first.Timestamp, padding.Timestamp, next.Timestamp)
	}
}
