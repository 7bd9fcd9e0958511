package mediafile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"testing"
	"time"
)

// These are the beginnings of VP8 frames: a key frame of 16 by 16 pixels, a visible inter frame, and a hidden frame.
var (
	vp8KeyFrame    = []byte{0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00, 0x00}
	vp8DeltaFrame  = []byte{0x11, 0x02, 0x00, 0x00}
	vp8HiddenFrame = []byte{0x01, 0x02, 0x00, 0x00}
)

// ivfFile returns an IVF file whose clock has rate/scale ticks a second.
func ivfFile(rate, scale uint32, fourCC string, frames ...ivfFrame) []byte {
	file := append([]byte("DKIF\x00\x00\x20\x00"), fourCC...)
	file = append(file, 16, 0, 16, 0)
	file = binary.LittleEndian.AppendUint32(file, rate)
	file = binary.LittleEndian.AppendUint32(file, scale)
	file = append(file, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0) // states more frames than the file has
	for _, f := range frames {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(f.data)))
		file = append(binary.LittleEndian.AppendUint64(file, f.tick), f.data...)
	}
	return file
}

// visibleFrames returns visible frames with the given timestamps.
func visibleFrames(ticks ...uint64) (frames []ivfFrame) {
	for i, tick := range ticks {
		data := vp8DeltaFrame
		if i == 0 {
			data = vp8KeyFrame
		}
		frames = append(frames, ivfFrame{data: data, tick: tick})
	}
	return frames
}

