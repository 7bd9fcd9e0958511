package codec

import "encoding/binary"

// VP8Descriptor holds the numbers in a VP8 payload descriptor (RFC 7741, section 4.2) and their positions, so that they
// can be replaced in a copy of the payload.
type VP8Descriptor struct {
	Present bool // the payload is VP8 and was parsed

	PictureID     uint16
	PictureIDBits uint8 // 7 or 15; 0 if absent
	TL0           uint8 // TL0PICIDX, index of the latest picture in the base temporal layer
	HasTL0        bool
	KeyIndex      uint8 // KEYIDX, 5 bits
	HasKeyIndex   bool

	pictureIDAt, tl0At, keyIndexAt uint8 // byte offsets in the payload
}

// parseVP8 parses a VP8 payload descriptor into info.
func parseVP8(p []byte, info *Info) error {
	d := &info.VP8
	d.Present = true
	// The first packet of a picture has S=1 and partition 0.
	info.StartOfFrame = p[0]&0x10 != 0 && p[0]&0x07 == 0
	i := 1
	if p[0]&0x80 != 0 {
		n, err := parseVP8Extension(p, info)
		if err != nil {
			return err
		}
		i = n
	}
	if i >= len(p) {
		return ErrShort
	}
	// RFC 7741, section 4.3: P, the inverse key frame flag, is the lowest bit of a picture's first byte.
	info.KeyFrame = info.StartOfFrame && p[i]&0x01 == 0
	return nil
}

// parseVP8Extension parses the optional fields after the first byte, and returns the position of the payload header.
func parseVP8Extension(p []byte, info *Info) (int, error) {
	d := &info.VP8
	if len(p) < 2 {
		return 0, ErrShort
	}
	flags, i := p[1], 2
	if flags&0x80 != 0 {
		if i >= len(p) {
			return 0, ErrShort
		}
		d.pictureIDAt = uint8(i)
		if p[i]&0x80 == 0 {
			d.PictureID, d.PictureIDBits = uint16(p[i]), 7
			i++
		} else {
			if i+1 >= len(p) {
				return 0, ErrShort
			}
			d.PictureID, d.PictureIDBits = binary.BigEndian.Uint16(p[i:])&0x7fff, 15
			i += 2
		}
	}
	if flags&0x40 != 0 {
		if i >= len(p) {
			return 0, ErrShort
		}
		d.TL0, d.HasTL0, d.tl0At = p[i], true, uint8(i)
		i++
	}
	if flags&0x30 != 0 {
		if i >= len(p) {
			return 0, ErrShort
		}
		if flags&0x20 != 0 {
			info.Temporal, info.Sync = p[i]>>6, p[i]&0x20 != 0
		}
		d.KeyIndex, d.HasKeyIndex, d.keyIndexAt = p[i]&0x1f, flags&0x10 != 0, uint8(i)
		i++
	}
	return i, nil
}

// Rewrite replaces picture ID, TL0PICIDX and KEYIDX in payload, which must be a copy of the payload d was read from.
// Each value is truncated to its width there. Absent fields remain absent, so the length does not change.
func (d *VP8Descriptor) Rewrite(payload []byte, pictureID uint16, tl0, keyIndex uint8) {
	switch d.PictureIDBits {
	case 7:
		payload[d.pictureIDAt] = byte(pictureID & 0x7f)
	case 15:
		binary.BigEndian.PutUint16(payload[d.pictureIDAt:], pictureID|0x8000)
	}
	if d.HasTL0 {
		payload[d.tl0At] = tl0
	}
	if d.HasKeyIndex {
		payload[d.keyIndexAt] = payload[d.keyIndexAt]&^0x1f | keyIndex&0x1f
	}
}
