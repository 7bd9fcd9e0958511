package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// publishSource publishes a track whose packets come from source and not from a client's connection. The track ends with
// the source. The participant may have no connection; the caller has to activate it.
//
// The caller answers for what a client's request is checked for: that the participant may publish the track
// (Participant.mayPublish), that it does not publish too many (maxTracks), and that req.Cid is not in use. A TrackSource
// has no Close, so the caller also ends the source: when the server has unpublished the track, of which an Observer is
// notified, and no later than with p.context, because the room waits for the source before it ends.
func (pb *publishing) publishSource(req *livekit.AddTrackRequest, source sfu.TrackSource) *Publication {
	info := newTrackInfo(req, peer.EnabledCodecs())
	pub := newPublication(pb.p, &pendingTrack{info: info, cids: cidsOf(req.Cid, info)})
	pub.addMedia(incomingStream{TrackSource: source})
	pb.p.room.publish(pub)
	return pub
}
