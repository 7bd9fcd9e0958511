package rtc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// publishWithoutMedia publishes a track of g's without media.
func (g *testClient) publishWithoutMedia(kind livekit.TrackType) *Publication {
	g.t.Helper()
	return g.publishWithoutMediaAs(kind, newTrackID(kind, livekit.TrackSource_UNKNOWN))
}

func (g *testClient) publishWithoutMediaAs(kind livekit.TrackType, sid string) *Publication {
	g.t.Helper()
	info := &livekit.TrackInfo{Sid: sid, Type: kind, MimeType: "video/vp8", Source: livekit.TrackSource_CAMERA}
	clock := uint32(90_000)
	if kind == livekit.TrackType_AUDIO {
		info.MimeType, info.Source, clock = "audio/opus", livekit.TrackSource_MICROPHONE, 48_000
	}
	pub := newPublication(g.participant, &pendingTrack{info: info, cids: []string{sid}})
	pub.codecs[0].info.MimeType = info.MimeType
	pub.codecs[0].receiver = sfu.NewReceiver(sfu.ReceiverOptions{Format: sfu.Format{MimeType: info.MimeType, ClockRate: clock}})
	g.inspect(func(p *Participant) {
		p.publishing.publications[pub.info.Sid] = pub
		p.room.announce(p, true)
		p.room.addPublication(pub)
		p.room.reconcileSubscribers(pub)
	})
	return pub
}

// subscribed reports whether g is subscribed to pub.
func (g *testClient) subscribed(pub *Publication) bool {
	g.t.Helper()
	var yes bool
	g.inspect(func(p *Participant) { yes = p.subscribing.subscriptions[pub.info.Sid] != nil })
	return yes
}

// permissions lists what g was told of its permission for pub.
func (g *testClient) permissions(pub *Publication) []bool {
	var list []bool
	for _, m := range g.sink.all() {
		if u := m.GetSubscriptionPermissionUpdate(); u != nil && u.TrackSid == pub.info.Sid {
			list = append(list, u.Allowed)
		}
	}
	return list
}

func (g *testClient) subscriptionErrors() []livekit.SubscriptionError {
	var list []livekit.SubscriptionError
	for _, m := range g.sink.all() {
		if r := m.GetSubscriptionResponse(); r != nil {
			list = append(list, r.Err)
		}
	}
	return list
}

func (g *testClient) choose(sid string, subscribe bool) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{
		ParticipantTracks: []*livekit.ParticipantTracks{{TrackSids: []string{sid}}}, Subscribe: subscribe,
	}}})
}

func (g *testClient) permit(all bool, permissions ...*livekit.TrackPermission) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SubscriptionPermission{SubscriptionPermission: &livekit.SubscriptionPermission{
		AllParticipants: all, TrackPermissions: permissions,
	}}})
}

