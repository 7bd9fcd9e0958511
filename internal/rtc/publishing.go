package rtc

import (
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/peer"
)

// publishing holds what one participant sends: the tracks that it has announced and published, and who may receive them.
type publishing struct {
	p *Participant

	pending      []*pendingTrack
	queued       []*livekit.AddTrackRequest // wait because an earlier track has their client ID
	earlyMedia   []incomingStream           // media whose AddTrack has not come yet
	offered      []peer.OfferedTrack        // of the client's latest offer
	publications map[string]*Publication    // by track sid
	policy       *policy                    // nil: everybody may subscribe
	subscribers  map[*Participant]int       // the participants that receive something of it, with the number of tracks
	level        float32                    // the loudness that others were last told: 0 to 1 in steps of 1/8; 0 is silent
}

func (pb *publishing) init(p *Participant) {
	pb.p = p
	pb.publications = map[string]*Publication{}
	pb.subscribers = map[*Participant]int{}
}

// transferTo passes the tracks on to a participant of another room, and ends them in this room.
func (pb *publishing) transferTo(to *publishing) {
	to.policy = pb.policy
	for sid, pub := range pb.publications {
		to.publications[sid] = pub.transferTo(to.p)
		pb.p.room.detachPublication(pub)
	}
	to.pending, to.queued, to.earlyMedia, to.offered = pb.pending, pb.queued, pb.earlyMedia, pb.offered
	pb.pending, pb.queued, pb.earlyMedia, pb.offered = nil, nil, nil, nil
}

// end ends all tracks, when the participant itself ends.
func (pb *publishing) end() {
	for _, pub := range pb.publications {
		pb.p.room.unpublish(pub)
	}
	pb.pending = nil // so that its last state shows no track
}

// shown reports whether others see tracks of the participant.
func (pb *publishing) hasVisibleTracks() bool {
	return len(pb.publications) > 0 || slices.ContainsFunc(pb.pending, func(t *pendingTrack) bool { return t.public })
}

// infos describes the tracks that others see.
func (pb *publishing) infos() []*livekit.TrackInfo {
	var infos []*livekit.TrackInfo
	for _, pub := range pb.publications {
		infos = append(infos, proto.CloneOf(pub.info))
	}
	for _, t := range pb.pending {
		if t.public {
			infos = append(infos, proto.CloneOf(t.info))
		}
	}
	return infos
}

// announced returns the size of what was announced of the tracks, pending and queued ones included, in bytes.
func (pb *publishing) announced() int {
	size := 0
	for _, pub := range pb.publications {
		size += proto.Size(pub.info)
	}
	for _, t := range pb.pending {
		size += proto.Size(t.info)
	}
	for _, req := range pb.queued {
		size += proto.Size(req)
	}
	return size
}
