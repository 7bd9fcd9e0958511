package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// pendingTrack is a track that AddTrack has announced and whose media has not come yet.
type pendingTrack struct {
	info *livekit.TrackInfo
	cids []string // the track IDs by which the client's SDP may name it; that of the request first
	// public is set for a track that is muted from the start: others are notified of it at once, because no media will
	// come.
	public  bool
	offered bool // the client has offered a section for it
}

const (
	// maxTracks bounds what one participant may publish or announce; a person has four sources.
	maxTracks = 64
	// maxTrackInfo bounds what a client may say of one track, in bytes: all of it is repeated to everybody at each change.
	maxTrackInfo = 16 << 10
	// maxCodecs bounds the codecs of one track; clients publish two.
	maxCodecs = 4
)

// addTrack announces a track and answers at once, before any media (docs/protocol.md, 3.1).
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
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "this says too much of the track")
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
		refuse(livekit.RequestResponse_QUEUED, "this track is being published already; once it is not, it will be again")
		return
	case len(pb.pending)+len(pb.publications) >= maxTracks:
		refuse(livekit.RequestResponse_LIMIT_EXCEEDED, "too many tracks are published from here")
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

// addCodecs announces further codecs of a track: a backup for subscribers that cannot decode the primary. A message means
// that the request is refused.
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
		return livekit.RequestResponse_NOT_FOUND, "there is no such track to add a codec to"
	}
	allowed := pb.p.quirks.publishable
	for _, c := range req.SimulcastCodecs {
		entry := newCodecInfo(req, c, allowed)
		i := slices.IndexFunc(info.Codecs, func(o *livekit.SimulcastCodecInfo) bool { return strings.EqualFold(o.MimeType, entry.MimeType) })
		switch {
		case entry.Cid != "" && pb.hasCID(entry.Cid) && !slices.Contains(cidsOf(announced, info), entry.Cid):
			return livekit.RequestResponse_INVALID_REQUEST, "another track has this id"
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

func (pb *publishing) sendPublished(cid string, info *livekit.TrackInfo) {
	pb.p.send(trackPublishedMessage(cid, proto.CloneOf(info)))
}

// mayPublish reports whether p may publish such a track. Where only some sources are granted, a microphone has to be
// audio.
func (p *Participant) mayPublish(kind livekit.TrackType, source livekit.TrackSource) bool {
	perm := p.info.Permission
	if !perm.GetCanPublish() || len(perm.CanPublishSources) == 0 {
		return perm.GetCanPublish()
	}
	sound := source == livekit.TrackSource_MICROPHONE || source == livekit.TrackSource_SCREEN_SHARE_AUDIO
	// A list names sources that this server does not know as unknown, and such a name must not allow anything.
	return source != livekit.TrackSource_UNKNOWN && slices.Contains(perm.CanPublishSources, source) && sound == (kind == livekit.TrackType_AUDIO)
}

// addQueued announces the tracks that have waited until earlier ones with their IDs were unpublished.
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

func (pb *publishing) hasCID(cid string) bool {
	for _, pub := range pb.publications {
		if slices.Contains(pub.cids, cid) {
			return true
		}
	}
	return slices.ContainsFunc(pb.pending, func(t *pendingTrack) bool { return slices.Contains(t.cids, cid) })
}

func (pb *publishing) pendingBySID(sid string) *pendingTrack {
	for _, t := range pb.pending {
		if t.info.Sid == sid {
			return t
		}
	}
	return nil
}

// newTrackInfo describes the track of a request. A codec that is not among the allowed ones is replaced by the first.
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

// newCodecInfo describes one codec of a request.
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
		layers = req.Layers // the request is about this codec alone
	}
	return &livekit.SimulcastCodecInfo{MimeType: mime, Cid: c.Cid, Layers: layers, VideoLayerMode: layerMode(c.VideoLayerMode, mime)}
}

// layerMode returns how layers are sent: as the client says, else in one stream for VP9 and AV1, and in one stream each
// otherwise.
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
