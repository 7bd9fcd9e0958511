package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"
)

// pendingTrack is a track that was announced by AddTrack and whose media has not come yet.
type pendingTrack struct {
	info *livekit.TrackInfo
	cids []string // the client's ids of it, as its SDP may name it
	// public is set for one that was muted from the start: it has no media to wait for, so the others are told of it.
	public  bool
	offered bool // the client has offered a section for it
}

// earlyMedia is media that came before its AddTrack.
type earlyMedia struct {
	track    *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
}

// maxTracks bounds what one participant may publish or announce; a person has four sources.
const maxTracks = 64

// maxTrackInfo bounds what a client may say of one track, in bytes: all of it is repeated to everybody at each change.
const maxTrackInfo = 16 << 10

// addTrack announces a track and answers at once, before any media (livekit-protocol.md, 3.1).
func (p *Participant) addTrack(req *livekit.AddTrackRequest) {
	refuse := func(reason livekit.RequestResponse_Reason, message string) {
		p.refuse(reason, message, func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_AddTrack{AddTrack: req}
		})
	}
	switch {
	case !p.mayPublish(req.Type, req.Source):
		refuse(livekit.RequestResponse_NOT_ALLOWED, "you may not publish this here")
		return
	case req.Type != livekit.TrackType_AUDIO && req.Type != livekit.TrackType_VIDEO:
		refuse(livekit.RequestResponse_UNSUPPORTED_TYPE, "only audio and video tracks can be published")
		return
	case req.Sid != "":
		// A backup codec of a track that is there; the reference answers the same for one it does not know.
		refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track to add a codec to")
		return
	case proto.Size(req) > maxTrackInfo:
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "this says too much of the track")
		return
	case p.knowsCID(req.Cid):
		if len(p.queued) < maxTracks {
			p.queued = append(p.queued, req)
		}
		refuse(livekit.RequestResponse_QUEUED, "this track is being published already; once it is not, it will be again")
		return
	case len(p.pending)+len(p.publications) >= maxTracks:
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "too many tracks are published from here")
		return
	}
	t := &pendingTrack{info: newTrackInfo(req), cids: []string{req.Cid}, public: req.Muted}
	for _, c := range req.SimulcastCodecs {
		if c.Cid != "" && !slices.Contains(t.cids, c.Cid) {
			t.cids = append(t.cids, c.Cid)
		}
	}
	p.pending = append(p.pending, t)
	p.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_TrackPublished{TrackPublished: &livekit.TrackPublishedResponse{
		Cid: req.Cid, Track: proto.CloneOf(t.info),
	}}})
	if t.public {
		p.room.announce(p, true)
	}
	early := p.early
	p.early = nil
	for _, m := range early {
		p.mediaArrived(m.track, m.receiver)
	}
}

// mayPublish tells whether p may publish such a track. Where only some sources are granted, what is called a microphone
// has to be sound.
func (p *Participant) mayPublish(kind livekit.TrackType, source livekit.TrackSource) bool {
	perm := p.info.Permission
	if !perm.GetCanPublish() || len(perm.CanPublishSources) == 0 {
		return perm.GetCanPublish()
	}
	sound := source == livekit.TrackSource_MICROPHONE || source == livekit.TrackSource_SCREEN_SHARE_AUDIO
	return slices.Contains(perm.CanPublishSources, source) && sound == (kind == livekit.TrackType_AUDIO)
}

// addQueued announces the track that has waited for an earlier one with its id to be unpublished, if there is one.
func (p *Participant) addQueued() {
	i := slices.IndexFunc(p.queued, func(req *livekit.AddTrackRequest) bool { return !p.knowsCID(req.Cid) })
	if i >= 0 {
		req := p.queued[i]
		p.queued = slices.Delete(p.queued, i, i+1)
		p.addTrack(req)
	}
}

func kindOf(track *webrtc.TrackRemote) livekit.TrackType {
	if track.Kind() == webrtc.RTPCodecTypeAudio {
		return livekit.TrackType_AUDIO
	}
	return livekit.TrackType_VIDEO
}

func (p *Participant) knowsCID(cid string) bool {
	for _, pub := range p.publications {
		if slices.Contains(pub.cids, cid) {
			return true
		}
	}
	return slices.ContainsFunc(p.pending, func(t *pendingTrack) bool { return slices.Contains(t.cids, cid) })
}

func (p *Participant) pendingBySID(sid string) *pendingTrack {
	for _, t := range p.pending {
		if t.info.Sid == sid {
			return t
		}
	}
	return nil
}

func newTrackInfo(req *livekit.AddTrackRequest) *livekit.TrackInfo {
	info := &livekit.TrackInfo{
		Sid: newTrackID(req.Type, req.Source), Type: req.Type, Name: req.Name, Muted: req.Muted,
		Width: req.Width, Height: req.Height, Source: req.Source, Layers: req.Layers,
		DisableRed: req.DisableRed, Encryption: req.Encryption, Stream: req.Stream,
		AudioFeatures: req.AudioFeatures, BackupCodecPolicy: req.BackupCodecPolicy,
		PacketTrailerFeatures: req.PacketTrailerFeatures,
		DisableDtx:            req.DisableDtx || slices.Contains(req.AudioFeatures, livekit.AudioTrackFeature_TF_NO_DTX),
		Stereo:                req.Stereo || slices.Contains(req.AudioFeatures, livekit.AudioTrackFeature_TF_STEREO),
	}
	if info.Stream == "" {
		info.Stream = defaultStream(req.Source)
	}
	for i, c := range req.SimulcastCodecs {
		mime := strings.ToLower(c.Codec)
		if mime != "" && !strings.Contains(mime, "/") {
			mime = strings.ToLower(req.Type.String()) + "/" + mime
		}
		layers := c.Layers
		if len(layers) == 0 && i == 0 {
			layers = req.Layers
		}
		info.Codecs = append(info.Codecs, &livekit.SimulcastCodecInfo{
			MimeType: mime, Cid: c.Cid, Layers: layers, VideoLayerMode: layerMode(c.VideoLayerMode, mime),
		})
	}
	if len(info.Codecs) > 0 {
		info.MimeType = info.Codecs[0].MimeType
		if len(info.Layers) == 0 {
			info.Layers = info.Codecs[0].Layers
		}
	}
	info.Simulcast = len(info.Layers) > 1
	return info
}

