package rtc

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"meet/internal/sfu"
)

// recorder is an Observer that stores the packets of every track, in its first codec and in the layer set by setLayer.
type recorder struct {
	mu      sync.Mutex
	events  []string
	tracks  []ObservedTrack // as reported by TrackPublished
	sinks   map[*sfu.Receiver]*sfu.LayerSink
	written []writtenPacket
}

// writtenPacket holds the properties of a recorded packet.
type writtenPacket struct {
	mime  string
	layer int
	ssrc  uint32
	seq   uint16
	key   bool
	at    time.Time // time given by the LayerSink, on the publisher's clock
	sent  time.Time // time at which the test sent the packet, from its payload
}

// newRecorder returns a recorder without packets.
func newRecorder() *recorder { return &recorder{sinks: map[*sfu.Receiver]*sfu.LayerSink{}} }

// note stores an event about t.
func (r *recorder) note(event string, t ObservedTrack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.Participant != nil {
		event += " " + t.Participant.Identity
	}
	r.events = append(r.events, event)
}

// record starts a LayerSink for the first codec of t and stops the LayerSinks of t's other codecs.
func (r *recorder) record(t ObservedTrack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first *sfu.Receiver
	if len(t.Codecs) > 0 {
		first = t.Codecs[0].Receiver
	}
	for receiver, sink := range r.sinks {
		if receiver != first && slices.ContainsFunc(t.Codecs, func(c ObservedCodec) bool { return c.Receiver == receiver }) {
			sink.Stop()
			delete(r.sinks, receiver)
		}
	}
	if first != nil && r.sinks[first] == nil {
		r.sinks[first] = sfu.NewLayerSink(first, sfu.MaxLayers-1, &writer{r, t.Codecs[0].MimeType})
		r.sinks[first].Start()
	}
}

// TrackPublished stores the track and the event, and starts to record the media of the track.
func (r *recorder) TrackPublished(t ObservedTrack) {
	r.mu.Lock()
	r.tracks = append(r.tracks, t)
	r.mu.Unlock()
	r.note("published", t)
	r.record(t)
}

// TrackMuted stores the event.
func (r *recorder) TrackMuted(t ObservedTrack) {
	r.note(map[bool]string{true: "TrackMuted", false: "TrackUnmuted"}[t.Info.Muted], t)
}

// TrackCodecs stores the event and starts to record the first codec.
func (r *recorder) TrackCodecs(t ObservedTrack) {
	var mimes []string
	for _, c := range t.Codecs {
		mimes = append(mimes, c.MimeType)
	}
	r.note("codecs "+strings.Join(mimes, ","), t)
	r.record(t)
}

// TrackUnpublished and RoomEnded store the event.
func (r *recorder) TrackUnpublished(t ObservedTrack) { r.note("unpublished", t) }
func (r *recorder) RoomEnded()                       { r.note("room ended", ObservedTrack{}) }

// setLayer changes the layer that is recorded.
func (r *recorder) setLayer(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sinks {
		s.SetLayer(n)
	}
}

// eventLog returns the stored events.
func (r *recorder) eventLog() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// count returns the number of recorded packets.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.written)
}

// since returns all recorded packets except the first n.
func (r *recorder) since(n int) []writtenPacket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.written[n:])
}

// waitForPackets waits until five packets of this codec and layer have arrived after the first n packets.
func (r *recorder) waitForPackets(t *testing.T, n int, mime string, layer int) {
	t.Helper()
	eventually(t, "packets of "+mime, func() bool {
		got := 0
		for _, p := range r.since(n) {
			if p.mime == mime && p.layer == layer {
				got++
			}
		}
		return got >= 5
	})
}

// waitForClock waits until packets of this codec have a time, which requires a sender report.
func (r *recorder) waitForClock(t *testing.T, mime string) {
	t.Helper()
	eventually(t, "the clock of "+mime, func() bool {
		return slices.ContainsFunc(r.since(0), func(p writtenPacket) bool { return p.mime == mime && !p.at.IsZero() })
	})
}

// writer receives the packets of one codec from a LayerSink.
type writer struct {
	*recorder
	mime string
}

// WritePacket stores the properties of p.
func (w *writer) WritePacket(p *sfu.Packet, at time.Time) {
	sent := time.UnixMilli(int64(binary.BigEndian.Uint64(p.Payload[len(p.Payload)-8:])))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, writtenPacket{w.mime, p.Layer, p.Header.SSRC, p.Header.SequenceNumber, p.Info.KeyFrame, at, sent})
}

// SetMuted stores the event.
func (w *writer) SetMuted(muted bool) {
	w.note(map[bool]string{true: "muted", false: "unmuted"}[muted], ObservedTrack{})
}

// Ended stores the event.
func (w *writer) Ended() { w.note("ended "+w.mime, ObservedTrack{}) }

// layeredCamera publishes video in several layers or codecs. It sends a frame of each layer every 20 ms and answers
// requests for key frames.
type layeredCamera struct {
	g     *testClient
	begin time.Time
	wg    sync.WaitGroup
	stop  chan struct{}
}

// newLayeredCamera replaces g's connection by one that can send layers.
func newLayeredCamera(g *testClient) *layeredCamera {
	g.t.Helper()
	engine, reports := &webrtc.MediaEngine{}, &interceptor.Registry{}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	for _, err := range []error{
		engine.RegisterDefaultCodecs(), webrtc.ConfigureSimulcastExtensionHeaders(engine), webrtc.ConfigureRTCPReports(reports), g.pc.Close(),
	} {
		if err != nil {
			g.t.Fatal(err)
		}
	}
	var err error
	g.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(reports)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		g.t.Fatal(err)
	}
	c := &layeredCamera{g: g, begin: time.Now(), stop: make(chan struct{})}
	g.t.Cleanup(func() {
		_ = g.pc.Close()
		close(c.stop)
		c.wg.Wait()
	})
	return c
}

