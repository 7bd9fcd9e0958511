package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// incomingStream is a media stream and the media section on which the client sends it. The section is zero for media
// that the server makes.
type incomingStream struct {
	sfu.TrackSource
	section peer.MediaSection
}

// offeredTracksChanged stores which tracks the client sends according to its latest offer, and on which media
// sections. It drops announced tracks and early media that are no longer offered.
func (pb *publishing) offeredTracksChanged(tracks []peer.OfferedTrack) {
	p := pb.p
	pb.offered = tracks
	offered := func(cid string) bool {
		return slices.ContainsFunc(tracks, func(o peer.OfferedTrack) bool { return o.CID == cid })
	}
	pb.earlyMedia = slices.DeleteFunc(pb.earlyMedia, func(s incomingStream) bool { id := s.Info().ID; return id != "" && !offered(id) })
	announce, freed := false, false // freed: a client ID is unused again
	pb.pending = slices.DeleteFunc(pb.pending, func(t *pendingTrack) bool {
		now := slices.ContainsFunc(t.cids, offered)
		gone := t.offered && !now
		t.offered = now
		announce, freed = announce || gone && t.public, freed || gone
		return gone
	})
	for _, pub := range pb.publications {
		if pub.hasNoMedia() && !slices.ContainsFunc(pub.cids, offered) {
			p.room.unpublish(pub)
			announce, freed = true, true
		}
	}
	for _, o := range tracks {
		pb.assignSection(o)
	}
	pb.publishOffered()
	if announce {
		p.room.announce(p, true)
	}
	if freed {
		pb.addQueued()
	}
}

// assignSection assigns a section with an unknown track ID to the first announced track of its kind that has no section
// yet, because some browsers use other IDs in their SDP than in AddTrack (docs/protocol.md, 3.2).
func (pb *publishing) assignSection(o peer.OfferedTrack) {
	if pb.hasCID(o.CID) {
		return
	}
	i := slices.IndexFunc(pb.pending, func(t *pendingTrack) bool { return !t.offered && t.info.Type == o.Kind })
	if i >= 0 {
		t := pb.pending[i]
		t.offered = true
		if len(t.info.Codecs) == 0 {
			t.info.Codecs = []*livekit.SimulcastCodecInfo{{Cid: t.cids[0], Layers: t.info.Layers}}
		}
		t.info.Codecs[0].SdpCid = o.CID
		t.cids = cidsOf(t.cids[0], t.info)
	}
}

// publishOffered publishes announced tracks that the client has offered, without waiting for media. It requires that
// the connection is up, and that the negotiation shows in which codec the track is sent.
func (pb *publishing) publishOffered() {
	p := pb.p
	if p.conn.publisher == nil || !p.conn.publisher.connected {
		return
	}
	for _, o := range slices.Clone(pb.offered) {
		i := slices.IndexFunc(pb.pending, func(t *pendingTrack) bool {
			return t.info.Type == o.Kind && slices.Contains(t.cids, o.CID) && pb.sendsFirstCodec(t, o)
		})
		if i < 0 {
			continue
		}
		pub := newPublication(p, pb.pending[i])
		pb.pending = slices.Delete(pb.pending, i, i+1)
		pub.expectMedia(o)
		p.room.publish(pub)
	}
}

// sendsFirstCodec reports whether the client is known to send the track t in the first codec of the answer.
func (pb *publishing) sendsFirstCodec(t *pendingTrack, o peer.OfferedTrack) bool {
	return o.Section != (peer.MediaSection{}) && (o.SingleCodec || o.Kind == livekit.TrackType_AUDIO || !pb.p.quirks.fixedSendCodec || strings.EqualFold(t.info.MimeType, o.Format.MimeType))
}

// mediaArrived handles a stream whose first packet has arrived. It adds the stream to its track, and publishes a
// pending track. Media of a track that is not announced yet is stored.
func (pb *publishing) mediaArrived(s incomingStream) {
	info := s.Info()
	if pub := pb.publicationOf(info, s.section); pub != nil {
		pb.addMedia(pub, s)
		return
	}
	if t := pb.claimPending(info); t != nil {
		pub := newPublication(pb.p, t)
		pub.addMedia(s)
		pb.p.room.publish(pub)
		return
	}
	if pub := pb.publicationAwaiting(info); pub != nil {
		pb.addMedia(pub, s)
		return
	}
	if len(pb.earlyMedia) < maxTracks*sfu.MaxLayers {
		pb.earlyMedia = append(pb.earlyMedia, s)
	}
}

// retryEarlyMedia handles the media that arrived before its track was announced. It is called after each
// announcement.
func (pb *publishing) retryEarlyMedia() {
	early := pb.earlyMedia
	pb.earlyMedia = nil
	for _, s := range early {
		pb.mediaArrived(s)
	}
}

// addMedia adds a stream to a published track and announces a codec that is new.
func (pb *publishing) addMedia(pub *Publication, s incomingStream) {
	p := pb.p
	if pub.addMedia(s) {
		p.log.Debug("track published in an additional codec", "track", pub.info.Sid, "codec", s.Info().MimeType)
		p.room.announce(p, true)
		p.room.reconcileSubscribers(pub) // for subscriptions that ended in correctCodec
		p.room.dirtyDemand[pub] = true
	}
}

// publicationOf returns the published track that the media belongs to, as a further layer or codec. It returns nil if
// there is none.
func (pb *publishing) publicationOf(info sfu.SourceInfo, section peer.MediaSection) *Publication {
	for _, pub := range pb.publications {
		if pub.info.Type == kindOf(info) && (pub.usesSection(section) || slices.Contains(pub.cids, info.ID)) {
			return pub
		}
	}
	return nil
}