// What somebody asks for that does not exist is waited for, a minute long.
func TestRequestForUnknownTrackFailsAfterTimeout(t *testing.T) {
	h := newHarness(t)
	bo := h.join(request("bo"))
	bo.choose("TR_VCnone", true)
	now := time.Now()
	bo.inspect(func(p *Participant) { p.room.expireWaits(now.Add(trackTimeout - time.Second)) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("told %v before the time was over", errs)
	}
	for range 2 {
		bo.inspect(func(p *Participant) { p.room.expireWaits(now.Add(trackTimeout + time.Second)) })
	}
	if errs := bo.subscriptionErrors(); !slices.Equal(errs, []livekit.SubscriptionError{livekit.SubscriptionError_SE_TRACK_NOTFOUND}) {
		t.Errorf("told %v, want once that there is no such track", errs)
	}
	bo.inspect(func(p *Participant) {
		if len(p.subscribing.choices)+len(p.subscribing.awaited)+len(p.room.awaitingTracks) != 0 {
			t.Errorf("remembers %v, %v, %v", p.subscribing.choices, p.subscribing.awaited, p.room.awaitingTracks)
		}
	})
}

// A choice holds for a track that comes later; one that comes in time is no error.
func TestRequestBeforeTrackExistsIsApplied(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	req := request("bo")
	req.AutoSubscribe = false
	bo := h.join(req)
	first := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	bo.inspect(func(p *Participant) { // as if bo had named it before: sids cannot be foretold
		p.subscribing.choices["TR_later"] = true
		p.subscribing.awaitTrack("TR_later", trackTimeout)
	})
	later := ada.publishWithoutMediaAs(livekit.TrackType_VIDEO, "TR_later")
	if bo.subscribed(first) || !bo.subscribed(later) {
		t.Error("want what was chosen and nothing else")
	}
	bo.inspect(func(p *Participant) { p.room.expireWaits(time.Now().Add(2 * trackTimeout)) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Errorf("told %v", errs)
	}
}

// A track that finds no place on a connection that works is an error; on one that does not yet, it waits.
func TestTrackWithoutSectionFailsOnceConnected(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	later := time.Now().Add(bindTimeout + time.Second)
	bo.inspect(func(p *Participant) { p.room.expireWaits(later) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("told %v though nothing is connected", errs)
	}
	bo.inspect(func(p *Participant) {
		p.conn.subscriber.connected = true
		p.room.expireWaits(later.Add(bindTimeout - time.Second))
	})
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("told %v before the time was over", errs)
	}
	for i := range 2 {
		bo.inspect(func(p *Participant) { p.room.expireWaits(later.Add(time.Duration(i+1) * bindTimeout)) })
	}
	if errs := bo.subscriptionErrors(); !slices.Equal(errs, []livekit.SubscriptionError{livekit.SubscriptionError_SE_UNKNOWN}) {
		t.Errorf("told %v, want one unknown error", errs)
	}
}

// Whatever comes first, the policy, the track or the subscriber: who may not receive does not, and is told so.
func TestSubscriptionPolicyAppliesInEveryOrderOfEvents(t *testing.T) {
	steps := [][3]string{
		{"policy", "track", "bo"},
		{"policy", "bo", "track"},
		{"track", "policy", "bo"},
		{"track", "bo", "policy"},
		{"bo", "track", "policy"},
		{"bo", "policy", "track"},
	}
	nobody := func(*testClient, *testClient, string) []*livekit.TrackPermission { return nil }
	for name, want := range map[string]struct {
		before, after bool // may bo receive by this policy, where it does not name sids yet unknown, and said again at the end
		policy        func(ada, bo *testClient, sid string) []*livekit.TrackPermission
	}{
		"nobody": {false, false, nobody},
		"identity, all": {true, true, func(_, _ *testClient, _ string) []*livekit.TrackPermission {
			return []*livekit.TrackPermission{{ParticipantIdentity: "bo", AllTracks: true}}
		}},
		"identity, other": {false, false, func(_, _ *testClient, _ string) []*livekit.TrackPermission {
			return []*livekit.TrackPermission{{ParticipantIdentity: "bo", TrackSids: []string{"TR_other"}}, {ParticipantIdentity: "cy", AllTracks: true}}
		}},
		"identity, track": {false, true, func(_, _ *testClient, sid string) []*livekit.TrackPermission {
			return []*livekit.TrackPermission{{ParticipantIdentity: "bo", TrackSids: []string{sid}}}
		}},
		"sid, all": {false, true, func(_, bo *testClient, _ string) []*livekit.TrackPermission {
			if bo == nil {
				return nil
			}
			return []*livekit.TrackPermission{{ParticipantSid: bo.participant.sid(), AllTracks: true}}
		}},
		"the later counts": {false, false, func(_, _ *testClient, _ string) []*livekit.TrackPermission {
			return []*livekit.TrackPermission{{ParticipantIdentity: "bo", AllTracks: true}, {ParticipantIdentity: "bo"}}
		}},
	} {
		for _, order := range steps {
			t.Run(fmt.Sprint(name, order), func(t *testing.T) {
				h := newHarness(t)
				ada := h.join(request("ada"))
				var bo *testClient
				var pub *Publication
				sid := func() string {
					if pub == nil {
						return "TR_unknown"
					}
					return pub.info.Sid
				}
				for _, step := range order {
					switch step {
					case "policy":
						ada.permit(false, want.policy(ada, bo, sid())...)
					case "track":
						pub = ada.publishWithoutMedia(livekit.TrackType_VIDEO)
					case "bo":
						bo = h.join(request("bo"))
					}
				}
				known := order[2] == "policy"
				if may := bo.subscribed(pub); may != want.before && may != want.after || known && may != want.after {
					t.Errorf("bo receives: %v", may)
				}
				ada.permit(false, want.policy(ada, bo, sid())...)
				if may := bo.subscribed(pub); may != want.after {
					t.Errorf("bo receives in the end: %v", may)
				}
				if told := bo.permissions(pub); len(told) == 0 || told[len(told)-1] != want.after || len(slices.Compact(told)) != len(told) {
					t.Errorf("bo was told %v", told)
				}
				ada.permit(true)
				if told := bo.permissions(pub); !bo.subscribed(pub) || !told[len(told)-1] {
					t.Errorf("bo receives: %v, told %v", bo.subscribed(pub), told)
				}
			})
		}
	}
}

// A recorder receives whatever the policy says; a policy past all measure permits no more than is kept of it.
func TestSubscriptionPolicyExemptsRecordersAndIsBounded(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	req := request("recorder")
	req.Info.Permission.Recorder, req.Info.Permission.Hidden = true, true
	recorder := h.join(req)
	pub := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	ada.permit(false)
	if !recorder.subscribed(pub) || bo.subscribed(pub) {
		t.Errorf("the recorder receives %v, bo %v", recorder.subscribed(pub), bo.subscribed(pub))
	}
	many := make([]string, maxPolicy)
	ada.permit(false, &livekit.TrackPermission{ParticipantIdentity: "cy", TrackSids: many}, &livekit.TrackPermission{ParticipantIdentity: "bo", AllTracks: true})
	if bo.subscribed(pub) {
		t.Error("what is past the limit permits")
	}
	ada.inspect(func(p *Participant) {
		if n := len(p.publishing.policy.byIdentity); n != 0 {
			t.Errorf("%d subscribers are kept", n)
		}
	})
}

// Tracks over the limit wait until one is given up, each kind for itself.
func TestTracksBeyondSubscriptionLimitWait(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.SubscriptionLimitVideo = 2 })
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	var video [4]*Publication
	for i := range video {
		video[i] = ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	}
	sound := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	cy := h.join(request("cy"))
	check := func(g *testClient, want ...bool) {
		t.Helper()
		var got []bool
		for _, v := range video {
			got = append(got, g.subscribed(v))
		}
		if !slices.Equal(got, want) || !g.subscribed(sound) {
			t.Errorf("%s receives %v, want %v; and sound %v", g.participant.identity(), got, want, g.subscribed(sound))
		}
	}
	check(bo, true, true, false, false)
	check(cy, true, true, false, false)
	bo.choose(video[0].info.Sid, false)
	check(bo, false, true, true, false)
	ada.inspect(func(p *Participant) { p.room.unpublish(video[1]) })
	check(bo, false, false, true, true)
	check(cy, true, false, true, false)
	bo.choose(video[0].info.Sid, true)
	check(bo, false, false, true, true)
	bo.choose(video[3].info.Sid, false)
	check(bo, true, false, true, false)
}

// What a client says of a track holds before it is subscribed, over a mute and after it has given the track up.
func TestTrackSettingsApplyBeforeAndAfterSubscription(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	req := request("bo")
	req.AutoSubscribe = false
	bo := h.join(req)
	pub := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	sid := pub.info.Sid
	set := func(u *livekit.UpdateTrackSettings) {
		u.TrackSids = []string{sid}
		bo.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_TrackSetting{TrackSetting: u}})
	}
	enabled := func(when string, want bool) {
		t.Helper()
		bo.inspect(func(p *Participant) {
			if s := p.subscribing.subscriptions[sid]; s == nil || s.enabled != want {
				t.Errorf("%s: the subscription is %+v, want enabled %v", when, s, want)
			}
		})
	}
	set(&livekit.UpdateTrackSettings{Disabled: true})
	bo.choose(sid, true)
	enabled("said before", false)
	ada.inspect(func(*Participant) { pub.setMuted(true); pub.setMuted(false) })
	enabled("after a mute", false)
	bo.choose(sid, false)
	bo.choose(sid, true)
	enabled("subscribed again", false)
	set(&livekit.UpdateTrackSettings{})
	enabled("said anew", true)
}
