package rtc

import (
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/name"
)

// updateMetadata returns a request to change the client's own metadata.
func updateMetadata(u *livekit.UpdateParticipantMetadata) *livekit.SignalRequest {
	return &livekit.SignalRequest{Message: &livekit.SignalRequest_UpdateMetadata{UpdateMetadata: u}}
}

// lastInfo returns the latest state of a participant that was sent to s, or nil.
func (s *sink) lastInfo(identity string) *livekit.ParticipantInfo {
	var last *livekit.ParticipantInfo
	for _, m := range s.all() {
		for _, p := range append(slices.Clone(m.GetJoin().GetOtherParticipants()), m.GetUpdate().GetParticipants()...) {
			if p.Identity == identity {
				last = p
			}
		}
	}
	return last
}

// lastRoom returns the latest state of the room that was sent to s, or nil.
func (s *sink) lastRoom() *livekit.Room {
	var last *livekit.Room
	for _, m := range s.all() {
		switch {
		case m.GetJoin() != nil:
			last = m.GetJoin().Room
		case m.GetRoomUpdate() != nil:
			last = m.GetRoomUpdate().Room
		}
	}
	return last
}

// tokens returns the refreshed tokens that were sent to s.
func (s *sink) tokens() []string {
	var list []string
	for _, m := range s.all() {
		if t := m.GetRefreshToken(); t != "" {
			list = append(list, t)
		}
	}
	return list
}

// The start and end of a recording are announced immediately.
func TestParticipantCountExcludesAgentsAndRecorders(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	agent := request("agent")
	agent.Info.Kind = livekit.ParticipantInfo_AGENT
	h.join(agent)
	hidden := request("hidden")
	hidden.Info.Permission.Hidden = true
	h.join(hidden)
	sip := request("phone")
	sip.Info.Kind = livekit.ParticipantInfo_SIP
	h.join(sip).inspect(func(p *Participant) { p.activate() })
	eventually(t, "three participants are counted", func() bool { return ada.sink.lastRoom().NumParticipants == 3 })
	if ada.sink.lastRoom().ActiveRecording {
		t.Error("the room is recorded without a recorder")
	}
	req := request("recorder")
	req.Info.Permission.Recorder, req.Info.Permission.Hidden = true, true
	recorder := h.join(req)
	ada.inspect(func(*Participant) {})
	if r := ada.sink.lastRoom(); !r.ActiveRecording || r.NumParticipants != 3 {
		t.Errorf("with a recorder the room is %v", r)
	}
	if r := recorder.sink.lastRoom(); !r.ActiveRecording {
		t.Errorf("the recorder got %v", r)
	}
	recorder.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	ada.inspect(func(*Participant) {})
	if ada.sink.lastRoom().ActiveRecording {
		t.Error("the room is still recorded after the recorder has left")
	}
	if ada.sink.lastInfo("hidden") != nil || ada.sink.lastInfo("recorder") != nil {
		t.Error("a hidden participant was announced")
	}
	eventually(t, "the SIP participant is announced as such", func() bool {
		return ada.sink.lastInfo("phone").GetKind() == livekit.ParticipantInfo_SIP
	})
}

// A joining participant is announced immediately only if it has metadata or attributes. Every departure is announced
// with its reason.
func TestOthersSeeParticipantJoinConnectAndLeave(t *testing.T) {
	h := newHarness(t)
	watch := h.join(request("watch"))
	plain := h.join(request("plain"))
	req := request("rich")
	req.Info.Metadata = "{}"
	rich := h.join(req)
	eventually(t, "the participant with metadata is announced as joined", func() bool {
		return watch.sink.lastInfo("rich").GetState() == livekit.ParticipantInfo_JOINED
	})
	if p := watch.sink.lastInfo("plain"); p != nil {
		t.Errorf("got %v, whose connection is not up", p)
	}
	plain.inspect(func(p *Participant) { p.activate() })
	eventually(t, "the connected participant is active", func() bool {
		return watch.sink.lastInfo("plain").GetState() == livekit.ParticipantInfo_ACTIVE
	})
	if p := plain.sink.lastInfo("plain"); p.GetState() != livekit.ParticipantInfo_ACTIVE {
		t.Errorf("it got its own state as %v", p)
	}
	version := watch.sink.lastInfo("plain").Version
	rich.inspect(func(p *Participant) { p.room.remove(p, livekit.DisconnectReason_PARTICIPANT_REMOVED) })
	plain.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{Reason: livekit.DisconnectReason_USER_REJECTED}}})
	for identity, reason := range map[string]livekit.DisconnectReason{
		"rich": livekit.DisconnectReason_PARTICIPANT_REMOVED, "plain": livekit.DisconnectReason_USER_REJECTED,
	} {
		eventually(t, identity+" has left", func() bool {
			p := watch.sink.lastInfo(identity)
			return p.State == livekit.ParticipantInfo_DISCONNECTED && p.DisconnectReason == reason
		})
	}
	if v := watch.sink.lastInfo("plain").Version; v <= version {
		t.Errorf("version %d after %d", v, version)
	}
}

