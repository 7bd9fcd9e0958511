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
	videoClock, audioClock = 90_000, 48_000 // RTP clock rates in Hz
	// maxFrameSize is the largest frame in bytes, ten times a key frame in 4K.
	maxFrameSize = 16 << 20
)

// ErrCodec is returned for a codec that cannot be recorded.
var ErrCodec = errors.New("this codec cannot be recorded")

// Recorder writes the frames of a received track to a file, in the order in which they were sent. After a loss it
// writes no frames until the next key frame, because decoders could not show them.
type Recorder struct {
	Path   string
	Frames uint64 // number of frames written

	format  format
	reorder reorderBuffer
	file    *os.File
	writer  frameWriter

	depacketizer  rtp.Depacketizer
	frame         []byte // data of the current frame so far
	size          int    // bytes received of the current frame; the depacketizer may buffer some of them
	inFrame       bool   // a frame has started
	timestamp     uint32 // RTP timestamp of the current frame
	needsKeyFrame bool   // discard frames until a key frame

	now           time.Time // arrival time of the current packet
	lastWrite     time.Time // arrival time of the last written frame, zero before the first
	lastTimestamp uint32    // RTP timestamp of the last written frame
	frameTicks    uint64    // time of the last written frame, in clock ticks since the first
	err           error     // first write error
}

// format describes how a codec is recorded.
type format struct {
	extension    string
	clock        uint32
	depacketizer func() rtp.Depacketizer
	isKeyFrame   func(frame []byte) bool // nil for audio
	newWriter    func(file *os.File, width, height int) (frameWriter, error)
}

// recordingFormat returns the format in which a codec is recorded.
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

// NewRecorder creates a recorder and its file. The name of the file is path and the extension for the codec. If this
// file exists, a number is added to path. width and height are those of the video, or 0 if unknown.
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

// createNew creates a file with the given name and extension. If it exists, it adds a number to the name.
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

// Write adds a packet. now is the time of its arrival. Packets may arrive out of order. waits is true if the recorder
// needs a key frame and has not received the beginning of one.
func (r *Recorder) Write(p *rtp.Packet, now time.Time) (waits bool, err error) {
	r.now = now
	r.reorder.push(p, now)
	return r.needsKeyFrame && !(r.inFrame && r.format.isKeyFrame(r.frame)), r.err
}

// Close writes the buffered packets and closes the file.
func (r *Recorder) Close() error {
	r.reorder.flush(r.now)
	r.writeFrame()
	if err := r.writer.close(); err != nil && r.err == nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
	}
	return errors.Join(r.err, r.file.Close())
}

// addPacket adds the next packet in order to the current frame. lost means that packets before it are missing.
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

// isPaddingOnly reports whether a packet contains only padding. LiveKit's server may add padding to a packet that
// already contains only padding. The payload of such a packet ends with a byte that is the length of the payload.
func isPaddingOnly(p *rtp.Packet) bool {
	n := len(p.Payload)
	return n == 0 || p.Padding && int(p.Payload[n-1]) == n
}

// discardFrame drops the current frame. Later frames depend on it, so the recorder needs a key frame.
func (r *Recorder) discardFrame() {
	r.inFrame, r.frame = false, nil
	r.needsKeyFrame = r.format.isKeyFrame != nil
}

// writeFrame writes the current frame, unless it is empty or the recorder needs a key frame.
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

// advanceClock sets the time of the current frame in the file from its RTP timestamp. The frame is at least one tick
// later than the previous one. It is later by at most the real time between the two plus maxPacketDelay, because
// otherwise a forged timestamp could fill the disk with silence.
func (r *Recorder) advanceClock() {
	if !r.lastWrite.IsZero() {
		most := int64((r.now.Sub(r.lastWrite) + maxPacketDelay).Seconds() * float64(r.format.clock))
		r.frameTicks += uint64(max(1, min(int64(int32(r.timestamp-r.lastTimestamp)), most)))
	}
	r.lastWrite, r.lastTimestamp = r.now, r.timestamp
}
