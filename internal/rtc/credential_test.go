package rtc

import (
	"errors"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// guestRequest returns a join request whose token the server issued to a guest. family is the ID of the token family.
func guestRequest(identity, family string) JoinRequest {
	req := request(identity)
	req.Token = Credential{Identity: identity, Family: family, Guest: true}
	return req
}

// backEndRequest returns a join request whose token comes from a back end. family is the ID of the token family.
func backEndRequest(identity, family string) JoinRequest {
	req := guestRequest(identity, family)
	req.Token.Guest = false
	return req
}

// canResume reports whether the server lets req resume a session.
func (h *harness) canResume(req JoinRequest) bool {
	h.t.Helper()
	req.Reconnect = true
	s := &sink{}
	if _, err := h.Join(h.t.Context(), req, s); err != nil {
		h.t.Fatal(err)
	}
	first := s.all()[0]
	if l := first.GetLeave(); l != nil && l.Action == livekit.LeaveRequest_RECONNECT {
		return false
	}
	return first.GetReconnect() != nil
}

func TestResumeRequiresSessionIDAndMatchingToken(t *testing.T) {
	h := newHarness(t)
	ada := h.join(guestRequest("ada", "hers"))
	sid := ada.participant.sid()
	for _, tc := range []struct {
		what, sid string
		req       JoinRequest
		want      bool
	}{
		{"no sid", "", guestRequest("ada", "hers"), false},
		{"no sid, from a back end", "", backEndRequest("ada", "other"), false},
		{"another sid", "PA_other", guestRequest("ada", "hers"), false},
		{"guest token of another family", sid, guestRequest("ada", "other"), false},
		{"token of the session's family", sid, guestRequest("ada", "hers"), true},
		{"token of a back end", sid, backEndRequest("ada", "back end"), true},
		{"token of the old family after a back end's token has replaced it", sid, guestRequest("ada", "hers"), false},
	} {
		tc.req.SID = tc.sid
		if got := h.canResume(tc.req); got != tc.want {
			t.Errorf("%s: resumed %v, want %v", tc.what, got, tc.want)
		}
	}
}

// If a session is resumed with a back end's token that grants fewer rights, the session loses the other rights.
func TestResumeRemovesRightsThatThePresentedTokenLacks(t *testing.T) {
	var subject TokenSubject
	h := newHarness(t, func(o *Options) {
		o.RefreshToken = func(s TokenSubject) (string, error) { subject = s; return "token", nil }
	})
	ada := h.join(backEndRequest("ada", "first"))
	less := backEndRequest("ada", "second")
	less.SID = ada.participant.sid()
	less.Info.Permission.CanPublish = false
	less.Info.Permission.CanPublishData = false
	less.Token.Grants = "grants of the second token"
	if !h.canResume(less) {
		t.Fatal("not resumed")
	}
	ada.inspect(func(p *Participant) {
		if now := p.info.Permission; now.CanPublish || now.CanPublishData || !now.CanSubscribe {
			t.Errorf("the permission is now %v", now)
		}
		if subject.Token.Grants != "grants of the second token" || subject.Granted.GetCanPublish() {
			t.Errorf("the token was refreshed from %+v", subject)
		}
	})
	agent := backEndRequest("ada", "third")
	agent.SID = ada.participant.sid()
	agent.Info.Kind = livekit.ParticipantInfo_AGENT
	if h.canResume(agent) {
		t.Error("resumed with a token for another kind of participant")
	}
}

func TestIntersectPermissionsAllowsWhatBothAllow(t *testing.T) {
	camera, microphone := livekit.TrackSource_CAMERA, livekit.TrackSource_MICROPHONE
	for _, tc := range []struct {
		what       string
		a, b, want *livekit.ParticipantPermission
	}{
		{"rights of both", &livekit.ParticipantPermission{CanSubscribe: true, CanPublish: true}, &livekit.ParticipantPermission{CanPublish: true, CanPublishData: true}, &livekit.ParticipantPermission{CanPublish: true}},
		{"properties of the first", &livekit.ParticipantPermission{Recorder: true, Hidden: true}, &livekit.ParticipantPermission{}, &livekit.ParticipantPermission{Recorder: true, Hidden: true}},
		{
			"sources of one", &livekit.ParticipantPermission{CanPublish: true}, &livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{camera}},
			&livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{camera}},
		},
		{
			"sources of both", &livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{camera, microphone}},
			&livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{microphone}},
			&livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{microphone}},
		},
		{
			"no common source", &livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{camera}},
			&livekit.ParticipantPermission{CanPublish: true, CanPublishSources: []livekit.TrackSource{microphone}}, &livekit.ParticipantPermission{},
		},
	} {
		if got := intersectPermissions(tc.a, tc.b); !proto.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.what, got, tc.want)
		}
	}
}

