package mediafile

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

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
