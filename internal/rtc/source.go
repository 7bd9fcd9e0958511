package rtc

import (
	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// publishSource publishes a track whose packets come from source and not from a client's connection. The track ends with
// the source. The caller ends the source no later than with p.context, because the room waits for it.
func (pb *publishing) publishSource(req *livekit.AddTrackRequest, source sfu.TrackSource) *Publication {
	info := newTrackInfo(req, peer.EnabledCodecs())
	pub := newPublication(pb.p, &pendingTrack{info: info, cids: cidsOf(req.Cid, info)})
	pub.addMedia(incomingStream{TrackSource: source})
	pb.p.room.publish(pub)
	return pub
}
