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

// vp8Payloader packetizes VP8 with a 15-bit picture id in every packet (RFC 7741, section 4.2). The first frame and
// every 32,768th frame after it have the id 0, which pion's payloader does not write. After a frame without an id,
// libwebrtc cannot decode until the next key frame.
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

// vp9Payloader corrects pion's VP9 payloader. A VP9 frame may consist only of the instruction to show an earlier
// frame. Such a frame is not a key frame, but pion's payloader marks it as one.
type vp9Payloader struct{ codecs.VP9Payloader }

// Payload splits a frame into RTP payloads. A frame that only shows an earlier frame fits into one packet. In the
// payload descriptor of this packet (RFC 9628, section 4.2), Payload sets P (inter-picture predicted) and clears V
// (scalability structure).
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
