package rtc

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// publishWithoutMedia publishes a track with a random SID that has a Receiver but no media.
func (g *testClient) publishWithoutMedia(kind livekit.TrackType) *Publication {
	g.t.Helper()
	return g.publishWithoutMediaAs(kind, newTrackID(kind, livekit.TrackSource_UNKNOWN))
}

// publishWithoutMediaAs is like publishWithoutMedia, but the track's SID is sid.
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

// permissions returns the permissions to receive pub that were sent to g, in order.
func (g *testClient) permissions(pub *Publication) []bool {
	var list []bool
	for _, m := range g.sink.all() {
		if u := m.GetSubscriptionPermissionUpdate(); u != nil && u.TrackSid == pub.info.Sid {
			list = append(list, u.Allowed)
		}
	}
	return list
}

// subscriptionErrors returns the subscription errors that were sent to g, in order.
func (g *testClient) subscriptionErrors() []livekit.SubscriptionError {
	var list []livekit.SubscriptionError
	for _, m := range g.sink.all() {
		if r := m.GetSubscriptionResponse(); r != nil {
			list = append(list, r.Err)
		}
	}
	return list
}

// choose sends a request to subscribe to the track sid, or to unsubscribe from it.
func (g *testClient) choose(sid string, subscribe bool) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Subscription{Subscription: &livekit.UpdateSubscription{
		ParticipantTracks: []*livekit.ParticipantTracks{{TrackSids: []string{sid}}}, Subscribe: subscribe,
	}}})
}

// permit sets who may subscribe to g's tracks: all participants, or only those in permissions.
func (g *testClient) permit(all bool, permissions ...*livekit.TrackPermission) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SubscriptionPermission{SubscriptionPermission: &livekit.SubscriptionPermission{
		AllParticipants: all, TrackPermissions: permissions,
	}}})
}

// The error is sent once, and the request is dropped.
func TestSubscriptionRequestForAnUnknownTrackFailsAfterTimeout(t *testing.T) {
	h := newHarness(t)
	bo := h.join(request("bo"))
	bo.choose("TR_VCnone", true)
	now := time.Now()
	bo.inspect(func(p *Participant) { p.room.expireWaits(now.Add(trackTimeout - time.Second)) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("got errors %v before the timeout", errs)
	}
	for range 2 {
		bo.inspect(func(p *Participant) { p.room.expireWaits(now.Add(trackTimeout + time.Second)) })
	}
	if errs := bo.subscriptionErrors(); !slices.Equal(errs, []livekit.SubscriptionError{livekit.SubscriptionError_SE_TRACK_NOTFOUND}) {
		t.Errorf("got errors %v, want one TRACK_NOTFOUND", errs)
	}
	bo.inspect(func(p *Participant) {
		if len(p.subscribing.choices)+len(p.subscribing.awaited)+len(p.room.awaitingTracks) != 0 {
			t.Errorf("still stored: %v, %v, %v", p.subscribing.choices, p.subscribing.awaited, p.room.awaitingTracks)
		}
	})
}

// A client may request a track that does not exist yet. It is subscribed when the track is published, and it gets no
// error.
func TestSubscriptionRequestForAFutureTrackAppliesOncePublished(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	req := request("bo")
	req.AutoSubscribe = false
	bo := h.join(req)
	first := ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	bo.inspect(func(p *Participant) { // as if bo had requested it before; real SIDs are random
		p.subscribing.choices["TR_later"] = true
		p.subscribing.awaitTrack("TR_later", trackTimeout)
	})
	later := ada.publishWithoutMediaAs(livekit.TrackType_VIDEO, "TR_later")
	if bo.subscribed(first) || !bo.subscribed(later) {
		t.Error("bo is not subscribed to exactly the requested track")
	}
	bo.inspect(func(p *Participant) { p.room.expireWaits(time.Now().Add(2 * trackTimeout)) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Errorf("got errors %v", errs)
	}
}

// If a track gets no media section, the client is sent an error after bindTimeout, which starts only when the
// connection is up.
func TestSubscriptionWithoutMediaSectionFailsAfterTimeoutOnceConnected(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	later := time.Now().Add(bindTimeout + time.Second)
	bo.inspect(func(p *Participant) { p.room.expireWaits(later) })
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("got errors %v although the connection is not up", errs)
	}
	bo.inspect(func(p *Participant) {
		p.conn.subscriber.connected = true
		p.room.expireWaits(later.Add(bindTimeout - time.Second))
	})
	if errs := bo.subscriptionErrors(); len(errs) != 0 {
		t.Fatalf("got errors %v before the timeout", errs)
	}
	for i := range 2 {
		bo.inspect(func(p *Participant) { p.room.expireWaits(later.Add(time.Duration(i+1) * bindTimeout)) })
	}
	if errs := bo.subscriptionErrors(); !slices.Equal(errs, []livekit.SubscriptionError{livekit.SubscriptionError_SE_UNKNOWN}) {
		t.Errorf("got errors %v, want one UNKNOWN", errs)
	}
}

// The policy may be set, the track published and the subscriber join in any order. A subscriber that may not receive
// the track is sent a message that says so.
func TestSubscriptionPermissionsApplyInAnyOrderOfPolicyTrackAndJoin(t *testing.T) {
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
		before, after bool // whether bo may receive the track: when SIDs in the policy may be unknown, and after the policy was sent again
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
		"last entry counts": {false, false, func(_, _ *testClient, _ string) []*livekit.TrackPermission {
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
					t.Errorf("bo receives after the second policy: %v", may)
				}
				if sent := bo.permissions(pub); len(sent) == 0 || sent[len(sent)-1] != want.after || len(slices.Compact(sent)) != len(sent) {
					t.Errorf("bo got the permissions %v", sent)
				}
				ada.permit(true)
				if sent := bo.permissions(pub); !bo.subscribed(pub) || !sent[len(sent)-1] {
					t.Errorf("bo receives: %v, permissions %v", bo.subscribed(pub), sent)
				}
			})
		}
	}
}

