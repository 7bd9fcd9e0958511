package rtc

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

const (
	// maxHandle is LiveKit's maximum handle of a data track. maxDataTrackName and maxEncodingName are LiveKit's maximum
	// lengths of names in characters (docs/protocol.md, 0.4 and 6.6).
	maxHandle        = 1<<16 - 1
	maxDataTrackName = 256
	maxEncodingName  = 32
	// maxDataTracks is the maximum number of data tracks of one participant. At each change,
	// the list of all data tracks is sent to all participants.
	maxDataTracks = 256
)

// DataTrack is a published data track. Its packets go from the publisher's data channel to the outboxes of the
// subscribers without passing through the room's loop.
type DataTrack struct {
	owner  *Participant
	info   *livekit.DataTrackInfo
	handle uint16 // identifies the track to all its subscribers; the publisher's own handle is info.PubHandle
	subs   map[*Participant]*dataSubscription
	sinks  atomic.Pointer[[]*dataSubscription] // copy of subs for the goroutine of the publisher's channel
}

// dataSubscription is one participant's subscription to one data track.
type dataSubscription struct {
	track   *DataTrack
	out     *outbox
	limiter frameLimiter
}

// dataChoice is the request of a client about a data track. The track need not exist yet.
type dataChoice struct {
	subscribe bool
	fps       uint32 // maximum number of frames per second; 0 means all frames
}

// publish publishes a data track and answers the request (docs/protocol.md, 6.6).
func (d *dataTransfer) publish(req *livekit.PublishDataTrackRequest) {
	p := d.p
	if reason, message := d.refusal(req); reason != livekit.RequestResponse_OK {
		p.refuse(reason, message, func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_PublishDataTrack{PublishDataTrack: req}
		})
		return
	}
	t := &DataTrack{owner: p, handle: p.room.newHandle(), subs: map[*Participant]*dataSubscription{}, info: &livekit.DataTrackInfo{
		PubHandle: req.PubHandle, Sid: newID(dataTrackPrefix), Name: req.Name,
		Encryption: req.Encryption, FrameEncoding: req.FrameEncoding, Schema: req.Schema,
	}}
	p.room.dataTracks[t.handle] = t
	d.tracks[req.PubHandle] = t
	d.shareTracks()
	p.send(dataTrackPublishedMessage(proto.CloneOf(t.info)))
	p.setPublisher(true)
	p.room.announce(p, true)
	p.log.Debug("data track published", "track", t.info.Sid)
	t.reconcile()
}

// refusal returns the reason and message for refusing req, or OK and "" if the participant may publish the data track.
func (d *dataTransfer) refusal(req *livekit.PublishDataTrackRequest) (livekit.RequestResponse_Reason, string) {
	p := d.p
	name := utf8.RuneCountInString(req.Name)
	switch {
	case !p.info.Permission.GetCanPublishData():
		return livekit.RequestResponse_NOT_ALLOWED, "you may not publish data here"
	case req.PubHandle == 0 || req.PubHandle > maxHandle:
		return livekit.RequestResponse_INVALID_HANDLE, fmt.Sprintf("the handle of a data track must be between 1 and %d", maxHandle)
	case name == 0 || name > maxDataTrackName:
		return livekit.RequestResponse_INVALID_NAME, fmt.Sprintf("the name of a data track must have 1 to %d characters", maxDataTrackName)
	case utf8.RuneCountInString(req.FrameEncoding.GetCustom()) > maxEncodingName,
		utf8.RuneCountInString(req.Schema.GetEncoding().GetCustom()) > maxEncodingName:
		return livekit.RequestResponse_INVALID_REQUEST, fmt.Sprintf("the name of an encoding must have at most %d characters", maxEncodingName)
	case req.Schema != nil && (req.Schema.Name == "" || utf8.RuneCountInString(req.Schema.Name) > maxDataTrackName):
		return livekit.RequestResponse_INVALID_REQUEST, fmt.Sprintf("the name of a schema must have 1 to %d characters", maxDataTrackName)
	case proto.Size(req) > maxTrackInfo:
		return livekit.RequestResponse_INVALID_REQUEST, "the description of the data track is too long"
	case !p.mayAnnounce(req):
		return livekit.RequestResponse_LIMIT_EXCEEDED, "the descriptions of your tracks are too long in total"
	case d.tracks[req.PubHandle] != nil:
		return livekit.RequestResponse_DUPLICATE_HANDLE, "you have already published a data track with this handle"
	case len(d.tracks) >= maxDataTracks || len(p.room.dataTracks) >= maxHandle:
		return livekit.RequestResponse_LIMIT_EXCEEDED, "too many data tracks are published"
	}
	for _, t := range d.tracks {
		if t.info.Name == req.Name {
			return livekit.RequestResponse_DUPLICATE_NAME, "you have already published a data track with this name"
		}
	}
	return livekit.RequestResponse_OK, ""
}

