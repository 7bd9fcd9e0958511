package mediafile

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// payloader returns the RTP payloader of a codec.
func payloader(mime string) rtp.Payloader {
	switch mime {
	case webrtc.MimeTypeVP8:
		return &codecs.VP8Payloader{EnablePictureID: true}
	case webrtc.MimeTypeVP9:
		return &codecs.VP9Payloader{}
	case webrtc.MimeTypeAV1:
		return &codecs.AV1Payloader{}
	case webrtc.MimeTypeH264:
		return &codecs.H264Payloader{}
	}
	return &codecs.OpusPayloader{}
}

// packets returns the RTP packets of a whole file, with small payloads, in order.
func packets(t *testing.T, f *File) (all []*rtp.Packet) {
	t.Helper()
	clock := uint32(videoClock)
	if f.MimeType == webrtc.MimeTypeOpus {
		clock = audioClock
	}
	p := rtp.NewPacketizer(300, 96, 1, payloader(f.MimeType), rtp.NewFixedSequencer(65_500), clock)
	for {
		frame, err := f.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Packetize(frame.Data, uint32(frame.Duration.Seconds()*float64(clock)))...)
	}
}

func openSample(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(makeFile(t, name, samples[name].args...), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func newTestRecorder(t *testing.T, f *File) *Recorder {
	t.Helper()
	r, err := NewRecorder(filepath.Join(t.TempDir(), "record"), f.MimeType, f.Width, f.Height)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Packets arrive out of order, one of them twice, with padding between them. The recording has all frames and the
// duration of the file, and ffmpeg decodes it without messages.
func TestRecorderWritesFilesThatDecode(t *testing.T) {
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			f := openSample(t, name)
			all := packets(t, f)
			padding, twice := &rtp.Packet{Header: all[5].Header}, &rtp.Packet{Header: all[5].Header}
			twice.Padding, twice.PaddingSize, twice.Payload = true, 255, append(make([]byte, 254), 255)
			all = slices.Insert(all, 6, padding, twice)
			for i, p := range all {
				p.SequenceNumber = uint16(65_530 + i)
			}
			padding.Marker, twice.Marker = false, false
			all[4], all[5], all[7], all[8] = all[5], all[4], all[8], all[7]
			r, now := newTestRecorder(t, f), time.Now()
			for i, p := range all {
				if _, err := r.Write(p, now.Add(time.Duration(i)*10*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				if i == 7 {
					_, _ = r.Write(p.Clone(), now)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			p := probe(t, r.Path)
			if p.frames != sample.frames {
				t.Errorf("%s contains %d frames, %d were sent", filepath.Base(r.Path), p.frames, sample.frames)
			}
			if filepath.Ext(r.Path) != ".h264" && (p.seconds < 0.85 || p.seconds > 1.1) {
				t.Errorf("%s lasts %.2f s, want one", filepath.Base(r.Path), p.seconds)
			}
		})
	}
}

// After a lost packet, only the frames up to the next key frame are missing.
func TestRecorderSkipsToAKeyFrameAfterLoss(t *testing.T) {
	for _, name := range []string{"vp8.ivf", "vp9.ivf", "av1.ivf", "any.h264"} {
		t.Run(name, func(t *testing.T) {
			f := openSample(t, name)
			all := packets(t, f)
			// The last packet of the third frame, between two key frames.
			markers := 0
			lost := slices.IndexFunc(all, func(p *rtp.Packet) bool {
				if p.Marker {
					markers++
				}
				return markers == 3
			})
			r, now, waited := newTestRecorder(t, f), time.Now(), false
			for i, p := range all {
				if i == lost {
					continue
				}
				now = now.Add(400 * time.Millisecond) // the packet counts as lost before the next key frame arrives
				waits, err := r.Write(p, now)
				if err != nil {
					t.Fatal(err)
				}
				waited = waited || (waits && i > lost)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if got := probe(t, r.Path).frames; !waited || got != 7 { // frames 0, 1, and 5 to 9
				t.Errorf("%d frames, want 7; needed a key frame: %v", got, waited)
			}
		})
	}
}

// The recorder does not wait until the frame is complete.
func TestRecorderNeedsKeyFrameUntilFirstPacketOfOneArrives(t *testing.T) {
	for _, name := range []string{"vp8.ivf", "vp9.ivf", "av1.ivf", "any.h264"} {
		t.Run(name, func(t *testing.T) {
			f := openSample(t, name)
			all := packets(t, f)
			r, now := newTestRecorder(t, f), time.Now()
			write := func(p *rtp.Packet) bool {
				waits, err := r.Write(p, now)
				if err != nil {
					t.Fatal(err)
				}
				return waits
			}
			padding := &rtp.Packet{Header: rtp.Header{SequenceNumber: all[0].SequenceNumber - 1, Padding: true}}
			if !write(padding) {
				t.Error("it needs no key frame before the first one")
			}
			for i, p := range all[:3] {
				if p.Marker || write(p) {
					t.Errorf("packet %d of the first key frame: the recorder still needs one, or the frame has too few packets", i)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A pause in which nothing is sent has the same duration in the recording, but forged timestamps cannot make the
// recording longer than the call.
func TestRecordingKeepsPausesButIsNotLongerThanTheCall(t *testing.T) {
	r, err := NewRecorder(filepath.Join(t.TempDir(), "record"), webrtc.MimeTypeOpus, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	send := func(seq uint16, stamp uint32) {
		p := &rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: stamp}, Payload: []byte{0xf8, 0xff, 0xfe}}
		if _, err := r.Write(p, now); err != nil {
			t.Fatal(err)
		}
	}
	send(1, 0)
	now = now.Add(10 * time.Second)
	send(2, 480_000)
	now = now.Add(20 * time.Millisecond)
	send(3, 1<<31-1) // twelve hours
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := probe(t, r.Path).seconds; got < 10.9 || got > 11.2 { // plus maxPacketDelay, one second
		t.Errorf("the recording lasts %.2f s, want 11", got)
	}
}

func TestNewRecorderFailsForUnknownCodecOrMissingFolder(t *testing.T) {
	if _, err := NewRecorder(filepath.Join(t.TempDir(), "record"), "audio/PCMU", 0, 0); !errors.Is(err, ErrCodec) {
		t.Errorf("a codec without a format: %v", err)
	}
	if _, err := NewRecorder(filepath.Join(t.TempDir(), "none", "record"), webrtc.MimeTypeVP8, 0, 0); err == nil {
		t.Error("recorded into a missing folder")
	}
}

func TestNewRecorderDoesNotOverwriteFiles(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"a.h264", "a-2.h264", "a-3.h264"} {
		r, err := NewRecorder(filepath.Join(dir, "a"), webrtc.MimeTypeH264, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(r.Path) != want {
			t.Errorf("recorded to %s, want %s", r.Path, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// probeResult is the part of the output of ffprobe that tests check.
type probeResult struct {
	frames  int
	seconds float64
}

// probe decodes a file with ffmpeg, which must find no errors, and returns its number of frames and duration.
func probe(t *testing.T, path string) (p probeResult) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets:format=duration", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var info struct {
		Streams []struct {
			Packets string `json:"nb_read_packets"`
		}
		Format struct{ Duration string }
	}
	if err := json.Unmarshal(out, &info); err != nil || len(info.Streams) != 1 {
		t.Fatalf("%v in %s", err, out)
	}
	p.frames, err = strconv.Atoi(info.Streams[0].Packets)
	if err != nil {
		t.Fatal(err)
	}
	p.seconds, _ = strconv.ParseFloat(info.Format.Duration, 64) // H264 byte streams have no duration
	return p
}
