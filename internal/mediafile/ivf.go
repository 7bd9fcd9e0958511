package mediafile

import (
	"errors"
	"io"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
)

var ivfCodecs = map[string]string{"VP80": webrtc.MimeTypeVP8, "VP90": webrtc.MimeTypeVP9, "AV01": webrtc.MimeTypeAV1}

// ivf knows how long a frame lasts only by the next one, so it reads one ahead.
type ivf struct {
	reader *ivfreader.IVFReader
	unit   float64 // seconds of one step of the file's clock
	ahead  []byte
	at     float64 // seconds, of ahead
	last   time.Duration
	err    error // behind ahead
}

func (f *File) readIVF() (frames, error) {
	reader, header, err := ivfreader.NewWith(f.file)
	if err != nil {
		return nil, ErrFormat
	}
	if f.MimeType = ivfCodecs[header.FourCC]; f.MimeType == "" {
		return nil, ErrFormat
	}
	f.Width, f.Height = int(header.Width), int(header.Height)
	v := &ivf{reader: reader, unit: float64(header.TimebaseNumerator) / float64(header.TimebaseDenominator)}
	v.last = time.Duration(v.unit * float64(time.Second))
	v.ahead, v.at, v.err = v.read()
	if v.err != nil && !errors.Is(v.err, io.EOF) {
		return nil, v.err
	}
	return v, nil
}

func (v *ivf) read() ([]byte, float64, error) {
	data, header, err := v.reader.ParseNextFrame()
	if err != nil {
		return nil, 0, err
	}
	// pion multiplies by the timebase's inverse what counts in units of it.
	return data, float64(header.Timestamp) * v.unit * v.unit, nil
}

func (v *ivf) next() (Frame, error) {
	if v.ahead == nil {
		return Frame{}, v.err
	}
	frame := Frame{v.ahead, v.last}
	at := v.at
	if v.ahead, v.at, v.err = v.read(); v.err == nil && v.at > at {
		v.last = time.Duration((v.at - at) * float64(time.Second))
		frame.Duration = v.last
	}
	return frame, nil
}
