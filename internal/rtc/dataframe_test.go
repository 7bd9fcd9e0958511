package rtc

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// frame returns a packet of a data track with this handle, frame number and payload. words is the size of its
// extensions in 32-bit words.
func frame(handle, number uint16, words int, payload string) []byte {
	b := make([]byte, frameHeaderSize)
	b[0] = 0b11 << 3 // first and last packet of the frame
	binary.BigEndian.PutUint16(b[handleOffset:], handle)
	binary.BigEndian.PutUint16(b[frameOffset:], number)
	if words > 0 {
		b[0] |= extensionFlag
		ext := make([]byte, 4*words)
		binary.BigEndian.PutUint16(ext, uint16(words-1))
		b = append(b, ext...)
	}
	return append(b, payload...)
}

func TestParseFrameAcceptsOnlyValidDataTrackHeaders(t *testing.T) {
	change := func(b []byte, f func([]byte)) []byte { f(b); return b }
	for name, c := range map[string]struct {
		b  []byte
		ok bool
	}{
		"plain":                    {frame(7, 9, 0, "x"), true},
		"without payload":          {frame(7, 9, 0, ""), true},
		"with extensions":          {frame(7, 9, 4, "x"), true},
		"extensions to the end":    {frame(7, 9, 1, ""), true},
		"shorter than the header":  {frame(7, 9, 0, "")[:11], false},
		"empty":                    {nil, false},
		"extensions cut off":       {frame(7, 9, 4, "")[:27], false},
		"extension length missing": {frame(7, 9, 4, "")[:13], false},
		"unknown version":          {change(frame(7, 9, 0, "x"), func(b []byte) { b[0] |= 1 << versionShift }), false},
		"handle 0":                 {frame(0, 9, 0, "x"), false},
	} {
		h, ok := parseFrame(c.b)
		if ok != c.ok || ok && h != (frameHeader{7, 9}) {
			t.Errorf("%s: %v %v", name, h, ok)
		}
	}
}

// FuzzParseFrame checks that setHandle changes only the handle of a valid packet.
func FuzzParseFrame(f *testing.F) {
	f.Add(frame(7, 9, 0, "payload"))
	f.Add(frame(7, 9, 3, "payload"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseFrame(b)
		if !ok {
			return
		}
		original := bytes.Clone(b)
		setHandle(b, ^h.handle)
		if again, ok := parseFrame(b); ^h.handle != 0 && (!ok || again.handle != ^h.handle || again.frame != h.frame) {
			t.Errorf("%v became %v %v", h, again, ok)
		}
		setHandle(b, h.handle)
		if !bytes.Equal(b, original) {
			t.Error("setHandle changed more than the handle")
		}
	})
}

// All packets of a frame get the same decision, even if packets of two frames are interleaved.
func TestDataTrackFrameLimiterPassesOnlyWholeFramesAtItsRate(t *testing.T) {
	var g frameLimiter
	start := time.Unix(0, 0)
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Second / 60) }
	count := func(from, n int) int {
		passed, before := 0, false
		for i := from; i < from+n; i++ {
			first, second := g.allows(uint16(i), at(i)), g.allows(uint16(i), at(i))
			if first != second {
				t.Fatalf("frame %d is passed only in part", i)
			}
			if i > from && g.allows(uint16(i-1), at(i)) != before { // a late packet of the previous frame
				t.Fatalf("frame %d is passed only in part", i-1)
			}
			if before = first; first {
				passed++
			}
		}
		return passed
	}
	if n := count(0, 600); n != 600 {
		t.Errorf("%d of 600 frames passed without a limit", n)
	}
	for _, fps := range []uint32{30, 15, 7, 1} {
		g.setRate(fps)
		if n := count(65_000, 600); n < int(10*fps) || n > int(10*fps)+1 { // frame numbers wrap around at 16 bits
			t.Errorf("%d frames passed in ten seconds, want %d per second", n, fps)
		}
		g = frameLimiter{}
	}
}
