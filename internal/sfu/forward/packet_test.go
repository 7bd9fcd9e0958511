package forward

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

func TestPacketUnmarshalCutsPadding(t *testing.T) {
	header := []byte{0x80, 0x60, 0x00, 0x01, 0, 0, 0, 2, 0, 0, 0, 3}
	padded := append([]byte{0xa0}, header[1:]...)
	withCSRC := append([]byte{0x82}, header[1:]...)
	join := func(head []byte, rest ...byte) []byte { return append(bytes.Clone(head), rest...) }
	tests := []struct {
		name    string
		raw     []byte
		payload []byte
		padding byte
		fails   bool
	}{
		{"plain", join(header, 7, 8), []byte{7, 8}, 0, false},
		{"no payload", header, nil, 0, false},
		{"padding", join(padded, 7, 8, 0, 2), []byte{7, 8}, 2, false},
		{"only padding", join(padded, 0, 0, 3), nil, 3, false},
		{"padding of 0", join(padded, 7, 0), nil, 0, true},
		{"padding reaches into the header", join(padded, 7, 3), nil, 0, true},
		{"padding without a length byte", padded, nil, 0, true},
		{"CSRCs", join(withCSRC, 0, 0, 0, 1, 0, 0, 0, 2, 9), []byte{9}, 0, false},
		{"truncated CSRCs", join(withCSRC, 0, 0, 0, 1), nil, 0, true},
		{"empty", nil, nil, 0, true},
		{"short", header[:11], nil, 0, true},
	}
	var p Packet // reused, as on the packet path
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := p.Unmarshal(tt.raw)
			if (err != nil) != tt.fails {
				t.Fatalf("unmarshal = %v, want an error: %v", err, tt.fails)
			}
			if err == nil && (!bytes.Equal(p.Payload, tt.payload) || p.Header.PaddingSize != tt.padding) {
				t.Errorf("payload % x, padding %d, want % x, %d", p.Payload, p.Header.PaddingSize, tt.payload, tt.padding)
			}
		})
	}
}

// FuzzPacketUnmarshal checks that Unmarshal does not panic, that it agrees with pion, and that a reused Packet gives
// the same result as a new one.
func FuzzPacketUnmarshal(f *testing.F) {
	f.Add([]byte{0x80, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 8})
	f.Add([]byte{0xa0, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 7, 0, 2})
	f.Add([]byte{0xb1, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 5, 0, 0, 7, 1})
	f.Add([]byte{0xb0, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0, 0, 1, 1, 1, 5, 0, 7, 1})
	used := []byte{0x92, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0xbe, 0xde, 0, 1, 0x10, 5, 0x20, 6, 7}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p Packet
		if err := p.Unmarshal(used); err != nil {
			t.Fatal(err)
		}
		err := p.Unmarshal(raw)
		var want rtp.Packet
		if wantErr := want.Unmarshal(raw); (err != nil) != (wantErr != nil) {
			t.Fatalf("unmarshal = %v, pion's = %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(p.Payload, want.Payload) || p.Header.PaddingSize != want.Header.PaddingSize ||
			len(p.Header.CSRC) != len(want.CSRC) || len(p.Header.Extensions) != len(want.Extensions) {
			t.Fatalf("read %+v % x, pion reads %+v % x", p.Header, p.Payload, want.Header, want.Payload)
		}
		if len(p.Payload)+int(p.Header.PaddingSize)+12 > len(raw) {
			t.Fatalf("payload of %d and padding of %d in %d bytes", len(p.Payload), p.Header.PaddingSize, len(raw))
		}
		if len(p.Payload) > 0 && !within(raw, p.Payload) {
			t.Fatal("the payload is not in the packet")
		}
	})
}

// within reports whether part is a slice of raw's memory.
func within(raw, part []byte) bool {
	for i := range raw {
		if &raw[i] == &part[0] {
			return len(part) <= len(raw)-i
		}
	}
	return false
}
