package rtc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/livekit/protocol/livekit"
)

// publishDataTrack requests that a data track is published.
func (g *testClient) publishDataTrack(handle uint32, name string) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{
		PublishDataTrackRequest: &livekit.PublishDataTrackRequest{PubHandle: handle, Name: name},
	}})
}

// unpublishDataTrack requests that a data track is unpublished.
func (g *testClient) unpublishDataTrack(handle uint32) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_UnpublishDataTrackRequest{
		UnpublishDataTrackRequest: &livekit.UnpublishDataTrackRequest{PubHandle: handle},
	}})
}

// subscribeData sends a request to subscribe to the data track sid, or to unsubscribe from it.
func (g *testClient) subscribeData(sid string, subscribe bool) {
	g.t.Helper()
	g.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_UpdateDataSubscription{
		UpdateDataSubscription: &livekit.UpdateDataSubscription{Updates: []*livekit.UpdateDataSubscription_Update{{TrackSid: sid, Subscribe: subscribe}}},
	}})
}

// lastHandles returns the sorted SIDs of the tracks in the handle map that was last sent to g, or nil if none was
// sent.
func (g *testClient) lastHandles() []string {
	g.t.Helper()
	g.inspect(func(*Participant) {}) // after this, pending handles have been sent
	var sids []string
	for _, m := range g.sink.all() {
		if h := m.GetDataTrackSubscriberHandles(); h != nil {
			sids = []string{}
			for _, track := range h.SubHandles {
				sids = append(sids, track.TrackSid)
			}
		}
	}
	slices.Sort(sids)
	return sids
}

// dataTrackSID returns the SID of g's data track with that handle. The test fails if there is none.
func (g *testClient) dataTrackSID(handle uint32) string {
	g.t.Helper()
	sid := ""
	g.inspect(func(p *Participant) {
		if t := p.data.tracks[handle]; t != nil {
			sid = t.info.Sid
		}
	})
	if sid == "" {
		g.t.Fatalf("no data track has handle %d", handle)
	}
	return sid
}

func TestInvalidDataTrackIsRefused(t *testing.T) {
	h := newHarness(t)
	quiet := request("quiet")
	quiet.Info.Permission.CanPublishData = false
	ada, mute := h.join(request("ada")), h.join(quiet)
	ada.publishDataTrack(1, "one")
	long := strings.Repeat("ä", maxDataTrackName) // the limit counts characters, not bytes
	custom := func(name string) *livekit.DataTrackFrameEncoding {
		return &livekit.DataTrackFrameEncoding{Value: &livekit.DataTrackFrameEncoding_Custom{Custom: name}}
	}
	for _, c := range []struct {
		who  *testClient
		req  *livekit.PublishDataTrackRequest
		want livekit.RequestResponse_Reason
	}{
		{mute, &livekit.PublishDataTrackRequest{PubHandle: 1, Name: "x"}, livekit.RequestResponse_NOT_ALLOWED},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 0, Name: "x"}, livekit.RequestResponse_INVALID_HANDLE},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 1 << 16, Name: "x"}, livekit.RequestResponse_INVALID_HANDLE},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2}, livekit.RequestResponse_INVALID_NAME},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2, Name: long + "x"}, livekit.RequestResponse_INVALID_NAME},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2, Name: "x", FrameEncoding: custom(strings.Repeat("x", maxEncodingName+1))}, livekit.RequestResponse_INVALID_REQUEST},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2, Name: "x", Schema: &livekit.DataTrackSchemaId{}}, livekit.RequestResponse_INVALID_REQUEST},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 1, Name: "x"}, livekit.RequestResponse_DUPLICATE_HANDLE},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2, Name: "one"}, livekit.RequestResponse_DUPLICATE_NAME},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: 2, Name: long, FrameEncoding: custom("mine")}, livekit.RequestResponse_OK},
		{ada, &livekit.PublishDataTrackRequest{PubHandle: maxHandle, Name: "last"}, livekit.RequestResponse_OK},
	} {
		before := len(c.who.sink.all())
		c.who.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_PublishDataTrackRequest{PublishDataTrackRequest: c.req}})
		var got *livekit.RequestResponse
		published := false
		for _, m := range c.who.sink.all()[before:] {
			if r := m.GetRequestResponse(); r != nil {
				got = r
			}
			info := m.GetPublishDataTrackResponse().GetInfo()
			published = published || info.GetPubHandle() == c.req.PubHandle && strings.HasPrefix(info.GetSid(), dataTrackPrefix) && info.GetName() == c.req.Name
		}
		switch {
		case c.want == livekit.RequestResponse_OK && (got != nil || !published):
			t.Errorf("%v: answered by %v, published %v", c.req, got, published)
		case c.want != livekit.RequestResponse_OK && (got.GetReason() != c.want || got.GetPublishDataTrack().GetPubHandle() != c.req.PubHandle || published):
			t.Errorf("%v: answered by %v, want %v", c.req, got, c.want)
		}
	}
	for i := range uint32(maxDataTracks) {
		ada.publishDataTrack(100+i, fmt.Sprint("track ", i))
	}
	if !ada.sink.got(func(m *livekit.SignalResponse) bool {
		return m.GetRequestResponse().GetReason() == livekit.RequestResponse_LIMIT_EXCEEDED
	}) {
		t.Error("the number of data tracks is not limited")
	}
}

