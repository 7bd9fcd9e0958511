package mediafile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

const (
	videoClock, audioClock = 90_000, 48_000 // ticks a second of RTP timestamps
	// frameMost bounds the bytes of one frame; a key frame of 4K has a tenth of it.
	frameMost = 16 << 20
)

// ErrCodec is returned for a codec that there is no file format for.
var ErrCodec = errors.New("there is no file format for this codec here")

// Recorder writes the frames of one track to a file, in the order in which they were sent. A picture that is not whole,
// and those that follow it up to the next key frame, are left out, as a browser would not show them either.
type Recorder struct {
	Path   string
	Frames uint64 // written

	codec format
	order order
	file  *os.File
	out   writer

	depacketizer rtp.Depacketizer
	frame        []byte // what came of it so far
	size         int    // bytes of the packets it came of, some of which the depacketizer may hold
	open         bool   // a frame has begun
	stamp        uint32 // its RTP timestamp
	waits        bool   // for a key frame

	now   time.Time // of the packet at hand
	wrote time.Time // when the last frame was written, zero before the first
	last  uint32    // RTP timestamp of the last frame written
	at    uint64    // ticks between the first and the last frame written
	err   error     // the first that writing failed with
}

// format is how a codec is recorded.
type format struct {
	ending       string
	clock        uint32
	depacketizer func() rtp.Depacketizer
	key          func(frame []byte) bool // nil for sound
	writer       func(file *os.File, width, height int) (writer, error)
}

// formatOf finds the format of a codec.
func formatOf(mime string) (f format, ok bool) {
	ivf := func(fourCC string) func(*os.File, int, int) (writer, error) {
		return func(f *os.File, width, height int) (writer, error) { return newIVFWriter(f, fourCC, width, height) }
	}
	f = format{ending: ".ivf", clock: videoClock}
	switch strings.ToLower(mime) {
	case "video/vp8":
		f.depacketizer, f.key, f.writer = func() rtp.Depacketizer { return &codecs.VP8Packet{} }, vp8Key, ivf("VP80")
	case "video/vp9":
		f.depacketizer, f.key, f.writer = func() rtp.Depacketizer { return &codecs.VP9Packet{} }, vp9Key, ivf("VP90")
	case "video/av1":
		f.depacketizer, f.key, f.writer = func() rtp.Depacketizer { return &codecs.AV1Depacketizer{} }, av1Key, newAV1Writer
	case "video/h264":
		f.depacketizer, f.key, f.writer = func() rtp.Depacketizer { return &codecs.H264Packet{} }, h264Key, newH264Writer
		f.ending = ".h264"
	case "audio/opus":
		f.depacketizer, f.writer = func() rtp.Depacketizer { return &codecs.OpusPacket{} }, newOpusWriter
		f.ending, f.clock = ".ogg", audioClock
	default:
		return f, false
	}
	return f, true
}

// NewRecorder makes the file: path with the ending that belongs to the codec, and a number before it if there is such a file
// already. Sizes are those of pictures, 0 if unknown.
func NewRecorder(path, mime string, width, height int) (*Recorder, error) {
	codec, ok := formatOf(mime)
	if !ok {
		return nil, ErrCodec
	}
	file, err := create(path, codec.ending)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r := &Recorder{Path: file.Name(), codec: codec, file: file, waits: codec.key != nil}
	if r.out, err = codec.writer(file, width, height); err != nil {
		return nil, errors.Join(fmt.Errorf("record to %s: %w", r.Path, err), file.Close())
	}
	r.order.deliver = r.take
	return r, nil
}

// create makes a file that was not there.
func create(path, ending string) (file *os.File, err error) {
	name := path + ending
	for n := 2; n < 1000; n++ {
		file, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			break
		}
		name = fmt.Sprint(path, "-", n, ending)
	}
	return file, err
}

// Write takes a packet that arrived now; it may be early or late. It returns whether the record cannot go on without
// a key frame, and none is arriving.
func (r *Recorder) Write(p *rtp.Packet, now time.Time) (waits bool, err error) {
	r.now = now
	r.order.push(p, now)
	return r.waits && !(r.open && r.codec.key(r.frame)), r.err
}

// Close writes what waits and ends the file.
func (r *Recorder) Close() error {
	r.order.flush(r.now)
	r.finish()
	if err := r.out.close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
	}
	return errors.Join(r.err, r.file.Close())
}

// take puts the packets of a frame together.
func (r *Recorder) take(p *rtp.Packet, lost bool) {
	if lost {
		r.discard()
	}
	if padding(p) {
		return
	}
	if r.open && p.Timestamp != r.stamp {
		r.finish()
	}
	if !r.open {
		r.depacketizer = r.codec.depacketizer()
		if !r.depacketizer.IsPartitionHead(p.Payload) {
			r.discard()
			return
		}
		r.open, r.stamp, r.size = true, p.Timestamp, 0
	}
	r.size += len(p.Payload)
	part, err := r.depacketizer.Unmarshal(p.Payload)
	if err != nil || r.size > frameMost {
		r.discard()
		return
	}
	if r.frame = append(r.frame, part...); p.Marker || r.codec.key == nil {
		r.finish()
	}
}

// padding reports whether a packet has nothing else. LiveKit's server pads what is padding already: the payload that is left
// ends with its own length.
func padding(p *rtp.Packet) bool {
	n := len(p.Payload)
	return n == 0 || p.Padding && int(p.Payload[n-1]) == n
}

// discard gives up the frame at hand, on which those behind it depend.
func (r *Recorder) discard() {
	r.open, r.frame = false, nil
	r.waits = r.codec.key != nil
}

// finish writes the frame at hand, if it is of use.
func (r *Recorder) finish() {
	frame := r.frame
	r.open, r.frame = false, nil
	if len(frame) == 0 || r.err != nil {
		return
	}
	if r.waits && !r.codec.key(frame) {
		return
	}
	r.waits = false
	r.move()
	if err := r.out.write(frame, r.at); err != nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
		return
	}
	r.Frames++
}

// move sets the time of the frame at hand. It is never that of the frame before or an earlier one, and never further
// from it than the clock on the wall says, or one forged timestamp could fill the disk with silence.
func (r *Recorder) move() {
	if !r.wrote.IsZero() {
		most := int64((r.now.Sub(r.wrote) + lateMost).Seconds() * float64(r.codec.clock))
		r.at += uint64(max(1, min(int64(int32(r.stamp-r.last)), most)))
	}
	r.wrote, r.last = r.now, r.stamp
}
