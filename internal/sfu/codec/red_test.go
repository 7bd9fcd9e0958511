package codec

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseREDSplitsPayloadIntoBlocks(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		want    []REDBlock
		err     error
	}{
		{"newest only", []byte{111, 1, 2, 3}, []REDBlock{{Payload: []byte{1, 2, 3}}}, nil},
		{"newest only and empty", []byte{111}, []REDBlock{{Payload: []byte{}}}, nil},
		{"one copy, 960 units older", []byte{0x80 | 111, 0x0f, 0x00, 2, 111, 8, 9, 1, 2, 3}, []REDBlock{{960, []byte{8, 9}}, {0, []byte{1, 2, 3}}}, nil},
		{
			"two copies",
			[]byte{0x80 | 111, 0x1e, 0x00, 1, 0x80 | 111, 0x0f, 0x00, 2, 111, 7, 8, 9, 1},
			[]REDBlock{{1920, []byte{7}}, {960, []byte{8, 9}}, {0, []byte{1}}},
			nil,
		},
		{"empty", nil, nil, ErrShort},
		{"truncated header", []byte{0x80 | 111, 0x0f}, nil, ErrShort},
		{"no last header", []byte{0x80 | 111, 0x0f, 0x00, 1}, nil, ErrShort},
		{"copy longer than the packet", []byte{0x80 | 111, 0x0f, 0x00, 9, 111, 1}, nil, ErrShort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseRED(tt.payload, nil)
			if !errors.Is(err, tt.err) {
				t.Fatalf("ParseRED = %v, want %v", err, tt.err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzParseRED checks that the blocks of a valid payload are contiguous and extend to its end.
func FuzzParseRED(f *testing.F) {
	f.Add([]byte{0x80 | 111, 0x0f, 0x00, 2, 111, 8, 9, 1, 2, 3})
	f.Fuzz(func(t *testing.T, payload []byte) {
		blocks, err := ParseRED(payload, make([]REDBlock, 0, maxREDBlocks+1))
		if err != nil {
			return
		}
		size := 4*(len(blocks)-1) + 1
		for _, b := range blocks {
			size += len(b.Payload)
		}
		if size != len(payload) {
			t.Errorf("headers and blocks have %d bytes, the payload %d", size, len(payload))
		}
	})
}
