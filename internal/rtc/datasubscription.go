package rtc

import (
	"strings"

	"github.com/livekit/protocol/livekit"
)

// dataSubscription is one participant's receipt of one data track.
type dataSubscription struct {
	track *DataTrack
	out   *outbox
	gate  frameGate
}

// dataChoice is what a client has said of a data track, that exists or not.
type dataChoice struct {
	subscribe bool
	fps       uint32 // frames it wants each second; 0: all
}

// updateDataSubscription notes what data tracks the client wants; it holds for those that do not exist yet too.
func (p *Participant) updateDataSubscription(u *livekit.UpdateDataSubscription) {
	named := make(map[string]bool, len(u.Updates))
	for _, c := range u.Updates {
		named[c.GetTrackSid()] = true
		_, known := p.dataChosen[c.GetTrackSid()]
		if !known && (len(p.dataChosen) >= maxRemembered || !strings.HasPrefix(c.GetTrackSid(), dataTrackPrefix) || len(c.TrackSid) > 32) {
			continue
		}
		p.dataChosen[c.TrackSid] = dataChoice{c.Subscribe, c.GetOptions().GetTargetFps()}
	}
	for _, t := range p.room.dataTracks {
		if named[t.info.Sid] {
			t.reconcileFor(p)
		}
	}
}

// reconcile brings everybody's subscription to the track in line with what they want and may.
func (t *DataTrack) reconcile() {
	for _, o := range t.owner.room.participants {
		t.reconcileFor(o)
	}
}

// reconcileData does so for all data tracks of the room and one participant: as it comes, or its rights change.
func (p *Participant) reconcileData() {
	for _, t := range p.room.dataTracks {
		t.reconcileFor(p)
	}
}

// dataPolicyChanged does so for what p publishes, after it has changed who may receive it.
func (p *Participant) dataPolicyChanged() {
	for _, t := range p.dataTracks {
		t.reconcile()
	}
}

func (t *DataTrack) reconcileFor(p *Participant) {
	if p == t.owner || p.closed || t.owner.hidden() { // nobody was told of what a hidden one publishes
		return
	}
	choice, made := p.dataChosen[t.info.Sid]
	if !made {
		choice.subscribe = p.req.AutoSubscribeData
	}
	wanted := choice.subscribe && p.info.Permission.GetCanSubscribe() && t.owner.permits(p, t.info.Sid)
	s := t.subs[p]
	switch {
	case wanted && s == nil:
		s = &dataSubscription{track: t, out: p.out}
		t.subs[p] = s
		p.dataSubscriptions[t.handle] = s
		t.subscribersChanged(p)
	case !wanted && s != nil:
		t.unsubscribe(p)
	}
	if wanted {
		s.gate.setRate(choice.fps)
	}
}

func (t *DataTrack) unsubscribe(p *Participant) {
	delete(t.subs, p)
	delete(p.dataSubscriptions, t.handle)
	t.subscribersChanged(p)
}

func (t *DataTrack) subscribersChanged(p *Participant) {
	sinks := make([]*dataSubscription, 0, len(t.subs))
	for _, s := range t.subs {
		sinks = append(sinks, s)
	}
	t.sinks.Store(&sinks)
	p.room.rehandled[p] = true
}

// tellHandles tells the client by which handles it gets what data tracks, all of them.
func (p *Participant) tellHandles() {
	handles := make(map[uint32]*livekit.DataTrackSubscriberHandles_PublishedDataTrack, len(p.dataSubscriptions))
	for handle, s := range p.dataSubscriptions {
		handles[uint32(handle)] = &livekit.DataTrackSubscriberHandles_PublishedDataTrack{
			PublisherIdentity: s.track.owner.identity(), PublisherSid: s.track.owner.sid(), TrackSid: s.track.info.Sid,
		}
	}
	p.send(dataTrackHandlesMessage(handles))
}