func TestPublishedDataTracksAreAnnouncedToOtherParticipants(t *testing.T) {
	h := newHarness(t)
	ada, bo := h.join(request("ada")), h.join(request("bo"))
	last := func() *livekit.ParticipantInfo {
		ada.inspect(func(*Participant) {})
		var info *livekit.ParticipantInfo
		for _, m := range bo.sink.all() {
			for _, i := range m.GetUpdate().GetParticipants() {
				if i.Identity == "ada" {
					info = i
				}
			}
		}
		return info
	}
	ada.publishDataTrack(3, "position")
	if i := last(); !i.GetIsPublisher() || len(i.DataTracks) != 1 || i.DataTracks[0].Name != "position" {
		t.Errorf("bo got %v", i)
	}
	cy := h.join(request("cy"))
	if join := cy.sink.all()[0].GetJoin(); !slices.ContainsFunc(join.OtherParticipants, func(i *livekit.ParticipantInfo) bool { return len(i.DataTracks) == 1 }) {
		t.Error("a participant that joins later is not sent the data track")
	}
	ada.unpublishDataTrack(3)
	if i := last(); len(i.GetDataTracks()) != 0 {
		t.Errorf("bo got %v", i)
	}
	if !ada.sink.got(func(m *livekit.SignalResponse) bool {
		return m.GetUnpublishDataTrackResponse().GetInfo().GetPubHandle() == 3
	}) {
		t.Error("the unpublish request is not answered")
	}
	ada.unpublishDataTrack(3)
	if !ada.sink.got(func(m *livekit.SignalResponse) bool {
		r := m.GetRequestResponse()
		return r.GetReason() == livekit.RequestResponse_NOT_FOUND && r.GetUnpublishDataTrack().GetPubHandle() == 3
	}) {
		t.Error("unpublishing a missing track was not refused")
	}
}

// When the set of data tracks that a participant receives changes, it is sent the complete map of handles.
func TestDataTrackSubscriptionsFollowRequestsAndPermissions(t *testing.T) {
	h := newHarness(t)
	auto, deaf := request("auto"), request("deaf")
	auto.AutoSubscribeData, deaf.AutoSubscribeData = true, true
	deaf.Info.Permission.CanSubscribe = false
	ada, bo, eager, unable, ghost := h.join(request("ada")), h.join(request("bo")), h.join(auto), h.join(deaf), h.join(hidden("ghost"))
	receives := func(what string, g *testClient, want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := g.lastHandles(); !slices.Equal(got, want) {
			t.Errorf("%s: %s has handles for %q, want %q", what, g.participant.identity(), got, want)
		}
	}
	ada.publishDataTrack(1, "one")
	ada.publishDataTrack(2, "two")
	ghost.publishDataTrack(1, "unseen")
	one, two := ada.dataTrackSID(1), ada.dataTrackSID(2)
	receives("by default", bo)
	receives("AutoSubscribeData", eager, one, two)
	receives("without permission", unable)
	receives("own tracks", ada)
	bo.subscribeData(one, true)
	bo.subscribeData(ghost.dataTrackSID(1), true)
	receives("one requested", bo, one)
	bo.subscribeData(two, true)
	receives("another requested", bo, one, two)
	eager.subscribeData(one, false)
	receives("declined", eager, two)
	permit := func(p *livekit.SubscriptionPermission) {
		ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SubscriptionPermission{SubscriptionPermission: p}})
	}
	permit(&livekit.SubscriptionPermission{TrackPermissions: []*livekit.TrackPermission{{ParticipantIdentity: "bo", TrackSids: []string{two}}}})
	receives("one permitted", bo, two)
	receives("not permitted", eager)
	permit(&livekit.SubscriptionPermission{AllParticipants: true})
	receives("permitted again", bo, one, two)
	ada.unpublishDataTrack(2)
	receives("unpublished", bo, one)
	ada.publishDataTrack(2, "two")
	receives("a new track of the same name", bo, one)
	late := request("late")
	late.AutoSubscribeData = true
	cy := h.join(late)
	receives("joined later", cy, one, ada.dataTrackSID(2))
	back := request("bo")
	back.Reconnect, back.SID = true, bo.participant.sid()
	s := &sink{}
	if _, err := h.Join(t.Context(), back, s); err != nil {
		t.Fatal(err)
	}
	if !s.got(func(m *livekit.SignalResponse) bool {
		return len(m.GetDataTrackSubscriberHandles().GetSubHandles()) == 1
	}) {
		t.Error("a resumed client is not sent its handles")
	}
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_Leave{Leave: &livekit.LeaveRequest{}}})
	receives("publisher has left", cy)
	cy.inspect(func(p *Participant) {
		if n := len(p.room.dataTracks); n != 1 {
			t.Errorf("%d data tracks are left in the room, want only the hidden participant's", n)
		}
	})
}

