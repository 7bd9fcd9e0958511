package sfu

import (
	"io"
	"time"

	"github.com/pion/transport/v4/packetio"
)

// Limits of what waits to be read of one stream, in bytes: pion's own.
const (
	rtpBufferSize  = 1_000_000
	rtcpBufferSize = 100_000
)

// Buffer makes the buffer of one incoming stream; pion's SettingEngine takes it. It is where the Tap sees the client's
// feedback on the connection as a whole. That names any of the streams the client receives as its subject, padding and
// retransmissions included, and nobody reads the feedback on those.
func (t *Tap) Buffer(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
	b := packetio.NewBuffer()
	if kind == packetio.RTPBufferPacket {
		b.SetLimitSize(rtpBufferSize)
		return b
	}
	b.SetLimitSize(rtcpBufferSize)
	return &rtcpBuffer{b, t}
}

// rtcpBuffer keeps the RTCP packets of one stream, one by one as pion has decrypted them.
type rtcpBuffer struct {
	*packetio.Buffer
	tap *Tap
}

// Write takes one packet. What is about the connection is used here and not kept.
func (b *rtcpBuffer) Write(raw []byte) (int, error) {
	if b.tap.pacer.feedback(raw, time.Now()) {
		return len(raw), nil
	}
	return b.Buffer.Write(raw)
}
