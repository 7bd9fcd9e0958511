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

// makeFile lets ffmpeg make a second of a test picture at 10 frames a second, or of a tone.
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

// samples are the formats that are read, with what ffmpeg makes of them.
var samples = map[string]struct {
	args   []string
	mime   string
	frames int
}{
	"vp8.ivf":  {[]string{"-c:v", "libvpx", "-g", "5"}, webrtc.MimeTypeVP8, 10},
	"vp9.ivf":  {[]string{"-c:v", "libvpx-vp9", "-g", "5", "-lag-in-frames", "0"}, webrtc.MimeTypeVP9, 10},
	"av1.ivf":  {[]string{"-c:v", "libaom-av1", "-g", "5", "-cpu-used", "8", "-lag-in-frames", "0"}, webrtc.MimeTypeAV1, 10},
	"any.h264": {[]string{"-c:v", "libx264", "-g", "5", "-bf", "0", "-slices", "2", "-pix_fmt", "yuv420p"}, webrtc.MimeTypeH264, 10},
	"opus.ogg": {[]string{"-c:a", "libopus", "-ac", "2"}, webrtc.MimeTypeOpus, 51}, // and what the encoder looks ahead
}

// TestFiles reads every format to its end, again after a rewind, and lets the frames last as long as the media.
func TestFiles(t *testing.T) {
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			f := opened(t, name)
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

// TestBadFiles: what is no media, or only half of it, is told from media.
func TestBadFiles(t *testing.T) {
	whole, err := os.ReadFile(makeFile(t, "opus.ogg", samples["opus.ogg"].args...))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"empty": nil, "text": []byte("hello, this is no media"), "half a header": []byte("DKIF\x00\x00"), "another codec": append([]byte("DKIF\x00\x00\x20\x00MJPG"), make([]byte, 40)...),
		"Ogg without Opus": append(append([]byte{}, whole[:28]...), []byte(strings.Repeat("x", 19))...),
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, 30); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCutFiles: of a file that is cut off, what is there comes, and then an error, not an end.
func TestCutFiles(t *testing.T) {
	for name, want := range map[string]error{"opus.ogg": errOgg, "vp8.ivf": errIVF} {
		whole, err := os.ReadFile(makeFile(t, name, samples[name].args...))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, whole[:len(whole)-20], 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, 30)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		frames := -1
		for ; err == nil; frames++ {
			_, err = f.Next()
		}
		// Ogg is lost by the page, IVF by the frame.
		if !errors.Is(err, want) || (name == "vp8.ivf" && frames != samples[name].frames-1) {
			t.Errorf("%s: %d frames, then %v", name, frames, err)
		}
	}
}

// TestIVFClock: 29.97 pictures a second are neither 29 nor 30, and a clock that says nonsense does no harm.
func TestIVFClock(t *testing.T) {
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
	for _, v := range []ivf{{rate: 1, scale: math.MaxUint32}, {rate: math.MaxUint32, scale: math.MaxUint32}, {rate: 1, scale: 1}} {
		if got := v.time(math.MaxUint64); got != forever {
			t.Errorf("%+v: %v", v, got)
		}
	}
}

// TestH264Rate: what is asked for, else what the file says, else that of a camera.
func TestH264Rate(t *testing.T) {
	path := makeFile(t, "a.h264", samples["any.h264"].args...)
	for fps, want := range map[float64]time.Duration{0: 100 * time.Millisecond, 25: 40 * time.Millisecond} {
		f, err := Open(path, fps)
		if err != nil {
			t.Fatal(err)
		}
		if frame, err := f.Next(); err != nil || frame.Duration != want {
			t.Errorf("at %v a second a picture lasts %v, want %v; %v", fps, frame.Duration, want, err)
		}
		_ = f.Close()
	}
	for _, told := range []float64{0, -1, 0.5, 1000, math.Inf(1), math.NaN()} {
		if got := rateOf(0, told); got != 30 {
			t.Errorf("a file that says %v is played at %v", told, got)
		}
	}
}

// TestCannotCarry: what decodes elsewhere but not in a call is refused, with what to do.
func TestCannotCarry(t *testing.T) {
	if _, err := Open(makeFile(t, "b.h264", "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"), 0); !errors.Is(err, errReorder) {
		t.Errorf("pictures that depend on later ones: %v", err)
	}
	if _, err := Open(makeFile(t, "six.ogg", "-c:a", "libopus", "-ac", "6"), 0); !errors.Is(err, errChannels) {
		t.Errorf("six channels: %v", err)
	}
}
