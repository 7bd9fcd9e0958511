package mediafile

import (
	"errors"
	"io"
	"time"

	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

var (
	errH264    = errors.New("the H264 stream is damaged")
	errReorder = errors.New("its pictures are not in the order in which they are shown, which calls cannot carry; encode it without B-frames (ffmpeg's -bf 0)")
)

// h264 gathers the units of one picture: what comes before a slice belongs to it, and a slice that begins at the first
// macroblock begins another picture (ITU-T H.264, section 7.4.1.2.4).
type h264 struct {
	reader   *h264reader.H264Reader
	duration time.Duration
	ahead    *h264reader.NAL
	err      error
}

func (f *File) readH264() (frames, error) {
	set, err := f.parameterSet()
	if err != nil {
		return nil, err
	}
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	f.MimeType, f.Width, f.Height = webrtc.MimeTypeH264, set.Width(), set.Height()
	reader, err := h264reader.NewReader(f.file)
	if err != nil {
		return nil, err
	}
	h := &h264{reader: reader, duration: time.Duration(float64(time.Second) / rateOf(f.fps, set.FPS()))}
	h.ahead, h.err = reader.NextNAL()
	return h, nil
}

// unitsAhead is how many units may stand before the first parameter set: a delimiter and information for players.
const unitsAhead = 16

// parameterSet is what the file says of its pictures, before the first.
func (f *File) parameterSet() (set mch264.SPS, err error) {
	reader, err := h264reader.NewReader(f.file)
	if err != nil {
		return set, err
	}
	for range unitsAhead {
		unit, err := reader.NextNAL()
		if err != nil {
			break
		}
		if unit.UnitType != h264reader.NalUnitTypeSPS {
			continue
		}
		if err := set.Unmarshal(unit.Data); err != nil {
			return set, errH264
		}
		if set.VUI != nil && set.VUI.BitstreamRestriction != nil && set.VUI.BitstreamRestriction.MaxNumReorderFrames > 0 {
			return set, errReorder
		}
		return set, nil
	}
	return set, ErrFormat
}

// rateOf is the rate that was asked for, else the file's, else one of a camera.
func rateOf(asked, told float64) float64 {
	switch {
	case asked > 0:
		return asked
	case told >= 1 && told <= 240: // also not one that is no number
		return told
	}
	return 30
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
