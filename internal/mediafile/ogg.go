package mediafile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/pion/webrtc/v4"
)

// pion's reader hands out whole pages, in which the ends of packets are lost; encoders put a second of sound into each.

var (
	errOgg      = errors.New("the Ogg stream is damaged")
	errChannels = errors.New("it has more than two channels, which calls cannot carry; encode it with one or two (ffmpeg's -ac 2)")
)

const (
	oggHeader = 27 // bytes of a page's header before its segment table (RFC 3533, section 6)
	// maxOggPacket bounds a packet in bytes; Opus has 1,275 for each of at most 48 frames (RFC 6716, section 3.4).
	maxOggPacket = 64 << 10
)

// ogg reads the packets of the first stream of a file.
type ogg struct {
	in      *bufio.Reader
	serial  uint32
	begun   bool
	partial []byte   // of a packet that goes on on the next page
	packets [][]byte // of the page
}

func (f *File) readOgg() (frames, error) {
	o := &ogg{in: bufio.NewReader(f.file)}
	head, err := o.packet()
	if err != nil || len(head) < 19 || !bytes.HasPrefix(head, []byte("OpusHead")) {
		return nil, ErrFormat
	}
	// The number of channels, and how they lie in the packets (RFC 7845, section 5.1).
	if head[9] > 2 || head[18] != 0 {
		return nil, errChannels
	}
	f.MimeType, f.Stereo = webrtc.MimeTypeOpus, head[9] == 2
	if _, err := o.packet(); err != nil { // comments
		return nil, errOgg
	}
	return o, nil
}

func (o *ogg) next() (Frame, error) {
	for {
		p, err := o.packet()
		if err != nil {
			return Frame{}, err
		}
		if d := opusDuration(p); d > 0 {
			return Frame{p, d}, nil
		}
	}
}

// packet returns the next whole packet.
func (o *ogg) packet() ([]byte, error) {
	for len(o.packets) == 0 {
		if err := o.page(); err != nil {
			return nil, err
		}
	}
	p := o.packets[0]
	o.packets = o.packets[1:]
	return p, nil
}

// page reads one page. Segments of less than 255 bytes end a packet.
func (o *ogg) page() error {
	var head [oggHeader]byte
	if _, err := io.ReadFull(o.in, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return errOgg
		}
		return err
	}
	if string(head[:4]) != "OggS" {
		return errOgg
	}
	table := make([]byte, head[26])
	if _, err := io.ReadFull(o.in, table); err != nil {
		return errOgg
	}
	size := 0
	for _, n := range table {
		size += int(n)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(o.in, body); err != nil {
		return errOgg
	}
	serial := binary.LittleEndian.Uint32(head[14:])
	if !o.begun {
		o.begun, o.serial = true, serial
	}
	if serial != o.serial { // another stream, such as a picture of the cover
		return nil
	}
	for _, n := range table {
		o.partial = append(o.partial, body[:n]...)
		body = body[n:]
		switch {
		case len(o.partial) > maxOggPacket:
			return errOgg
		case n < 255:
			o.packets = append(o.packets, o.partial)
			o.partial = nil
		}
	}
	return nil
}

// opusDuration is how long a packet sounds, by its first bytes (RFC 6716, section 3.1); 0 for one that is none.
func opusDuration(p []byte) time.Duration {
	if len(p) == 0 {
		return 0
	}
	var frame time.Duration
	switch config := p[0] >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = []time.Duration{10, 20, 40, 60}[config%4] * time.Millisecond
	case config < 16: // hybrid: 10, 20 ms
		frame = []time.Duration{10, 20}[config%2] * time.Millisecond
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 2500 * time.Microsecond << (config % 4)
	}
	switch p[0] & 3 {
	case 0:
		return frame
	case 1, 2:
		return 2 * frame
	}
	if len(p) < 2 {
		return 0
	}
	return time.Duration(p[1]&0x3f) * frame
}
