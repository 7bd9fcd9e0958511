package mediafile

import (
	"encoding/binary"
	"os"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
)

// frameWriter writes frames to a file. tick is the time of a frame since the first frame, in ticks of the codec's RTP
// clock.
type frameWriter interface {
	write(frame []byte, tick uint64) error
	close() error
}

// ivfWriter writes whole frames to an IVF file. pion's writer is not used because it writes packets and fails on
// truncated ones.
//
//	"DKIF", version, length of header, codec, width, height, rate, scale, length, unused; then for each frame
//	its length, its time in units of scale/rate, and its bytes
type ivfWriter struct {
	file     *os.File
	frames   uint64
	lastTick uint64 // time of the last frame
}

const ivfHeaderSize, ivfFrameHeaderSize = 32, 12

func newIVFWriter(file *os.File, fourCC string, width, height int) (*ivfWriter, error) {
	h := append(make([]byte, 0, ivfHeaderSize), "DKIF\x00\x00\x20\x00"+fourCC...)
	h = binary.LittleEndian.AppendUint16(h, uint16(width))
	h = binary.LittleEndian.AppendUint16(h, uint16(height))
	h = binary.LittleEndian.AppendUint32(h, videoClock)
	h = binary.LittleEndian.AppendUint32(h, 1)
	_, err := file.Write(h[:ivfHeaderSize])
	return &ivfWriter{file: file}, err
}

func (w *ivfWriter) write(frame []byte, tick uint64) error {
	h := binary.LittleEndian.AppendUint32(make([]byte, 0, ivfFrameHeaderSize+len(frame)), uint32(len(frame)))
	h = binary.LittleEndian.AppendUint64(h, tick)
	_, err := w.file.Write(append(h, frame...))
	w.frames, w.lastTick = w.frames+1, tick
	return err
}

// close writes the length into the header. libvpx counts it in frames and ffmpeg in ticks. It is written in ticks,
// because only ffmpeg reads it.
func (w *ivfWriter) close() error {
	length := w.lastTick + w.lastTick/max(1, w.frames-1)
	_, err := w.file.WriteAt(binary.LittleEndian.AppendUint32(nil, uint32(length)), 24)
	return err
}

// av1Writer writes AV1 to an IVF file. It adds a temporal delimiter before each frame; IVF requires one, and RTP
// omits it.
type av1Writer struct{ *ivfWriter }

func newAV1Writer(file *os.File, width, height int) (frameWriter, error) {
	w, err := newIVFWriter(file, "AV01", width, height)
	return av1Writer{w}, err
}

func (w av1Writer) write(frame []byte, tick uint64) error {
	return w.ivfWriter.write(append([]byte{0x12, 0x00}, frame...), tick)
}

// h264Writer writes an H264 byte stream, which has no timestamps.
type h264Writer struct{ *os.File }

func newH264Writer(file *os.File, _, _ int) (frameWriter, error) { return h264Writer{file}, nil }

func (w h264Writer) write(frame []byte, _ uint64) error {
	_, err := w.Write(frame)
	return err
}

func (w h264Writer) close() error { return nil }

// opusWriter writes Opus packets to an Ogg file. Ogg has no timestamps other than the total duration, so the writer
// fills pauses in which nothing was sent.
type opusWriter struct {
	ogg   *oggwriter.Writer
	track *oggwriter.Track
	ticks uint64 // total duration written, in ticks
}

func newOpusWriter(file *os.File, _, _ int) (frameWriter, error) {
	ogg, err := oggwriter.NewWriter(withoutClose{file}, oggwriter.WithSeekableOutput(file))
	if err != nil {
		return nil, err
	}
	track, err := ogg.NewTrack(0)
	return &opusWriter{ogg: ogg, track: track}, err
}

// withoutClose wraps the file without its Close method, because the Recorder closes the file.
type withoutClose struct{ file *os.File }

func (k withoutClose) Write(b []byte) (int, error) { return k.file.Write(b) }

func (w *opusWriter) write(packet []byte, tick uint64) error {
	length := opusTicks(packet)
	if length == 0 {
		return nil // not a valid Opus packet
	}
	// For a packet with an empty frame, decoders conceal a loss: the audio fades to silence.
	emptyFrame := []byte{packet[0] &^ 3}
	for step := opusTicks(emptyFrame); w.ticks+step <= tick; w.ticks += step {
		if err := w.track.WriteRTP(&rtp.Packet{Payload: emptyFrame}); err != nil {
			return err
		}
	}
	w.ticks += length
	return w.track.WriteRTP(&rtp.Packet{Payload: packet})
}

func (w *opusWriter) close() error { return w.ogg.Close() }
