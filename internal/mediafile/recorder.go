package mediafile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264writer"
	"github.com/pion/webrtc/v4/pkg/media/ivfwriter"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
)

// maxLate is how many packets may be waited for: some pictures, or a second and more of sound.
const maxLate = 256

// ErrCodec is returned for a codec that there is no file format for.
var ErrCodec = errors.New("there is no file format for this codec here")

// Recorder writes the packets of one track, in the order in which they were sent.
type Recorder struct {
	Path string

	order *samplebuilder.SampleBuilder
	file  interface {
		WriteRTP(*rtp.Packet) error
		Close() error
	}
	err error // the first that writing failed with
}

// Record makes the file: path with the ending that belongs to the codec. Sizes are those of pictures, 0 if unknown.
func Record(path, mime string, width, height int) (*Recorder, error) {
	r := &Recorder{}
	var err error
	var order rtp.Depacketizer
	clock := uint32(90_000)
	is := func(m string) bool { return strings.EqualFold(mime, m) }
	switch {
	case is(webrtc.MimeTypeVP8), is(webrtc.MimeTypeVP9), is(webrtc.MimeTypeAV1):
		r.Path = path + ".ivf"
		options := []ivfwriter.Option{ivfwriter.WithFrameRate(1, clock), ivfwriter.WithDirectPTS()}
		switch {
		case is(webrtc.MimeTypeVP8):
			options, order = append(options, ivfwriter.WithCodec(webrtc.MimeTypeVP8)), &codecs.VP8Packet{}
		case is(webrtc.MimeTypeVP9):
			options, order = append(options, ivfwriter.WithCodec(webrtc.MimeTypeVP9)), &codecs.VP9Packet{}
		default:
			options, order = append(options, ivfwriter.WithCodec(webrtc.MimeTypeAV1)), &codecs.AV1Depacketizer{}
		}
		if width > 0 && height > 0 {
			options = append(options, ivfwriter.WithWidthAndHeight(uint16(width), uint16(height)))
		}
		r.file, err = ivfwriter.New(r.Path, options...)
	case is(webrtc.MimeTypeH264):
		r.Path, order = path+".h264", &codecs.H264Packet{}
		r.file, err = h264writer.New(r.Path)
	case is(webrtc.MimeTypeOpus):
		r.Path, order, clock = path+".ogg", &codecs.OpusPacket{}, 48_000
		r.file, err = oggwriter.New(r.Path, clock, 2)
	default:
		return nil, ErrCodec
	}
	if err != nil {
		return nil, fmt.Errorf("record to %s: %w", r.Path, err)
	}
	r.order = samplebuilder.New(maxLate, order, clock, samplebuilder.WithPacketReleaseHandler(r.write))
	return r, nil
}

// write takes the packets in order.
func (r *Recorder) write(p *rtp.Packet) {
	if err := r.file.WriteRTP(p); err != nil && r.err == nil {
		r.err = fmt.Errorf("record to %s: %w", r.Path, err)
	}
}

// Write takes a packet; it may be early or late.
func (r *Recorder) Write(p *rtp.Packet) error {
	if len(p.Payload) == 0 {
		return nil // padding
	}
	r.order.Push(p)
	for r.order.Pop() != nil { // what is whole is released with it
	}
	return r.err
}

// Close writes what waits and ends the file.
func (r *Recorder) Close() error {
	r.order.Flush()
	for r.order.Pop() != nil {
	}
	return errors.Join(r.err, r.file.Close())
}
