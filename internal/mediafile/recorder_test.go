package mediafile

import (
	"encoding/json"
	"errors"
	"io"
	"os"
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

func opened(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(makeFile(t, name, samples[name].args...), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func recording(t *testing.T, f *File) *Recorder {
	t.Helper()
	r, err := Record(filepath.Join(t.TempDir(), "record"), f.MimeType, f.Width, f.Height)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecorder sends every file over RTP with packets in the wrong order, one twice, and padding between them. Every
// frame is in the record, ffmpeg decodes it without a word, and it lasts as long as the file.
func TestRecorder(t *testing.T) {
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			f := opened(t, name)
			all := packets(t, f)
			padding := &rtp.Packet{Header: all[5].Header}
			all = slices.Insert(all, 6, padding)
			for i, p := range all {
				p.SequenceNumber = uint16(65_530 + i)
			}
			padding.Marker = false
			all[4], all[5], all[7], all[8] = all[5], all[4], all[8], all[7]
			r, now := recording(t, f), time.Now()
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

// TestRecorderLoss: a lost packet costs the pictures up to the next key frame, which is asked for, and no more.
func TestRecorderLoss(t *testing.T) {
	for _, name := range []string{"vp8.ivf", "vp9.ivf", "av1.ivf", "any.h264"} {
		t.Run(name, func(t *testing.T) {
			f := opened(t, name)
			all := packets(t, f)
			// The last packet of the third picture, of those between two key frames.
			markers := 0
			lost := slices.IndexFunc(all, func(p *rtp.Packet) bool {
				if p.Marker {
					markers++
				}
				return markers == 3
			})
			r, now, waited := recording(t, f), time.Now(), false
			for i, p := range all {
				if i == lost {
					continue
				}
				now = now.Add(100 * time.Millisecond)
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

// TestRecorderPause: who says nothing sends nothing, and the record is as long as the call; but no longer, whatever the
// packets say.
func TestRecorderPause(t *testing.T) {
	r, err := Record(filepath.Join(t.TempDir(), "record"), webrtc.MimeTypeOpus, 0, 0)
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
	if _, err := Record(filepath.Join(t.TempDir(), "record"), "audio/PCMU", 0, 0); !errors.Is(err, ErrCodec) {
		t.Errorf("a codec without a format: %v", err)
	}
	if _, err := Record(filepath.Join(t.TempDir(), "none", "record"), webrtc.MimeTypeVP8, 0, 0); err == nil {
		t.Error("recorded into a folder that is not there")
	}
}

// TestRecordKeeps: a file that is there is not written over.
func TestRecordKeeps(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"a.h264", "a-2.h264", "a-3.h264"} {
		r, err := Record(filepath.Join(dir, "a"), webrtc.MimeTypeH264, 0, 0)
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

type probed struct {
	frames  int
	seconds float64
}

// probe lets ffmpeg decode a whole file, in which it may find nothing wrong, and tells what is in it.
func probe(t *testing.T, path string) (p probed) {
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

// TestOrder: rows of numbers that arrive, and what is delivered; a minus stands for a loss.
func TestOrder(t *testing.T) {
	for name, tt := range map[string]struct {
		in   []uint16
		want []int
	}{
		"in order":       {[]uint16{1, 2, 3}, []int{1, 2, 3}},
		"two swapped":    {[]uint16{1, 3, 2, 4}, []int{1, 2, 3, 4}},
		"twice":          {[]uint16{1, 2, 2, 1, 3}, []int{1, 2, 3}},
		"around the end": {[]uint16{65534, 0, 65535, 1}, []int{65534, 65535, 0, 1}},
		"one lost":       {[]uint16{1, 3, 4}, []int{1, -3, 4}},
		"two lost":       {[]uint16{1, 3, 6}, []int{1, -3, -6}},
		"too late":       {[]uint16{5, 4, 6}, []int{5, 6}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int
			o := order{deliver: func(p *rtp.Packet, lost bool) {
				n := int(p.SequenceNumber)
				if lost {
					n = -n
				}
				got = append(got, n)
			}}
			now := time.Now()
			for _, seq := range tt.in {
				o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}, now)
			}
			o.flush(now)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestOrderGivesUp: a lost packet is waited for a second, or until a thousand others wait.
func TestOrderGivesUp(t *testing.T) {
	delivered := 0
	o := order{deliver: func(*rtp.Packet, bool) { delivered++ }}
	now := time.Now()
	o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 1}}, now)
	o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 3}}, now)
	if o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 4}}, now.Add(lateMost)); delivered != 1 {
		t.Errorf("%d delivered after a second", delivered)
	}
	if o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 5}}, now.Add(lateMost+1)); delivered != 4 {
		t.Errorf("%d delivered after more than a second", delivered)
	}
	for seq := range uint16(earlyMost + 1) {
		o.push(&rtp.Packet{Header: rtp.Header{SequenceNumber: 7 + seq}}, now.Add(lateMost+2))
	}
	if delivered != 4+earlyMost+1 || len(o.early) != 0 {
		t.Errorf("%d delivered, %d wait", delivered, len(o.early))
	}
}

func FuzzRecorder(f *testing.F) {
	f.Add(byte(0), []byte{0x10}, []byte{0x90, 0x80, 0x01, 0x00, 0x9d, 0x01, 0x2a}, uint32(3000), true)
	f.Add(byte(1), []byte{0x08, 0x80}, []byte{0x8c, 0x82}, uint32(0), false)
	f.Add(byte(2), []byte{0x18, 0x0a, 0x01, 0x00}, []byte{0x50, 0x32}, uint32(90_000), true)
	f.Add(byte(3), []byte{0x67, 1, 2, 3}, []byte{0x7c, 0x85, 1, 2}, uint32(1<<31), true)
	f.Add(byte(4), []byte{0xf8, 0xff, 0xfe}, []byte{0xfb, 0x3f}, uint32(1<<30), false)
	mimes := []string{webrtc.MimeTypeVP8, webrtc.MimeTypeVP9, webrtc.MimeTypeAV1, webrtc.MimeTypeH264, webrtc.MimeTypeOpus}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, codec byte, first, second []byte, stamp uint32, marker bool) {
		r, err := Record(filepath.Join(dir, "fuzz"), mimes[int(codec)%len(mimes)], 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Remove(r.Path) }()
		now := time.Now()
		for i, payload := range [][]byte{first, second, first, second} {
			h := rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i/2) * stamp, Marker: marker || i%2 == 1}
			if _, err := r.Write(&rtp.Packet{Header: h, Payload: payload}, now); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(r.Path)
		if most := int64(8*(len(first)+len(second)) + 64<<10); err != nil || info.Size() > most {
			t.Errorf("a file of %d bytes, %v", info.Size(), err)
		}
	})
}

// FuzzFile reads whatever begins like one of the formats.
func FuzzFile(f *testing.F) {
	f.Add([]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x13OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"))
	f.Add([]byte("DKIF\x00\x00\x20\x00VP80\x10\x00\x10\x00\x0a\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00abc"))
	f.Add([]byte("\x00\x00\x00\x01\x67\x64\x00\x0a\xac\xb2\x05\x08\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x0a\x07\x89\x13\x24\x00\x00\x00\x01\x68\xeb\xc3\xcb\x22\xc0\x00\x00\x01\x65\x80\x01\x00\x00\x01\x41\x80"))
	path := filepath.Join(f.TempDir(), "fuzz")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := Open(path, 0)
		if err != nil {
			return
		}
		defer func() { _ = file.Close() }()
		for total := 0; ; {
			frame, err := file.Next()
			if err != nil {
				return
			}
			if total += len(frame.Data); frame.Duration < 0 || frame.Duration > forever || len(frame.Data) == 0 || total > 4*len(raw) {
				t.Fatalf("a frame of %d bytes that lasts %v", len(frame.Data), frame.Duration)
			}
		}
	})
}
