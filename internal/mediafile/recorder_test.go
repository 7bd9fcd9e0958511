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

// packets are those of a whole file, in small pieces, the frames one after another.
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

// TestRecorderWritesFilesThatDecode sends every file over RTP with packets in the wrong order, one twice, and padding
// between them. Every frame is in the record, ffmpeg decodes it without a word, and it lasts as long as the file.
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
				t.Errorf("%s holds %d frames, %d were sent", filepath.Base(r.Path), p.frames, sample.frames)
			}
			if filepath.Ext(r.Path) != ".h264" && (p.seconds < 0.85 || p.seconds > 1.1) {
				t.Errorf("%s lasts %.2f s, want one", filepath.Base(r.Path), p.seconds)
			}
		})
	}
}

// TestRecorderSkipsToAKeyFrameAfterLoss: a lost packet costs the pictures up to the next key frame, which is asked for,
// and no more.
func TestRecorderSkipsToAKeyFrameAfterLoss(t *testing.T) {
	for _, name := range []string{"vp8.ivf", "vp9.ivf", "av1.ivf", "any.h264"} {
		t.Run(name, func(t *testing.T) {
			f := openSample(t, name)
			all := packets(t, f)
			// The last packet of the third picture, of those between two key frames.
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
				now = now.Add(400 * time.Millisecond) // the loss is given up before the next key frame comes
				waits, err := r.Write(p, now)
				if err != nil {
					t.Fatal(err)
				}
				waited = waited || (waits && i > lost)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if got := probe(t, r.Path).frames; !waited || got != 7 { // 0, 1, and 5 to 9
				t.Errorf("%d frames, want 7; waited for a key frame: %v", got, waited)
			}
		})
	}
}

// TestRecorderAsksUntilAKeyFrameArrives: a key frame is asked for until one arrives, not until it is whole.
func TestRecorderAsksUntilAKeyFrameArrives(t *testing.T) {
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
				t.Error("it does not wait before the first key frame")
			}
			for i, p := range all[:3] {
				if p.Marker || write(p) {
					t.Errorf("packet %d of the first key frame: it waits, or the frame is short", i)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestRecorderKeepsPausesWithinTheLengthOfTheCall: who says nothing sends nothing, and the record is as long as the
// call; but no longer, whatever the packets say.
func TestRecorderKeepsPausesWithinTheLengthOfTheCall(t *testing.T) {
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
	if got := probe(t, r.Path).seconds; got < 10.9 || got > 11.2 { // and the second that a packet may be late
		t.Errorf("the record lasts %.2f s, want 11", got)
	}
}

func TestRecordRefuses(t *testing.T) {
	if _, err := NewRecorder(filepath.Join(t.TempDir(), "record"), "audio/PCMU", 0, 0); !errors.Is(err, ErrCodec) {
		t.Errorf("a codec without a format: %v", err)
	}
	if _, err := NewRecorder(filepath.Join(t.TempDir(), "none", "record"), webrtc.MimeTypeVP8, 0, 0); err == nil {
		t.Error("recorded into a folder that is not there")
	}
}

// TestRecordDoesNotReplaceAFile: a file that is there is not written over.
func TestRecordDoesNotReplaceAFile(t *testing.T) {
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

type probeResult struct {
	frames  int
	seconds float64
}

// probe lets ffmpeg decode a whole file, in which it may find nothing wrong, and tells what is in it.
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
	p.seconds, _ = strconv.ParseFloat(info.Format.Duration, 64) // a byte stream of H264 has none
	return p
}