func TestGuestCannotReplaceOtherParticipant(t *testing.T) {
	h := newHarness(t)
	h.join(guestRequest("ada", "hers"))
	mallory := guestRequest("ada", "other")
	if err := h.Check(t.Context(), mallory); !errors.Is(err, errIdentityInUse) {
		t.Errorf("Check returned %v", err)
	}
	if _, err := h.Join(t.Context(), mallory, &sink{}); !errors.Is(err, errIdentityInUse) {
		t.Errorf("the join ended with %v", err)
	}
	again := h.join(guestRequest("ada", "hers")) // as in a full reconnect
	h.join(backEndRequest("ada", "back end"))
	eventually(t, "the back end's token replaces the session", func() bool {
		return again.sink.got(func(m *livekit.SignalResponse) bool {
			return m.GetLeave().GetReason() == livekit.DisconnectReason_DUPLICATE_IDENTITY
		})
	})
}

// companionRequest returns a guest's request to join as a companion, which only publishes. name is the name of the
// companion.
func companionRequest(identity, family, name string) JoinRequest {
	req := guestRequest(identity, family)
	req.SetCompanion(name)
	return req
}

func TestPublishOnlyConnectionJoinsOnlyIfItsParticipantIsPresent(t *testing.T) {
	h := newHarness(t)
	join := func(req JoinRequest) error {
		_, err := h.Join(t.Context(), req, &sink{})
		return err
	}
	if err := join(companionRequest("ada", "hers", "screen")); !errors.Is(err, errNoMain) {
		t.Errorf("companion of an absent participant: %v", err)
	}
	ada := h.join(guestRequest("ada", "hers"))
	if err := join(companionRequest("ada", "other", "screen")); !errors.Is(err, errNoMain) {
		t.Errorf("companion with another token family: %v", err)
	}
	if err := join(companionRequest("ada", "hers", "screen")); err != nil {
		t.Errorf("first companion: %v", err)
	}
	if err := join(companionRequest("ada", "hers", "second")); !errors.Is(err, errSecondCompanion) {
		t.Errorf("second companion: %v", err)
	}
	if err := join(companionRequest("ada", "hers", "screen")); err != nil {
		t.Errorf("first companion rejoining: %v", err)
	}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	if h.Present(t.Context(), "room", "ada#screen") {
		t.Error("the companion stayed without its participant")
	}
}

