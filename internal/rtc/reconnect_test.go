package rtc

import (
	"errors"
	"testing"

	"github.com/livekit/protocol/livekit"

	"meet/internal/fault"
)

// resume resumes the session of identity and returns the sink of the new socket. The function change may alter the
// request before it is sent.
func (h *harness) resume(change func(*JoinRequest), identity string) *sink {
	h.t.Helper()
	req := request(identity)
	req.Reconnect = true
	if p, err := h.Participant(h.t.Context(), req.Room, identity); err == nil {
		req.SID = p.Sid
	}
	change(&req)
	s := &sink{}
	if _, err := h.Join(h.t.Context(), req, s); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// A resuming client gets the state of all participants, including its own even if it is hidden.
func TestResumeSendsTheStateOfAllParticipants(t *testing.T) {
	h := newHarness(t)
	h.join(request("ada"))
	req := request("spy")
	req.Info.Permission.Hidden = true
	h.join(req)
	for identity, want := range map[string]map[string]bool{
		"spy": {"ada": true, "spy": true},
		"ada": {"ada": true},
	} {
		s := h.resume(func(*JoinRequest) {}, identity)
		all := s.all()
		if all[0].GetReconnect() == nil {
			t.Fatalf("%s: the first message is %v", identity, all[0])
		}
		got := map[string]bool{}
		for _, p := range all[1].GetUpdate().GetParticipants() {
			got[p.Identity] = true
		}
		if len(got) != len(want) {
			t.Errorf("%s sees %v, want %v", identity, got, want)
		}
		for i := range want {
			if !got[i] {
				t.Errorf("%s does not see %s", identity, i)
			}
		}
		if !s.got(func(m *livekit.SignalResponse) bool { return m.GetRoomUpdate().GetRoom() != nil }) {
			t.Errorf("%s did not get the room's state", identity)
		}
	}
}

// JS SDKs before 1.6.3 fail on a ReconnectResponse, so it is not sent to them.
func TestOldSDKResumesWithoutReconnectResponse(t *testing.T) {
	h := newHarness(t)
	h.join(request("ada"))
	s := h.resume(func(r *JoinRequest) {
		r.Client = &livekit.ClientInfo{Sdk: livekit.ClientInfo_JS, Version: "1.6.2", Protocol: 9}
	}, "ada")
	if first := s.all()[0]; first.GetUpdate() == nil {
		t.Errorf("the first message is %v", first)
	}
}

// The client is asked to rejoin if its identity or room is unknown, if the session's SID is not that of its
// participant, or if the server does not know the tracks that it has published.
func TestResumeOfUnknownSessionAsksForRejoin(t *testing.T) {
	h := newHarness(t)
	g := h.join(request("ada"))
	asksForRejoin := func(m *livekit.SignalResponse) bool {
		l := m.GetLeave()
		return l.GetAction() == livekit.LeaveRequest_RECONNECT && l.GetReason() == livekit.DisconnectReason_STATE_MISMATCH
	}
	for name, s := range map[string]*sink{
		"unknown identity": h.resume(func(*JoinRequest) {}, "bo"),
		"another session":  h.resume(func(r *JoinRequest) { r.SID = "PA_another" }, "ada"),
		"unknown room":     h.resume(func(r *JoinRequest) { r.Room = "elsewhere" }, "ada"),
	} {
		if all := s.all(); len(all) != 1 || !asksForRejoin(all[0]) || !s.ended() {
			t.Errorf("%s: %v", name, all)
		}
	}
	if g.sink.ended() {
		t.Error("ada's own session was ended")
	}
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SyncState{SyncState: &livekit.SyncState{
		PublishTracks: []*livekit.TrackPublishedResponse{{Cid: "x"}},
	}}})
	if !g.sink.got(asksForRejoin) {
		t.Error("a publication without a description was accepted")
	}
}

// Rooms.Check and Rooms.Join both refuse the request.
func TestJoinWhileShuttingDownIsRefused(t *testing.T) {
	h := newHarness(t)
	h.Rooms.mu.Lock()
	h.closed = true
	h.Rooms.mu.Unlock()
	ada := request("ada")
	for what, err := range map[string]error{
		"check": h.Check(t.Context(), ada),
		"join":  func() error { _, err := h.Join(t.Context(), ada, &sink{}); return err }(),
	} {
		if !errors.Is(err, errShuttingDown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Rooms.Check reports the refusal before the join.
func TestFullRoomAdmitsOnlyRecordersAndRejoiningParticipants(t *testing.T) {
	h := newHarness(t)
	first := request("ada")
	first.RoomConfig = &livekit.RoomConfiguration{MaxParticipants: 1}
	h.join(first)
	bo := request("bo")
	for what, err := range map[string]error{
		"check": h.Check(t.Context(), bo),
		"join":  func() error { _, err := h.Join(t.Context(), bo, &sink{}); return err }(),
	} {
		if fault.KindOf(err) != fault.Exhausted || fault.Public(err) == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	h.join(request("ada"))
	recorder := request("recorder")
	recorder.Info.Permission.Recorder = true
	h.join(recorder)
}
