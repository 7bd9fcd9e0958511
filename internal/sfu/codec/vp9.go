package codec

// Bits of the VP9 payload descriptor (RFC 9628, section 4.2): the first byte, and the byte of the layers.
const (
	vp9PictureID  = 0x80
	vp9Predicted  = 0x40 // from earlier pictures
	vp9Layers     = 0x20
	vp9Begins     = 0x08
	vp9Ends       = 0x04
	vp9SwitchUp   = 0x10
	vp9SpatialMax = 0x07
)

// parseVP9 reads the VP9 payload descriptor as far as the layers. A key frame begins here (B), is not predicted from
// earlier pictures (P=0) and belongs to the lowest spatial layer.
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
	info.StartOfFrame, info.EndOfFrame = flags&vp9Begins != 0, flags&vp9Ends != 0
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
