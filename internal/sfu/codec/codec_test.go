package codec

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseReadsPayloadDescriptors(t *testing.T) {
	key := Info{KeyFrame: true}
	tests := []struct {
		name    string
		codec   Type
		payload []byte
		want    Info
		err     error
	}{
		{"empty payload is padding", VP8, nil, Info{}, nil},
		{"opus is not parsed", Opus, []byte{0xf8, 0xff}, Info{}, nil},
		{"vp8 key frame, no extension", VP8, []byte{0x10, 0x00}, Info{KeyFrame: true, StartOfFrame: true, VP8: VP8Descriptor{Present: true}}, nil},
		{"vp8 delta frame", VP8, []byte{0x10, 0x01}, Info{StartOfFrame: true, VP8: VP8Descriptor{Present: true}}, nil},
		{"vp8 second packet of a key frame", VP8, []byte{0x00, 0x00}, Info{VP8: VP8Descriptor{Present: true}}, nil},
		{"vp8 all fields", VP8, []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x00}, Info{KeyFrame: true, StartOfFrame: true, Temporal: 1, VP8: VP8Descriptor{
			Present: true, PictureID: 0x102, PictureIDBits: 15, TL0: 7, HasTL0: true, KeyIndex: 5, HasKeyIndex: true,
		}}, nil},
		{"vp8 short picture id", VP8, []byte{0x90, 0x80, 0x42, 0x01}, Info{StartOfFrame: true, VP8: VP8Descriptor{Present: true, PictureID: 0x42, PictureIDBits: 7}}, nil},
		{"vp8 truncated in the extension", VP8, []byte{0x90, 0xf0, 0x81}, Info{}, ErrShort},
		{"vp8 truncated before the payload header", VP8, []byte{0x90, 0x40, 0x81}, Info{}, ErrShort},
		{"h264 idr", H264, []byte{0x65, 0x88}, key, nil},
		{"h264 slice", H264, []byte{0x41, 0x9a}, Info{}, nil},
		{"h264 stap-a with sps", H264, []byte{0x18, 0x00, 0x02, 0x67, 0x42, 0x00, 0x01, 0x68}, key, nil},
		{"h264 stap-a with pps only", H264, []byte{0x18, 0x00, 0x01, 0x68}, Info{}, nil},
		{"h264 stap-a with a size past the end", H264, []byte{0x18, 0x00, 0x09, 0x67}, Info{}, nil},
		{"h264 fu-a start of idr", H264, []byte{0x7c, 0x85}, key, nil},
		{"h264 fu-a middle of idr", H264, []byte{0x7c, 0x05}, Info{}, nil},
		{"vp8 sync point of a temporal layer", VP8, []byte{0x90, 0xe0, 0x42, 0x07, 0x60, 0x01}, Info{StartOfFrame: true, Temporal: 1, Sync: true, VP8: VP8Descriptor{
			Present: true, PictureID: 0x42, PictureIDBits: 7, TL0: 7, HasTL0: true,
		}}, nil},
		{"vp9 key frame", VP9, []byte{0x88, 0x80, 0x01}, Info{KeyFrame: true, StartOfFrame: true, NotPredicted: true}, nil},
		{"vp9 predicted", VP9, []byte{0xc8, 0x80, 0x01}, Info{StartOfFrame: true}, nil},
		{"vp9 upper spatial layer of a key picture", VP9, []byte{0xa8, 0x01, 0x02}, Info{StartOfFrame: true, NotPredicted: true, HasLayers: true, Spatial: 1}, nil},
		{"vp9 base layer of a key picture", VP9, []byte{0xa8, 0x01, 0x00}, Info{KeyFrame: true, StartOfFrame: true, NotPredicted: true, HasLayers: true}, nil},
		{"vp9 end of a frame at a switching point", VP9, []byte{0xe4, 0x01, 0x52}, Info{EndOfFrame: true, HasLayers: true, Spatial: 1, Temporal: 2, Sync: true}, nil},
		{"vp9 truncated", VP9, []byte{0xa8, 0x81}, Info{}, ErrShort},
		{"av1 new sequence", AV1, []byte{0x08, 0x0a}, key, nil},
		{"av1 delta", AV1, []byte{0x10, 0x0a}, Info{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Info
			err := Parse(tt.codec, tt.payload, &got)
			if !errors.Is(err, tt.err) {
				t.Fatalf("Parse = %v, want %v", err, tt.err)
			}
			if tt.err != nil {
				return
			}
			if d := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(VP8Descriptor{}, Frame{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestVP8RewriteReplacesPictureIDAndIndexesInPlace(t *testing.T) {
	payload := []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x00, 0xaa}
	var info Info
	if err := Parse(VP8, payload, &info); err != nil {
		t.Fatal(err)
	}
	info.VP8.Rewrite(payload, 0x7fff, 9, 31)
	want := []byte{0x90, 0xf0, 0xff, 0xff, 0x09, 0x5f, 0x00, 0xaa}
	if !bytes.Equal(payload, want) {
		t.Errorf("rewritten payload % x, want % x", payload, want)
	}
}

// FuzzParsePayload checks that Parse does not panic, and that a rewritten payload has the same length and the new
// values.
func FuzzParsePayload(f *testing.F) {
	f.Add(uint8(VP8), []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x00})
	f.Add(uint8(VP9), []byte{0xa8, 0x01, 0x00})
	f.Add(uint8(H264), []byte{0x18, 0x00, 0x02, 0x67, 0x42, 0x00, 0x01, 0x68})
	f.Add(uint8(AV1), []byte{0x08, 0x0a})
	f.Fuzz(func(t *testing.T, codec uint8, payload []byte) {
		var info Info
		if err := Parse(Type(codec), payload, &info); err != nil || !info.VP8.Present {
			return
		}
		info.VP8.Rewrite(payload, 300, 40, 5)
		var again Info
		if err := Parse(VP8, payload, &again); err != nil {
			t.Fatalf("rewritten payload does not read: %v", err)
		}
		if d := again.VP8; (d.PictureIDBits == 15 && d.PictureID != 300) || (d.PictureIDBits == 7 && d.PictureID != 300&0x7f) || (d.HasTL0 && d.TL0 != 40) || (d.HasKeyIndex && d.KeyIndex != 5) {
			t.Fatalf("rewritten descriptor reads back as %+v", d)
		}
	})
}