func TestIVFWithUnusualTimestampsKeepsItsDuration(t *testing.T) {
	unseen := func(frames []ivfFrame, hidden ...int) []ivfFrame {
		for _, i := range hidden {
			frames[i].data = vp8HiddenFrame
		}
		return frames
	}
	for name, tt := range map[string]struct {
		file []byte
		want time.Duration
	}{
		"first timestamp of a second":                   {ivfFile(10, 1, "VP80", visibleFrames(10, 11, 12)...), 300 * time.Millisecond},
		"clock in milliseconds":                         {ivfFile(1000, 1, "VP80", visibleFrames(0, 40, 80)...), 120 * time.Millisecond},
		"one frame, clock in milliseconds":              {ivfFile(1000, 1, "VP80", visibleFrames(0)...), 33 * time.Millisecond},
		"one frame a second":                            {ivfFile(1, 1, "VP80", visibleFrames(0, 1)...), 2 * time.Second},
		"a missing frame":                               {ivfFile(10, 1, "VP80", visibleFrames(0, 1, 3, 4)...), 500 * time.Millisecond},
		"an empty frame":                                {ivfFile(10, 1, "VP80", append(visibleFrames(0, 1), ivfFrame{tick: 2}, ivfFrame{vp8DeltaFrame, 3, false})...), 500 * time.Millisecond},
		"equal timestamps":                              {ivfFile(10, 1, "VP80", visibleFrames(0, 0, 0)...), 300 * time.Millisecond},
		"timestamps that restart":                       {ivfFile(10, 1, "VP80", visibleFrames(0, 1, 2, 0, 1, 2)...), 600 * time.Millisecond},
		"hidden frames with equal timestamps":           {ivfFile(10, 1, "VP80", unseen(visibleFrames(0, 1, 1, 2, 3, 3, 4), 1, 5)...), 500 * time.Millisecond},
		"hidden frames with timestamps moved by ffmpeg": {ivfFile(10, 1, "VP80", unseen(visibleFrames(0, 1, 2, 3, 4, 5, 6), 1, 5)...), 500 * time.Millisecond},
		"hidden frames a tick of 1/1000 s later":        {ivfFile(1000, 1, "VP80", unseen(visibleFrames(0, 1, 100, 200, 201, 300), 1, 4)...), 400 * time.Millisecond},
		"last frame hidden":                             {ivfFile(10, 1, "VP80", unseen(visibleFrames(0, 1, 2), 2)...), 300 * time.Millisecond},
	} {
		f, err := Open(writeTemp(t, tt.file), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, length, err := readAll(f); length != tt.want || !errors.Is(err, io.EOF) {
			t.Errorf("%s: duration %v, then %v; want %v", name, length, err, tt.want)
		}
		_ = f.Close()
	}
}

// The file is libvpx's two-pass output for eight seconds: 240 visible frames and some hidden ones. In one variant of
// the file, hidden frames have the timestamp of the next visible frame, as vpxenc writes them. In the other, ffmpeg's
// muxer has changed the timestamps.
func TestIVFWithHiddenFramesKeepsItsDuration(t *testing.T) {
	log := writeTemp(t, nil)
	args := []string{"-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "25", "-b:v", "300k", "-passlogfile", log}
	source := []string{"-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30:duration=8", "-map", "1:v"}
	makeFile(t, "first.ivf", append(append(append([]string{}, source...), args...), "-pass", "1")...)
	path := makeFile(t, "second.ivf", append(append(append([]string{}, source...), args...), "-pass", "2")...)
	moved, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	shared, visible, hidden := append([]byte{}, moved...), uint64(0), 0
	for at := ivfHeaderSize; at < len(shared); {
		binary.LittleEndian.PutUint64(shared[at+4:], visible)
		size := int(binary.LittleEndian.Uint32(shared[at:]))
		if at += ivfFrameHeaderSize; isVP8Hidden(shared[at:]) {
			hidden++
		} else {
			visible++
		}
		at += size
	}
	if visible != 240 || hidden == 0 {
		t.Fatalf("ffmpeg made %d visible and %d hidden frames", visible, hidden)
	}
	for name, content := range map[string][]byte{"shared": shared, "moved": moved} {
		f, err := Open(writeTemp(t, content), 0)
		if err != nil {
			t.Fatal(err)
		}
		if frames, length, err := readAll(f); frames != 240+hidden || (length-8*time.Second).Abs() > time.Millisecond || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %d frames in %v, then %v; want %d in 8 s", name, frames, length, err, 240+hidden)
		}
		_ = f.Close()
	}
}

// All complete frames are returned before ErrDamaged.
func TestTruncatedIVFEndsWithErrDamaged(t *testing.T) {
	whole := ivfFile(10, 1, "VP80", visibleFrames(0, 1, 2)...)
	for name, tt := range map[string]struct {
		file   []byte
		frames int
	}{
		"truncated last frame":      {whole[:len(whole)-1], 2},
		"truncated frame header":    {whole[:len(whole)-10], 2},
		"data after the last frame": {append(append([]byte{}, whole...), "and so on"...), 3},
		"implausible frame size":    {append(append([]byte{}, whole...), "and so on, and so on"...), 3},
	} {
		f, err := Open(writeTemp(t, tt.file), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if frames, _, err := readAll(f); frames != tt.frames || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d frames, then %v; want %d", name, frames, err, tt.frames)
		}
		_ = f.Close()
	}
}

// Durations at 29.97 frames per second are not rounded, and extreme clock values do not overflow.
func TestIVFFrameDurationIsExact(t *testing.T) {
	f, err := Open(makeFile(t, "ntsc.ivf", "-r", "30000/1001", "-c:v", "libvpx"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for n := range 25 {
		frame, err := f.Next()
		if want := 1001 * time.Second / 30000; err != nil || (frame.Duration-want).Abs() > time.Microsecond {
			t.Fatalf("frame %d lasts %v, want %v; %v", n, frame.Duration, want, err)
		}
	}
	for _, v := range []ivfReader{{rate: 1, scale: math.MaxUint32}, {rate: math.MaxUint32, scale: math.MaxUint32}, {rate: 1, scale: 1}} {
		if got := v.time(math.MaxUint64); got != maxDuration {
			t.Errorf("%+v: %v", v, got)
		}
	}
}

func TestIVFWithPixelFormatOtherThan8Bit420IsRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"VP9 profile 1":  {"-c:v", "libvpx-vp9", "-pix_fmt", "yuv444p"},
		"VP9 profile 2":  {"-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p10le"},
		"VP9 profile 3":  {"-c:v", "libvpx-vp9", "-pix_fmt", "yuv422p10le"},
		"AV1 of 10 bits": {"-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv420p10le"},
		"AV1 4:4:4":      {"-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "yuv444p"},
		"AV1 in grey":    {"-c:v", "libaom-av1", "-cpu-used", "8", "-pix_fmt", "gray"},
	} {
		if _, err := Open(makeFile(t, "a.ivf", append([]string{"-t", "0.1"}, args...)...), 0); !errors.Is(err, errPixelFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The pixel format of later key frames is checked too.
	f, err := Open(writeTemp(t, ivfFile(10, 1, "VP90", ivfFrame{data: []byte{0x86, 0, 0}}, ivfFrame{data: []byte{0xa0, 0x49, 0x83, 0x42}})), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if frames, _, err := readAll(f); frames != 1 || !errors.Is(err, errPixelFormat) {
		t.Errorf("%d frames, then %v", frames, err)
	}
}

// A superframe with a hidden frame is not hidden, because it also has a visible frame.
func TestVP9HiddenFramesAndKeyFramesAreDetected(t *testing.T) {
	for name, tt := range map[string]struct {
		frame       []byte
		hidden, key bool
	}{
		"shown":                  {[]byte{0x86, 0, 0}, false, false},
		"not shown":              {[]byte{0x84, 0, 0}, true, false},
		"in a superframe":        {[]byte{0x84, 0, 0x86, 0, 0xc1, 2, 2, 0xc1}, false, false},
		"shows an earlier frame": {[]byte{0x88}, false, false},
		"a key frame":            {[]byte{0x82, 0x49, 0x83, 0x42, 0, 0, 0xf0, 0, 0xf0}, false, true},
	} {
		if hidden, key := isVP9Hidden(tt.frame), isVP9KeyFrame(tt.frame); hidden != tt.hidden || key != tt.key {
			t.Errorf("%s: hidden %v, key %v", name, hidden, key)
		}
	}
}

func TestEveryFrameReadFromIVFShowsAPicture(t *testing.T) {
	for name, tt := range map[string]struct {
		file []byte
		want [][]byte
	}{
		"VP8": {
			ivfFile(10, 1, "VP80", ivfFrame{data: vp8KeyFrame}, ivfFrame{data: vp8HiddenFrame, tick: 1}, ivfFrame{data: vp8DeltaFrame, tick: 1}),
			[][]byte{vp8KeyFrame, {0x11, 0x02, 0x00, 0x00}, vp8DeltaFrame},
		},
		"VP9": {
			ivfFile(10, 1, "VP90", ivfFrame{data: []byte{0x86}}, ivfFrame{data: []byte{0x84, 1}, tick: 1}, ivfFrame{data: []byte{0x86, 2, 2}, tick: 1}, ivfFrame{data: []byte{0x88}, tick: 2}),
			[][]byte{{0x86}, {0x84, 1, 0x86, 2, 2, 0xd9, 2, 0, 0, 0, 3, 0, 0, 0, 0xd9}, {0x88}},
		},
	} {
		f, err := Open(writeTemp(t, tt.file), 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range tt.want {
			if frame, err := f.Next(); err != nil || !bytes.Equal(frame.Data, want) {
				t.Errorf("%s, frame %d: %x, %v; want %x", name, i, frame.Data, err, want)
			}
		}
		if _, err := f.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: then %v", name, err)
		}
		_ = f.Close()
	}
}
