package codec

// parseVP9 reads the VP9 payload descriptor (RFC 9628, section 4.2) as far as the key frame: a picture that begins here
// (B), is not predicted from earlier ones (P=0) and belongs to the lowest spatial layer.
func parseVP9(p []byte, info *Info) error {
	const (
		hasPictureID   = 0x80
		interPredicted = 0x40
		hasLayer       = 0x20
		startOfFrame   = 0x08
	)
	flags, i := p[0], 1
	if flags&hasPictureID != 0 {
		if i >= len(p) {
			return ErrShort
		}
		if p[i]&0x80 != 0 {
			i++
		}
		i++
	}
	spatial := uint8(0)
	if flags&hasLayer != 0 {
		if i >= len(p) {
			return ErrShort
		}
		spatial = p[i] >> 1 & 0x07
	}
	info.KeyFrame = flags&startOfFrame != 0 && flags&interPredicted == 0 && spatial == 0
	return nil
}