// After each change of its own name, metadata or attributes, a participant is sent a new token with which it can
// return.
func TestMetadataChangeIsAppliedCompletelyOrNotAtAll(t *testing.T) {
	h := newHarness(t, func(o *Options) {
		o.RefreshToken = func(s TokenSubject) (string, error) { return "token of " + s.Info.Name + s.Info.Metadata, nil }
	})
	watch := h.join(request("watch"))
	req := request("ada")
	req.Info.Name, req.Info.Metadata = "Ada", "old"
	req.Info.Attributes = map[string]string{"keep": "1", "drop": "2"}
	req.Info.Permission.CanUpdateMetadata = true
	ada := h.join(req)
	answer := func(g *testClient, id uint32) *livekit.RequestResponse {
		for _, m := range g.sink.all() {
			if r := m.GetRequestResponse(); r.GetUpdateMetadata() != nil && r.RequestId == id {
				return r
			}
		}
		return nil
	}
	ada.send(updateMetadata(&livekit.UpdateParticipantMetadata{RequestId: 1, Metadata: "new", Attributes: map[string]string{"drop": "", "add": "3"}}))
	if r := answer(ada, 1); r == nil || r.Reason != livekit.RequestResponse_OK {
		t.Errorf("answered %v", r)
	}
	is := func(p *livekit.ParticipantInfo) bool {
		return p.GetName() == "Ada" && p.GetMetadata() == "new" && len(p.Attributes) == 2 && p.Attributes["keep"] == "1" && p.Attributes["add"] == "3"
	}
	if p := ada.sink.lastInfo("ada"); !is(p) { // immediately, because clients wait for it
		t.Errorf("ada got her own state as %v", p)
	}
	eventually(t, "the others get the change", func() bool { return is(watch.sink.lastInfo("ada")) })
	if got := ada.sink.tokens(); !slices.Equal(got, []string{"token of Adaold", "token of Adanew"}) {
		t.Errorf("tokens %q", got)
	}

	for id, u := range []*livekit.UpdateParticipantMetadata{
		{Name: strings.Repeat("x", name.MaxBytes+1), Metadata: "refused"},
		{Name: "line\nbreak", Metadata: "refused"},
		{Name: "\u200b \u3164", Metadata: "refused"},
		{Name: "refused", Metadata: strings.Repeat("x", maxMetadata+1)},
		{Name: "refused", Attributes: map[string]string{"big": strings.Repeat("x", maxAttributes)}},
	} {
		u.RequestId = uint32(100 + id)
		ada.send(updateMetadata(u))
		if r := answer(ada, u.RequestId); r == nil || r.Reason != livekit.RequestResponse_LIMIT_EXCEEDED || r.Message == "" {
			t.Errorf("request %d is answered %v", id, r)
		}
	}
	watch.send(updateMetadata(&livekit.UpdateParticipantMetadata{RequestId: 7, Name: "nobody allowed this"}))
	if r := answer(watch, 7); r == nil || r.Reason != livekit.RequestResponse_NOT_ALLOWED {
		t.Errorf("without permission it is answered %v", r)
	}
	ada.inspect(func(p *Participant) {
		if !is(p.info) {
			t.Errorf("after the refusals ada's state is %v", p.info)
		}
	})
}

// A new subscriber is sent the speaker's level once. When its last subscription to that speaker ends, it is sent a
// message that the speaker is silent.
func TestSpeakerIsReportedSilentBeforeItLeaves(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	mic := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	ada.inspect(func(p *Participant) { p.publishing.level = 0.5 })
	cam := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	cy := h.join(request("cy"))
	about := func(g *testClient) []string {
		var list []string
		for _, m := range g.sink.all() {
			for _, s := range m.GetSpeakersChanged().GetSpeakers() {
				list = append(list, map[bool]string{true: "speaks", false: "silent"}[s.Active])
			}
			for _, p := range m.GetUpdate().GetParticipants() {
				if p.Identity == "ada" && p.State == livekit.ParticipantInfo_DISCONNECTED {
					list = append(list, "gone")
				}
			}
		}
		return list
	}
	if got := about(cy); !slices.Equal(got, []string{"speaks"}) {
		t.Errorf("cy, subscribed to two tracks, got %v", got)
	}
	cy.choose(mic.info.Sid, false)
	if got := about(cy); !slices.Equal(got, []string{"speaks"}) {
		t.Errorf("cy, still subscribed to one track, got %v", got)
	}
	cy.choose(cam.info.Sid, false)
	if got := about(cy); !slices.Equal(got, []string{"speaks", "silent"}) {
		t.Errorf("cy, no longer subscribed, got %v", got)
	}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	eventually(t, "bo gets ada's departure", func() bool { return slices.Contains(about(bo), "gone") })
	if got := about(bo); !slices.Equal(got, []string{"silent", "gone"}) {
		t.Errorf("bo got %v", got)
	}
}