// newHandle returns an unused handle for a track's subscribers. Handles are reused as late as possible, because packets
// of the previous track with the handle may still arrive.
func (r *Room) newHandle() uint16 {
	for {
		r.lastHandle++
		if r.lastHandle != 0 && r.dataTracks[r.lastHandle] == nil {
			return r.lastHandle
		}
	}
}

// unpublish ends a data track of the participant and answers the request.
func (d *dataTransfer) unpublish(req *livekit.UnpublishDataTrackRequest) {
	t := d.tracks[req.PubHandle]
	if t == nil {
		d.p.refuse(livekit.RequestResponse_NOT_FOUND, "you have not published a data track with this handle", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UnpublishDataTrack{UnpublishDataTrack: req}
		})
		return
	}
	d.unpublishTracks(t)
}

// unpublishTracks ends the given data tracks of the participant and informs its client and the room.
func (d *dataTransfer) unpublishTracks(tracks ...*DataTrack) {
	p := d.p
	for _, t := range tracks {
		delete(d.tracks, t.info.PubHandle)
		t.end()
		p.send(dataTrackUnpublishedMessage(proto.CloneOf(t.info)))
	}
	d.shareTracks()
	if len(tracks) > 0 {
		p.room.announce(p, true)
	}
}

// rightsChanged applies a changed permission: it ends data tracks that the participant may no longer publish and
// updates its subscriptions.
func (d *dataTransfer) rightsChanged() {
	if !d.p.info.Permission.GetCanPublishData() && len(d.tracks) > 0 {
		d.unpublishTracks(slices.Collect(maps.Values(d.tracks))...)
	}
	d.reconcile()
}

// unsubscribeAll ends all subscriptions to the track.
func (t *DataTrack) unsubscribeAll() {
	for o := range t.subs {
		t.unsubscribe(o)
	}
}

// end ends all subscriptions to the track and removes the track from the room.
func (t *DataTrack) end() {
	t.unsubscribeAll()
	for _, o := range t.owner.room.participants {
		delete(o.data.choices, t.info.Sid)
	}
	delete(t.owner.room.dataTracks, t.handle)
}

// shareTracks makes the current tracks visible to the goroutine of the client's channel. That goroutine reads a
// copy.
func (d *dataTransfer) shareTracks() {
	tracks := maps.Clone(d.tracks)
	d.sharedTracks.Store(&tracks)
}

// updateSubscription stores which data tracks the client wants and applies that. The request may name tracks that do
// not exist yet.
func (d *dataTransfer) updateSubscription(u *livekit.UpdateDataSubscription) {
	named := make(map[string]bool, len(u.Updates))
	for _, c := range u.Updates {
		named[c.GetTrackSid()] = true
		_, known := d.choices[c.GetTrackSid()]
		if !known && (len(d.choices) >= maxTrackChoices || !strings.HasPrefix(c.GetTrackSid(), dataTrackPrefix) || len(c.TrackSid) > 32) {
			continue
		}
		d.choices[c.TrackSid] = dataChoice{c.Subscribe, c.GetOptions().GetTargetFps()}
	}
	for _, t := range d.p.room.dataTracks {
		if named[t.info.Sid] {
			t.reconcileFor(d.p)
		}
	}
}

