package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// pendingTrack is a track that the client has announced with AddTrack and for which no media has arrived.
type pendingTrack struct {
	info *livekit.TrackInfo
	cids []string // IDs that the client's SDP may use for the track; the one of the request is the first
	// public is set if the track was muted when it was announced. No media will arrive, so the other participants are
	// sent the track immediately.
	public  bool
	offered bool // set if the client has offered a media section for the track
}

const (
	// maxTracks is the maximum number of tracks that one participant may publish or announce. A person needs four:
	// camera, microphone, shared screen and the screen's audio.
	maxTracks = 64
	// maxTrackInfo is the maximum size in bytes of the description of one track. The whole description is sent to every
	// participant at each change.
	maxTrackInfo = 16 << 10
	// maxCodecs is the maximum number of codecs of one track. Clients publish two.
	maxCodecs = 4
)

// addTrack announces a track and answers the request immediately, before any media arrives (docs/protocol.md, 3.1).
func (pb *publishing) addTrack(req *livekit.AddTrackRequest) {
	p := pb.p
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
	case proto.Size(req) > maxTrackInfo || len(req.SimulcastCodecs) > maxCodecs || !p.mayAnnounce(req):
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "the description of the track is too long, or it has too many codecs")
		return
	case req.Sid != "":
		if reason, message := pb.addCodecs(req); message != "" {
			refuse(reason, message)
			return
		}
		pb.retryEarlyMedia()
		return
	case pb.hasCID(req.Cid):
		if len(pb.queued) < maxTracks {
			pb.queued = append(pb.queued, req)
		}
		refuse(livekit.RequestResponse_QUEUED, "a track with this ID is published already; this request waits until that track ends")
		return
	case len(pb.pending)+len(pb.publications) >= maxTracks:
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "you have published too many tracks; unpublish one first")
		return
	}
	info := newTrackInfo(req, p.quirks.publishable)
	t := &pendingTrack{info: info, cids: cidsOf(req.Cid, info), public: req.Muted}
	pb.pending = append(pb.pending, t)
	pb.sendPublished(req.Cid, t.info)
	if t.public {
		p.room.announce(p, true)
	}
	pb.retryEarlyMedia()
	pb.publishOffered()
}

// addCodecs announces further codecs of an announced or published track: backups for subscribers that cannot decode the
// primary codec. If it refuses the request, it returns the reason and a message; otherwise the message is empty.
func (pb *publishing) addCodecs(req *livekit.AddTrackRequest) (livekit.RequestResponse_Reason, string) {
	pub, t := pb.publications[req.Sid], pb.pendingBySID(req.Sid)
	var info *livekit.TrackInfo
	var announced string
	switch {
	case pub != nil:
		info, announced = pub.info, pub.cids[0]
	case t != nil:
		info, announced = t.info, t.cids[0]
	}
	if info == nil || info.Type != req.Type {
		return livekit.RequestResponse_NOT_FOUND, "there is no track with this ID and kind to add a codec to"
	}
	allowed := pb.p.quirks.publishable
	for _, c := range req.SimulcastCodecs {
		entry := newCodecInfo(req, c, allowed)
		i := slices.IndexFunc(info.Codecs, func(o *livekit.SimulcastCodecInfo) bool { return strings.EqualFold(o.MimeType, entry.MimeType) })
		switch {
		case entry.Cid != "" && pb.hasCID(entry.Cid) && !slices.Contains(cidsOf(announced, info), entry.Cid):
			return livekit.RequestResponse_INVALID_REQUEST, "another track has this ID"
		case i >= 0:
			info.Codecs[i].Cid, info.Codecs[i].Layers, info.Codecs[i].VideoLayerMode = entry.Cid, entry.Layers, entry.VideoLayerMode
		case len(info.Codecs) >= maxCodecs:
			return livekit.RequestResponse_LIMIT_EXCEEDED, "the track has too many codecs"
		default:
			info.Codecs = append(info.Codecs, entry)
		}
	}
	if pub != nil {
		pub.addListedCodecs()
		pb.p.room.dirtyDemand[pub] = true
	} else {
		t.cids = cidsOf(announced, info)
	}
	pb.sendPublished(req.Cid, info)
	return 0, ""
}

// sendPublished confirms an announced track to the client, which knows the track by cid.
func (pb *publishing) sendPublished(cid string, info *livekit.TrackInfo) {
	pb.p.send(trackPublishedMessage(cid, proto.CloneOf(info)))
}

