package mediafile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// oggWriter writes the pages of a logical Ogg stream.
type oggWriter struct {
	out              *bytes.Buffer
	serial, sequence uint32
	granule          uint64
}

// writePackets writes packets to as many pages as they need.
func (m *oggWriter) writePackets(flags byte, packets ...[]byte) {
	var lacing, body []byte
	for _, p := range packets {
		lacing = append(append(lacing, bytes.Repeat([]byte{255}, len(p)/255)...), byte(len(p)%255))
		body = append(body, p...)
		m.granule += opusTicks(p)
	}
	for first := true; first || len(lacing) > 0; first = false {
		now := lacing[:min(255, len(lacing))]
		lacing = lacing[len(now):]
		size := 0
		for _, n := range now {
			size += int(n)
		}
		granule := m.granule
		if len(now) == 255 && now[254] == 255 {
			granule = noGranule
		}
		m.writePage(flags, granule, now, body[:size])
		body = body[size:]
		flags = 0
		if len(now) > 0 && now[len(now)-1] == 255 {
			flags = oggContinued
		}
	}
}

// writePage writes one page.
func (m *oggWriter) writePage(flags byte, granule uint64, lacing, body []byte) {
	p := append([]byte(capturePattern), 0, flags)
	p = binary.LittleEndian.AppendUint64(p, granule)
	p = binary.LittleEndian.AppendUint32(p, m.serial)
	p = binary.LittleEndian.AppendUint32(p, m.sequence)
	p = append(append(append(p, 0, 0, 0, 0, byte(len(lacing))), lacing...), body...)
	binary.LittleEndian.PutUint32(p[22:], oggChecksum(p))
	m.out.Write(p)
	m.sequence++
}

// opusHeader returns an OpusHead packet. table is the channel mapping table, which follows the mapping family.
func opusHeader(channels, family byte, table ...byte) []byte {
	head := append([]byte(opusHead), 1, channels, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, family)
	return append(head, table...)
}

// opusPackets returns n packets of 20 ms that contain their number.
func opusPackets(n int) (packets [][]byte) {
	for i := range n {
		packets = append(packets, binary.BigEndian.AppendUint16([]byte{0xfc}, uint16(i)))
	}
	return packets
}

var oggTags = append([]byte(opusTags), make([]byte, 8)...)

// opusStream writes an Ogg stream with 3.02 seconds of audio: 151 packets of 20 ms, at most 50 of them on each page.
func opusStream(out *bytes.Buffer, serial uint32, head, tags []byte) {
	m := &oggWriter{out: out, serial: serial}
	m.writePackets(oggFirst, head)
	m.writePackets(0, tags)
	for page := range slices.Chunk(opusPackets(151), 50) {
		m.writePackets(0, page...)
	}
}

