package client

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/rtp/codecs/vp9"
	"github.com/pion/webrtc/v4"
)

func payloaderFor(mime string) (rtp.Payloader, error) {
	switch strings.ToLower(mime) {
	case strings.ToLower(webrtc.MimeTypeOpus):
		return &codecs.OpusPayloader{}, nil
	case strings.ToLower(webrtc.MimeTypeVP8):
		return &vp8Payloader{}, nil
	case strings.ToLower(webrtc.MimeTypeVP9):
		return &vp9Payloader{}, nil
	case strings.ToLower(webrtc.MimeTypeAV1):
		return &codecs.AV1Payloader{}, nil
	case strings.ToLower(webrtc.MimeTypeH264):
		// pion aggregates only the last of several picture parameter sets, and drops sets that exceed a packet together.
		return &codecs.H264Payloader{DisableStapA: true}, nil
	case strings.ToLower(webrtc.MimeTypePCMU), strings.ToLower(webrtc.MimeTypePCMA):
		return &codecs.G711Payloader{}, nil
	}
	return nil, fmt.Errorf("there is no way to pack %q into RTP", mime)
}

// vp8Payloader packs VP8 with a picture id of 15 bits in every packet (RFC 7741, section 4.2). pion's leaves out an id of
// 0, the first and every 32,768th, and libwebrtc cannot decode the frames behind one without an id up to the next key frame.
type vp8Payloader struct{ pictureID uint16 }

// Payload packs a frame.
func (p *vp8Payloader) Payload(mtu uint16, frame []byte) (packets [][]byte) {
	const extended, start = 0x80, 0x10 // X and S of the first byte
	const hasPictureID = 0x80          // I of the second
	const long = 0x8000                // M of the picture id
	first := byte(extended | start)
	for len(frame) > 0 && mtu > 4 {
		packet := binary.BigEndian.AppendUint16([]byte{first, hasPictureID}, long|p.pictureID)
		n := min(int(mtu)-len(packet), len(frame))
		packets = append(packets, append(packet, frame[:n]...))
		first, frame = extended, frame[n:]
	}
	p.pictureID = (p.pictureID + 1) % long
	return packets
}

// vp9Payloader is pion's, which takes a frame that shows an earlier one again for a key frame.
type vp9Payloader struct{ codecs.VP9Payloader }

// Payload packs a frame. Such a frame has one packet, whose descriptor is corrected: it is predicted from earlier frames
// (P) and has no scalability structure (V) (RFC 9628, section 4.2).
func (p *vp9Payloader) Payload(mtu uint16, frame []byte) [][]byte {
	packets := p.VP9Payloader.Payload(mtu, frame)
	var h vp9.Header
	if h.Unmarshal(frame) != nil || !h.ShowExistingFrame || len(packets) != 1 {
		return packets
	}
	const predicted, structure = 0x40, 0x02
	first := packets[0]
	descriptor := []byte{first[0]&^structure | predicted, first[1], first[2]} // flags and picture id
	return [][]byte{append(descriptor, frame...)}
}
