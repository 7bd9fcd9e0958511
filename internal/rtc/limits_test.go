package rtc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

func TestSubscriptionRequestsWithInvalidTrackSIDsAreNotStored(t *testing.T) {
	h := newHarness(t)
	m := h.join(request("mallory"))
	long := strings.Repeat("x", 100_000)
	sids := []string{long, "TR_" + long, "TR_VCabc"}
	m.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{TrackSids: sids}}})
	m.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{TrackSids: sids, Disabled: true}}})
	m.inspect(func(p *Participant) {
		if len(p.subscribing.choices) != 1 || len(p.subscribing.settings) != 1 {
			t.Errorf("%d requests and %d settings are stored, want only those for the valid SID", len(p.subscribing.choices), len(p.subscribing.settings))
		}
		if s := p.subscribing.settings["TR_VCabc"]; s == nil || !s.Disabled || len(s.TrackSids) != 0 {
			t.Errorf("the stored settings are %.100v", s)
		}
	})
}

// Requests for existing tracks are stored even if the maximum for unknown tracks has been reached.
func TestSubscriptionRequestForAnExistingTrackIsExemptFromTheLimit(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	req := request("bo")
	req.AutoSubscribe = false
	bo := h.join(req)
	pub := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	bo.inspect(func(p *Participant) {
		for i := range maxTrackChoices {
			sid := fmt.Sprint("TR_gone", i)
			p.subscribing.choices[sid], p.subscribing.settings[sid] = false, &livekit.UpdateTrackSettings{}
		}
		p.subscribing.updateSettings(&livekit.UpdateTrackSettings{TrackSids: []string{pub.info.Sid}, Disabled: true})
		p.subscribing.updateSubscription(&livekit.UpdateSubscription{TrackSids: []string{pub.info.Sid}, Subscribe: true})
	})
	bo.inspect(func(p *Participant) {
		switch s := p.subscribing.subscriptions[pub.info.Sid]; {
		case s == nil:
			t.Error("not subscribed")
		case s.enabled:
			t.Error("the settings were not applied")
		}
	})
}

// If requests about ended tracks stayed stored, they would reach the maximum (maxTrackChoices) during a long call.
func TestSubscriptionRequestIsDroppedWhenItsTrackEnds(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.send(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ada.sendMedia(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	eventually(t, "the track is published", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{TrackSids: []string{sid}}}})
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	bo.inspect(func(p *Participant) {
		if len(p.subscribing.choices) != 0 {
			t.Errorf("still stored: %v", p.subscribing.choices)
		}
	})
}

func TestTrackWithTooLongNameIsRefused(t *testing.T) {
	h := newHarness(t)
	m := h.join(request("mallory"))
	req := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
	req.GetAddTrack().Name = strings.Repeat("x", 100_000)
	m.send(req)
	refused := func(m *livekit.SignalResponse) bool {
		return m.GetRequestResponse().GetReason() == livekit.RequestResponse_LIMIT_EXCEEDED
	}
	if !m.sink.got(refused) {
		t.Error("a track with a name of 100,000 bytes was accepted")
	}
}

// setAnswerHook gives g's participant a publisher connection that calls hook on its worker when it has answered an
// offer.
func (g *testClient) setAnswerHook(hook func()) {
	g.t.Helper()
	g.inspect(func(p *Participant) {
		hooks := p.conn.hooks(livekit.SignalTarget_PUBLISHER)
		hooks.Answer = func(*livekit.SessionDescription) { hook() }
		t, err := p.room.rooms.engine.NewTransport(p.conn.options(livekit.SignalTarget_PUBLISHER), hooks, p.log)
		if err != nil {
			g.t.Fatal(err)
		}
		p.conn.publisher = &Transport{Transport: t}
	})
}

// newOffer returns a message in which g offers to receive video.
func (g *testClient) newOffer() *livekit.SignalRequest {
	g.t.Helper()
	if _, err := g.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		g.t.Fatal(err)
	}
	offer, err := g.pc.CreateOffer(nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: offer.SDP}}}
}

