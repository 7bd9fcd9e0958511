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
	lastSequence  uint32 // highest sequence number of a reliable packet that was accepted
	callerAlias   string // alias to which a hidden participant's calls are answered; "" until it makes a call

	// The data tracks that the participant publishes and receives.
	tracks        map[uint32]*DataTrack                 // published tracks, by the client's handle
	sharedTracks  atomic.Pointer[map[uint32]*DataTrack] // copy of tracks for the goroutine of the client's channel
	subscriptions map[uint16]*dataSubscription          // received tracks, by their handle in the room
	choices       map[string]dataChoice                 // explicit requests for data tracks, by track SID
}

// init sets d up for the participant p.
func (d *dataTransfer) init(p *Participant) {
	d.p = p
	d.out, d.channels = newOutbox(d.disconnectSlowReader), &channelCount{}
	d.tracks = map[uint32]*DataTrack{}
	d.subscriptions = map[uint16]*dataSubscription{}
	d.choices = map[string]dataChoice{}
}

// transferTo moves the participant's data channels, queued reliable messages and data tracks to dst. dst belongs to
// the same participant in another room.
func (d *dataTransfer) transferTo(dst *dataTransfer) {
	dst.outboxRunning, dst.channels, dst.lastSequence = d.outboxRunning, d.channels, d.lastSequence
	dst.out.takeOver(d.out)
	for handle, t := range d.tracks {
		dst.tracks[handle] = &DataTrack{owner: dst.p, info: t.info, subs: map[*Participant]*dataSubscription{}}
	}
}

// enterRoom adds the transferred data tracks to the participant's new room and starts the outbox.
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

// end ends all data tracks, subscriptions and calls of a participant that is leaving.
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

// infos returns the descriptions of the published data tracks.
func (d *dataTransfer) infos() []*livekit.DataTrackInfo {
	var infos []*livekit.DataTrackInfo
	for _, t := range d.tracks {
		infos = append(infos, proto.CloneOf(t.info))
	}
	return infos
}

// announced returns the total size of the descriptions of the data tracks, in bytes.
func (d *dataTransfer) announced() int {
	size := 0
	for _, t := range d.tracks {
		size += proto.Size(t.info)
	}
	return size
}
