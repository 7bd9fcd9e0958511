package mediafile

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
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
		r, err := NewRecorder(filepath.Join(dir, "fuzz"), mimes[int(codec)%len(mimes)], 0, 0)
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

// FuzzReadMediaFile reads input that begins like one of the formats. Ogg pages get valid checksums, because damaged
// pages are skipped.
func FuzzReadMediaFile(f *testing.F) {
	var ogg bytes.Buffer
	opusStream(&ogg, 1, opusHeader(2, 0), oggTags)
	opusStream(&ogg, 1, opusHeader(2, 1, 1, 1, 0, 1), bytes.Repeat(oggTags, 100))
	f.Add(ogg.Bytes())
	f.Add(ivfFile(30, 1, "VP80", visibleFrames(0, 1, 1, 3)...))
	f.Add(ivfFile(1000, 1, "VP90", ivfFrame{data: []byte{0x86, 0, 0}}, ivfFrame{data: []byte{0x84, 0, 0x86, 0, 0xc1, 2, 2, 0xc1}}))
	f.Add(ivfFile(30, 1, "AV01", ivfFrame{data: []byte{0x12, 0, 0x0a, 0x0b, 0, 0, 0, 0x24, 0xce, 0x3f, 0x8f, 0xbf, 0x3c, 0xd1, 0x08, 0x32, 0}}))
	f.Add(slices.Concat(testSPS(0, 0, 1), testPPS(0, 0, 0), testSlice(idrHeader, sliceI), testSlice(nonIDRHeader, sliceP), testPPS(1, 0, 0), testSlice(idrHeader, sliceI)))
	f.Add([]byte("\x00\x00\x00\x01\x67\x64\x00\x0a\xac\xb2\x05\x08\xfc\xb8\x08\x80\x00\x00\x03\x00\x80\x00\x00\x0a\x07\x89\x13\x24\x00\x00\x00\x01\x68\xeb\xc3\xcb\x22\xc0\x00\x00\x01\x65\x80\x01\x00\x00\x01\x41\x80"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		raw = bytes.Clone(raw)
		setChecksums(raw)
		file := &File{file: inMemory{bytes.NewReader(raw)}}
		if file.Rewind() != nil {
			return
		}
		for n := 0; ; n++ {
			frame, err := file.Next()
			if err != nil {
				return
			}
			pause := file.MimeType == webrtc.MimeTypeOpus && frame.Data == nil
			// An H264 frame may contain repeated parameter sets and longer start codes than the file, and a VP9 frame
			// may get a superframe index.
			if frame.Duration <= 0 || frame.Duration > maxDuration || len(frame.Data) == 0 && !pause || len(frame.Data) > 2*len(raw) || n > len(raw) {
				t.Fatalf("frame %d of %d bytes lasts %v", n, len(frame.Data), frame.Duration)
			}
		}
	})
}

// inMemory is a file in memory.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// setChecksums sets the checksums of all complete Ogg pages.
func setChecksums(raw []byte) {
	for {
		i := bytes.Index(raw, []byte(capturePattern))
		if i < 0 {
			return
		}
		raw = raw[i:]
		size := len(raw) + 1 // size if the page is incomplete
		if len(raw) >= oggHeaderSize {
			body := min(oggHeaderSize+int(raw[26]), len(raw))
			size = body
			for _, n := range raw[oggHeaderSize:body] {
				size += int(n)
			}
		}
		if size > len(raw) {
			raw = raw[len(capturePattern):]
			continue
		}
		binary.LittleEndian.PutUint32(raw[22:], oggChecksum(raw[:size]))
		raw = raw[size:]
	}
}
