package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// publishSource publishes a track whose packets come from source instead of a client's connection. The track ends with
// the source. The participant may have no connection; the caller must activate the participant.
//
// The caller is responsible for the checks that a client's request would get: that the participant may publish the
// track (Participant.mayPublish), that it does not publish too many (maxTracks), and that req.Cid is not in use. A
// TrackSource has no Close, so the caller must also end the source: when the server has unpublished the track, which an
// Observer reports, and at the latest when p.context ends, because the room waits for the source.
func (pb *publishing) publishSource(req *livekit.AddTrackRequest, source sfu.TrackSource) *Publication {
	info := newTrackInfo(req, peer.EnabledCodecs())
	pub := newPublication(pb.p, &pendingTrack{info: info, cids: cidsOf(req.Cid, info)})
	pub.addMedia(incomingStream{TrackSource: source})
	pb.p.room.publish(pub)
	return pub
}
