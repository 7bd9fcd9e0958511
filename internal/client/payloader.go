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

// payloaderFor returns the RTP payloader of a codec.
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
		// pion aggregates only the last of several picture parameter sets, and drops parameter sets that do not fit
		// into one packet together.
		return &codecs.H264Payloader{DisableStapA: true}, nil
	case strings.ToLower(webrtc.MimeTypePCMU), strings.ToLower(webrtc.MimeTypePCMA):
		return &codecs.G711Payloader{}, nil
	}
	return nil, fmt.Errorf("codec %q is not supported", mime)
}

// vp8Payloader packetizes VP8 with a 15-bit picture id in every packet (RFC 7741, section 4.2). pion's payloader
// writes no id if it is 0, which it is for the first and every 32,768th frame. After a frame without an id, libwebrtc
// cannot decode until the next key frame.
type vp8Payloader struct{ pictureID uint16 }

// Payload splits a frame into RTP payloads.
func (p *vp8Payloader) Payload(mtu uint16, frame []byte) (packets [][]byte) {
	const extended, start = 0x80, 0x10 // bits X and S of the first byte
	const hasPictureID = 0x80          // bit I of the second byte
	const long = 0x8000                // bit M of the picture id
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

// vp9Payloader corrects pion's VP9 payloader, which marks a frame that only shows an earlier frame as a key frame.
type vp9Payloader struct{ codecs.VP9Payloader }

// Payload splits a frame into RTP payloads. For a frame that only shows an earlier one, which has one packet, it sets
// P (inter-picture predicted) and clears V (scalability structure) in the payload descriptor (RFC 9628, section 4.2).
func (p *vp9Payloader) Payload(mtu uint16, frame []byte) [][]byte {
	packets := p.VP9Payloader.Payload(mtu, frame)
	var h vp9.Header
	if h.Unmarshal(frame) != nil || !h.ShowExistingFrame || len(packets) != 1 {
		return packets
	}
	const predicted, structure = 0x40, 0x02
	first := packets[0]
	descriptor := []byte{first[0]&^structure | predicted, first[1], first[2]} // flags, and two bytes of picture id
	return [][]byte{append(descriptor, frame...)}
}
