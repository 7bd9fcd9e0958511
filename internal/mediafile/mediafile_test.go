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

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// make lets ffmpeg make a second of a test picture at 10 frames a second, or of a tone.
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
	"vp9.ivf":  {[]string{"-c:v", "libvpx-vp9", "-lag-in-frames", "0"}, webrtc.MimeTypeVP9, 10},
	"av1.ivf":  {[]string{"-c:v", "libaom-av1", "-cpu-used", "8", "-lag-in-frames", "0"}, webrtc.MimeTypeAV1, 10},
	"any.h264": {[]string{"-c:v", "libx264", "-bf", "0", "-slices", "2", "-pix_fmt", "yuv420p"}, webrtc.MimeTypeH264, 10},
	"opus.ogg": {[]string{"-c:a", "libopus", "-ac", "2"}, webrtc.MimeTypeOpus, 51}, // and what the encoder looks ahead
}

// TestFiles reads every format to its end, again after a rewind, and lets the frames last as long as the media.
func TestFiles(t *testing.T) {
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			f, err := Open(makeFile(t, name, want.args...), 10)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			if f.MimeType != want.mime {
				t.Errorf("codec %s, want %s", f.MimeType, want.mime)
			}
			if strings.HasSuffix(name, ".ivf") && (f.Width != 160 || f.Height != 120) {
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

// TestRecorder sends every file over RTP, two packets in the wrong order and one twice, records it and lets ffmpeg decode
// the record.
func TestRecorder(t *testing.T) {
	payloaders := map[string]rtp.Payloader{
		webrtc.MimeTypeVP8: &codecs.VP8Payloader{EnablePictureID: true}, webrtc.MimeTypeVP9: &codecs.VP9Payloader{},
		webrtc.MimeTypeAV1: &codecs.AV1Payloader{}, webrtc.MimeTypeH264: &codecs.H264Payloader{}, webrtc.MimeTypeOpus: &codecs.OpusPayloader{},
	}
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			f, err := Open(makeFile(t, name, sample.args...), 10)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			r, err := Record(filepath.Join(t.TempDir(), "record"), f.MimeType, f.Width, f.Height)
			if err != nil {
				t.Fatal(err)
			}
			clock := uint32(90_000)
			if f.MimeType == webrtc.MimeTypeOpus {
				clock = 48_000
			}
			packetizer := rtp.NewPacketizer(1200, 96, 1, payloaders[f.MimeType], rtp.NewFixedSequencer(65_530), clock)
			var packets []*rtp.Packet
			for {
				frame, err := f.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				packets = append(packets, packetizer.Packetize(frame.Data, uint32(frame.Duration.Seconds()*float64(clock)))...)
			}
			packets[4], packets[5] = packets[5], packets[4]
			for i, p := range packets {
				if err := r.Write(p); err != nil {
					t.Fatal(err)
				}
				if i == 7 {
					_ = r.Write(p.Clone())
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			fewest := sample.frames - 2
			if f.MimeType == webrtc.MimeTypeOpus {
				fewest -= 4 // decoders leave out the first 80 ms, as the file's header says
			}
			if got := decoded(t, r.Path); got < fewest || got > sample.frames+1 {
				t.Errorf("%s holds %d frames, %d were sent", filepath.Base(r.Path), got, sample.frames)
			}
		})
	}
	if _, err := Record(filepath.Join(t.TempDir(), "record"), "audio/PCMU", 0, 0); !errors.Is(err, ErrCodec) {
		t.Errorf("a codec without a format: %v", err)
	}
	if _, err := Record(filepath.Join(t.TempDir(), "none", "record"), webrtc.MimeTypeVP8, 0, 0); err == nil {
		t.Error("recorded into a folder that is not there")
	}
}

// decoded lets ffprobe decode a file without an error and counts its frames.
func decoded(t *testing.T, path string) int {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v\n%s", err, out)
	}
	n := 0
	for _, c := range strings.TrimSpace(string(out)) {
		if c < '0' || c > '9' {
			t.Fatalf("ffprobe says %s", out)
		}
		n = n*10 + int(c-'0')
	}
	return n
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
	path := filepath.Join(t.TempDir(), "cut.ogg")
	if err := os.WriteFile(path, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, 30)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for err == nil {
		_, err = f.Next()
	}
	if !errors.Is(err, errOgg) {
		t.Errorf("a file that is cut off: %v", err)
	}
}

func FuzzOgg(f *testing.F) {
	f.Add([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.ogg")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path, 30)
		if err != nil {
			return
		}
		defer func() { _ = file.Close() }()
		for {
			frame, err := file.Next()
			if err != nil {
				return
			}
			if frame.Duration < 0 {
				t.Errorf("a frame of %v", frame.Duration)
			}
		}
	})
}
