package mediafile

import (
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// makeFile uses ffmpeg to create a file with one second of a test video at 10 frames a second, or of a tone.
func makeFile(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	source := []string{"-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=1"}
	if strings.HasSuffix(name, ".ogg") {
		source = []string{"-f", "lavfi", "-i", "sine=frequency=440:duration=1"}
	}
	args = append(append(append([]string{"-v", "error", "-y"}, source...), args...), path)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
	return path
}

// samples are the supported formats, with the ffmpeg arguments that create them.
var samples = map[string]struct {
	args   []string
	mime   string
	frames int
}{
	"vp8.ivf":  {[]string{"-c:v", "libvpx", "-g", "5"}, webrtc.MimeTypeVP8, 10},
	"vp9.ivf":  {[]string{"-c:v", "libvpx-vp9", "-g", "5", "-lag-in-frames", "0"}, webrtc.MimeTypeVP9, 10},
	"av1.ivf":  {[]string{"-c:v", "libaom-av1", "-g", "5", "-cpu-used", "8", "-lag-in-frames", "0"}, webrtc.MimeTypeAV1, 10},
	"any.h264": {[]string{"-c:v", "libx264", "-g", "5", "-bf", "0", "-slices", "2", "-pix_fmt", "yuv420p"}, webrtc.MimeTypeH264, 10},
	"opus.ogg": {[]string{"-c:a", "libopus", "-ac", "2"}, webrtc.MimeTypeOpus, 51}, // one more for the encoder's lookahead
}

// Every format is read completely, and again after a rewind. The frames last as long as the media.
func TestFileIsReadCompletelyAndAgainAfterRewind(t *testing.T) {
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			f := openSample(t, name)
			if f.MimeType != want.mime {
				t.Errorf("codec %s, want %s", f.MimeType, want.mime)
			}
			if !strings.HasSuffix(name, ".ogg") && (f.Width != 160 || f.Height != 120) {
				t.Errorf("size %d×%d", f.Width, f.Height)
			}
			for round := range 2 {
				frames, length := 0, time.Duration(0)
				for {
					frame, err := f.Next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil || len(frame.Data) == 0 {
						t.Fatalf("frame %d: %d bytes, %v", frames, len(frame.Data), err)
					}
					frames++
					length += frame.Duration
				}
				if frames != want.frames || math.Abs(length.Seconds()-1) > 0.05 {
					t.Errorf("round %d: %d frames in %v, want %d in a second", round, frames, length, want.frames)
				}
				if err := f.Rewind(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestFileWithoutMediaIsRefusedWithTheReason(t *testing.T) {
	box := []byte("\x00\x00\x00\x18ftypqt  \x00\x00\x02\x00qt  \x00\x00\x00\x00")
	for name, tt := range map[string]struct {
		content []byte
		want    error
		says    string
	}{
		"empty":                 {nil, ErrFormat, "it is empty, want IVF"},
		"text":                  {[]byte("hello, this is not media"), ErrFormat, "it is text/plain, want IVF"},
		"unknown":               {[]byte{1, 2, 3, 4, 5}, ErrFormat, "its format is unknown"},
		"QuickTime named .h264": {box, ErrFormat, "it is video/mp4"},
		"zeros":                 {make([]byte, 100<<10), ErrFormat, "want IVF"},
		"H265":                  {[]byte("\x00\x00\x00\x01\x40\x01\x0c\x01\xff\xff"), ErrFormat, "want IVF"},
		"truncated header":      {[]byte("DKIF\x00\x00"), ErrDamaged, "truncated"},
		"no frame":              {ivfFile(30, 1, "VP80"), ErrDamaged, "truncated"},
		"unsupported codec":     {ivfFile(30, 1, "MJPG"), ErrFormat, `it is IVF with "MJPG"`},
		"no time base":          {ivfFile(30, 0, "VP80", ivfFrame{data: vp8KeyFrame}), ErrDamaged, "its time base is 0/30"},
		"a damaged SPS":         {[]byte("\x00\x00\x01\x67\x64"), ErrDamaged, "damaged"},
	} {
		_, err := Open(writeTemp(t, tt.content), 30)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, args := range map[string][]string{
		"video/mp4": {"-c:v", "libx264", "-f", "mp4"}, "video/webm": {"-c:v", "libvpx", "-f", "webm"},
		"audio/wave": {"-f", "lavfi", "-i", "sine=duration=0.1", "-map", "1:a", "-f", "wav"},
	} {
		if _, err := Open(makeFile(t, "named.h264", args...), 0); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "it is "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// All complete frames are returned before ErrDamaged.
func TestTruncatedFileEndsWithErrDamaged(t *testing.T) {
	for name, want := range map[string]int{"opus.ogg": 0, "vp8.ivf": 9} { // a truncated Ogg file loses a page, IVF loses a frame
		whole, err := os.ReadFile(makeFile(t, name, samples[name].args...))
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(writeTemp(t, whole[:len(whole)-20]), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		if frames, _, err := readAll(f); !errors.Is(err, ErrDamaged) || frames < want || frames >= samples[name].frames {
			t.Errorf("%s: %d frames, then %v", name, frames, err)
		}
	}
}