// Handle waits while the transport's worker has too many messages in its queue. This bounds the queue.
func TestHandleWaitsWhileTooManyMessagesOfTheClientAreQueued(t *testing.T) {
	h := newHarness(t)
	m := h.join(request("mallory"))
	gate, busy := make(chan struct{}), make(chan struct{})
	m.setAnswerHook(func() { close(busy); <-gate })
	m.send(m.newOffer())
	<-busy // from here on, the worker is blocked
	const flood, most = 200, 18
	sent := make(chan error, flood)
	go func() {
		for range flood {
			sent <- m.Handle(t.Context(), addCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host"))
		}
	}()
	eventually(t, "candidates are queued", func() bool { return len(sent) > most/2 })
	for range 100 {
		m.inspect(func(*Participant) {})
	}
	if n := len(sent); n > most {
		t.Errorf("%d candidates were accepted while the worker was blocked", n)
	}
	close(gate)
	for range flood {
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

// addCandidate returns a message with an ICE candidate.
func addCandidate(text string) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_Trickle{Trickle: &livekit.TrickleRequest{
		CandidateInit: fmt.Sprintf(`{"candidate":%q,"sdpMid":"0","sdpMLineIndex":0}`, text),
	}}}
}

// A panic that some SDP causes on a transport's worker must not end the process.
func TestPanicInNegotiationEndsOnlyThatClientsSession(t *testing.T) {
	h := newHarness(t)
	ada, m := h.join(request("ada")), h.join(request("mallory"))
	m.setAnswerHook(func() { panic("a mistake") })
	m.send(m.newOffer())
	eventually(t, "mallory is asked to rejoin", func() bool {
		return m.sink.ended() && m.sink.got(func(r *livekit.SignalResponse) bool {
			return r.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
		})
	})
	ada.inspect(func(p *Participant) {
		if p.closed || len(p.room.participants) != 1 {
			t.Error("ada was affected")
		}
	})
}

// Invalid SDP and candidates must not cause a panic or leave the client without an answer.
func TestInvalidSDPIsAnsweredOrEndsTheSessionWithLeave(t *testing.T) {
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	good, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.Close(); err != nil {
		t.Fatal(err)
	}
	header, section, _ := strings.Cut(good.SDP, "m=video")
	many := header + strings.Repeat("m=video"+section, 1001)
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "no sections": header, "no ufrag": strings.ReplaceAll(good.SDP, "ice-ufrag", "x"),
		"no fingerprint": strings.ReplaceAll(good.SDP, "a=fingerprint", "a=x"), "no mid": strings.ReplaceAll(good.SDP, "a=mid", "a=x"),
		"many sections": many, "unknown codec": strings.ReplaceAll(good.SDP, "rtpmap:", "rtpmap:x"),
		"bad extmap": strings.ReplaceAll(good.SDP, "a=extmap:1", "a=extmap:99999999999"),
		"many sections behind bare carriage returns": strings.ReplaceAll(many, "\r\n", "\r\n\r"),
		"many candidates": good.SDP + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", 33),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			req := request("mallory")
			req.SinglePC = len(name)%2 == 0
			m := h.join(req)
			m.send(addCandidate("garbage"))
			m.send(addCandidate("candidate:1 1 udp 1 example.invalid 9 typ host"))
			m.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: &livekit.SessionDescription{Type: "answer", Sdp: text}}})
			for range 3 {
				m.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: text}}})
			}
			eventually(t, "an answer or a Leave", func() bool {
				return m.sink.got(func(r *livekit.SignalResponse) bool { return r.GetLeave() != nil || r.GetAnswer() != nil })
			})
		})
	}
}

// No request may cause a panic on the loop, because a panic would end the room for everybody.
func FuzzHandleSurvivesArbitrarySignalRequests(f *testing.F) {
	fields := (&livekit.SignalRequest{}).ProtoReflect().Descriptor().Oneofs().Get(0).Fields()
	for i := range fields.Len() {
		m := (&livekit.SignalRequest{}).ProtoReflect()
		m.Set(fields.Get(i), m.NewField(fields.Get(i)))
		raw, err := proto.Marshal(m.Interface())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := &livekit.SignalRequest{}
		if proto.Unmarshal(raw, m) != nil {
			return
		}
		h := newHarness(t)
		ada, mallory := h.join(request("ada")), h.join(request("mallory"))
		mallory.send(m)
		ada.inspect(func(p *Participant) {
			if p.closed {
				t.Error("ada's room has ended")
			}
		})
	})
}