// publish adds a track with the client ID cid in the codec mime, with one layer per RID, and negotiates.
func (c *layeredCamera) publish(mime, cid string, rids ...string) *webrtc.RTPSender {
	c.g.t.Helper()
	var sender *webrtc.RTPSender
	var tracks []*webrtc.TrackLocalStaticRTP
	for _, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, cid, "camera", webrtc.WithRTPStreamID(rid))
		switch {
		case err != nil:
		case sender == nil:
			sender, err = c.g.pc.AddTrack(track)
		default:
			err = sender.AddEncoding(track)
		}
		if err != nil {
			c.g.t.Fatal(err)
		}
		tracks = append(tracks, track)
	}
	c.g.negotiate()
	ids := map[string]uint8{}
	for _, e := range sender.GetParameters().HeaderExtensions {
		ids[e.URI] = uint8(e.ID)
	}
	mid := ""
	for _, tr := range c.g.pc.GetTransceivers() {
		if tr.Sender() == sender {
			mid = tr.Mid()
		}
	}
	for n, track := range tracks {
		keyRequested := &atomic.Bool{}
		keyRequested.Store(true) // the first frame is a key frame
		c.wg.Go(func() {         // ends with the connection
			for {
				packets, _, err := sender.ReadSimulcastRTCP(track.RID())
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, ok := p.(*rtcp.PictureLossIndication); ok {
						keyRequested.Store(true)
					}
				}
			}
		})
		c.wg.Go(func() { // ends with stop
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for seq := uint16(n * 1000); ; seq++ {
				select {
				case now := <-tick.C:
					p := c.newPacket(mime, keyRequested.Swap(false), now)
					p.SequenceNumber, p.Timestamp = seq, p.Timestamp+uint32(n)<<30
					_ = p.SetExtension(ids[sdp.SDESMidURI], []byte(mid))
					_ = p.SetExtension(ids[sdp.SDESRTPStreamIDURI], []byte(track.RID()))
					_ = track.WriteRTP(p)
				case <-c.stop:
					return
				}
			}
		})
	}
	return sender
}

// newPacket returns a packet that holds one whole frame. The payload ends with the time passed as now.
func (c *layeredCamera) newPacket(mime string, key bool, now time.Time) *rtp.Packet {
	p := &rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, Timestamp: uint32(now.Sub(c.begin).Milliseconds()) * 90}}
	switch {
	case mime == webrtc.MimeTypeH264 && key:
		p.Payload = []byte{0x65}
	case mime == webrtc.MimeTypeH264:
		p.Payload = []byte{0x41}
	case key:
		p.Payload = []byte{0x10, 0x00}
	default:
		p.Payload = []byte{0x10, 0x01}
	}
	p.Payload = binary.BigEndian.AppendUint64(append(p.Payload, 1, 2, 3), uint64(now.UnixMilli()))
	return p
}

// reconnect resumes g's session on a new socket and restarts ICE.
func (h *harness) reconnect(g *testClient) {
	h.t.Helper()
	back := request("ada")
	back.Reconnect, back.SID, back.Reason = true, g.participant.sid(), livekit.ReconnectReason_RR_PUBLISHER_FAILED
	g.sink = &sink{}
	var err error
	if g.Session, err = h.Join(h.t.Context(), back, g.sink); err != nil {
		h.t.Fatal(err)
	}
	offer, err := g.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		h.t.Fatal(err)
	}
	if err := g.pc.SetLocalDescription(offer); err != nil {
		h.t.Fatal(err)
	}
	eventually(h.t, "candidates are gathered", func() bool { return g.pc.ICEGatheringState() == webrtc.ICEGatheringStateComplete })
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: g.pc.LocalDescription().SDP}}})
	eventually(h.t, "an answer", func() bool { return len(g.sink.answers()) > 0 })
	if err := g.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: g.sink.answers()[0]}); err != nil {
		h.t.Fatal(err)
	}
}

// qualities returns the qualities in the server's latest request to g about the codec, each as its initial. sent is
// false if the server has sent no request.
func (g *testClient) qualities(codec string) (initials string, sent bool) {
	for _, m := range g.sink.all() {
		for _, c := range m.GetSubscribedQualityUpdate().GetSubscribedCodecs() {
			if c.Codec != codec {
				continue
			}
			initials, sent = "", true
			for _, q := range c.Qualities {
				if q.Enabled {
					initials += q.Quality.String()[:1]
				}
			}
		}
	}
	return initials, sent
}

// mute mutes or unmutes g's track.
func (g *testClient) mute(sid string, muted bool) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Mute{Mute: &livekit.MuteTrackRequest{Sid: sid, Muted: muted}}})
}

// eventRecorder is a recorder that stores events but no packets.
type eventRecorder struct{ *recorder }

// TrackPublished stores the track and the event.
func (r *eventRecorder) TrackPublished(t ObservedTrack) {
	r.mu.Lock()
	r.tracks = append(r.tracks, t)
	r.mu.Unlock()
	r.note("published", t)
}

// TrackCodecs does nothing.
func (r *eventRecorder) TrackCodecs(ObservedTrack) {}