// publicationAwaiting returns a published track that was announced with this codec but has no media in this codec yet.
// It returns nil if there is none. It is used for clients whose SDP contains other track IDs than their AddTrack
// requests.
func (pb *publishing) publicationAwaiting(info sfu.SourceInfo) *Publication {
	for _, pub := range pb.publications {
		if slices.ContainsFunc(pub.codecs, func(c *publishedCodec) bool {
			return c.receiver == nil && c.info.Cid != "" && strings.EqualFold(c.info.MimeType, info.MimeType)
		}) {
			return pub
		}
	}
	return nil
}

// claimPending removes and returns the pending track that the media belongs to: the one with the ID in the SDP, or else
// the first of the same kind, because some browsers use other IDs (docs/protocol.md, 3.2). It returns nil if there is
// none. The kind must always match, because permissions depend on it.
func (pb *publishing) claimPending(info sfu.SourceInfo) *pendingTrack {
	kind := kindOf(info)
	i := slices.IndexFunc(pb.pending, func(t *pendingTrack) bool { return t.info.Type == kind && slices.Contains(t.cids, info.ID) })
	if i < 0 {
		i = slices.IndexFunc(pb.pending, func(t *pendingTrack) bool { return t.info.Type == kind })
	}
	if i < 0 {
		return nil
	}
	t := pb.pending[i]
	pb.pending = slices.Delete(pb.pending, i, i+1)
	return t
}

// kindOf returns the kind of a media source as a protocol value.
func kindOf(info sfu.SourceInfo) livekit.TrackType {
	if info.Kind == webrtc.RTPCodecTypeAudio {
		return livekit.TrackType_AUDIO
	}
	return livekit.TrackType_VIDEO
}

// setMuted handles the client's own mute or unmute of a track.
func (pb *publishing) setMuted(m *livekit.SignalRequest_Mute) {
	p := pb.p
	sid, muted := m.Mute.GetSid(), m.Mute.GetMuted()
	if t := pb.pendingBySID(sid); t != nil {
		t.info.Muted = muted
		if t.public {
			p.room.announce(p, true)
		}
		return
	}
	pub := pb.publications[sid]
	if pub == nil {
		p.refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_Mute{Mute: m.Mute}
		})
		return
	}
	if pub.info.Muted == muted {
		return
	}
	pub.setMuted(muted)
	p.room.announce(p, true)
}

// muteByServer mutes or unmutes a track of the participant. It returns the track's description, or nil if there is
// no such track. The client is sent a mute message before the update, because a client that saw only the update
// would send its own state again and thus undo the change (docs/protocol.md, 3.4).
func (pb *publishing) muteByServer(sid string, muted bool) *livekit.TrackInfo {
	p := pb.p
	pub, t := pb.publications[sid], pb.pendingBySID(sid)
	switch {
	case pub != nil && pub.info.Muted != muted:
		pb.sendMute(sid, muted)
		pub.setMuted(muted)
		p.room.announce(p, true)
	case t != nil && t.info.Muted != muted:
		pb.sendMute(sid, muted)
		if t.info.Muted = muted; t.public {
			p.room.announce(p, true)
		}
	}
	switch {
	case pub != nil:
		return pub.info
	case t != nil:
		return t.info
	}
	return nil
}

// sendMute makes the client mute or unmute its track.
func (pb *publishing) sendMute(sid string, muted bool) {
	pb.p.send(muteMessage(sid, muted))
}

// updateAudioTrack handles the client's changed description of an audio track.
func (pb *publishing) updateAudioTrack(m *livekit.SignalRequest_UpdateAudioTrack) {
	p := pb.p
	info, seen := pb.trackInfo(m.UpdateAudioTrack.GetTrackSid())
	if info == nil {
		p.refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UpdateAudioTrack{UpdateAudioTrack: m.UpdateAudioTrack}
		})
		return
	}
	features := m.UpdateAudioTrack.Features
	info.AudioFeatures = slices.Clone(features[:min(len(features), len(livekit.AudioTrackFeature_name))]) // the length is bounded: each feature is useful once
	info.Stereo = slices.Contains(info.AudioFeatures, livekit.AudioTrackFeature_TF_STEREO)
	info.DisableDtx = slices.Contains(info.AudioFeatures, livekit.AudioTrackFeature_TF_NO_DTX)
	if seen {
		p.room.announce(p, true)
	}
}

// updateVideoTrack handles the client's changed description of a video track.
func (pb *publishing) updateVideoTrack(m *livekit.SignalRequest_UpdateVideoTrack) {
	p := pb.p
	info, seen := pb.trackInfo(m.UpdateVideoTrack.GetTrackSid())
	if info == nil {
		p.refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UpdateVideoTrack{UpdateVideoTrack: m.UpdateVideoTrack}
		})
		return
	}
	info.Width, info.Height = m.UpdateVideoTrack.Width, m.UpdateVideoTrack.Height
	if seen {
		p.room.announce(p, true)
	}
}

// trackInfo returns the description of a published or pending track, or nil if there is none. seen reports whether
// other participants see the track.
func (pb *publishing) trackInfo(sid string) (info *livekit.TrackInfo, seen bool) {
	if pub := pb.publications[sid]; pub != nil {
		return pub.info, true
	}
	if t := pb.pendingBySID(sid); t != nil {
		return t.info, t.public
	}
	return nil, false
}
