package sfu

import (
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

// Limits of what waits to be read of one stream, in bytes: pion's own.
const (
	rtpBufferSize  = 1_000_000
	rtcpBufferSize = 100_000
)

// Buffer makes the buffer of one incoming stream; pion's SettingEngine takes it. It is where feedback arrives: what a client
// says of the connection as a whole, which names any of the streams it receives as its subject, padding and
// retransmissions included, and what it says of a track. Neither waits for a reader: one for each subscription would be
// a goroutine each, and one that pion starts while the connection closes would never end.
func (t *Tap) Buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	about := kind == packetio.RTCPBufferPacket && t.sentTracks.isSent(ssrc)
	if !about && !t.streams.admit(time.Now()) {
		return discard{}
	}
	if kind == packetio.RTPBufferPacket {
		return newSharedBuffer(rtpBufferSize, &t.rtp)
	}
	return &rtcpBuffer{newSharedBuffer(rtcpBufferSize, &t.rtcp), t, ssrc}
}

// rtcpBuffer keeps the RTCP packets about one stream, one by one as pion has decrypted them, that are for its reader.
type rtcpBuffer struct {
	*sharedBuffer
	tap  *Tap
	ssrc uint32
}

// Write takes one packet. What is about the connection or a track that is sent is used here, and of the rest only sender
// reports are kept: nothing else has a reader, and pion gives each packet to a stream for every SSRC that it names.
func (b *rtcpBuffer) Write(raw []byte) (int, error) {
	now := time.Now()
	if b.tap.pacer.HandleRTCP(raw, now) {
		return len(raw), nil
	}
	d := b.tap.sentTracks.track(b.ssrc)
	if d == nil {
		if len(raw) < 2 || rtcp.PacketType(raw[1]) != rtcp.TypeSenderReport {
			return len(raw), nil
		}
		return b.sharedBuffer.Write(raw)
	}
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return len(raw), nil // a subscriber's garbage is its own loss
	}
	for _, p := range packets {
		d.handleRTCP(p, now)
	}
	return len(raw), nil
}
