package rtc

import (
	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
)

// handleOffer passes the client's offer to the publisher transport, which answers it.
func (pb *publishing) handleOffer(d *livekit.SessionDescription) {
	if t := pb.p.conn.publisherTransport(); t != nil {
		t.path = pb.p.conn.path() // the offer restarts ICE if the client has resumed
		t.HandleOffer(d, peer.AnswerPreferences{Tracks: pb.sendPreferences(), Disabled: pb.p.quirks.disabled.GetPublish()})
	}
}

// sendPreferences returns how the client should send its pending and published tracks: one entry for each codec.
func (pb *publishing) sendPreferences() []peer.SendPreference {
	var all []peer.SendPreference
	add := func(info *livekit.TrackInfo, cids []string, mime string) {
		all = append(all, peer.SendPreference{
			Kind: info.Type, CIDs: cids, MimeType: mime, SingleCodec: pb.p.quirks.ignoresCodecOrder, Stereo: info.Stereo, DTX: !info.DisableDtx,
		})
	}
	for _, t := range pb.pending {
		switch {
		case t.info.Type == livekit.TrackType_AUDIO && (t.info.DisableRed || pb.p.quirks.fixedSendCodec):
			add(t.info, t.cids, webrtc.MimeTypeOpus)
		case t.info.Type == livekit.TrackType_AUDIO:
			add(t.info, t.cids, peer.MimeTypeRED)
		case len(t.info.Codecs) == 0:
			add(t.info, t.cids, t.info.MimeType)
		}
		if t.info.Type == livekit.TrackType_VIDEO {
			for i, c := range t.info.Codecs {
				add(t.info, codecCIDs(t.cids[0], c, i == 0), c.MimeType)
			}
		}
	}
	for _, pub := range pb.publications {
		for _, c := range pub.codecs {
			add(pub.info, codecCIDs(pub.cids[0], c.info, c == pub.codecs[0]), c.info.MimeType)
		}
	}
	return all
}

// codecCIDs returns the track IDs by which the client's SDP may name a track in codec c. The list is empty for a codec
// that the client does not send. trackCID is the track ID in the AddTrack request. It names the primary codec, so the
// list contains it only if primary is set.
func codecCIDs(trackCID string, c *livekit.SimulcastCodecInfo, primary bool) []string {
	var cids []string
	for _, cid := range []string{c.Cid, c.SdpCid} {
		if cid != "" {
			cids = append(cids, cid)
		}
	}
	if primary {
		cids = append(cids, trackCID)
	}
	return cids
}