// layerMode fills in how layers are sent where the client left it open: scalable in VP9 and AV1, else one stream each.
func layerMode(m livekit.VideoLayer_Mode, mime string) livekit.VideoLayer_Mode {
	switch {
	case m != livekit.VideoLayer_MODE_UNUSED || !strings.HasPrefix(mime, "video/"):
		return m
	case mime == "video/vp9" || mime == "video/av1":
		return livekit.VideoLayer_MULTIPLE_SPATIAL_LAYERS_PER_STREAM
	}
	return livekit.VideoLayer_ONE_SPATIAL_LAYER_PER_STREAM
}

func defaultStream(s livekit.TrackSource) string {
	switch s {
	case livekit.TrackSource_CAMERA, livekit.TrackSource_MICROPHONE:
		return "camera"
	case livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO:
		return "screen"
	}
	return "unknown"
}

// takeOffer answers the client's offer on the connection it publishes on.
func (p *Participant) takeOffer(d *livekit.SessionDescription) {
	if t := p.publisherTransport(); t != nil {
		t.takeOffer(d, tuneAnswer(p.sendWishes()))
	}
}

// sending learns on which of its tracks the client offers to send. A silent track that is no longer among them has been
// unpublished.
func (p *Participant) sending(cids []string) {
	kept := p.pending[:0]
	for _, t := range p.pending {
		now := slices.ContainsFunc(t.cids, func(cid string) bool { return slices.Contains(cids, cid) })
		if t.public && t.offered && !now {
			continue
		}
		t.offered = t.offered || now
		kept = append(kept, t)
	}
	gone := len(kept) < len(p.pending)
	p.pending = kept
	if gone {
		p.room.announce(p, true)
		p.addQueued()
	}
}

// mediaArrived is called when a layer of a track sends its first packet.
func (p *Participant) mediaArrived(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	for _, pub := range p.publications {
		if pub.info.Type == kindOf(track) && (pub.rtp == receiver || slices.Contains(pub.cids, track.ID())) {
			pub.addLayer(track, receiver)
			return
		}
	}
	t := p.takePending(track)
	if t == nil {
		if len(p.early) < maxTracks*3 { // three layers each
			p.early = append(p.early, earlyMedia{track, receiver})
		}
		return
	}
	p.room.publish(p, t, track, receiver)
}

// takePending finds the announced track that this media is: by the id in its SDP, else the first of its kind, because
// some browsers put another id there (livekit-protocol.md, 3.2). The kind counts always: rights depend on it.
func (p *Participant) takePending(track *webrtc.TrackRemote) *pendingTrack {
	kind := kindOf(track)
	i := slices.IndexFunc(p.pending, func(t *pendingTrack) bool { return t.info.Type == kind && slices.Contains(t.cids, track.ID()) })
	if i < 0 {
		i = slices.IndexFunc(p.pending, func(t *pendingTrack) bool { return t.info.Type == kind })
	}
	if i < 0 {
		return nil
	}
	t := p.pending[i]
	p.pending = slices.Delete(p.pending, i, i+1)
	return t
}

// setMuted acts on the client's own mute or unmute.
func (p *Participant) setMuted(m *livekit.SignalRequest_Mute) {
	sid, muted := m.Mute.GetSid(), m.Mute.GetMuted()
	if t := p.pendingBySID(sid); t != nil {
		t.info.Muted = muted
		if t.public {
			p.room.announce(p, true)
		}
		return
	}
	pub := p.publications[sid]
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

func (p *Participant) updateAudioTrack(m *livekit.SignalRequest_UpdateAudioTrack) {
	pub := p.publications[m.UpdateAudioTrack.GetTrackSid()]
	if pub == nil {
		p.refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UpdateAudioTrack{UpdateAudioTrack: m.UpdateAudioTrack}
		})
		return
	}
	features := m.UpdateAudioTrack.Features
	pub.info.AudioFeatures = slices.Clone(features[:min(len(features), len(livekit.AudioTrackFeature_name))]) // each once, at most
	p.room.announce(p, true)
}

func (p *Participant) updateVideoTrack(m *livekit.SignalRequest_UpdateVideoTrack) {
	pub := p.publications[m.UpdateVideoTrack.GetTrackSid()]
	if pub == nil {
		p.refuse(livekit.RequestResponse_NOT_FOUND, "there is no such track", func(r *livekit.RequestResponse) {
			r.Request = &livekit.RequestResponse_UpdateVideoTrack{UpdateVideoTrack: m.UpdateVideoTrack}
		})
		return
	}
	pub.info.Width, pub.info.Height = m.UpdateVideoTrack.Width, m.UpdateVideoTrack.Height
	p.room.announce(p, true)
}
