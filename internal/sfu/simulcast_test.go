package sfu

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// simulcastPublisher publishes three layers with the RIDs q, h and f. It sends a picture of each layer per tick, and
// answers key frame requests.
type simulcastPublisher struct {
	tracks   [MaxLayers]*webrtc.TrackLocalStaticRTP
	control  [MaxLayers]*receivedRTCP // feedback from the server
	mid      string
	midID    uint8
	ridID    uint8
	disabled int // layers from this index on are not sent; 0: all are
	count    uint32
	begin    time.Time
}

// newSimulcastPublisher adds a simulcast track to the call's publisher, and connects the publisher to the server.
func newSimulcastPublisher(t *testing.T, c *testCall) *simulcastPublisher {
	t.Helper()
	cam := &simulcastPublisher{begin: time.Now()}
	var sender *webrtc.RTPSender
	for n, rid := range []string{"q", "h", "f"} {
		track, err := webrtc.NewTrackLocalStaticRTP(
			webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "video", "camera", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		cam.tracks[n] = track
		if n == 0 {
			sender, err = c.publisher.AddTrack(track)
		} else {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.connect(c.publisher, c.up)
	for n, track := range cam.tracks {
		cam.control[n] = c.watch(func() ([]rtcp.Packet, interceptor.Attributes, error) {
			return sender.ReadSimulcastRTCP(track.RID())
		})
	}
	for _, e := range sender.GetParameters().HeaderExtensions {
		switch e.URI {
		case sdp.SDESMidURI:
			cam.midID = uint8(e.ID)
		case sdp.SDESRTPStreamIDURI:
			cam.ridID = uint8(e.ID)
		}
	}
	cam.mid = c.publisher.GetTransceivers()[0].Mid()
	return cam
}

// send sends one picture of each layer. The layers' sequence numbers and timestamps are unrelated.
func (cam *simulcastPublisher) send(t *testing.T) {
	t.Helper()
	elapsed := uint32(time.Since(cam.begin).Milliseconds()) * 90
	for n, track := range cam.tracks {
		key := cam.control[n].keyFrameRequested()
		if cam.disabled > 0 && n >= cam.disabled {
			continue
		}
		p := &rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: true, SequenceNumber: uint16(1000*n) + uint16(cam.count),
				Timestamp: uint32(n)<<30 + elapsed,
			},
			Payload: vp8Payload(n, cam.count, key || cam.count == 0),
		}
		binary.BigEndian.PutUint32(p.Payload[12:], elapsed)
		for id, value := range map[uint8]string{cam.midID: cam.mid, cam.ridID: track.RID()} {
			if err := p.SetExtension(id, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		if err := track.WriteRTP(p); err != nil {
			t.Fatal(err)
		}
	}
	cam.count++
}

// streamChecker checks that the packets that arrive form one unbroken stream, and stores the layer of the latest
// packet.
type streamChecker struct {
	mu    sync.Mutex
	layer int
	last  *rtp.Packet
	count uint32
	wrong []string
}

// take checks one packet.
func (s *streamChecker) take(p *rtp.Packet, _ bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	layer, count := int(p.Payload[7]), binary.BigEndian.Uint32(p.Payload[8:])
	key := p.Payload[6]&1 == 0
	if (s.last == nil || layer != s.layer) && !key {
		s.wrong = append(s.wrong, fmt.Sprintf("layer %d starts at picture %d, which is no key frame", layer, count))
	}
	if s.last != nil {
		id, before := binary.BigEndian.Uint16(p.Payload[2:])&0x7fff, binary.BigEndian.Uint16(s.last.Payload[2:])&0x7fff
		if p.SequenceNumber != s.last.SequenceNumber+1 || id != (before+1)&0x7fff || p.Payload[4] != s.last.Payload[4]+1 {
			s.wrong = append(s.wrong, fmt.Sprintf("packet %d, picture id %d, TL0 %d follows %d, %d, %d", p.SequenceNumber, id, p.Payload[4],
				s.last.SequenceNumber, before, s.last.Payload[4]))
		}
		shown := func(p *rtp.Packet) uint32 { return binary.BigEndian.Uint32(p.Payload[12:]) }
		apart, want := int32(p.Timestamp-s.last.Timestamp), int32(shown(p)-shown(s.last))
		if apart < 0 || apart < want-slack || apart > want+slack {
			s.wrong = append(s.wrong, fmt.Sprintf("at picture %d of layer %d time moves by %d, want about %d", count, layer, apart, want))
		}
	}
	s.layer, s.last, s.count = layer, p, count
}

// slack is the allowed error of arrival times on a busy machine: half a second at 90 kHz.
const slack = 45_000

func TestSimulcastCallSwitchesLayers(t *testing.T) {
	c := newCall(t)
	cam := newSimulcastPublisher(t, c)
	s := &streamChecker{layer: -1}
	c.subscribe(s.take)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	until := func(layer int) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for {
			cam.send(t)
			s.mu.Lock()
			got, count := s.layer, s.count
			s.mu.Unlock()
			if got == layer && cam.count-count < 50 {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("the subscriber sees layer %d at picture %d of %d, want layer %d", got, count, cam.count, layer)
			}
		}
	}
	until(2)
	c.track.SetWanted(true, 0, MaxTemporals-1)
	until(0)
	c.track.SetWanted(true, 1, MaxTemporals-1)
	until(1)
	c.track.SetWanted(true, 2, MaxTemporals-1)
	until(2)
	cam.disabled = 2 // the publisher stops its highest layer
	until(1)
	cam.disabled = 0
	until(2)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.wrong {
		t.Error(w)
	}
}
