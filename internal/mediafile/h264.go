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

// h264Reader gathers the units of one picture: what comes before a slice belongs to it, and a slice that begins at the first
// macroblock begins another picture (ITU-T H.264, section 7.4.1.2.4).
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

// h264Units reads NAL units, without the zeros that may follow one (ITU-T H.264, section B.1.1).
type h264Units struct{ reader *h264reader.H264Reader }

// maxLeadingZeros is how many zeros may precede the first start code; one is usual.
const maxLeadingZeros = 64 << 10

// h264Units begins to read at the first start code, which any number of zeros may precede; pion's reader takes one at
// most.
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

// frameRate is the rate that was asked for, else the file's, else one of a camera.
func frameRate(requested, stated float64) float64 {
	switch {
	case requested > 0:
		return requested
	case stated >= 1 && stated <= maxFrameRate: // also not one that is no number
		return stated
	}
	return defaultFrameRate
}

func (h *h264Reader) next() (Frame, error) {
	frame, slices, size := Frame{Duration: h.duration}, 0, 0
	var units []*h264reader.NAL
	for ; h.err == nil; h.nextUnit, h.err = h.units.next() {
		unit := h.nextUnit
		// The number of its first macroblock is coded so that 0 is a bit that is set.
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

// parameterSets are the sequence and picture parameter sets in force, each in the order in which their ids came first.
type parameterSets struct{ sequence, picture []*h264reader.NAL }

// store remembers a parameter set in place of one with the same id.
func (s *parameterSets) store(unit *h264reader.NAL) {
	switch unit.UnitType {
	case h264reader.NalUnitTypeSPS:
		s.sequence = replace(s.sequence, unit, 4) // behind the profile, its constraints and the level
	case h264reader.NalUnitTypePPS:
		s.picture = replace(s.picture, unit, 1)
	}
}

// replace puts unit in place of the set with the same id, or appends it. The id follows skip bytes of a unit.
func replace(sets []*h264reader.NAL, unit *h264reader.NAL, skip int) []*h264reader.NAL {
	for i, old := range sets {
		if setID(old.Data, skip) == setID(unit.Data, skip) {
			sets[i] = unit
			return sets
		}
	}
	return append(sets, unit)
}

func setID(unit []byte, skip int) uint32 {
	pos := 0
	id, _ := bits.ReadGolombUnsigned(unit[min(skip, len(unit)):], &pos) // checkUnit has read it
	return id
}

// prependTo puts all parameter sets in front of the other units of an IDR picture: a viewer may begin with it.
func (s *parameterSets) prependTo(units []*h264reader.NAL) []*h264reader.NAL {
	all := append(append(make([]*h264reader.NAL, 0, len(units)), s.sequence...), s.picture...)
	for _, unit := range units {
		if unit.UnitType != h264reader.NalUnitTypeSPS && unit.UnitType != h264reader.NalUnitTypePPS {
			all = append(all, unit)
		}
	}
	return all
}
