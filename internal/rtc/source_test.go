package rtc

import (
	"context"
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// generator is a TrackSource that generates packets at a fixed interval. Each packet is a frame, and its payload ends
// with the packet's number.
type generator struct {
	info         sfu.SourceInfo
	interval     time.Duration
	made         atomic.Uint32 // number of packets made
	keyRequested atomic.Bool   // set by a request for a key frame
	ended        chan struct{}
	end          func() // ends the source; may be called more than once
}

// newGenerator returns a source of packets of this kind and codec.
func newGenerator(kind webrtc.RTPCodecType, mime string, clockRate uint32, interval time.Duration) *generator {
	g := &generator{
		info:     sfu.SourceInfo{ID: mime, Kind: kind, SSRC: 1234, Format: sfu.Format{MimeType: mime, ClockRate: clockRate}},
		interval: interval, ended: make(chan struct{}),
	}
	g.end = sync.OnceFunc(func() { close(g.ended) })
	return g
}

// Info returns the properties of the source.
func (g *generator) Info() sfu.SourceInfo { return g.info }

// ReadRTP waits for the interval and writes the next packet to b.
func (g *generator) ReadRTP(b []byte) (int, error) {
	select {
	case <-time.After(g.interval):
	case <-g.ended:
		return 0, io.EOF
	}
	n := g.made.Add(1)
	p := rtp.Packet{Header: rtp.Header{
		Version: 2, Marker: true, SequenceNumber: uint16(n), SSRC: g.info.SSRC,
		Timestamp: n * uint32(g.interval.Seconds()*float64(g.info.ClockRate)),
	}}
	switch {
	case g.info.Kind == webrtc.RTPCodecTypeAudio:
		p.Payload = []byte{0xfc, 0, 0}
	case g.keyRequested.Swap(false) || n == 1: // RFC 7741, section 4
		p.Payload = []byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x10, 0x00, 0x10, 0x00}
	default:
		p.Payload = []byte{0x10, 0x11, 0, 0}
	}
	p.Payload = binary.BigEndian.AppendUint32(p.Payload, n)
	return p.MarshalTo(b)
}

// ReadRTCP waits until the source ends.
func (g *generator) ReadRTCP([]byte) (int, error) {
	<-g.ended
	return 0, io.EOF
}

// WriteRTCP handles requests for key frames.
func (g *generator) WriteRTCP(packets []rtcp.Packet) error {
	for _, p := range packets {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			g.keyRequested.Store(true)
		}
	}
	return nil
}

// receivedPackets records the packets that a client receives of one track.
type receivedPackets struct {
	mu      sync.Mutex
	mime    string
	numbers map[uint32]bool // numbers of the generator's packets that have arrived
	latest  uint32
}

// read records the packets of track until the track ends.
func (r *receivedPackets) read(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	r.mu.Lock()
	r.mime = track.Codec().MimeType
	r.mu.Unlock()
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if len(p.Payload) < 7 {
			continue // padding, or the silence sent after a mute
		}
		n := binary.BigEndian.Uint32(p.Payload[len(p.Payload)-4:])
		r.mu.Lock()
		r.numbers[n], r.latest = true, max(r.latest, n)
		r.mu.Unlock()
	}
}

// after reports whether a packet with a number above n has arrived.
func (r *receivedPackets) after(n uint32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.latest > n
}

// countIn returns how many of the packets numbered first to last have arrived.
func (r *receivedPackets) countIn(first, last uint32) (count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := first; n <= last; n++ {
		if r.numbers[n] {
			count++
		}
	}
	return count
}

