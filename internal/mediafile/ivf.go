package mediafile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"

	"github.com/pion/webrtc/v4"
)

var ivfCodecs = map[string]string{"VP80": webrtc.MimeTypeVP8, "VP90": webrtc.MimeTypeVP9, "AV01": webrtc.MimeTypeAV1}

var errIVF = errors.New("the IVF file is cut off or damaged")

// ivf knows how long a frame lasts only by the next one, so it reads one ahead. pion's reader takes the file's word for
// the length of a frame, and its clock for the inverse of what it is.
type ivf struct {
	in         *bufio.Reader
	rate       uint64 // the file's clock ticks rate/scale times a second
	scale      uint64
	begin      time.Duration // of ahead, since the zero of the file's clock
	ahead      []byte
	last       time.Duration // how long the frame before lasted
	err        error         // behind ahead
	beginKnown bool
}

func (f *File) readIVF() (frames, error) {
	v := &ivf{in: bufio.NewReader(f.file)}
	var h [ivfHeaderSize]byte
	if _, err := io.ReadFull(v.in, h[:]); err != nil {
		return nil, ErrFormat
	}
	if f.MimeType = ivfCodecs[string(h[8:12])]; f.MimeType == "" {
		return nil, fmt.Errorf("it holds %q, %w", h[8:12], ErrFormat)
	}
	more := int(binary.LittleEndian.Uint16(h[6:])) - ivfHeaderSize
	v.rate, v.scale = uint64(binary.LittleEndian.Uint32(h[16:])), uint64(binary.LittleEndian.Uint32(h[20:]))
	if more < 0 || v.rate == 0 || v.scale == 0 {
		return nil, errIVF
	}
	if _, err := v.in.Discard(more); err != nil {
		return nil, errIVF
	}
	f.Width, f.Height = int(binary.LittleEndian.Uint16(h[12:])), int(binary.LittleEndian.Uint16(h[14:]))
	v.last = v.time(1)
	v.read()
	if v.err != nil && v.ahead == nil {
		return nil, errIVF // no frame at all
	}
	return v, nil
}

// time is when a tick of the file's clock is, at most some years.
func (v *ivf) time(tick uint64) time.Duration {
	hi, lo := bits.Mul64(tick, v.scale)
	if hi >= v.rate {
		return forever
	}
	seconds, rest := bits.Div64(hi, lo, v.rate)
	if seconds >= uint64(forever/time.Second) {
		return forever
	}
	return time.Duration(seconds)*time.Second + time.Duration(rest*uint64(time.Second)/v.rate)
}

// forever is longer than any file.
const forever = 10_000 * time.Hour

// read reads the next frame ahead, and how long the one before it lasted.
func (v *ivf) read() {
	v.ahead = nil
	var h [ivfFrameHeaderSize]byte
	if _, v.err = io.ReadFull(v.in, h[:]); v.err != nil {
		if !errors.Is(v.err, io.EOF) {
			v.err = errIVF
		}
		return
	}
	size := binary.LittleEndian.Uint32(h[:])
	if size == 0 || size > frameMost {
		v.err = errIVF
		return
	}
	frame := make([]byte, size)
	if _, err := io.ReadFull(v.in, frame); err != nil {
		v.err = errIVF
		return
	}
	begin := v.time(binary.LittleEndian.Uint64(h[4:]))
	if v.beginKnown && begin > v.begin {
		v.last = begin - v.begin
	}
	v.ahead, v.begin, v.beginKnown = frame, begin, true
}

// next returns a frame; the last lasts as long as the one before it.
func (v *ivf) next() (Frame, error) {
	if v.ahead == nil {
		return Frame{}, v.err
	}
	frame := Frame{Data: v.ahead}
	v.read()
	frame.Duration = v.last
	return frame, nil
}
