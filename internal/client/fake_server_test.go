package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// fakeServer is a minimal server for clients with one peer connection. It answers offers, accepts tracks and echoes
// data. The tests in server_test.go use a real server.
type fakeServer struct {
	*httptest.Server
	t  *testing.T
	pc *webrtc.PeerConnection

	mu            sync.Mutex
	ws            *websocket.Conn
	json          bool
	joins         []*livekit.JoinRequest
	requests      []*livekit.SignalRequest
	tracks        int
	firstResponse *livekit.SignalResponse // sent as the first message instead of the expected one
	offersToDrop  int                     // number of offers to which it reacts by closing the socket
	afterResume   *livekit.SignalResponse // sent after the first message of a resume
	closedSockets int                     // number of sockets that have ended
}

func newFakeServer(t *testing.T) *fakeServer {
	f := &fakeServer{t: t}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	f.pc = pc
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(m webrtc.DataChannelMessage) {
			if err := dc.Send(m.Data); err != nil {
				t.Error(err)
			}
		})
	})
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
		if err := pc.GracefulClose(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// options returns client options that work with the fake server.
func (f *fakeServer) options() Options {
	return Options{SinglePC: true, HostOnly: true, NoInterceptors: true, SettingEngine: func(s *webrtc.SettingEngine) {
		s.DisableActiveTCP(true)
	}}
}

func (f *fakeServer) join(ctx context.Context, opts Options) *Client {
	f.t.Helper()
	c, err := Join(ctx, f.URL, "token", opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := c.Leave(); err != nil {
			f.t.Error(err)
		}
	})
	return c
}

func (f *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer token" {
		http.Error(w, "the token is not good", http.StatusUnauthorized)
		return
	}
	join, err := decodeJoin(r.URL.Query().Get("join_request"))
	if err != nil || r.URL.Path != "/rtc/v1" {
		http.Error(w, fmt.Sprint(r.URL.Path, err), http.StatusBadRequest)
		return
	}
	upgrader := websocket.Upgrader{}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer ws.Close()
	f.mu.Lock()
	f.ws, f.joins = ws, append(f.joins, join)
	refuse, resumed := f.firstResponse, f.afterResume
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.closedSockets++
		f.mu.Unlock()
	}()
	switch {
	case refuse != nil:
		f.send(refuse)
		return
	case join.Reconnect:
		f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_Reconnect{Reconnect: &livekit.ReconnectResponse{}}})
		if resumed != nil {
			f.send(resumed)
		}
	default:
		f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_Join{Join: &livekit.JoinResponse{
			Room: &livekit.Room{Sid: "RM_1", Name: "tea"}, Participant: &livekit.ParticipantInfo{Sid: "PA_1", Identity: "ada"},
			PingInterval: 1, PingTimeout: 3,
		}}})
		if !f.dropOffer() {
			f.answer(join.PublisherOffer)
		}
	}
	f.receive(ws)
}

// decodeJoin decodes the join_request parameter.
func decodeJoin(query string) (*livekit.JoinRequest, error) {
	raw, err := base64.URLEncoding.DecodeString(query)
	if err != nil {
		return nil, err
	}
	wrapped := &livekit.WrappedJoinRequest{}
	if err := proto.Unmarshal(raw, wrapped); err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(wrapped.JoinRequest))
	if err != nil {
		return nil, err
	}
	if raw, err = io.ReadAll(zip); err != nil {
		return nil, err
	}
	join := &livekit.JoinRequest{}
	return join, proto.Unmarshal(raw, join)
}

func (f *fakeServer) receive(ws *websocket.Conn) {
	for {
		kind, data, err := ws.ReadMessage()
		if err != nil {
			return
		}
		req := &livekit.SignalRequest{}
		unmarshal := proto.Unmarshal
		if kind == websocket.TextMessage {
			unmarshal = protojson.Unmarshal
		}
		if err := unmarshal(data, req); err != nil {
			f.t.Error(err)
			return
		}
		f.mu.Lock()
		f.json = kind == websocket.TextMessage
		f.requests = append(f.requests, req)
		f.mu.Unlock()
		f.handle(req)
	}
}

func (f *fakeServer) handle(req *livekit.SignalRequest) {
	switch m := req.Message.(type) {
	case *livekit.SignalRequest_Offer:
		if f.dropOffer() {
			return
		}
		f.answer(m.Offer)
	case *livekit.SignalRequest_AddTrack:
		f.tracks++
		f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_TrackPublished{TrackPublished: &livekit.TrackPublishedResponse{
			Cid: m.AddTrack.Cid, Track: &livekit.TrackInfo{Sid: fmt.Sprintf("TR_%d", f.tracks), Name: m.AddTrack.Name},
		}}})
	}
}

// dropOffer reports whether the test wants the received offer to be dropped. In this case it closes the socket, so
// that the offer gets no answer.
func (f *fakeServer) dropOffer() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.offersToDrop == 0 {
		return false
	}
	f.offersToDrop--
	_ = f.ws.Close()
	return true
}

// answer sends the answer to an offer, with all candidates in it.
func (f *fakeServer) answer(offer *livekit.SessionDescription) {
	err := f.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer.Sdp})
	if err != nil {
		f.t.Error(err)
		return
	}
	answer, err := f.pc.CreateAnswer(nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	if err := f.pc.SetLocalDescription(answer); err != nil {
		f.t.Error(err)
		return
	}
	for f.pc.ICEGatheringState() != webrtc.ICEGatheringStateComplete { // polled: the promise may be lost during an ICE restart
		time.Sleep(time.Millisecond)
	}
	desc := &livekit.SessionDescription{Type: "answer", Sdp: f.pc.LocalDescription().SDP, Id: offer.Id}
	f.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_Answer{Answer: desc}})
}

func (f *fakeServer) send(msg *livekit.SignalResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind, marshal := websocket.BinaryMessage, proto.Marshal
	if f.json {
		kind, marshal = websocket.TextMessage, protojson.Marshal
	}
	data, err := marshal(msg)
	if err != nil {
		f.t.Error(err)
	}
	// Writing fails if the client is gone.
	_ = f.ws.WriteMessage(kind, data)
}

// hasReceived reports whether a request of this type, such as "sync_state", has arrived.
func (f *fakeServer) hasReceived(kind string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, req := range f.requests {
		m := req.ProtoReflect()
		if field := m.WhichOneof(m.Descriptor().Oneofs().Get(0)); strings.EqualFold(string(field.Name()), kind) {
			return true
		}
	}
	return false
}