// A publish-only connection is called a companion. A ban of the token's identity also applies to its companions. A
// ban of a companion also applies to companions with other names, but not to their participant.
func TestBanOfAnIdentityCoversItsPublishOnlyConnections(t *testing.T) {
	h := newHarness(t)
	join := func(req JoinRequest) error {
		_, err := h.Join(t.Context(), req, &sink{})
		return err
	}
	h.join(guestRequest("bo", "his"))
	h.join(guestRequest("troll", "its"))
	if err := join(companionRequest("troll", "its", "x")); err != nil {
		t.Fatal(err)
	}
	if err := h.Remove(t.Context(), "room", "troll#x", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := join(companionRequest("troll", "its", "y")); !errors.Is(err, errBanned) {
		t.Errorf("a companion of another name: %v", err)
	}
	if err := join(guestRequest("troll", "its")); err != nil {
		t.Errorf("the participant of a companion that was removed: %v", err)
	}
	if err := h.Remove(t.Context(), "room", "troll", time.Time{}); err != nil {
		t.Fatal(err)
	}
	for _, req := range []JoinRequest{guestRequest("troll", "its"), companionRequest("troll", "its", "z")} {
		if err := join(req); !errors.Is(err, errBanned) {
			t.Errorf("%s: %v", req.Identity, err)
		}
	}
}

// A list of sources allows only the sources in it, even if it contains an unknown one.
func TestUnknownTrackSourceInGrantAllowsNothing(t *testing.T) {
	h := newHarness(t)
	req := request("ada")
	req.Info.Permission.CanPublishSources = []livekit.TrackSource{livekit.TrackSource_UNKNOWN}
	ada := h.join(req)
	for _, source := range []livekit.TrackSource{livekit.TrackSource_UNKNOWN, livekit.TrackSource_MICROPHONE, 99} {
		ada.inspect(func(p *Participant) {
			if p.mayPublish(livekit.TrackType_AUDIO, source) || p.mayPublish(livekit.TrackType_VIDEO, source) {
				t.Errorf("may publish from %v", source)
			}
		})
	}
}

// Rights that a back end revokes stay revoked when the participant rejoins with its old token. They are also revoked
// for the participant's companion, the second connection with which it only publishes.
func TestRevokedRightsStayRevokedAfterRejoin(t *testing.T) {
	h := newHarness(t)
	permission := func(identity string) *livekit.ParticipantPermission {
		t.Helper()
		p, err := h.Participant(t.Context(), "room", identity)
		if err != nil {
			t.Fatal(err)
		}
		return p.Permission
	}
	join := func(req JoinRequest) {
		t.Helper()
		if _, err := h.Join(t.Context(), req, &sink{}); err != nil {
			t.Fatal(err)
		}
	}
	h.join(guestRequest("bo", "his")) // keeps the room open
	h.join(guestRequest("ada", "hers"))
	join(companionRequest("ada", "hers", "screen"))
	if _, err := h.Update(t.Context(), "room", "ada", Change{Permission: &livekit.ParticipantPermission{CanSubscribe: true}}); err != nil {
		t.Fatal(err)
	}
	if permission("ada").CanPublish || permission("ada#screen").CanPublish {
		t.Errorf("may publish: %v, companion %v", permission("ada"), permission("ada#screen"))
	}
	join(companionRequest("ada", "hers", "screen"))
	if permission("ada#screen").CanPublish {
		t.Error("a companion that came later may publish")
	}
	join(guestRequest("ada", "hers"))
	if now := permission("ada"); now.CanPublish || !now.CanSubscribe {
		t.Errorf("after another join: %v", now)
	}
	join(backEndRequest("ada", "another"))
	if !permission("ada").CanPublish {
		t.Error("a new token of a back end is bound by what was taken from another")
	}
}

// A companion is the second connection with which a participant only publishes. An identity such as "ada#x" looks like
// that of a companion, but may belong to an ordinary participant.
func TestParticipantNamedLikeAPublishOnlyConnectionIsNotTreatedAsOne(t *testing.T) {
	h := newHarness(t)
	join := func(req JoinRequest) error {
		_, err := h.Join(t.Context(), req, &sink{})
		return err
	}
	h.join(backEndRequest("ada", "hers"))
	h.join(backEndRequest("ada#x", "its"))
	if err := join(companionRequest("ada", "hers", "x")); !errors.Is(err, errNoMain) && !errors.Is(err, errIdentityInUse) {
		t.Errorf("a companion in place of a participant: %v", err)
	}
	req := backEndRequest("ada", "hers")
	req.SetCompanion("x")
	if err := join(req); !errors.Is(err, errIdentityInUse) {
		t.Errorf("a back end's companion in place of a participant: %v", err)
	}
	req = backEndRequest("ada", "hers")
	req.SetCompanion("screen")
	if err := join(req); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"move": h.Move(t.Context(), "room", "ada#screen", "other"), "forward": h.Forward(t.Context(), "room", "ada#screen", "other"),
	} {
		if !errors.Is(err, errCompanion) {
			t.Errorf("%s of a companion: %v", what, err)
		}
	}
	if err := h.Remove(t.Context(), "room", "ada#screen", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := join(guestRequest("ada#", "another")); err != nil {
		t.Errorf("a participant named like all companions of another: %v", err)
	}
}
