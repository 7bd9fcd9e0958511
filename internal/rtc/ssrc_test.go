package rtc

import (
	"sync/atomic"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// newSSRCs is an interceptor that sends every packet with a new SSRC.
type newSSRCs struct {
	interceptor.NoOp
	last atomic.Uint32
}

// NewInterceptor returns n.
func (n *newSSRCs) NewInterceptor(string) (interceptor.Interceptor, error) { return n, nil }

// BindLocalStream replaces the SSRC of every packet.
func (n *newSSRCs) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, _ []byte, a interceptor.Attributes) (int, error) {
		header := *h
		header.SSRC = n.last.Add(1) + 1_000_000
		return w.Write(&header, []byte{0}, a)
	})
}

// joinFlooder returns a connected client that uses the interceptors in registry, and its video track.
func (h *harness) joinFlooder(registry *interceptor.Registry) (*testClient, *webrtc.TrackLocalStaticRTP) {
	h.t.Helper()
	req := request("mallory")
	req.SinglePC = true
	g := h.join(req)
	if err := g.pc.Close(); err != nil { // replaced by a connection with the interceptors
		h.t.Fatal(err)
	}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		h.t.Fatal(err)
	}
	var err error
	g.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		h.t.Fatal(err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "cam", "stream")
	if err == nil {
		_, err = g.pc.AddTrack(track)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	g.negotiate()
	eventually(h.t, "mallory is connected", func() bool { return g.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	return g, track
}

// gotReconnect reports whether the client was asked to rejoin.
func (g *testClient) gotReconnect() bool {
	return g.sink.got(func(m *livekit.SignalResponse) bool {
		return m.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
	})
}

// Pion stores state for each SSRC. The server therefore ends the connection long before that state becomes large.
func TestConnectionIsClosedAfterTooManyNewSSRCs(t *testing.T) {
	h := newHarness(t)
	ssrcs := &newSSRCs{}
	registry := &interceptor.Registry{}
	registry.Add(ssrcs)
	mallory, track := h.joinFlooder(registry)
	eventually(t, "the flood ends", func() bool {
		for range 100 {
			_ = track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0}})
		}
		return mallory.gotReconnect() || ssrcs.last.Load() > 50_000
	})
	if n := ssrcs.last.Load(); n > 50_000 {
		t.Errorf("%d SSRCs were accepted", n)
	}
}

// In this test the client sends feedback packets, each about a new SSRC. The server must close the connection,
// because pion stores state for each SSRC.
func TestConnectionIsClosedAfterRTCPFeedbackAboutTooManySSRCs(t *testing.T) {
	h := newHarness(t)
	mallory, _ := h.joinFlooder(&interceptor.Registry{})
	ssrc := uint32(1_000_000)
	eventually(t, "the flood ends", func() bool {
		for range 100 {
			ssrc++
			_ = mallory.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
		}
		return mallory.gotReconnect() || ssrc > 1_100_000
	})
	if ssrc > 1_100_000 {
		t.Error("100,000 SSRCs were accepted")
	}
}
