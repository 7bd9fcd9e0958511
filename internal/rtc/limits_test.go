package rtc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// What a client says of tracks is remembered within bounds.
func TestChoicesAreBounded(t *testing.T) {
	h := newHouse(t)
	m := h.join(request("mallory"))
	long := strings.Repeat("x", 100_000)
	sids := []string{long, "TR_" + long, "TR_VCabc"}
	m.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{TrackSids: sids}}})
	m.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: &livekit.UpdateTrackSettings{TrackSids: sids, Disabled: true}}})
	m.state(func(p *Participant) {
		if len(p.chosen) != 1 || len(p.settings) != 1 {
			t.Errorf("%d choices and %d settings kept, want those of the one track that can exist", len(p.chosen), len(p.settings))
		}
		if s := p.settings["TR_VCabc"]; s == nil || !s.Disabled || len(s.TrackSids) != 0 {
			t.Errorf("kept settings %.100v", s)
		}
	})
}

// However much is remembered of tracks that are gone, or never were, what is said of one that is there counts.
func TestChoicesOfWhatIsThereCount(t *testing.T) {
	h := newHouse(t)
	ada := h.join(request("ada"))
	req := request("bo")
	req.AutoSubscribe = false
	bo := h.join(req)
	pub := ada.showTrack(livekit.TrackType_AUDIO)
	bo.state(func(p *Participant) {
		for i := range maxRemembered {
			sid := fmt.Sprint("TR_gone", i)
			p.chosen[sid], p.settings[sid] = false, &livekit.UpdateTrackSettings{}
		}
		p.updateSettings(&livekit.UpdateTrackSettings{TrackSids: []string{pub.info.Sid}, Disabled: true})
		p.updateSubscription(&livekit.UpdateSubscription{TrackSids: []string{pub.info.Sid}, Subscribe: true})
	})
	bo.state(func(p *Participant) {
		switch s := p.subscriptions[pub.info.Sid]; {
		case s == nil:
			t.Error("not subscribed")
		case s.enabled:
			t.Error("the settings do not count")
		}
	})
}

// What was said of a track is forgotten with it, or a long call would fill the memory of choices.
func TestChoicesEndWithTheTrack(t *testing.T) {
	h := newHouse(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.say(addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE))
	ada.sends(webrtc.MimeTypeOpus, "a")
	ada.negotiate()
	eventually(t, "the track is there", func() bool { return len(h.published()) == 1 })
	sid := h.published()[0].Sid
	bo.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{TrackSids: []string{sid}}}})
	ada.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	bo.state(func(p *Participant) {
		if len(p.chosen) != 0 {
			t.Errorf("still remembers %v", p.chosen)
		}
	})
}

func TestAddTrackIsBounded(t *testing.T) {
	h := newHouse(t)
	m := h.join(request("mallory"))
	req := addTrack("a", livekit.TrackType_AUDIO, livekit.TrackSource_MICROPHONE)
	req.GetAddTrack().Name = strings.Repeat("x", 100_000)
	m.say(req)
	refused := func(m *livekit.SignalResponse) bool {
		return m.GetRequestResponse().GetReason() == livekit.RequestResponse_LIMIT_EXCEEDED
	}
	if !m.sink.got(refused) {
		t.Error("a track with a name of 100,000 bytes was accepted")
	}
}

// One that offers faster than its connection can answer waits for it; the queue does not grow.
func TestFloodOfOffersWaits(t *testing.T) {
	h := newHouse(t)
	m := h.join(request("mallory"))
	var tr *Transport
	m.state(func(p *Participant) { tr = p.publisherTransport() })
	gate, busy := make(chan struct{}), make(chan struct{})
	tr.work.Post(func() { close(busy); <-gate })
	<-busy // what is queued from here on stays queued
	const flood = 200
	sent := make(chan error, flood)
	go func() {
		for range flood {
			sent <- m.Handle(t.Context(), addCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host"))
		}
	}()
	eventually(t, "mallory waits", func() bool { return tr.work.Waiting() > maxBehind })
	m.state(func(*Participant) {})
	if n := tr.work.Waiting(); n > maxBehind+2 { // one more, and what the waiting itself takes
		t.Errorf("%d things are queued", n)
	}
	close(gate)
	for range flood {
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
}

func addCandidate(text string) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_Trickle{Trickle: &livekit.TrickleRequest{
		CandidateInit: fmt.Sprintf(`{"candidate":%q,"sdpMid":"0","sdpMLineIndex":0}`, text),
	}}}
}

