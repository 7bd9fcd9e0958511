package mediafile

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
)

// The frame rate is the requested one, else the stated one if it is plausible, else 30.
func TestH264FrameRateIsTheRequestedElseTheStatedRate(t *testing.T) {
	path := makeFile(t, "a.h264", samples["any.h264"].args...)
	for fps, want := range map[float64]time.Duration{0: 100 * time.Millisecond, 25: 40 * time.Millisecond} {
		f, err := Open(path, fps)
		if err != nil {
			t.Fatal(err)
		}
		if frame, err := f.Next(); err != nil || frame.Duration != want {
			t.Errorf("at %v frames a second a frame lasts %v, want %v; %v", fps, frame.Duration, want, err)
		}
		_ = f.Close()
	}
	for _, stated := range []float64{0, -1, 0.5, 1000, math.Inf(1), math.NaN()} {
		if got := frameRate(0, stated); got != 30 {
			t.Errorf("a file that states the rate %v is played at %v", stated, got)
		}
	}
}

// Files with reordered video frames or with more than one Opus stream can be decoded, but not sent over WebRTC.
func TestH264WithBFramesAndMultichannelOpusAreRefused(t *testing.T) {
	if _, err := Open(makeFile(t, "b.h264", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"), 0); !errors.Is(err, errReorder) {
		t.Errorf("B-frames: %v", err)
	}
	if _, err := Open(makeFile(t, "six.ogg", "-c:a", "libopus", "-ac", "6"), 0); !errors.Is(err, errChannels) {
		t.Errorf("six channels: %v", err)
	}
}

// bitWriter writes the bits of an H264 NAL unit.
type bitWriter struct {
	buf []byte
	pos int
}

func (w *bitWriter) bits(value uint64, n int) {
	w.buf = append(w.buf, make([]byte, n/8+1)...)
	bits.WriteBitsUnsafe(w.buf, &w.pos, value, n)
	w.buf = w.buf[:(w.pos+7)/8]
}

// golomb writes values in the unsigned Exp-Golomb code, ue(v) (ITU-T H.264, section 9.1).
func (w *bitWriter) golomb(values ...uint64) {
	for _, v := range values {
		n := 0
		for (v+1)>>(n+1) > 0 {
			n++
		}
		w.bits(v+1, 2*n+1)
	}
}

// finish ends the unit and returns it with a start code and the given NAL unit header.
func (w *bitWriter) finish(header byte) []byte {
	w.bits(1, 1)
	return append([]byte{0, 0, 1, header}, w.buf...)
}

// testSPS returns a sequence parameter set of the main profile for 16 by 16 pixels, without information about
// reordering.
func testSPS(id, orderType, frameOnly uint64) []byte {
	w := &bitWriter{buf: []byte{77, 0, 10}, pos: 24}
	w.golomb(id, 0, orderType)
	if orderType == 0 {
		w.golomb(0)
	}
	w.golomb(1)
	w.bits(0, 1)
	w.golomb(0, 0)
	w.bits(frameOnly, 1)
	if frameOnly == 0 {
		w.bits(0, 1)
	}
	w.bits(0, 3) // direct_8x8_inference_flag, frame_cropping_flag, vui_parameters_present_flag
	return w.finish(0x67)
}

// testPPS returns a picture parameter set. groups is num_slice_groups_minus1.
func testPPS(id, sequence, groups uint64) []byte {
	w := &bitWriter{}
	w.golomb(id, sequence)
	w.bits(0, 2)
	w.golomb(groups, 0, 0)
	return w.finish(0x68)
}

// testSlice returns a slice with the given NAL unit header and slice type.
func testSlice(header byte, kind uint64) []byte {
	w := &bitWriter{}
	w.golomb(0, kind, 0)
	w.bits(0xabcd, 16)
	return w.finish(header)
}

const (
	sliceP, sliceB, sliceI  = 5, 6, 7
	idrHeader, nonIDRHeader = 0x65, 0x41
)

func TestH264ThatBrowsersCannotDecodeIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		units [][]byte
		want  error
	}{
		"plain":                              {[][]byte{testSPS(0, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceP)}, nil},
		"interlaced":                         {[][]byte{testSPS(0, 0, 0), testPPS(0, 0, 0), testSlice(idrHeader, sliceI)}, errInterlaced},
		"slice groups":                       {[][]byte{testSPS(0, 0, 1), testPPS(0, 0, 1), testSlice(idrHeader, sliceI)}, errSlices},
		"data partitions":                    {[][]byte{testSPS(0, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSlice(0x42, sliceP)}, errSlices},
		"B slices without order information": {[][]byte{testSPS(0, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceP), testSlice(1, sliceB)}, errReorder},
		"B slices in decoding order":         {[][]byte{testSPS(0, 2, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceB)}, nil},
		"an SPS with an id out of range":     {[][]byte{testSPS(32, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI)}, ErrDamaged},
		"a PPS with an id out of range":      {[][]byte{testSPS(0, 0, 1), testPPS(256, 0, 0), testSlice(idrHeader, sliceI)}, ErrDamaged},
		"slices without parameter sets":      {[][]byte{testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceP)}, ErrFormat},
		"interlaced after progressive":       {[][]byte{testSPS(0, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSPS(0, 0, 0), testSlice(idrHeader, sliceI)}, errInterlaced},
	} {
		f, err := Open(writeTemp(t, slices.Concat(tt.units...)), 0)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if err == nil {
			_ = f.Close()
		}
	}
	for name, tt := range map[string]struct {
		args []string
		want error
	}{
		"10 bits":    {[]string{"-profile:v", "high10", "-pix_fmt", "yuv420p10le"}, errPixelFormat},
		"4:4:4":      {[]string{"-pix_fmt", "yuv444p"}, errPixelFormat},
		"4:2:2":      {[]string{"-pix_fmt", "yuv422p"}, errPixelFormat},
		"grey":       {[]string{"-pix_fmt", "gray"}, errPixelFormat},
		"interlaced": {[]string{"-pix_fmt", "yuv420p", "-flags", "+ildct+ilme"}, errInterlaced},
		"B-frames":   {[]string{"-pix_fmt", "yuv420p", "-bf", "2"}, errReorder},
	} {
		args := append([]string{"-t", "0.3", "-c:v", "libx264", "-bf", "0"}, tt.args...)
		if _, err := Open(makeFile(t, "a.h264", args...), 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// All current parameter sets precede each key frame, because decoding may start there.
func TestH264KeyFrameIncludesAllParameterSets(t *testing.T) {
	key, delta := testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceP)
	file := slices.Concat(
		testSPS(0, 0, 1), testSPS(1, 0, 1), testPPS(0, 0, 0), testPPS(1, 1, 0), key, delta, // 0, 1
		key, delta, // 2, 3
		testPPS(1, 0, 0), key, // 4: replaces a set
		delta, testPPS(2, 0, 0), delta, // 5, 6: adds a set
		testSPS(0, 2, 1), key) // 7
	f, err := Open(writeTemp(t, file), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for i, want := range []struct {
		units [][]byte
		key   bool
	}{
		{[][]byte{testSPS(0, 0, 1), testSPS(1, 0, 1), testPPS(0, 0, 0), testPPS(1, 1, 0), key}, true},
		{[][]byte{delta}, false},
		{[][]byte{testSPS(0, 0, 1), testSPS(1, 0, 1), testPPS(0, 0, 0), testPPS(1, 1, 0), key}, true},
		{[][]byte{delta}, false},
		{[][]byte{testSPS(0, 0, 1), testSPS(1, 0, 1), testPPS(0, 0, 0), testPPS(1, 0, 0), key}, true},
		{[][]byte{delta}, false},
		{[][]byte{testPPS(2, 0, 0), delta}, false},
		{[][]byte{testSPS(0, 2, 1), testSPS(1, 0, 1), testPPS(0, 0, 0), testPPS(1, 0, 0), testPPS(2, 0, 0), key}, true},
	} {
		var data []byte
		for _, unit := range want.units {
			data = append(append(data, 0), unit...) // start codes of four bytes
		}
		if frame, err := f.Next(); err != nil || !bytes.Equal(frame.Data, data) || frame.KeyFrame != want.key {
			t.Errorf("frame %d: %x, key %v, %v; want %x", i, frame.Data, frame.KeyFrame, err, data)
		}
	}
}

// Zeros may also precede the first start code.
func TestH264StartCodeMayFollowAnyNumberOfZeros(t *testing.T) {
	plain, err := os.ReadFile(makeFile(t, "a.h264", samples["any.h264"].args...))
	if err != nil {
		t.Fatal(err)
	}
	for _, zeros := range []int{-1, 0, 1, 2, 1000} {
		content := bytes.ReplaceAll(plain, []byte{0, 0, 0, 1}, append(make([]byte, 3+zeros), 1))
		f, err := Open(writeTemp(t, append(content, make([]byte, max(0, zeros))...)), 0)
		if err != nil {
			t.Fatalf("%d more zeros: %v", zeros, err)
		}
		for n := 0; ; n++ {
			frame, err := f.Next()
			if err != nil {
				if n != 10 {
					t.Errorf("%d more zeros: %d frames, then %v; want 10", zeros, n, err)
				}
				break
			}
			if frame.Data[len(frame.Data)-1] == 0 {
				t.Errorf("%d more zeros: frame %d ends in zeros", zeros, n)
			}
		}
		_ = f.Close()
	}
}
