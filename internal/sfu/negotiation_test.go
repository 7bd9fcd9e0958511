package sfu

import (
	"errors"
	"testing"

	"github.com/pion/webrtc/v4"
)

// codecOf returns a negotiated codec.
func codecOf(mime string, pt webrtc.PayloadType, fmtp string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, SDPFmtpLine: fmtp}, PayloadType: pt,
	}
}

func TestMatchCodecPrefersSameProfile(t *testing.T) {
	codecs := []webrtc.RTPCodecParameters{
		codecOf("video/VP8", 96, ""),
		codecOf("video/rtx", 97, "apt=96"),
		codecOf("video/H264", 98, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
		codecOf("video/H264", 99, "packetization-mode=0;profile-level-id=42e01f"),
		codecOf("video/H264", 100, "packetization-mode=1;profile-level-id=42E01F"),
		codecOf("video/VP9", 101, "profile-id=2"),
		codecOf("video/VP9", 102, ""),
		codecOf("video/AV1", 103, "level-idx=5;profile=1"),
		codecOf("video/AV1", 104, "level-idx=5"),
	}
	for _, tt := range []struct {
		mime, fmtp string
		want       webrtc.PayloadType // 0: none
	}{
		{"video/vp8", "", 96},
		{"video/H264", "profile-level-id=42e034; packetization-mode=1", 100}, // the level may differ
		{"video/H264", "profile-level-id=42e01f", 99},
		{"video/H264", "profile-level-id=640032;packetization-mode=1", 98}, // no profile matches: the first
		{"video/VP9", "", 102},
		{"video/VP9", "profile-id=0", 102},
		{"video/VP9", "profile-id=2", 101},
		{"video/AV1", "profile=0", 104},
		{"video/AV1", "profile=1;tier=0", 103},
		{"video/H265", "", 0},
	} {
		c, ok := matchCodec(codecs, tt.mime, tt.fmtp)
		if ok != (tt.want != 0) || c.PayloadType != tt.want {
			t.Errorf("%s %q matches %d, %v, want %d", tt.mime, tt.fmtp, c.PayloadType, ok, tt.want)
		}
	}
}

func TestRTXPayloadTypeIsFoundByAptParameter(t *testing.T) {
	codecs := []webrtc.RTPCodecParameters{
		codecOf("video/VP8", 96, ""),
		codecOf("video/rtx", 97, "apt=9"),
		codecOf("video/RTX", 98, "rtx-time=3000; apt=96"),
		codecOf("video/VP9", 99, "apt=100"),
	}
	for pt, want := range map[webrtc.PayloadType]webrtc.PayloadType{96: 98, 9: 97, 100: 0, 98: 0} {
		if got, ok := rtxFor(codecs, pt); got != want || ok != (want != 0) {
			t.Errorf("retransmissions of %d go as %d, %v, want %d", pt, got, ok, want)
		}
	}
}

func TestBindWithoutCommonCodecReportsErrCodecAndSendsNothing(t *testing.T) {
	r := NewReceiver(ReceiverOptions{Format: Format{MimeType: webrtc.MimeTypeAV1, ClockRate: 90000}})
	var boundErr error
	d := NewDownTrack(r, DownTrackOptions{Tap: NewTap(1, nil), OnBound: func(err error) { boundErr = err }})
	if _, err := d.Bind(&boundContext{codecs: codecsFor(webrtc.MimeTypeVP8)}); err != nil {
		t.Errorf("Bind = %v, which would undo the other tracks' negotiation", err)
	}
	if !errors.Is(boundErr, ErrCodec) {
		t.Errorf("OnBound was given %v, want ErrCodec", boundErr)
	}
	d.Start()
	l := testLayer(r, 0, 1, nil)
	l.handle(vp8Packet{seq: 1, key: true}.raw(t, 1), l.keyFrameRequested)
	d.Stop()
	boundErr = nil
	if _, err := d.Bind(&boundContext{}); err != nil || !errors.Is(boundErr, ErrCodec) {
		t.Errorf("Bind without any codec = %v, and OnBound got %v; want nil and ErrCodec", err, boundErr)
	}
	d.Stop()
}