// reconcile starts or ends subscriptions to the track, so that its subscribers are the participants that want and may
// receive it.
func (t *DataTrack) reconcile() {
	for _, o := range t.owner.room.participants {
		t.reconcileFor(o)
	}
}

// reconcile starts or ends the participant's subscriptions to all data tracks of the room. It is called when the
// participant joins or its permission changes.
func (d *dataTransfer) reconcile() {
	for _, t := range d.p.room.dataTracks {
		t.reconcileFor(d.p)
	}
}

// reconcileSubscribers starts or ends the other participants' subscriptions to this participant's data tracks. It is
// called when the participant joins, becomes visible, or changes who may subscribe.
func (d *dataTransfer) reconcileSubscribers() {
	for _, t := range d.tracks {
		t.reconcile()
	}
}

// unsubscribeOthers ends all subscriptions to the participant's tracks.
func (d *dataTransfer) unsubscribeOthers() {
	for _, t := range d.tracks {
		t.unsubscribeAll()
	}
}

// reconcileFor starts, updates or ends p's subscription to the track.
func (t *DataTrack) reconcileFor(p *Participant) {
	if p == t.owner || p.closed || t.owner.hidden() { // tracks of hidden participants are not visible to others
		return
	}
	choice, made := p.data.choices[t.info.Sid]
	if !made {
		choice.subscribe = p.req.AutoSubscribeData
	}
	wanted := choice.subscribe && p.info.Permission.GetCanSubscribe() && t.owner.publishing.allowsSubscriber(p, t.info.Sid)
	s := t.subs[p]
	switch {
	case wanted && s == nil:
		s = &dataSubscription{track: t, out: p.data.out}
		t.subs[p] = s
		p.data.subscriptions[t.handle] = s
		t.subscribersChanged(p)
	case !wanted && s != nil:
		t.unsubscribe(p)
	}
	if wanted {
		s.limiter.setRate(choice.fps)
	}
}

// unsubscribe ends p's subscription to the track.
func (t *DataTrack) unsubscribe(p *Participant) {
	delete(t.subs, p)
	delete(p.data.subscriptions, t.handle)
	t.subscribersChanged(p)
}

// subscribersChanged updates t.sinks after p's subscription has started or ended. It also records that p must be sent
// the new list of its handles.
func (t *DataTrack) subscribersChanged(p *Participant) {
	sinks := make([]*dataSubscription, 0, len(t.subs))
	for _, s := range t.subs {
		sinks = append(sinks, s)
	}
	t.sinks.Store(&sinks)
	p.room.dirtyHandles[p] = true
}

// sendHandles sends the client the handles of all data tracks that it receives.
func (d *dataTransfer) sendHandles() {
	handles := make(map[uint32]*livekit.DataTrackSubscriberHandles_PublishedDataTrack, len(d.subscriptions))
	for handle, s := range d.subscriptions {
		handles[uint32(handle)] = &livekit.DataTrackSubscriberHandles_PublishedDataTrack{
			PublisherIdentity: s.track.owner.identity(), PublisherSid: s.track.owner.sid(), TrackSid: s.track.info.Sid,
		}
	}
	d.p.send(dataTrackHandlesMessage(handles))
}

// forwardFrame forwards a packet of a data track to the track's subscribers. It runs on the goroutine of the
// publisher's channel.
func (d *dataTransfer) forwardFrame(packet []byte) {
	h, ok := parseFrame(packet)
	tracks := d.p.latest().data.sharedTracks.Load()
	if !ok || tracks == nil {
		return
	}
	t := (*tracks)[uint32(h.handle)]
	if t == nil {
		return
	}
	sinks := t.sinks.Load()
	if sinks == nil {
		return
	}
	setHandle(packet, t.handle) // once for all subscribers, which share the packet; pion has given it to us
	now := time.Now()
	for _, s := range *sinks {
		if s.limiter.allows(h.frame, now) {
			s.out.putFrame(packet)
		}
	}
}