// Subscribers get the packets with the handle that the server has assigned to the track. Packets with unknown handles
// are dropped, and so are packets for a subscriber whose permission was revoked.
func TestDataTrackPacketsAreForwardedToSubscribersOnly(t *testing.T) {
	h := newHarness(t)
	ada, bo, cy := h.join(request("ada")), h.join(request("bo")), h.join(request("cy"))
	pipes := map[*testClient]*fakeChannel{}
	for _, g := range []*testClient{ada, bo, cy} {
		pipes[g] = &fakeChannel{label: dataTrackLabel}
		g.participant.data.out.open(pipes[g], zeroWindow)
		g.participant.room.wg.Go(g.participant.data.out.run)
		g.participant.data.outboxRunning = true
	}
	cy.publishDataTrack(9, "to make the room's handles differ from the clients'")
	ada.publishDataTrack(9, "nine")
	bo.subscribeData(ada.dataTrackSID(9), true)
	bo.lastHandles()
	var handle uint16
	for _, m := range bo.sink.all() {
		for h := range m.GetDataTrackSubscriberHandles().GetSubHandles() {
			handle = uint16(h)
		}
	}
	ada.participant.data.forwardFrame(frame(9, 1, 2, "hello"))
	ada.participant.data.forwardFrame(frame(8, 1, 0, "unknown handle"))
	ada.participant.data.forwardFrame([]byte("nonsense"))
	ada.participant.data.forwardFrame(frame(9, 2, 0, "bye"))
	want := []string{string(frame(handle, 1, 2, "hello")), string(frame(handle, 2, 0, "bye"))}
	eventually(t, "bo gets both", func() bool { return slices.Equal(pipes[bo].got(), want) })
	ada.inspect(func(p *Participant) {
		p.info.Permission.CanPublishData = false
		p.data.rightsChanged()
	})
	ada.participant.data.forwardFrame(frame(9, 3, 0, "without permission"))
	if !ada.sink.got(func(m *livekit.SignalResponse) bool { return m.GetUnpublishDataTrackResponse() != nil }) {
		t.Error("ada is not sent the end of the track")
	}
	if got := bo.lastHandles(); len(got) != 0 {
		t.Errorf("bo still has handles for %v", got)
	}
	for g, p := range pipes {
		if n := len(p.got()); g != bo && n != 0 || g == bo && n != 2 {
			t.Errorf("%s got %d packets", g.participant.identity(), n)
		}
	}
}

func TestSyncStateWithUnknownDataTrackMakesClientRejoin(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.publishDataTrack(1, "one")
	sync := func(sid string) bool {
		ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_SyncState{SyncState: &livekit.SyncState{
			PublishDataTracks: []*livekit.PublishDataTrackResponse{{Info: &livekit.DataTrackInfo{PubHandle: 1, Sid: sid}}},
		}}})
		return ada.sink.got(func(m *livekit.SignalResponse) bool {
			return m.GetLeave().GetAction() == livekit.LeaveRequest_RECONNECT
		})
	}
	if sync(ada.dataTrackSID(1)) {
		t.Error("an existing track was treated as a mismatch")
	}
	if !sync("DTR_unknown") {
		t.Error("an unknown track was not treated as a mismatch")
	}
}

func TestDataBlobRequestsAreRefused(t *testing.T) {
	h := newHarness(t)
	ada := h.join(request("ada"))
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_StoreDataBlobRequest{StoreDataBlobRequest: &livekit.StoreDataBlobRequest{RequestId: 7}}})
	ada.send(&livekit.SignalRequest{Message: &livekit.SignalRequest_GetDataBlobRequest{GetDataBlobRequest: &livekit.GetDataBlobRequest{RequestId: 8}}})
	for _, id := range []uint32{7, 8} {
		if !ada.sink.got(func(m *livekit.SignalResponse) bool {
			r := m.GetRequestResponse()
			return r.GetRequestId() == id && r.GetReason() == livekit.RequestResponse_NOT_ALLOWED
		}) {
			t.Errorf("request %d is not answered", id)
		}
	}
}
