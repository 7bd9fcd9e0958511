package codec

// Bits of the VP9 payload descriptor (RFC 9628, section 4.2), in its first byte and in the byte with the layers.
const (
	vp9PictureID    = 0x80
	vp9Predicted    = 0x40 // from earlier pictures
	vp9Layers       = 0x20
	vp9StartOfFrame = 0x08
	vp9EndOfFrame   = 0x04
	vp9SwitchUp     = 0x10
	vp9SpatialMax   = 0x07
)

// parseVP9 parses the VP9 payload descriptor up to the layer indexes. A packet is the first one of a key frame if it
// belongs to the lowest spatial layer, starts a frame (B=1), and is not predicted from earlier pictures (P=0).
func parseVP9(p []byte, info *Info) error {
	flags, i := p[0], 1
	if flags&vp9PictureID != 0 {
		if i >= len(p) {
			return ErrShort
		}
		if p[i]&0x80 != 0 {
			i++
		}
		i++
	}
	info.StartOfFrame, info.EndOfFrame = flags&vp9StartOfFrame != 0, flags&vp9EndOfFrame != 0
	info.NotPredicted = flags&vp9Predicted == 0
	if flags&vp9Layers != 0 {
		if i >= len(p) {
			return ErrShort
		}
		info.Temporal, info.Spatial = p[i]>>5, p[i]>>1&vp9SpatialMax
		info.HasLayers, info.Sync = true, p[i]&vp9SwitchUp != 0
	}
	info.KeyFrame = info.StartOfFrame && info.NotPredicted && info.Spatial == 0
	return nil
}
