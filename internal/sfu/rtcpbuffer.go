package sfu

import (
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
)

// rtpBufferSize and rtcpBufferSize bound the unread packets of one stream, in bytes. pion uses the same values.
const (
	rtpBufferSize  = 1_000_000
	rtcpBufferSize = 100_000
)

// Buffer returns the buffer for incoming packets of one stream. It is pion's SettingEngine.BufferFactory. A buffer for
// RTCP processes the client's feedback itself, whether the feedback is about a DownTrack or about the whole connection.
// Feedback about the connection may name the SSRC of any stream.
//
// The alternative would be a goroutine for each subscription that reads its feedback. That would be expensive, and a
// goroutine that pion started while the connection closes would never end.
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

// rtcpBuffer is the buffer for the decrypted RTCP packets about one stream. It stores sender reports until they are
// read. It processes or drops all other packets itself.
type rtcpBuffer struct {
	*sharedBuffer
	tap  *Tap
	ssrc uint32
}

// Write handles one packet. Feedback about the connection or about a DownTrack is processed immediately. Sender reports
// are stored. All other packets are dropped, because they would never be read. If a packet names several SSRCs, pion
// writes it to the buffer of each of them.
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
