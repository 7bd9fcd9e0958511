package mediafile

import (
	"bufio"
	"bytes"
	"io"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

// h264Reader combines NAL units into frames. Units before a slice belong to the slice's frame. A slice that starts at
// the first macroblock starts a new frame (ITU-T H.264, section 7.4.1.2.4).
type h264Reader struct {
	units    *h264Units
	duration time.Duration
	sets     parameterSets
	nextUnit *h264reader.NAL
	err      error
}

func (f *File) readH264() (frameReader, error) {
	set, err := f.inspectH264()
	if err != nil {
		return nil, err
	}
	units, err := f.h264Units()
	if err != nil {
		return nil, err
	}
	f.MimeType, f.Width, f.Height = webrtc.MimeTypeH264, set.Width(), set.Height()
	h := &h264Reader{units: units, duration: time.Duration(float64(time.Second) / frameRate(f.fps, set.FPS()))}
	h.nextUnit, h.err = units.next()
	return h, nil
}

// h264Units reads NAL units and removes trailing zeros (ITU-T H.264, section B.1.1).
type h264Units struct{ reader *h264reader.H264Reader }

// maxLeadingZeros is the largest number of zeros before the first start code. One is usual.
const maxLeadingZeros = 64 << 10

// h264Units returns a reader that starts at the first start code. It skips the zeros before this code, because pion's
// reader accepts only one zero there.
func (f *File) h264Units() (*h264Units, error) {
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReader(f.file)
	zeros, b, err := int64(0), byte(0), error(nil)
	for ; zeros < maxLeadingZeros; zeros++ {
		if b, err = in.ReadByte(); err != nil || b != 0 {
			break
		}
	}
	if zeros < 2 || b != 1 {
		return nil, ErrFormat
	}
	if _, err := f.file.Seek(zeros-2, io.SeekStart); err != nil {
		return nil, err
	}
	reader, err := h264reader.NewReader(f.file)
	return &h264Units{reader}, err
}

func (u *h264Units) next() (*h264reader.NAL, error) {
	for {
		unit, err := u.reader.NextNAL()
		if err != nil {
			return nil, err
		}
		if unit.Data = bytes.TrimRight(unit.Data, "\x00"); len(unit.Data) > 1 {
			return unit, nil
		}
	}
}

// frameRate returns the requested rate if it is set, else the rate that the file states if it is plausible, else
// defaultFrameRate.
func frameRate(requested, stated float64) float64 {
	switch {
	case requested > 0:
		return requested
	case stated >= 1 && stated <= maxFrameRate: // false for NaN
		return stated
	}
	return defaultFrameRate
}

// next returns the next frame, with start codes of four bytes.
func (h *h264Reader) next() (Frame, error) {
	frame, slices, size := Frame{Duration: h.duration}, 0, 0
	var units []*h264reader.NAL
	for ; h.err == nil; h.nextUnit, h.err = h.units.next() {
		unit := h.nextUnit
		// first_mb_in_slice is 0 if its first bit is set.
		first := isSlice(unit) && unit.Data[1]&0x80 != 0
		if slices > 0 && (first || !isSlice(unit)) {
			break
		}
		if err := checkUnit(unit); err != nil {
			h.err = err
			break
		}
		if size += len(unit.Data); size > maxFrameSize {
			h.err = ErrDamaged
			break
		}
		if isSlice(unit) {
			slices++
			frame.KeyFrame = frame.KeyFrame || unit.UnitType == h264reader.NalUnitTypeCodedSliceIdr
		}
		h.sets.store(unit)
		units = append(units, unit)
	}
	if slices == 0 {
		return Frame{}, h.err
	}
	if frame.KeyFrame {
		units = h.sets.prependTo(units)
	}
	for _, unit := range units {
		frame.Data = append(append(frame.Data, 0, 0, 0, 1), unit.Data...)
	}
	return frame, nil
}

// parameterSets are the current sequence parameter sets and the current picture parameter sets. Both are in the order
// in which their ids first appeared.
type parameterSets struct{ sequence, picture []*h264reader.NAL }

// store adds a parameter set, or replaces the one with the same id.
func (s *parameterSets) store(unit *h264reader.NAL) {
	switch unit.UnitType {
	case h264reader.NalUnitTypeSPS:
		s.sequence = replace(s.sequence, unit, 4) // the id follows the profile, the constraints and the level
	case h264reader.NalUnitTypePPS:
		s.picture = replace(s.picture, unit, 1)
	}
}

// replace puts unit in the place of the set with the same id, or appends it if there is none. The id is encoded after
// skip bytes.
func replace(sets []*h264reader.NAL, unit *h264reader.NAL, skip int) []*h264reader.NAL {
	for i, old := range sets {
		if parameterSetID(old.Data, skip) == parameterSetID(unit.Data, skip) {
			sets[i] = unit
			return sets
		}
	}
	return append(sets, unit)
}

// parameterSetID returns the id of a parameter set, which is encoded after skip bytes.
func parameterSetID(unit []byte, skip int) uint32 {
	pos := 0
	id, _ := bits.ReadGolombUnsigned(unit[min(skip, len(unit)):], &pos) // checkUnit has validated it
	return id
}

// prependTo returns all parameter sets followed by the other units of an IDR picture, so that decoding can start at
// this picture.
func (s *parameterSets) prependTo(units []*h264reader.NAL) []*h264reader.NAL {
	all := append(append(make([]*h264reader.NAL, 0, len(units)), s.sequence...), s.picture...)
	for _, unit := range units {
		if unit.UnitType != h264reader.NalUnitTypeSPS && unit.UnitType != h264reader.NalUnitTypePPS {
			all = append(all, unit)
		}
	}
	return all
}