// A track that the server makes itself is published by a participant without a connection. It is received, muted and
// ended like a client's track.
func TestTrackGeneratedByTheServerIsReceivedBySubscribers(t *testing.T) {
	for _, tt := range []struct {
		kind   livekit.TrackType
		source *generator
	}{
		{livekit.TrackType_AUDIO, newGenerator(webrtc.RTPCodecTypeAudio, webrtc.MimeTypeOpus, 48000, 20*time.Millisecond)},
		{livekit.TrackType_VIDEO, newGenerator(webrtc.RTPCodecTypeVideo, webrtc.MimeTypeVP8, 90000, 25*time.Millisecond)},
	} {
		t.Run(tt.source.info.MimeType, func(t *testing.T) {
			h, source := newHarness(t), tt.source
			bo := h.join(request("bo"))
			bo.acceptOffer()
			got := &receivedPackets{numbers: map[uint32]bool{}}
			bo.pc.OnTrack(got.read)
			var ingest *Participant
			var pub *Publication
			bo.inspect(func(p *Participant) {
				ingest = bareParticipant(p.room, "ingest", &sink{})
				p.room.admit(ingest)
				ingest.activate()
				context.AfterFunc(ingest.context, source.end)
				pub = ingest.publishing.publishSource(&livekit.AddTrackRequest{Cid: source.info.ID, Type: tt.kind, Name: "a stream"}, source)
			})
			bo.inspect(func(*Participant) {
				if ingest.mediaLost() {
					t.Error("the ingest participant counts as disconnected")
				}
			})
			if tracks := h.published(); len(tracks) != 1 || !strings.EqualFold(tracks[0].MimeType, source.info.MimeType) || tracks[0].Name != "a stream" {
				t.Fatalf("published %v", tracks)
			}
			eventually(t, "an offer of the track", func() bool {
				offers := bo.sink.offers()
				return len(offers) > 0 && strings.Contains(offers[len(offers)-1].Sdp, pub.info.Sid)
			})
			bo.acceptOffer()
			eventually(t, "bo receives the track", func() bool { return got.after(0) })
			if !strings.EqualFold(got.mime, source.info.MimeType) {
				t.Errorf("received as %s", got.mime)
			}

			mute := func(muted bool) uint32 {
				bo.inspect(func(*Participant) {
					ingest.publishing.setMuted(&livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: pub.info.Sid, Muted: muted}})
				})
				return source.made.Load()
			}
			muted := mute(true)
			if info := bo.sink.lastInfo("ingest"); len(info.GetTracks()) != 1 || !info.Tracks[0].Muted {
				t.Errorf("bo got %v", info)
			}
			eventually(t, "the source continues", func() bool { return source.made.Load() > muted+20 })
			unmuted := mute(false)
			eventually(t, "bo receives the track again", func() bool { return got.after(unmuted) })
			if n := got.countIn(muted+2, muted+20); n > 0 { // the packet numbered muted+1 may have been made before the mute
				t.Errorf("%d packets of a muted track were received", n)
			}

			source.end()
			eventually(t, "the track ends", func() bool { return !bo.subscribedTo(pub.info.Sid) })
			bo.inspect(func(*Participant) {
				if len(ingest.publishing.publications) > 0 || !pub.closed {
					t.Error("the track is still published after its end")
				}
			})
			if info := bo.sink.lastInfo("ingest"); len(info.GetTracks()) > 0 {
				t.Errorf("bo got %v", info)
			}
		})
	}
}

func TestGeneratedTrackEndsWhenItsParticipantIsRemoved(t *testing.T) {
	h := newHarness(t)
	bo := h.join(request("bo"))
	source := newGenerator(webrtc.RTPCodecTypeAudio, webrtc.MimeTypeOpus, 48000, 20*time.Millisecond)
	bo.inspect(func(p *Participant) {
		ingest := bareParticipant(p.room, "ingest", &sink{})
		p.room.admit(ingest)
		context.AfterFunc(ingest.context, source.end)
		ingest.publishing.publishSource(&livekit.AddTrackRequest{Cid: "a", Type: livekit.TrackType_AUDIO}, source)
	})
	eventually(t, "the source is read", func() bool { return source.made.Load() > 2 })
	if err := h.Remove(t.Context(), "room", "ingest", time.Time{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the track has ended", func() bool {
		gone := false
		bo.inspect(func(p *Participant) { gone = len(p.room.published) == 0 })
		return gone
	})
	<-source.ended
}