// writeTemp writes content to a temporary file and returns its path.
func writeTemp(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var stereo = opusHeader(2, 0)

// oggStreams are the files of TestOggStreamIsReadCompletely. By default they contain 151 packets of 20 ms.
var oggStreams = map[string]struct {
	make    func(out *bytes.Buffer)
	packets int
	length  time.Duration
	mono    bool
}{
	"cover image in the comment header": {make: func(out *bytes.Buffer) {
		opusStream(out, 1, stereo, append(bytes.Clone(oggTags), bytes.Repeat([]byte("cover "), 142_000/6)...))
	}},
	"no comment header": {make: func(out *bytes.Buffer) {
		m := &oggWriter{out: out}
		m.writePackets(oggFirst, stereo)
		m.writePackets(0, opusPackets(151)...)
	}},
	"links of different serial numbers": {packets: 302, make: func(out *bytes.Buffer) {
		opusStream(out, 1, stereo, oggTags)
		opusStream(out, 2, stereo, oggTags)
	}},
	"links of one serial number": {packets: 302, make: func(out *bytes.Buffer) {
		opusStream(out, 1, stereo, oggTags)
		opusStream(out, 1, stereo, oggTags)
	}},
	"second header in a stream": {packets: 302, make: func(out *bytes.Buffer) {
		m := &oggWriter{out: out, serial: 1}
		for i := range 2 {
			m.writePackets(byte(oggFirst*(1-i)), stereo)
			m.writePackets(0, oggTags)
			m.writePackets(0, opusPackets(151)...)
		}
	}},
	"Vorbis link between Opus links": {packets: 302, make: func(out *bytes.Buffer) {
		opusStream(out, 1, stereo, oggTags)
		opusStream(out, 1, []byte("\x01vorbis and so on"), []byte("\x03vorbis"))
		opusStream(out, 1, stereo, oggTags)
	}},
	"Theora and Skeleton before Opus": {make: func(out *bytes.Buffer) {
		theora, skeleton, sound := &oggWriter{out: out, serial: 1}, &oggWriter{out: out, serial: 2}, &oggWriter{out: out, serial: 3}
		skeleton.writePackets(oggFirst, []byte("fishead\x00 and so on"))
		theora.writePackets(oggFirst, []byte("\x80theora and so on"))
		sound.writePackets(oggFirst, stereo)
		skeleton.writePackets(0, []byte("fisbone\x00"))
		theora.writePackets(0, []byte("\x81theora"), []byte("\x82theora"))
		sound.writePackets(0, oggTags)
		for _, p := range opusPackets(151) {
			theora.writePackets(0, bytes.Repeat([]byte{7}, 300))
			sound.writePackets(0, p)
		}
		skeleton.writePackets(oggLast)
	}},
	"two multiplexed Opus streams": {make: func(out *bytes.Buffer) {
		one, two := &oggWriter{out: out, serial: 1}, &oggWriter{out: out, serial: 2}
		one.writePackets(oggFirst, stereo)
		two.writePackets(oggFirst, opusHeader(1, 0))
		one.writePackets(0, oggTags)
		two.writePackets(0, oggTags)
		one.writePackets(0, opusPackets(151)...)
		two.writePackets(0, opusPackets(99)...)
	}},
	"mono": {mono: true, make: func(out *bytes.Buffer) { opusStream(out, 1, opusHeader(1, 0), oggTags) }},
	"family 1, a coupled stream": {make: func(out *bytes.Buffer) {
		opusStream(out, 1, opusHeader(2, 1, 1, 1, 0, 1), oggTags)
	}},
	"family 1, a mono stream": {mono: true, make: func(out *bytes.Buffer) {
		opusStream(out, 1, opusHeader(1, 1, 1, 0, 0), oggTags)
	}},
	"family 255, a coupled stream": {make: func(out *bytes.Buffer) {
		opusStream(out, 1, opusHeader(2, 255, 1, 1, 0, 1), oggTags)
	}},
	"zeros between pages": {make: func(out *bytes.Buffer) {
		var whole bytes.Buffer
		opusStream(&whole, 1, stereo, oggTags)
		third := bytes.LastIndex(whole.Bytes(), []byte(capturePattern))
		out.Write(whole.Bytes()[:third])
		out.Write(make([]byte, 57))
		out.Write(whole.Bytes()[third:])
	}},
	"a false capture pattern": {make: func(out *bytes.Buffer) {
		var whole bytes.Buffer
		opusStream(&whole, 1, stereo, oggTags)
		last := bytes.LastIndex(whole.Bytes(), []byte(capturePattern))
		out.Write(whole.Bytes()[:last])
		out.WriteString("OggS of no page, whose number of lacing values is past the end of the file: " + string([]byte{255}))
		out.Write(whole.Bytes()[last:])
	}},
	"a damaged page": {packets: 101, length: 3020 * time.Millisecond, make: func(out *bytes.Buffer) { // the lost page becomes a pause
		opusStream(out, 1, stereo, oggTags)
		out.Bytes()[bytes.LastIndex(out.Bytes(), []byte{0, 99})]++
	}},
	"a pause": {packets: 3, length: 10_060 * time.Millisecond, make: func(out *bytes.Buffer) {
		m := &oggWriter{out: out, serial: 1}
		m.writePackets(oggFirst, stereo)
		m.writePackets(0, oggTags)
		m.granule = 1 << 40 // the first granule position may have any value
		m.writePackets(0, opusPackets(2)...)
		m.granule += 10 * audioClock
		m.writePackets(oggLast, opusPackets(1)...)
	}},
	"packet on two pages": {packets: 1, length: 20 * time.Millisecond, make: func(out *bytes.Buffer) {
		m := &oggWriter{out: out, serial: 1}
		m.writePackets(oggFirst, stereo)
		m.writePackets(0, oggTags)
		packet := bytes.Repeat([]byte{0xfc}, 255+10)
		m.writePage(0, noGranule, []byte{255}, packet[:255])
		m.writePage(oggContinued, 960, []byte{10}, packet[255:])
	}},
	"page with the start of a packet lost": {packets: 1, length: 20 * time.Millisecond, make: func(out *bytes.Buffer) {
		m := &oggWriter{out: out, serial: 1}
		m.writePackets(oggFirst, stereo)
		m.writePackets(0, oggTags)
		half := bytes.Repeat([]byte{0xfc}, 255)
		m.writePage(0, noGranule, []byte{255}, half)
		m.sequence++
		m.writePage(oggContinued, 1920, []byte{10, 3}, append(make([]byte, 10), 0xfc, 1, 2))
	}},
}

func TestOggStreamIsReadCompletely(t *testing.T) {
	for name, tt := range oggStreams {
		t.Run(name, func(t *testing.T) {
			if tt.packets == 0 {
				tt.packets = 151
			}
			if tt.length == 0 {
				tt.length = time.Duration(tt.packets) * 20 * time.Millisecond
			}
			var out bytes.Buffer
			tt.make(&out)
			f, err := Open(writeTemp(t, out.Bytes()), 0)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			if f.Stereo == tt.mono {
				t.Errorf("stereo: %v", f.Stereo)
			}
			packets, length, err := readAll(f)
			if packets != tt.packets || length != tt.length || !errors.Is(err, io.EOF) {
				t.Errorf("%d packets in %v, then %v; want %d in %v", packets, length, err, tt.packets, tt.length)
			}
		})
	}
}

// readAll reads frames until an error. It returns their number and total duration.
func readAll(f *File) (frames int, length time.Duration, err error) {
	for {
		frame, err := f.Next()
		if err != nil {
			return frames, length, err
		}
		if length += frame.Duration; frame.Data != nil {
			frames++
		}
	}
}

func TestUnsupportedOggIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		head []byte
		want error
	}{
		"two coupled streams":      {opusHeader(4, 1, 2, 2, 0, 1, 2, 3), errChannels},
		"an incompatible version":  {append(append([]byte(opusHead), 16), opusHeader(2, 0)[9:]...), ErrDamaged},
		"no channels":              {opusHeader(0, 0), ErrDamaged},
		"three channels, family 0": {opusHeader(3, 0), ErrDamaged},
		"no table":                 {opusHeader(2, 1), ErrDamaged},
		"Vorbis":                   {[]byte("\x01vorbis and so on"), ErrFormat},
	} {
		var out bytes.Buffer
		opusStream(&out, 1, tt.head, oggTags)
		if _, err := Open(writeTemp(t, out.Bytes()), 0); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// All complete pages are returned before ErrDamaged.
func TestTruncatedOggEndsWithErrDamaged(t *testing.T) {
	var out bytes.Buffer
	opusStream(&out, 1, opusHeader(2, 0), oggTags)
	whole := out.Bytes()
	for name, tt := range map[string]struct {
		content []byte
		packets int
	}{
		"truncated last page":      {whole[:len(whole)-1], 150},
		"truncated page header":    {whole[:bytes.LastIndex(whole, []byte(capturePattern))+10], 150},
		"data after the last page": {append(bytes.Clone(whole), "and so on"...), 151},
		"an ID3 tag at the end":    {append(bytes.Clone(whole), append([]byte("TAG"), make([]byte, 125)...)...), 151},
		"a megabyte of other data": {append(bytes.Clone(whole), bytes.Repeat([]byte("Ogg"), 1<<20/3)...), 151},
	} {
		f, err := Open(writeTemp(t, tt.content), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		packets, _, err := readAll(f)
		if packets != tt.packets || !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %d packets, then %v; want %d", name, packets, err, tt.packets)
		}
		_ = f.Close()
	}
}
