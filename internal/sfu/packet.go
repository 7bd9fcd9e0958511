package sfu

import (
	"time"

	"github.com/pion/rtp"

	"meet/internal/sfu/codec"
)

// Packet is one RTP packet on its way from a publisher to the sinks. It is the reader's own and is overwritten by the
// next packet: a Sink that keeps anything of it copies.
type Packet struct {
	Header  rtp.Header
	Payload []byte    // without padding
	Layer   int       // index of the simulcast layer, 0 the smallest
	Arrival time.Time // when it was read
	Info    codec.Info
	// Broken says that a packet before this one may never come, and no key frame has come since.
	Broken bool
}

// Sink takes the packets of a Receiver: a DownTrack, a recorder.
type Sink interface {
	// WriteRTP takes one packet. Layers of one Receiver call it from different goroutines. It must not block.
	WriteRTP(p *Packet)
}

// unmarshal reads raw into p. The payload points into raw.
func (p *Packet) unmarshal(raw []byte) error {
	// Unmarshal appends to these two, so their memory serves again.
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
