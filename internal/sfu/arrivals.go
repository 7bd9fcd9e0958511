package sfu

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/rtcp"
	"github.com/pion/sdp/v3"
)

// arrivals records the arrival time of each packet of a connection, retransmissions and probes included. Transport-wide
// feedback to the publisher is built from it.
type arrivals struct {
	mu       sync.Mutex
	recorder *twcc.Recorder
}

// newArrivals returns arrivals without packets. Its feedback has senderSSRC as the sender's SSRC.
func newArrivals(senderSSRC uint32) arrivals { return arrivals{recorder: twcc.NewRecorder(senderSSRC)} }

// bind returns a reader that records the arrivals of a stream. It returns r itself if the stream has not negotiated
// transport-wide sequence numbers.
func (a *arrivals) bind(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	id := extensionID(info.RTPHeaderExtensions, sdp.TransportCCURI)
	if id == 0 {
		return r
	}
	ssrc := info.SSRC
	return interceptor.RTPReaderFunc(func(b []byte, attributes interceptor.Attributes) (int, interceptor.Attributes, error) {
		n, attributes, err := r.Read(b, attributes)
		if err == nil {
			if seq, ok := extension16(b[:n], id); ok {
				a.mu.Lock()
				a.recorder.Record(ssrc, seq, time.Now().UnixMicro())
				a.mu.Unlock()
			}
		}
		return n, attributes, err
	})
}

// feedback returns the transport-wide feedback about the packets since the last call, nil if there were none.
func (a *arrivals) feedback() []rtcp.Packet {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder.PacketsHeld() == 0 {
		return nil
	}
	return a.recorder.BuildFeedbackPacket()
}

// extensionID returns the id that was negotiated for the header extension with that URI, 0 if none was.
func extensionID(exts []interceptor.RTPHeaderExtension, uri string) uint8 {
	for _, e := range exts {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// extension16 returns the first two bytes of header extension id in a raw RTP packet, and whether the packet has it. It
// reads one-byte and two-byte extension headers (RFC 8285).
func extension16(raw []byte, id uint8) (uint16, bool) {
	if len(raw) < 12 || raw[0]&0x10 == 0 {
		return 0, false
	}
	at := 12 + 4*int(raw[0]&0x0f)
	if len(raw) < at+4 {
		return 0, false
	}
	profile, words := binary.BigEndian.Uint16(raw[at:]), int(binary.BigEndian.Uint16(raw[at+2:]))
	oneByte := profile == 0xBEDE
	at += 4
	end := at + 4*words
	if end > len(raw) || !oneByte && profile&0xfff0 != 0x1000 {
		return 0, false
	}
	for at < end {
		if raw[at] == 0 { // padding between extensions
			at++
			continue
		}
		var got uint8
		var size int
		if oneByte {
			got, size = raw[at]>>4, int(raw[at]&0x0f)+1
			at++
			if got == 0 || got == 15 { // reserved ids; RFC 8285, section 4.2: stop reading here
				return 0, false
			}
		} else {
			if at+1 >= end {
				return 0, false
			}
			got, size = raw[at], int(raw[at+1])
			at += 2
		}
		if at+size > end {
			return 0, false
		}
		if got == id && size >= 2 {
			return binary.BigEndian.Uint16(raw[at:]), true
		}
		at += size
	}
	return 0, false
}