// A mistake of ours that some SDP brings out ends that client's negotiation, not the process.
func TestPanicInNegotiation(t *testing.T) {
	h := newHouse(t)
	ada, m := h.join(request("ada")), h.join(request("mallory"))
	m.state(func(p *Participant) { p.publisherTransport() })
	m.participant.publisher.work.Post(func() { panic("a mistake") })
	eventually(t, "mallory has to begin anew", func() bool {
		return m.sink.ended() && m.sink.got(func(r *livekit.SignalResponse) bool {
			return r.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
		})
	})
	ada.state(func(p *Participant) {
		if p.closed || len(p.room.participants) != 1 {
			t.Error("ada was touched by it")
		}
	})
}

// Garbage for SDP and candidates ends in a Leave, never in a panic or a room that stays.
func TestHostileDescriptions(t *testing.T) {
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
	many := header + strings.Repeat("m=video"+section, maxSections+1)
	for name, text := range map[string]string{
		"empty": "", "text": "hello", "no sections": header, "no ufrag": strings.ReplaceAll(good.SDP, "ice-ufrag", "x"),
		"no fingerprint": strings.ReplaceAll(good.SDP, "a=fingerprint", "a=x"), "no mid": strings.ReplaceAll(good.SDP, "a=mid", "a=x"),
		"many sections": many, "unknown codec": strings.ReplaceAll(good.SDP, "rtpmap:", "rtpmap:x"),
		"bad extmap": strings.ReplaceAll(good.SDP, "a=extmap:1", "a=extmap:99999999999"),
		"many sections behind bare carriage returns": strings.ReplaceAll(many, "\r\n", "\r\n\r"),
		"many candidates": good.SDP + strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n", maxCandidates+1),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			req := request("mallory")
			req.SinglePC = len(name)%2 == 0
			m := h.join(req)
			m.say(addCandidate("garbage"))
			m.say(addCandidate("candidate:1 1 udp 1 example.invalid 9 typ host"))
			m.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Answer{Answer: &livekit.SessionDescription{Type: "answer", Sdp: text}}})
			for range 3 {
				m.say(&livekit.SignalRequest{Message: &livekit.SignalRequest_Offer{Offer: &livekit.SessionDescription{Type: "offer", Sdp: text}}})
			}
			eventually(t, "an answer or a Leave", func() bool {
				return m.sink.got(func(r *livekit.SignalResponse) bool { return r.GetLeave() != nil || r.GetAnswer() != nil })
			})
		})
	}
}

func FuzzTuneAnswer(f *testing.F) {
	f.Add("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=msid:s a\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n")
	tune := tuneAnswer([]sendWish{
		{livekit.TrackType_VIDEO, []string{"a"}, "video/vp9", true, false, false},
		{livekit.TrackType_AUDIO, []string{"b"}, "audio/opus", false, true, true},
	}, &livekit.DisabledCodecs{Publish: []*livekit.Codec{{Mime: "video/h264"}}})
	f.Fuzz(func(t *testing.T, text string) {
		offer, answer := &sdp.SessionDescription{}, &sdp.SessionDescription{}
		if offer.UnmarshalString(text) != nil || answer.UnmarshalString(text) != nil {
			return
		}
		offeredTracks(offer, answer, nil)
		tune(answer, offer)
		if _, err := answer.Marshal(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzHandle takes any message a client can send; a programming error would end the room.
func FuzzHandle(f *testing.F) {
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
		h := newHouse(t)
		ada, mallory := h.join(request("ada")), h.join(request("mallory"))
		mallory.say(m)
		ada.state(func(p *Participant) {
			if p.closed {
				t.Error("ada's room has ended")
			}
		})
	})
}