// If a policy has more entries than the maximum, the excess entries grant nothing.
func TestSubscriptionPermissionsExemptRecordersAndAreLimitedInNumber(t *testing.T) {
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
		t.Error("an entry beyond the limit grants a permission")
	}
	ada.inspect(func(p *Participant) {
		if n := len(p.publishing.policy.byIdentity); n != 0 {
			t.Errorf("%d subscribers are stored", n)
		}
	})
}

// When a subscription ends, the oldest waiting track of the same kind takes its place.
func TestTracksBeyondTheSubscriptionLimitWaitForAnotherToEnd(t *testing.T) {
	h := newHarness(t, func(o *Options) { o.SubscriptionLimitVideo = 2 })
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	var video [4]*Publication
	for i := range video {
		video[i] = ada.publishWithoutMedia(livekit.TrackType_VIDEO)
	}
	audio := ada.publishWithoutMedia(livekit.TrackType_AUDIO)
	cy := h.join(request("cy"))
	check := func(g *testClient, want ...bool) {
		t.Helper()
		var got []bool
		for _, v := range video {
			got = append(got, g.subscribed(v))
		}
		if !slices.Equal(got, want) || !g.subscribed(audio) {
			t.Errorf("%s receives %v, want %v; audio: %v", g.participant.identity(), got, want, g.subscribed(audio))
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

// The settings of a track apply even if the subscriber sends them before it subscribes. They still apply after a mute
// and after resubscribing.
func TestTrackSettingsSurviveSubscribingMutingAndResubscribing(t *testing.T) {
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
	enabled("sent before the subscription", false)
	ada.inspect(func(*Participant) { pub.setMuted(true); pub.setMuted(false) })
	enabled("after a mute", false)
	bo.choose(sid, false)
	bo.choose(sid, true)
	enabled("subscribed again", false)
	set(&livekit.UpdateTrackSettings{})
	enabled("sent again", true)
}