// mayPublish reports whether p's permission allows a track of this kind from this source. If the permission lists
// sources, audio sources must be published as audio and the others as video.
func (p *Participant) mayPublish(kind livekit.TrackType, source livekit.TrackSource) bool {
	perm := p.info.Permission
	if !perm.GetCanPublish() || len(perm.CanPublishSources) == 0 {
		return perm.GetCanPublish()
	}
	isAudio := source == livekit.TrackSource_MICROPHONE || source == livekit.TrackSource_SCREEN_SHARE_AUDIO
	// Sources that this server does not know are decoded as UNKNOWN, which must not match anything.
	return source != livekit.TrackSource_UNKNOWN && slices.Contains(perm.CanPublishSources, source) && isAudio == (kind == livekit.TrackType_AUDIO)
}

// addQueued announces the queued tracks whose client IDs are no longer used by another track.
func (pb *publishing) addQueued() {
	for {
		i := slices.IndexFunc(pb.queued, func(req *livekit.AddTrackRequest) bool { return !pb.hasCID(req.Cid) })
		if i < 0 {
			return
		}
		req := pb.queued[i]
		pb.queued = slices.Delete(pb.queued, i, i+1)
		pb.addTrack(req)
	}
}

// hasCID reports whether a pending or published track of the participant uses the client ID cid.
func (pb *publishing) hasCID(cid string) bool {
	for _, pub := range pb.publications {
		if slices.Contains(pub.cids, cid) {
			return true
		}
	}
	return slices.ContainsFunc(pb.pending, func(t *pendingTrack) bool { return slices.Contains(t.cids, cid) })
}

// pendingBySID returns the pending track with the server's track ID sid, or nil.
func (pb *publishing) pendingBySID(sid string) *pendingTrack {
	for _, t := range pb.pending {
		if t.info.Sid == sid {
			return t
		}
	}
	return nil
}

// newTrackInfo returns the description of the track that req announces. A codec that is not in allowed is replaced by
// the first allowed one; duplicates are dropped.
func newTrackInfo(req *livekit.AddTrackRequest, allowed []*livekit.Codec) *livekit.TrackInfo {
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
	for _, c := range req.SimulcastCodecs {
		entry := newCodecInfo(req, c, allowed)
		if !slices.ContainsFunc(info.Codecs, func(o *livekit.SimulcastCodecInfo) bool { return o.MimeType == entry.MimeType }) {
			info.Codecs = append(info.Codecs, entry)
		}
	}
	if len(info.Codecs) > 0 {
		primary := info.Codecs[0]
		if len(primary.Layers) == 0 {
			primary.Layers = req.Layers
		}
		if len(info.Layers) == 0 {
			info.Layers = primary.Layers
		}
		info.MimeType = primary.MimeType
	}
	info.Simulcast = len(info.Layers) > 1
	return info
}

// newCodecInfo returns the description of one codec of req. A video codec that is not in allowed is replaced by the
// first allowed one.
func newCodecInfo(req *livekit.AddTrackRequest, c *livekit.SimulcastCodec, allowed []*livekit.Codec) *livekit.SimulcastCodecInfo {
	mime := strings.ToLower(c.Codec)
	if mime != "" && !strings.Contains(mime, "/") {
		mime = strings.ToLower(req.Type.String()) + "/" + mime
	}
	if req.Type == livekit.TrackType_VIDEO && mime != "" && !hasCodec(allowed, mime) {
		mime = allowed[0].Mime
	}
	layers := c.Layers
	if len(layers) == 0 && req.Sid != "" {
		layers = req.Layers // a request with a track ID describes only the codecs that it adds
	}
	return &livekit.SimulcastCodecInfo{MimeType: mime, Cid: c.Cid, Layers: layers, VideoLayerMode: layerMode(c.VideoLayerMode, mime)}
}

// layerMode returns how the layers of a codec are sent. m is the mode that the client has requested, if any. Without a
// requested mode, VP9 and AV1 send all layers in one stream, and other video codecs send one stream per layer. In all
// other cases the result is m.
func layerMode(m livekit.VideoLayer_Mode, mime string) livekit.VideoLayer_Mode {
	switch {
	case m != livekit.VideoLayer_MODE_UNUSED || !strings.HasPrefix(mime, "video/"):
		return m
	case mime == "video/vp9" || mime == "video/av1":
		return livekit.VideoLayer_MULTIPLE_SPATIAL_LAYERS_PER_STREAM
	}
	return livekit.VideoLayer_ONE_SPATIAL_LAYER_PER_STREAM
}

// defaultStream returns the name of the MediaStream for a track from the source s, if the client names none. Tracks
// that belong together get the same name.
func defaultStream(s livekit.TrackSource) string {
	switch s {
	case livekit.TrackSource_CAMERA, livekit.TrackSource_MICROPHONE:
		return "camera"
	case livekit.TrackSource_SCREEN_SHARE, livekit.TrackSource_SCREEN_SHARE_AUDIO:
		return "screen"
	}
	return "unknown"
}
