package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/webrtc/v4"

	"meet/internal/sfu/codec"
)

// This file sends frames and packets made by the server (docs/protocol.md, 12.7 and 12.8).

const (
	// silencePackets is the number of Opus packets that are sent when audio is muted. Each contains silence of the
	// duration silenceInterval. Together they last a second, in which decoders fade out and end their loss concealment.
	silenceInterval = 20 * time.Millisecond
	silencePackets  = 50
	// blackFrames is the number of black frames that are sent when video ends. There are several, so that one arrives
	// even if others are lost. Their timestamps differ by blackFrameInterval.
	blackFrames        = 6
	blackFrameInterval = time.Second / 30
)

// Clients with end-to-end encryption accept exactly these bytes unencrypted (docs/protocol.md, 12.8).
var (
	// opusSilence is 20 ms of stereo silence.
	opusSilence = append([]byte{0xf8, 0xff, 0xfe}, make([]byte, 77)...)
	// vp8BlackFrame is a key frame of 8 by 8 black pixels.
	vp8BlackFrame = []byte{
		0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x08, 0x00, 0x08, 0x00, 0x00, 0x47, 0x08, 0x85, 0x85, 0x88,
		0x85, 0x84, 0x88, 0x02, 0x02, 0x00, 0x0c, 0x0d, 0x60, 0x00, 0xfe, 0xff, 0xab, 0x50, 0x80,
	}
	// h264BlackFrame holds the parameter sets and an IDR slice of 2 by 2 black pixels.
	h264BlackFrame = [][]byte{
		{
			0x67, 0x42, 0xc0, 0x1f, 0x0f, 0xd9, 0x1f, 0x88, 0x88, 0x84, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00,
			0x00, 0x03, 0x00, 0xc8, 0x3c, 0x60, 0xc9, 0x20,
		},
		{0x68, 0x87, 0xcb, 0x83, 0xcb, 0x20},
		{0x65, 0x88, 0x84, 0x0a, 0xf2, 0x62, 0x80, 0x00, 0xa7, 0xbe},
	}
)

// sendSilence sends a second of silence to all sinks. It ends earlier if stop is closed.
func (r *Receiver) sendSilence(stop <-chan struct{}) {
	tick := time.NewTicker(silenceInterval)
	defer tick.Stop()
	for range silencePackets {
		now := time.Now()
		for _, s := range *r.sinks.Load() {
			s.WriteSilence(now)
		}
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// WriteSilence sends a packet of silence. It does nothing if the track has sent no packet yet.
func (d *DownTrack) WriteSilence(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reports.packets == 0 || !d.binding.bound || !d.findWriterLocked() || d.selection.target.Spatial < 0 {
		return
	}
	frame := d.scratch.payload[:0]
	if d.receiver.codec == codec.RED && !d.binding.unpackRED {
		c, _ := matchCodec(d.binding.codecs, webrtc.MimeTypeOpus, "")
		frame = append(frame, byte(c.PayloadType)&0x7f) // one block, the newest (RFC 2198, section 3)
	}
	d.sendServerFrameLocked(now, silenceInterval, append(append(frame, opusSilence...), d.options.Trailer...))
}

// SendBlackFrames sends black frames, so that the last frame of an ended track does not stay on the subscriber's
// screen. It supports VP8 and H.264 and does nothing for other codecs.
func (d *DownTrack) SendBlackFrames() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reports.packets == 0 || !d.binding.bound || !d.findWriterLocked() {
		return
	}
	now := time.Now()
	for range blackFrames {
		frame := d.scratch.payload[:0]
		switch d.receiver.codec {
		case codec.VP8:
			frame = append(d.fwd.AppendVP8Descriptor(frame), vp8BlackFrame...)
		case codec.H264:
			frame = append(frame, 0x78) // an aggregation packet of these units (RFC 6184, section 5.7.1)
			for _, unit := range h264BlackFrame {
				frame = append(binary.BigEndian.AppendUint16(frame, uint16(len(unit))), unit...)
			}
		default:
			return
		}
		d.sendServerFrameLocked(now, blackFrameInterval, append(frame, d.options.Trailer...))
	}
}

// SendWakeupPadding sends a padding packet if the track has sent no media yet. It returns false if the track has sent
// media or is not bound. Some clients report a track to the application only when its first packet arrives.
func (d *DownTrack) SendWakeupPadding() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.reports.packets > 0 || !d.binding.bound {
		return false
	}
	if d.findWriterLocked() {
		d.sendPaddingLocked(d.fwd.InsertPadding(time.Now()))
	}
	return true
}

// sendServerFrameLocked sends a complete frame made by the server. Its timestamp is the previous frame's timestamp plus
// distance. The frame bypasses the Pacer's queue: a black frame ends its track, and the queued packets of an ended
// track are dropped.
func (d *DownTrack) sendServerFrameLocked(now time.Time, distance time.Duration, payload []byte) {
	out := d.fwd.Insert(now, distance)
	out.Marker = true
	d.scratch.serverFrame.Payload, d.scratch.serverFrame.Arrival = payload, now
	d.reports.packets++
	d.reports.octets += uint64(len(payload))
	d.sendLocked(&d.scratch.serverFrame, &out, d.binding.ssrc, d.binding.payloadType, payload, true)
}
