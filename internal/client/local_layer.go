package client

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// maxPayload is the largest RTP payload in bytes. It leaves space for headers, SRTP and tunnels below an Ethernet
// MTU.
const maxPayload = 1200

// LocalLayer is one encoding of a published track. It implements webrtc.TrackLocal.
type LocalLayer struct {
	p          *Publication
	rid, mime  string
	payloader  rtp.Payloader
	audioLevel atomic.Int32 // audio level of each packet in -dBov, -1 for none

	mu            sync.Mutex
	binding       *negotiatedParams // nil until negotiated
	packetizer    rtp.Packetizer
	lastPacket    *rtp.Packet // last packet of the last frame
	tickRemainder int64       // part of earlier durations that did not fill a clock tick, in ticks times nanoseconds
}

// negotiatedParams are the RTP parameters that the negotiation set for a layer.
type negotiatedParams struct {
	writer      webrtc.TrackLocalWriter
	ssrc        uint32
	payloadType uint8
	midID       uint8 // ids of header extensions, 0 if not negotiated
	ridID       uint8
	levelID     uint8
}

func newLocalLayer(p *Publication, rid, mime string) (*LocalLayer, error) {
	payloader, err := payloaderFor(mime)
	if err != nil {
		return nil, err
	}
	l := &LocalLayer{p: p, rid: rid, mime: mime, payloader: payloader}
	l.audioLevel.Store(-1)
	return l, nil
}

// Bind stores the negotiated parameters. pion calls it when the layer is negotiated.
func (l *LocalLayer) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, codec := range ctx.CodecParameters() {
		if !strings.EqualFold(codec.MimeType, l.mime) {
			continue
		}
		b := &negotiatedParams{
			writer: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), payloadType: uint8(codec.PayloadType),
		}
		for _, ext := range ctx.HeaderExtensions() {
			switch ext.URI {
			case sdp.SDESMidURI:
				b.midID = uint8(ext.ID)
			case sdp.SDESRTPStreamIDURI:
				b.ridID = uint8(ext.ID)
			case sdp.AudioLevelURI:
				b.levelID = uint8(ext.ID)
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.binding = b
		l.packetizer = rtp.NewPacketizer(maxPayload, b.payloadType, b.ssrc, l.payloader,
			rtp.NewRandomSequencer(), codec.ClockRate)
		return codec, nil
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("the server does not accept %s", l.mime)
}

// Unbind stops the layer. pion calls it when the layer is no longer sent.
func (l *LocalLayer) Unbind(webrtc.TrackLocalContext) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.binding = nil
	return nil
}

// ID returns the track id in the SDP, which is the publication's cid.
func (l *LocalLayer) ID() string { return l.p.cid }

// RID returns the layer's RID, or "" without simulcast.
func (l *LocalLayer) RID() string { return l.rid }

// StreamID returns the id of the layer's MediaStream in the SDP.
func (l *LocalLayer) StreamID() string { return "stream-" + l.p.cid }

// Kind returns whether the track is audio or video.
func (l *LocalLayer) Kind() webrtc.RTPCodecType {
	if strings.HasPrefix(strings.ToLower(l.mime), "audio/") {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// SetAudioLevel sets the audio level that is sent with each packet, in -dBov: 0 is loudest, 127 is silence. With -1,
// packets carry no level.
func (l *LocalLayer) SetAudioLevel(level int) { l.audioLevel.Store(int32(level)) }

// WriteRTP sends a packet with the negotiated payload type and SSRC; other fields are not changed. It drops the
// packet if the track is muted or not negotiated.
func (l *LocalLayer) WriteRTP(packet *rtp.Packet) error {
	l.mu.Lock()
	b := l.binding
	l.mu.Unlock()
	if b == nil || l.p.muted.Load() {
		return nil
	}
	return l.write(b, packet)
}

// WriteSample splits a frame into packets and sends them. It drops them if the track is muted or not negotiated.
func (l *LocalLayer) WriteSample(sample media.Sample) error {
	l.mu.Lock()
	b := l.binding
	if b == nil {
		l.mu.Unlock()
		return nil
	}
	// The RTP clock of a muted track advances too.
	packets := l.packetizer.Packetize(sample.Data, l.ticksLocked(sample.Duration))
	if len(packets) > 0 {
		l.lastPacket = packets[len(packets)-1]
	}
	l.mu.Unlock()
	if l.p.muted.Load() {
		return nil
	}
	var errs []error
	for _, packet := range packets {
		errs = append(errs, l.write(b, packet))
	}
	return errors.Join(errs...)
}

// WritePadding sends a packet with padding only and the timestamp of the last frame. Some servers announce a track
// only after its first packet.
func (l *LocalLayer) WritePadding() error {
	l.mu.Lock()
	b := l.binding
	if b == nil {
		l.mu.Unlock()
		return nil
	}
	packet := l.packetizer.GeneratePadding(1)[0]
	if l.lastPacket != nil {
		packet.Timestamp = l.lastPacket.Timestamp
	}
	l.mu.Unlock()
	return l.write(b, packet)
}

// AdvanceClock advances the RTP clock by d without a frame, or moves it back if d is negative. The next frame's
// timestamp must be later than that of the last frame.
func (l *LocalLayer) AdvanceClock(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.binding != nil {
		l.packetizer.SkipSamples(l.ticksLocked(d))
	}
}

// ticksLocked converts d to ticks of the RTP clock. It keeps the fraction of a tick that remains and adds it in the
// next call. Without this, video at 30 frames per second would lag by a second after an hour. l.mu must be held.
func (l *LocalLayer) ticksLocked(d time.Duration) uint32 {
	rate := int64(90_000)
	if l.Kind() == webrtc.RTPCodecTypeAudio {
		rate = 48_000
	}
	seconds, remainder := d/time.Second, int64(d%time.Second)*rate+l.tickRemainder
	l.tickRemainder = remainder % int64(time.Second)
	return uint32(int64(seconds)*rate + remainder/int64(time.Second))
}

// write sets the negotiated fields and header extensions of a packet and sends it.
func (l *LocalLayer) write(b *negotiatedParams, packet *rtp.Packet) error {
	header := packet.Header.Clone()
	header.SSRC, header.PayloadType = b.ssrc, b.payloadType
	if l.rid != "" && b.ridID != 0 {
		// With these two extensions, servers find out to which simulcast layer the SSRC belongs.
		if err := header.SetExtension(b.ridID, []byte(l.rid)); err != nil {
			return fmt.Errorf("write RTP: %w", err)
		}
		if b.midID != 0 {
			if err := header.SetExtension(b.midID, []byte(l.p.mid())); err != nil {
				return fmt.Errorf("write RTP: %w", err)
			}
		}
	}
	if level := l.audioLevel.Load(); level >= 0 && b.levelID != 0 {
		voice := byte(0x80) // the top bit is voice activity (RFC 6464, section 3)
		if err := header.SetExtension(b.levelID, []byte{voice | byte(level)&0x7f}); err != nil {
			return fmt.Errorf("write RTP: %w", err)
		}
	}
	if _, err := b.writer.WriteRTP(&header, packet.Payload); err != nil {
		return fmt.Errorf("write RTP: %w", err)
	}
	return nil
}
