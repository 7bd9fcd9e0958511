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
	// maxFrameSize bounds the bytes of one frame; a key frame of 4K has a tenth of it.
	maxFrameSize = 16 << 20
)

// ErrCodec is returned for a codec that there is no file format for.
var ErrCodec = errors.New("there is no file format for this codec here")

// Recorder writes the frames of one track to a file, in the order in which they were sent. A picture that is not whole,
// and those that follow it up to the next key frame, are left out, as a browser would not show them either.
type Recorder struct {
	Path   string
	Frames uint64 // written

	format  format
	reorder reorderBuffer
	file    *os.File
	writer  frameWriter

	depacketizer  rtp.Depacketizer
	frame         []byte // what came of it so far
	size          int    // bytes of the packets it came of, some of which the depacketizer may hold
	inFrame       bool   // a frame has begun
	timestamp     uint32 // its RTP timestamp
	needsKeyFrame bool   // for a key frame

	now           time.Time // of the packet at hand
	lastWrite     time.Time // when the last frame was written, zero before the first
	lastTimestamp uint32    // RTP timestamp of the last frame written
	frameTicks    uint64    // ticks between the first and the last frame written
	err           error     // the first that writing failed with
}

// format is how a codec is recorded.
type format struct {
	extension    string
	clock        uint32
	depacketizer func() rtp.Depacketizer
	isKeyFrame   func(frame []byte) bool // nil for sound
	newWriter    func(file *os.File, width, height int) (frameWriter, error)
}

// recordingFormat finds the format of a codec.
func recordingFormat(mime string) (f format, ok bool) {
	ivf := func(fourCC string) func(*os.File, int, int) (frameWriter, error) {
		return func(f *os.File, width, height int) (frameWriter, error) {
			return newIVFWriter(f, fourCC, width, height)
		}
	}
	f = format{extension: ".ivf", clock: videoClock}
	switch strings.ToLower(mime) {
	case "video/vp8":
		f.depacketizer, f.isKeyFrame, f.newWriter = func() rtp.Depacketizer { return &codecs.VP8Packet{} }, isVP8KeyFrame, ivf("VP80")
	case "video/vp9":
		f.depacketizer, f.isKeyFrame, f.newWriter = func() rtp.Depacketizer { return &codecs.VP9Packet{} }, isVP9KeyFrame, ivf("VP90")
	case "video/av1":
		f.depacketizer, f.isKeyFrame, f.newWriter = func() rtp.Depacketizer { return &codecs.AV1Depacketizer{} }, isAV1KeyFrame, newAV1Writer
	case "video/h264":
		f.depacketizer, f.isKeyFrame, f.newWriter = func() rtp.Depacketizer { return &codecs.H264Packet{} }, isH264KeyFrame, newH264Writer
		f.extension = ".h264"
	case "audio/opus":
		f.depacketizer, f.newWriter = func() rtp.Depacketizer { return &codecs.OpusPacket{} }, newOpusWriter
		f.extension, f.clock = ".ogg", audioClock
	default:
		return f, false
	}
	return f, true
}

// NewRecorder makes the file: path with the ending that belongs to the codec, and a number before it if there is such a file
// already. Sizes are those of pictures, 0 if unknown.
func NewRecorder(path, mime string, width, height int) (*Recorder, error) {
	codec, ok := recordingFormat(mime)
	if !ok {
		return nil, ErrCodec
	}
	file, err := createNew(path, codec.extension)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r := &Recorder{Path: file.Name(), format: codec, file: file, needsKeyFrame: codec.isKeyFrame != nil}
	if r.writer, err = codec.newWriter(file, width, height); err != nil {
		return nil, errors.Join(fmt.Errorf("record to %s: %w", r.Path, err), file.Close())
	}
	r.reorder.deliver = r.addPacket
	return r, nil
}

// createNew makes a file that was not there.
func createNew(path, ending string) (file *os.File, err error) {
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
	r.reorder.push(p, now)
	return r.needsKeyFrame && !(r.inFrame && r.format.isKeyFrame(r.frame)), r.err
}

// Close writes what waits and ends the file.
func (r *Recorder) Close() error {
	r.reorder.flush(r.now)
	r.writeFrame()
	if err := r.writer.close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
	}
	return errors.Join(r.err, r.file.Close())
}

// addPacket puts the packets of a frame together.
func (r *Recorder) addPacket(p *rtp.Packet, lost bool) {
	if lost {
		r.discardFrame()
	}
	if isPaddingOnly(p) {
		return
	}
	if r.inFrame && p.Timestamp != r.timestamp {
		r.writeFrame()
	}
	if !r.inFrame {
		r.depacketizer = r.format.depacketizer()
		if !r.depacketizer.IsPartitionHead(p.Payload) {
			r.discardFrame()
			return
		}
		r.inFrame, r.timestamp, r.size = true, p.Timestamp, 0
	}
	r.size += len(p.Payload)
	part, err := r.depacketizer.Unmarshal(p.Payload)
	if err != nil || r.size > maxFrameSize {
		r.discardFrame()
		return
	}
	if r.frame = append(r.frame, part...); p.Marker || r.format.isKeyFrame == nil {
		r.writeFrame()
	}
}

// isPaddingOnly reports whether a packet has nothing else. LiveKit's server pads what is padding already: the payload that is left
// ends with its own length.
func isPaddingOnly(p *rtp.Packet) bool {
	n := len(p.Payload)
	return n == 0 || p.Padding && int(p.Payload[n-1]) == n
}

// discardFrame gives up the frame at hand, on which those behind it depend.
func (r *Recorder) discardFrame() {
	r.inFrame, r.frame = false, nil
	r.needsKeyFrame = r.format.isKeyFrame != nil
}

// writeFrame writes the frame at hand, if it is of use.
func (r *Recorder) writeFrame() {
	frame := r.frame
	r.inFrame, r.frame = false, nil
	if len(frame) == 0 || r.err != nil {
		return
	}
	if r.needsKeyFrame && !r.format.isKeyFrame(frame) {
		return
	}
	r.needsKeyFrame = false
	r.advanceClock()
	if err := r.writer.write(frame, r.frameTicks); err != nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
		return
	}
	r.Frames++
}

// advanceClock sets the time of the frame at hand. It is never that of the frame before or an earlier one, and never further
// from it than the clock on the wall says, or one forged timestamp could fill the disk with silence.
func (r *Recorder) advanceClock() {
	if !r.lastWrite.IsZero() {
		most := int64((r.now.Sub(r.lastWrite) + maxPacketDelay).Seconds() * float64(r.format.clock))
		r.frameTicks += uint64(max(1, min(int64(int32(r.timestamp-r.lastTimestamp)), most)))
	}
	r.lastWrite, r.lastTimestamp = r.now, r.timestamp
}
