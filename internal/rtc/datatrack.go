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
	// maxHandle and the limits of names are LiveKit's (docs/protocol.md, 0.4 and 6.6), names in characters.
	maxHandle        = 1<<16 - 1
	maxDataTrackName = 256
	maxEncodingName  = 32
	// maxDataTracks bounds what one participant may publish: all of it is repeated to everybody at each change.
	maxDataTracks = 256
)

// DataTrack is a published data track. Its packets go from its publisher's channel to the outboxes of its subscribers
// without passing the room's loop.
type DataTrack struct {
	owner  *Participant
	info   *livekit.DataTrackInfo
	handle uint16 // by which all its subscribers know it; its publisher knows it by info.PubHandle
	subs   map[*Participant]*dataSubscription
	sinks  atomic.Pointer[[]*dataSubscription] // the same, copied at each change
}

// dataSubscription is one participant's receipt of one data track.
type dataSubscription struct {
	track   *DataTrack
	out     *outbox
	limiter frameLimiter
}

// dataChoice is a client's request about a data track, whether the track exists or not.
type dataChoice struct {
	subscribe bool
	fps       uint32 // frames it wants each second; 0: all
}

// publish publishes a data track and answers (docs/protocol.md, 6.6).
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

// refusal returns why the participant may not publish this, if it may not.
func (d *dataTransfer) refusal(req *livekit.PublishDataTrackRequest) (livekit.RequestResponse_Reason, string) {
	p := d.p
	name := utf8.RuneCountInString(req.Name)
	switch {
	case !p.info.Permission.GetCanPublishData():
		return livekit.RequestResponse_NOT_ALLOWED, "you may not publish data here"
	case req.PubHandle == 0 || req.PubHandle > maxHandle:
		return livekit.RequestResponse_INVALID_HANDLE, fmt.Sprintf("the handle of a data track is between 1 and %d", maxHandle)
	case name == 0 || name > maxDataTrackName:
		return livekit.RequestResponse_INVALID_NAME, fmt.Sprintf("the name of a data track has 1 to %d characters", maxDataTrackName)
	case utf8.RuneCountInString(req.FrameEncoding.GetCustom()) > maxEncodingName,
		utf8.RuneCountInString(req.Schema.GetEncoding().GetCustom()) > maxEncodingName:
		return livekit.RequestResponse_INVALID_REQUEST, fmt.Sprintf("the name of an encoding has at most %d characters", maxEncodingName)
	case req.Schema != nil && (req.Schema.Name == "" || utf8.RuneCountInString(req.Schema.Name) > maxDataTrackName):
		return livekit.RequestResponse_INVALID_REQUEST, fmt.Sprintf("the name of a schema has 1 to %d characters", maxDataTrackName)
	case proto.Size(req) > maxTrackInfo:
		return livekit.RequestResponse_INVALID_REQUEST, "this says too much of the data track"
	case !p.mayAnnounce(req):
		return livekit.RequestResponse_LIMIT_EXCEEDED, "too much is said of the tracks that are published from here"
	case d.tracks[req.PubHandle] != nil:
		return livekit.RequestResponse_DUPLICATE_HANDLE, "you have published a data track by this handle already"
	case len(d.tracks) >= maxDataTracks || len(p.room.dataTracks) >= maxHandle:
		return livekit.RequestResponse_LIMIT_EXCEEDED, "too many data tracks are published"
	}
	for _, t := range d.tracks {
		if t.info.Name == req.Name {
			return livekit.RequestResponse_DUPLICATE_NAME, "you have published a data track of this name already"
		}
	}
	return livekit.RequestResponse_OK, ""
}

// newHandle returns a free handle for a track's subscribers. It was not used lately, because packets of its last track
// may still be on their way.
func (r *Room) newHandle() uint16 {
	for {
		r.lastHandle++
		if r.lastHandle != 0 && r.dataTracks[r.lastHandle] == nil {
			return r.lastHandle
		}
	}
}

// unpublish takes a data track back and answers.
func (d *dataTransfer) unpublish(req *livekit.UnpublishDataTrackRequest) {
	t := d.tracks[req.PubHandle]
	if t == nil {
		d.p.refuse(livekit.RequestResponse_NOT_FOUND, "you have published no data track by this handle", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UnpublishDataTrack{UnpublishDataTrack: req}
		})
		return
	}
	d.unpublishTracks(t)
}

// drop ends some of the participant's data tracks, at its request or because it may not publish data any more.
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

// rightsChanged ends what the participant may not publish or receive any more, and begins what it may receive from now
// on.
func (d *dataTransfer) rightsChanged() {
	if !d.p.info.Permission.GetCanPublishData() && len(d.tracks) > 0 {
		d.unpublishTracks(slices.Collect(maps.Values(d.tracks))...)
	}
	d.reconcile()
}

// withdraw ends all subscriptions to the track.
func (t *DataTrack) unsubscribeAll() {
	for o := range t.subs {
		t.unsubscribe(o)
	}
}

// end ends all subscriptions to the track and removes it from the room.
func (t *DataTrack) end() {
	t.unsubscribeAll()
	for _, o := range t.owner.room.participants {
		delete(o.data.choices, t.info.Sid)
	}
	delete(t.owner.room.dataTracks, t.handle)
}

// shareTracks tells the channel's goroutine which tracks there are.
func (d *dataTransfer) shareTracks() {
	tracks := maps.Clone(d.tracks)
	d.sharedTracks.Store(&tracks)
}

// choose notes which data tracks the client wants. It may name tracks that do not exist yet.
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

// reconcile brings everybody's subscription to the track in line with what they want and may receive.
func (t *DataTrack) reconcile() {
	for _, o := range t.owner.room.participants {
		t.reconcileFor(o)
	}
}

// reconcile brings the participant's subscriptions to all data tracks of the room in line, when it joins or its rights
// change.
func (d *dataTransfer) reconcile() {
	for _, t := range d.p.room.dataTracks {
		t.reconcileFor(d.p)
	}
}

// reconcileSubscribers brings everybody's subscriptions to the participant's tracks in line, when it joins or others may receive
// more or less of it.
func (d *dataTransfer) reconcileSubscribers() {
	for _, t := range d.tracks {
		t.reconcile()
	}
}

// unsubscribeOthers ends everybody's subscriptions to the participant's tracks.
func (d *dataTransfer) unsubscribeOthers() {
	for _, t := range d.tracks {
		t.unsubscribeAll()
	}
}

func (t *DataTrack) reconcileFor(p *Participant) {
	if p == t.owner || p.closed || t.owner.hidden() { // others do not know what a hidden participant publishes
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

func (t *DataTrack) unsubscribe(p *Participant) {
	delete(t.subs, p)
	delete(p.data.subscriptions, t.handle)
	t.subscribersChanged(p)
}

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

// forwardFrame passes a packet of a data track on to its subscribers. It runs on the channel's goroutine.
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
	setHandle(packet, t.handle) // once for all subscribers: they share the packet, which is ours
	now := time.Now()
	for _, s := range *sinks {
		if s.limiter.allows(h.frame, now) {
			s.out.putFrame(packet)
		}
	}
}
