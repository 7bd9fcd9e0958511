package loadtest

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
)

// vp8HeaderSize is the number of bytes that writeVP8Header writes. timestampSize is the size of the send time, which
// is at the end of each packet, as Unix time in microseconds.
const vp8HeaderSize, timestampSize = 14, 8

// audioPacketRate is the number of audio packets a second; each is 20 ms long.
const audioPacketRate = 50

// simulcastLayers are the layers of a video track with simulcast.
var simulcastLayers = []client.Layer{
	{RID: "q", Quality: livekit.VideoQuality_LOW, Width: 320, Height: 180},
	{RID: "h", Quality: livekit.VideoQuality_MEDIUM, Width: 640, Height: 360},
	{RID: "f", Quality: livekit.VideoQuality_HIGH, Width: 1280, Height: 720},
}

// videoPublisher sends video frames. All packets have the same size, and to the server they look like VP8.
type videoPublisher struct {
	track  *client.Publication
	layers []*layerSender
}

// layerSender sends one layer.
type layerSender struct {
	layer             *client.LocalLayer
	packets           int
	keyFrameRequested atomic.Bool // the next frame must be a key frame
	packet            rtp.Packet
}

// publishVideo publishes a video track and returns its publisher. The publisher starts to send when its run method is
// called.
func (p *Plan) publishVideo(ctx context.Context, c *client.Client) (*videoPublisher, error) {
	cam := &videoPublisher{}
	options := client.PublishOptions{
		Name: "camera", MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720,
		OnKeyFrameRequest: func(layer int) { cam.layers[layer].keyFrameRequested.Store(true) },
	}
	all := p.layerPackets()
	counts := all[2:]
	if p.Simulcast {
		options.Layers, counts = simulcastLayers, all[:]
	}
	for _, packets := range counts {
		s := &layerSender{packets: packets, packet: rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, p.PacketSize)}}
		s.keyFrameRequested.Store(true)
		cam.layers = append(cam.layers, s)
	}
	var err error
	if cam.track, err = c.Publish(ctx, options); err != nil {
		return nil, err
	}
	for i, l := range cam.track.Layers() {
		cam.layers[i].layer = l
	}
	return cam, nil
}

// run sends frames until ctx ends. After a late tick it sends the missed frames, so that the load does not depend on
// how busy the machine is.
func (cam *videoPublisher) run(ctx context.Context, frames int) {
	every := time.Second / time.Duration(frames)
	tick := time.NewTicker(every)
	defer tick.Stop()
	start := time.Now()
	for frame := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for ; time.Duration(frame)*every < time.Since(start); frame++ {
			for _, s := range cam.layers {
				if s.send(uint16(frame), uint32(90_000/frames)) != nil {
					return // the connection is lost; Report counts it
				}
			}
		}
	}
}

// send sends one frame and advances the RTP timestamp by ticks.
func (s *layerSender) send(frame uint16, ticks uint32) error {
	key := s.keyFrameRequested.Swap(false)
	for i := range s.packets {
		b := s.packet.Payload
		writeVP8Header(b, frame, key, i == 0)
		binary.BigEndian.PutUint64(b[len(b)-timestampSize:], uint64(time.Now().UnixMicro()))
		s.packet.SequenceNumber++
		s.packet.Marker = i == s.packets-1
		if err := s.layer.WriteRTP(&s.packet); err != nil {
			return err
		}
	}
	s.packet.Timestamp += ticks
	return nil
}

// sendAudio sends an audio packet every 20 ms until ctx ends.
func sendAudio(ctx context.Context, track *client.Publication) {
	tick := time.NewTicker(time.Second / audioPacketRate)
	defer tick.Stop()
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, 80)}
	packet.Payload[0] = 0x78 // TOC byte: CELT, full band, 20 ms, mono, one frame (RFC 6716, section 3.1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		binary.BigEndian.PutUint64(packet.Payload[len(packet.Payload)-timestampSize:], uint64(time.Now().UnixMicro()))
		packet.SequenceNumber++
		packet.Timestamp += 48_000 / audioPacketRate
		if track.WriteRTP(packet) != nil {
			return
		}
	}
}

// writeVP8Header writes a VP8 payload descriptor with a 15-bit picture id (RFC 7741, section 4.2). If startsFrame is
// set, it also writes the frame tag, and for a key frame the start code and the dimensions (RFC 6386, section 9.1).
func writeVP8Header(b []byte, frame uint16, key, startsFrame bool) {
	clear(b[:vp8HeaderSize])
	b[0] = 0x80 // X: extension follows
	b[1] = 0x80 // I: picture id follows
	b[2], b[3] = 0x80|byte(frame>>8)&0x7f, byte(frame)
	if !startsFrame {
		return
	}
	b[0] |= 0x10 // S: start of partition
	if !key {
		b[4] = 1 // inverse key frame flag
		return
	}
	copy(b[7:], []byte{0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02}) // start code, 1280 by 720 pixels
}
