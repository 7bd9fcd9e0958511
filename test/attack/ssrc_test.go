package attack

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// newSSRCs is an interceptor that gives every packet a new SSRC.
type newSSRCs struct {
	interceptor.NoOp
	last atomic.Uint32
}

// NewInterceptor returns n, as interceptor.Factory requires.
func (n *newSSRCs) NewInterceptor(string) (interceptor.Interceptor, error) { return n, nil }

// BindLocalStream returns a writer that replaces the SSRC of every packet.
func (n *newSSRCs) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		header := *h
		header.SSRC = n.last.Add(1) + 1_000_000
		return w.Write(&header, payload, a)
	})
}

// connectPublisher joins as a client that publishes one track, and waits until it is connected.
func (s *server) connectPublisher(n *newSSRCs) (*webrtc.PeerConnection, *webrtc.TrackLocalStaticRTP) {
	s.t.Helper()
	registry := &interceptor.Registry{}
	registry.Add(n)
	media := &webrtc.MediaEngine{}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	err := media.RegisterDefaultCodecs()
	if err != nil {
		s.t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = pc.Close() })
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "cam", "stream")
	if err == nil {
		_, err = pc.AddTrack(track)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		s.t.Fatal(err)
	}
	<-gathered
	ws := s.openSocket("/rtc?protocol=9&auto_subscribe=0&access_token="+s.guestToken("blue", "mallory"), nil)
	frame, err := proto.Marshal(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{
		Offer: &livekit.SessionDescription{Type: "offer", Sdp: pc.LocalDescription().SDP},
	}})
	if err == nil {
		err = ws.WriteMessage(websocket.BinaryMessage, frame)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	_ = ws.SetReadDeadline(time.Now().Add(20 * time.Second))
	for pc.RemoteDescription() == nil {
		_, frame, err := ws.ReadMessage()
		m := &livekit.SignalResponse{}
		if err == nil {
			err = proto.Unmarshal(frame, m)
		}
		if answer := m.GetAnswer(); err == nil && answer != nil {
			err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer.Sdp})
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.eventually("mallory is connected", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	return pc, track
}

// Every packet of the publisher has a new SSRC.
func TestPacketsWithNewSSRCsTakeBoundedMemory(t *testing.T) {
	s := start(t)
	n := &newSSRCs{}
	pc, track := s.connectPublisher(n)
	s.checkMemoryGrowth(maxGrowth, func() {
		packet := &rtp.Packet{Header: rtp.Header{Version: 2}, Payload: []byte{0}}
		s.eventually("50,000 packets are sent, or the server ends the connection", func() bool {
			for range 500 {
				_ = track.WriteRTP(packet) // fails, or does nothing, once the connection has ended
			}
			return n.last.Load() >= 50_000 || pc.ConnectionState() != webrtc.PeerConnectionStateConnected
		})
	})
}
