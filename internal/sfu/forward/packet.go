package forward

import (
	"errors"
	"time"

	"github.com/pion/rtp"

	"meet/internal/sfu/codec"
)

// MaxLayers is the maximum number of simulcast layers of a track: RIDs q, h and f.
const MaxLayers = 3

var errPadding = errors.New("forward: padding longer than the packet")

// Packet is one RTP packet from a publisher.
type Packet struct {
	Header  rtp.Header
	Payload []byte    // without padding
	Layer   int       // index of the simulcast layer, 0 is the smallest
	Arrival time.Time // when it was received
	Info    codec.Info
	// Broken says that an earlier packet was given up and no key frame has arrived since.
	Broken bool
}

// Unmarshal parses raw into p. The payload points into raw.
func (p *Packet) Unmarshal(raw []byte) error {
	// Header.Unmarshal appends to these slices, so their memory is reused.
	p.Header.CSRC, p.Header.Extensions = p.Header.CSRC[:0], p.Header.Extensions[:0]
	n, err := p.Header.Unmarshal(raw)
	if err != nil {
		return err
	}
	end := len(raw)
	p.Header.PaddingSize = 0
	if p.Header.Padding {
		pad := int(raw[end-1])
		if pad == 0 || pad > end-n {
			return errPadding
		}
		end -= pad
		p.Header.PaddingSize = byte(pad)
	}
	p.Payload = raw[n:end]
	return nil
}
