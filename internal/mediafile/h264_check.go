package mediafile

import (
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	mch264 "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

var (
	errReorder    = errors.New("it has B-frames, which WebRTC cannot send; encode it with ffmpeg's -bf 0")
	errInterlaced = errors.New("it is interlaced, which WebRTC cannot send; encode it with ffmpeg's -vf bwdif")
	errSlices     = errors.New("it has slice groups or data partitions, which browsers cannot decode; encode it with ffmpeg's -c:v libx264 -bf 0")
)

const (
	// inspectedUnits is the number of NAL units that are checked before a file is published.
	inspectedUnits = 256
	// maxParameterSetSize is the largest size of a parameter set in bytes. Parameter sets are repeated before each
	// IDR picture. One with all scaling lists has less than a kilobyte.
	maxParameterSetSize = 4 << 10
)

// inspectH264 returns the first sequence parameter set. It returns an error if the beginning of the file cannot be
// sent over WebRTC.
func (f *File) inspectH264() (set mch264.SPS, err error) {
	units, err := f.h264Units()
	if err != nil {
		return set, err
	}
	found := false
	for range inspectedUnits {
		unit, err := units.next()
		if err != nil {
			break
		}
		switch {
		case unit.UnitType == h264reader.NalUnitTypeSPS && !found:
			found = set.Unmarshal(unit.Data) == nil
		case isSlice(unit) && found && sliceReorders(unit.Data, &set):
			return set, errReorder
		}
		if err := checkUnit(unit); err != nil {
			return set, err
		}
	}
	if !found {
		return set, ErrFormat
	}
	return set, nil
}

// checkUnit returns an error for a parameter set or slice that cannot be sent over WebRTC.
func checkUnit(unit *h264reader.NAL) error {
	switch unit.UnitType {
	case h264reader.NalUnitTypeSPS:
		var set mch264.SPS
		if err := set.Unmarshal(unit.Data); err != nil || set.ID > 31 || len(unit.Data) > maxParameterSetSize {
			return ErrDamaged
		}
		return checkSPS(&set)
	case h264reader.NalUnitTypePPS:
		return checkPPS(unit.Data)
	case h264reader.NalUnitTypeCodedSliceDataPartitionA:
		return errSlices
	}
	return nil
}

// checkSPS returns an error for a sequence parameter set of video that cannot be sent over WebRTC.
func checkSPS(set *mch264.SPS) error {
	switch {
	case set.ChromaFormatIdc != 1, set.BitDepthLumaMinus8 != 0, set.BitDepthChromaMinus8 != 0:
		return errPixelFormat
	case !set.FrameMbsOnlyFlag:
		return errInterlaced
	case set.VUI != nil && set.VUI.BitstreamRestriction != nil && set.VUI.BitstreamRestriction.MaxNumReorderFrames > 0:
		return errReorder
	}
	return nil
}

// checkPPS returns an error if a picture parameter set is damaged or has several slice groups. It parses the set up
// to num_slice_groups_minus1 (ITU-T H.264, section 7.3.2.2).
func checkPPS(unit []byte) error {
	if len(unit) > maxParameterSetSize {
		return ErrDamaged
	}
	unit = mch264.EmulationPreventionRemove(unit[1:])
	pos := 0
	for range 2 { // pic_parameter_set_id, at most 255, and seq_parameter_set_id, at most 31
		if id, err := bits.ReadGolombUnsigned(unit, &pos); err != nil || id > 255 {
			return ErrDamaged
		}
	}
	if _, err := bits.ReadBits(unit, &pos, 2); err != nil { // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
		return ErrDamaged
	}
	switch groups, err := bits.ReadGolombUnsigned(unit, &pos); {
	case err != nil:
		return ErrDamaged
	case groups > 0:
		return errSlices
	}
	return nil
}

// sliceReorders reports whether a slice indicates reordered frames. A B slice indicates this (ITU-T H.264, table
// 7-6), unless the sequence parameter set states the order of the frames.
func sliceReorders(unit []byte, set *mch264.SPS) bool {
	if set.PicOrderCntType == 2 || set.VUI != nil && set.VUI.BitstreamRestriction != nil {
		return false
	}
	pos := 0
	if _, err := bits.ReadGolombUnsigned(unit[1:], &pos); err != nil { // first_mb_in_slice
		return false
	}
	kind, err := bits.ReadGolombUnsigned(unit[1:], &pos)
	return err == nil && kind%5 == 1
}

// isSlice reports whether a NAL unit is a slice.
func isSlice(unit *h264reader.NAL) bool {
	return unit.UnitType == h264reader.NalUnitTypeCodedSliceNonIdr || unit.UnitType == h264reader.NalUnitTypeCodedSliceIdr
}
