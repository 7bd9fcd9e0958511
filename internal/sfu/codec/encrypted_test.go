package codec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The parts of the payload that clients encrypt (docs/protocol.md, 12.8) are random here. They must not change the
// result of Parse.
func TestEncryptionLeavesPayloadDescriptorsReadable(t *testing.T) {
	for _, tt := range []struct {
		codec Type
		name  string
		clear []byte // unencrypted start of the payload, including the descriptor
		key   bool
	}{
		{VP8, "key frame", []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00}, true},
		{VP8, "delta frame", []byte{0x90, 0xf0, 0x81, 0x02, 0x07, 0x45, 0x11, 0x02, 0x00}, false},
		{VP8, "later packet of a frame", []byte{0x80, 0xf0, 0x81, 0x02, 0x07, 0x45}, false},
		{H264, "idr", []byte{0x65}, true},
		{H264, "slice", []byte{0x41}, false},
		{H264, "first fragment of an idr", []byte{0x7c, 0x85}, true},
		{H264, "middle fragment of an idr", []byte{0x7c, 0x05}, false},
		{H264, "parameter sets", []byte{0x18, 0x00, 0x04, 0x67, 0x42, 0xc0, 0x1f, 0x00, 0x02, 0x68, 0x87}, true},
		{VP9, "key picture", []byte{0xa8, 0x01, 0x00}, true},
		{VP9, "predicted picture", []byte{0xe8, 0x01, 0x22}, false},
		{AV1, "new sequence", []byte{0x08}, true},
		{AV1, "fragment", []byte{0x90}, false},
		{Opus, "audio", []byte{0x78}, false},
	} {
		t.Run(fmt.Sprintf("%d %s", tt.codec, tt.name), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			var first Info
			for i := range 300 {
				payload := append([]byte{}, tt.clear...)
				for range 40 {
					payload = append(payload, byte(random.Uint32()))
				}
				var info Info
				if err := Parse(tt.codec, payload, &info); err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					first = info
				}
				if info.KeyFrame != tt.key {
					t.Fatalf("KeyFrame is %v", info.KeyFrame)
				}
				if d := cmp.Diff(first, info, cmpopts.IgnoreUnexported(VP8Descriptor{}, Frame{})); d != "" {
					t.Fatalf("the result depends on encrypted bytes: %s", d)
				}
			}
		})
	}
}
