package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/client"
)

// lean keeps what does not matter here out of the measurement.
func lean(s *webrtc.SettingEngine) {
	s.DisableActiveTCP(true)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
}

// publisher sends frames of equal packets that pass for VP8.
type publisher struct {
	client *client.Client
	track  *client.Publication
	key    atomic.Bool // a key frame was asked for
}

func (p *plan) publisher(ctx context.Context, n int) (*publisher, error) {
	raw, err := p.token(fmt.Sprintf("publisher-%d", n), true)
	if err != nil {
		return nil, err
	}
	pub := &publisher{}
	pub.key.Store(true)
	if pub.client, err = client.Join(ctx, p.url, raw, p.options()); err != nil {
		return nil, err
	}
	pub.track, err = pub.client.Publish(ctx, client.PublishOptions{
		Name: "load", MimeType: webrtc.MimeTypeVP8, Width: 1280, Height: 720,
		OnKeyFrameRequest: func(int) { pub.key.Store(true) },
	})
	return pub, err
}

// send sends frames until ctx ends. A late tick is made up for, so that the load is the same on a busy machine.
func (pub *publisher) send(ctx context.Context, p *plan) error {
	every := time.Second / time.Duration(p.frames)
	tick := time.NewTicker(every)
	defer tick.Stop()
	packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: make([]byte, p.size)}
	start := time.Now()
	for frame := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for ; time.Duration(frame)*every < time.Since(start); frame++ {
			if err := pub.frame(packet, uint16(frame), p.burst); err != nil {
				return err
			}
			packet.Timestamp += uint32(90_000 / p.frames)
		}
	}
}

func (pub *publisher) frame(packet *rtp.Packet, number uint16, packets int) error {
	key := pub.key.Swap(false)
	for i := range packets {
		vp8(packet.Payload, number, key, i == 0)
		packet.SequenceNumber++
		packet.Marker = i == packets-1
		if err := pub.track.WriteRTP(packet); err != nil {
			return err
		}
	}
	return nil
}

// vp8 writes a payload descriptor with a 15-bit picture id, and the header that begins a frame, see
// https://www.rfc-editor.org/rfc/rfc7741#section-4.2 and https://www.rfc-editor.org/rfc/rfc6386#section-9.1
func vp8(b []byte, frame uint16, key, begins bool) {
	clear(b[:14])
	b[0] = 0x80 // X: extension follows
	b[1] = 0x80 // I: picture id follows
	b[2], b[3] = 0x80|byte(frame>>8)&0x7f, byte(frame)
	if !begins {
		return
	}
	b[0] |= 0x10 // S: start of partition
	if !key {
		b[4] = 1 // inverse key frame flag
		return
	}
	copy(b[7:], []byte{0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02}) // start code, 1280 by 720
}

// subscriber counts what it receives.
type subscriber struct {
	client *client.Client

	mu     sync.Mutex
	tracks []*client.RemoteTrack
}

func (p *plan) subscriber(ctx context.Context, n int) (*subscriber, error) {
	raw, err := p.token(fmt.Sprintf("subscriber-%d", n), false)
	if err != nil {
		return nil, err
	}
	s := &subscriber{}
	opts := p.options()
	opts.OnTrack = func(t *client.RemoteTrack) {
		s.mu.Lock()
		s.tracks = append(s.tracks, t)
		s.mu.Unlock()
		t.Drain()
	}
	s.client, err = client.Join(ctx, p.url, raw, opts)
	return s, err
}

func (s *subscriber) received() (tracks int, sum client.Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tracks {
		r := t.Received()
		sum.Packets += r.Packets
		sum.Bytes += r.Bytes
		sum.Lost += r.Lost
	}
	return len(s.tracks), sum
}
