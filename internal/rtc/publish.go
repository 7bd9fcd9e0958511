package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// incomingStream is a stream of media, and the media section on which a client sends it. The section is zero for a source
// of our own.
type incomingStream struct {
	sfu.TrackSource
	section peer.MediaSection
}

// sending notes on which sections the client offers to send. It drops announced tracks that are not among them any more,
// and media that nobody has announced.
func (pb *publishing) offeredTracksChanged(tracks []peer.OfferedTrack) {
	p := pb.p
	pb.offered = tracks
	offered := func(cid string) bool {
		return slices.ContainsFunc(tracks, func(o peer.OfferedTrack) bool { return o.CID == cid })
	}
	pb.earlyMedia = slices.DeleteFunc(pb.earlyMedia, func(s incomingStream) bool { id := s.Info().ID; return id != "" && !offered(id) })
	shown, given := false, false
	pb.pending = slices.DeleteFunc(pb.pending, func(t *pendingTrack) bool {
		now := slices.ContainsFunc(t.cids, offered)
		gone := t.offered && !now
		t.offered = now
		shown, given = shown || gone && t.public, given || gone
		return gone
	})
	for _, pub := range pb.publications {
		if pub.hasNoMedia() && !slices.ContainsFunc(pub.cids, offered) {
			p.room.unpublish(pub)
			shown, given = true, true
		}
	}
	for _, o := range tracks {
		pb.assignSection(o)
	}
	pb.publishOffered()
	if shown {
		p.room.announce(p, true)
	}
	if given {
		pb.addQueued()
	}
}

// adopt assigns a section whose track ID is not known to the first announced track of its kind that has no section,
// because some browsers put other IDs in their SDP (docs/protocol.md, 3.2).
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

// publishOffered publishes the announced tracks that the client has offered, once the connection works and their codec is
// known. It does not wait for media.
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

// sendsFirstCodec reports whether the client will send a track in the codec that stands first in the answer.
func (pb *publishing) sendsFirstCodec(t *pendingTrack, o peer.OfferedTrack) bool {
	return o.Section != (peer.MediaSection{}) && (o.SingleCodec || o.Kind == livekit.TrackType_AUDIO || !pb.p.quirks.fixedSendCodec || strings.EqualFold(t.info.MimeType, o.Format.MimeType))
}

// mediaArrived is called with each stream of a track when its first packet has come.
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

// retryEarlyMedia looks again at the media that came before its announcement.
func (pb *publishing) retryEarlyMedia() {
	early := pb.earlyMedia
	pb.earlyMedia = nil
	for _, s := range early {
		pb.mediaArrived(s)
	}
}

func (pb *publishing) addMedia(pub *Publication, s incomingStream) {
	p := pb.p
	if pub.addMedia(s) {
		p.log.Debug("track published in one more codec", "track", pub.info.Sid, "codec", s.Info().MimeType)
		p.room.announce(p, true)
		p.room.reconcileSubscribers(pub) // to those who had negotiated for the codec that was expected
		p.room.dirtyDemand[pub] = true
	}
}

// publicationOf finds the published track that this media belongs to: one more layer of it, or another codec.
func (pb *publishing) publicationOf(info sfu.SourceInfo, section peer.MediaSection) *Publication {
	for _, pub := range pb.publications {
		if pub.info.Type == kindOf(info) && (pub.usesSection(section) || slices.Contains(pub.cids, info.ID)) {
			return pub
		}
	}
	return nil
}

// awaiting finds a published track that is to come in this codec too, for clients whose SDP has other IDs.
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

// claimPending finds the announced track that the media belongs to, by the track ID in its SDP, else the first of its
// kind, because some browsers put another ID there (docs/protocol.md, 3.2). The kind always has to match, because rights
// depend on it.
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

func kindOf(info sfu.SourceInfo) livekit.TrackType {
	if info.Kind == webrtc.RTPCodecTypeAudio {
		return livekit.TrackType_AUDIO
	}
	return livekit.TrackType_VIDEO
}

// setMuted acts on the client's own mute or unmute.
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

// muteByServer mutes or unmutes a track of the participant. Its client gets a message of its own first: one that only saw
// its track muted in an update would answer that the track is not muted (docs/protocol.md, 3.4).
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

func (pb *publishing) sendMute(sid string, muted bool) {
	pb.p.send(muteMessage(sid, muted))
}

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
	info.AudioFeatures = slices.Clone(features[:min(len(features), len(livekit.AudioTrackFeature_name))]) // each once, at most
	info.Stereo = slices.Contains(info.AudioFeatures, livekit.AudioTrackFeature_TF_STEREO)
	info.DisableDtx = slices.Contains(info.AudioFeatures, livekit.AudioTrackFeature_TF_NO_DTX)
	if seen {
		p.room.announce(p, true)
	}
}

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

// trackInfo finds a track of the participant, published or announced, and reports whether others see it.
func (pb *publishing) trackInfo(sid string) (info *livekit.TrackInfo, seen bool) {
	if pub := pb.publications[sid]; pub != nil {
		return pub.info, true
	}
	if t := pb.pendingBySID(sid); t != nil {
		return t.info, t.public
	}
	return nil, false
}
