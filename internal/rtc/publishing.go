package rtc

import (
	"slices"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"

	"meet/internal/peer"
)

// publishing holds what one participant sends: its announced and published tracks, and the permissions to subscribe to
// them.
type publishing struct {
	p *Participant

	pending      []*pendingTrack
	queued       []*livekit.AddTrackRequest // requests that wait because another track uses their client ID
	earlyMedia   []incomingStream           // media that arrived before its AddTrack request
	offered      []peer.OfferedTrack        // from the client's latest offer
	publications map[string]*Publication    // keyed by track SID
	policy       *policy                    // nil: everybody may subscribe
	subscribers  map[*Participant]int       // participants that receive tracks of this one, with the number of their subscriptions
	level        float32                    // audio level that was last sent to the others: 0 to 1 in steps of 1/8; 0 is silence
}

// init sets pb up for the participant p.
func (pb *publishing) init(p *Participant) {
	pb.p = p
	pb.publications = map[string]*Publication{}
	pb.subscribers = map[*Participant]int{}
}

// transferTo moves the tracks to dst, which belongs to the same participant in another room, and ends them in this
// room.
func (pb *publishing) transferTo(dst *publishing) {
	dst.policy = pb.policy
	for sid, pub := range pb.publications {
		dst.publications[sid] = pub.transferTo(dst.p)
		pb.p.room.detachPublication(pub)
	}
	dst.pending, dst.queued, dst.earlyMedia, dst.offered = pb.pending, pb.queued, pb.earlyMedia, pb.offered
	pb.pending, pb.queued, pb.earlyMedia, pb.offered = nil, nil, nil, nil
}

// end ends all tracks of a participant that is leaving.
func (pb *publishing) end() {
	for _, pub := range pb.publications {
		pb.p.room.unpublish(pub)
	}
	pb.pending = nil // so that the last state shows no track
}

// hasVisibleTracks reports whether the participant has a track that other participants see.
func (pb *publishing) hasVisibleTracks() bool {
	return len(pb.publications) > 0 || slices.ContainsFunc(pb.pending, func(t *pendingTrack) bool { return t.public })
}

// infos returns the descriptions of the tracks that other participants see.
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

// announced returns the total size of the descriptions of all tracks, including pending and queued ones, in bytes.
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
