package rtc

import (
	"sync/atomic"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// dataTransfer holds what one participant sends and receives on its data channels: packets and data tracks.
type dataTransfer struct {
	p *Participant

	out           *outbox
	outboxRunning bool
	channels      *channelCount
	lastSequence  uint32 // highest reliable sequence number accepted
	callerAlias   string // the name a hidden participant is answered under, once it has called somebody

	// Data tracks.
	tracks        map[uint32]*DataTrack                 // published, by the client's handle
	sharedTracks  atomic.Pointer[map[uint32]*DataTrack] // the same, for the channel's goroutine
	subscriptions map[uint16]*dataSubscription          // by the track's handle in the room
	choices       map[string]dataChoice                 // explicit UpdateDataSubscription, by track sid
}

func (d *dataTransfer) init(p *Participant) {
	d.p = p
	d.out, d.channels = newOutbox(d.disconnectSlowReader), &channelCount{}
	d.tracks = map[uint32]*DataTrack{}
	d.subscriptions = map[uint16]*dataSubscription{}
	d.choices = map[string]dataChoice{}
}

// transferTo passes the channels, the messages that have to arrive on them, and the tracks on to a participant of another
// room.
func (d *dataTransfer) transferTo(to *dataTransfer) {
	to.outboxRunning, to.channels, to.lastSequence = d.outboxRunning, d.channels, d.lastSequence
	to.out.takeOver(d.out)
	for handle, t := range d.tracks {
		to.tracks[handle] = &DataTrack{owner: to.p, info: t.info, subs: map[*Participant]*dataSubscription{}}
	}
}

// enterRoom makes what was handed over part of the room.
func (d *dataTransfer) enterRoom() {
	r := d.p.room
	if d.outboxRunning {
		r.wg.Go(d.out.run) // ends when the participant does
	}
	for _, t := range d.tracks {
		t.handle = r.newHandle()
		r.dataTracks[t.handle] = t
	}
	d.shareTracks()
}

// end ends everything, when the participant itself ends.
func (d *dataTransfer) end() {
	d.out.close()
	d.failPendingRPCs()
	delete(d.p.room.callerAliases, d.callerAlias)
	for _, t := range d.tracks {
		t.end()
	}
	clear(d.tracks)
	d.shareTracks()
	for _, s := range d.subscriptions {
		s.track.unsubscribe(d.p)
	}
}

// infos describes the published data tracks.
func (d *dataTransfer) infos() []*livekit.DataTrackInfo {
	var infos []*livekit.DataTrackInfo
	for _, t := range d.tracks {
		infos = append(infos, proto.CloneOf(t.info))
	}
	return infos
}

// announced returns the size of what was announced of the data tracks, in bytes.
func (d *dataTransfer) announced() int {
	size := 0
	for _, t := range d.tracks {
		size += proto.Size(t.info)
	}
	return size
}
