package mediafile

import (
	"errors"
	"io"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

var errH264 = errors.New("the H264 stream is damaged")

// h264 gathers the units of one picture: what comes before a slice belongs to it, and a slice that begins at the first
// macroblock begins another picture (ITU-T H.264, section 7.4.1.2.4).
type h264 struct {
	reader   *h264reader.H264Reader
	duration time.Duration
	ahead    *h264reader.NAL
	err      error
}

func (f *File) readH264() (frames, error) {
	reader, err := h264reader.NewReader(f.file)
	if err != nil {
		return nil, ErrFormat
	}
	f.MimeType = webrtc.MimeTypeH264
	h := &h264{reader: reader, duration: time.Duration(float64(time.Second) / f.fps)}
	if h.ahead, h.err = reader.NextNAL(); h.err != nil {
		return nil, ErrFormat
	}
	return h, nil
}

func (h *h264) next() (Frame, error) {
	frame, sliced := Frame{Duration: h.duration}, false
	for ; h.err == nil; h.ahead, h.err = h.reader.NextNAL() {
		n := h.ahead
		slice := n.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr || n.UnitType == h264reader.NalUnitTypeCodedSliceIdr
		// The number of its first macroblock is coded so that 0 is a bit that is set.
		first := slice && len(n.Data) > 1 && n.Data[1]&0x80 != 0
		if sliced && (first || !slice) {
			return frame, nil
		}
		sliced = sliced || slice
		if len(frame.Data)+len(n.Data) > frameMost {
			return Frame{}, errH264
		}
		frame.Data = append(append(frame.Data, 0, 0, 0, 1), n.Data...)
	}
	if sliced {
		return frame, nil
	}
	if errors.Is(h.err, io.EOF) {
		return Frame{}, io.EOF
	}
	return Frame{}, h.err
}
