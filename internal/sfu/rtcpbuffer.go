package sfu

import (
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

// Bounds of the unread packets of one stream in bytes, as in pion.
const (
	rtpBufferSize  = 1_000_000
	rtcpBufferSize = 100_000
)

// Buffer returns the buffer for incoming packets of one stream; it is pion's SettingEngine.BufferFactory. Buffers for
// RTCP process a client's feedback themselves, whether about the connection as a whole, which may name any stream's
// SSRC, or about a DownTrack. Reading feedback with a goroutine per subscription would be expensive, and one that pion
// starts while the connection closes would never end.
func (t *Tap) Buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	isFeedback := kind == packetio.RTCPBufferPacket && t.sentTracks.isSent(ssrc)
	if !isFeedback && !t.streams.admit(time.Now()) {
		return discard{}
	}
	if kind == packetio.RTPBufferPacket {
		return newSharedBuffer(rtpBufferSize, &t.rtp)
	}
	return &rtcpBuffer{newSharedBuffer(rtcpBufferSize, &t.rtcp), t, ssrc}
}

// rtcpBuffer buffers the decrypted RTCP packets about one stream that have a reader, and processes the others.
type rtcpBuffer struct {
	*sharedBuffer
	tap  *Tap
	ssrc uint32
}

// Write handles one packet. Feedback about the connection or a DownTrack is processed immediately. Sender
// reports are stored; all other packets are dropped, because nothing else is read. pion writes a packet to the buffer of each SSRC that it
// names.
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
		return len(raw), nil // malformed feedback harms only its sender
	}
	for _, p := range packets {
		d.handleRTCP(p, now)
	}
	return len(raw), nil
}
