package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"google.golang.org/protobuf/proto"

	"meet/internal/sfu"
)

// Publication is a track as announced to the room.
type Publication struct {
	owner    *Participant
	info     *livekit.TrackInfo
	cids     []string
	rtp      *webrtc.RTPReceiver
	receiver *sfu.Receiver
	fmtp     string          // of the codec it came in
	subs     []*Subscription // everybody who is subscribed
	layers   int             // streams still arriving
	told     bool            // the owner knows that somebody subscribed
	demanded demandState
	closed   bool
}

// publish makes t public: its media has begun.
func (r *Room) publish(p *Participant, t *pendingTrack, track *webrtc.TrackRemote, rtp *webrtc.RTPReceiver) {
	codec := track.Codec()
	pub := &Publication{
		owner: p, info: t.info, cids: t.cids, rtp: rtp, fmtp: codec.SDPFmtpLine,
		demanded: demandState{told: livekit.VideoQuality_HIGH}, // clients send all layers until told otherwise
	}
	if !slices.Contains(pub.cids, track.ID()) {
		pub.cids = append(pub.cids, track.ID())
	}
	mime := strings.ToLower(codec.MimeType)
	pub.info.MimeType = mime
	if tr := rtp.RTPTransceiver(); tr != nil {
		pub.info.Mid = tr.Mid()
	}
	pub.noteCodec(mime, track.ID())
	params := rtp.GetParameters()
	pub.receiver = sfu.NewReceiver(sfu.ReceiverOptions{
		MimeType: mime, ClockRate: codec.ClockRate,
		AudioLevelID: extensionID(params.HeaderExtensions, sdp.AudioLevelURI),
		DescriptorID: extensionID(params.HeaderExtensions, sfu.DependencyDescriptorURI),
		NACK:         slices.ContainsFunc(codec.RTCPFeedback, func(f webrtc.RTCPFeedback) bool { return f.Type == webrtc.TypeRTCPFBNACK && f.Parameter == "" }),
		Sparse:       pub.info.Source == livekit.TrackSource_SCREEN_SHARE,
		RTCP:         p.publisher.writeRTCP,
	})
	pub.receiver.SetMuted(pub.info.Muted)
	p.publisher.feedback.Add(pub.receiver)
	p.publications[pub.info.Sid] = pub
	pub.addLayer(track, rtp)
	p.becomePublisher()
	r.announce(p, true)
	r.emit(Event{Kind: TrackPublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
	p.log.Debug("track published", "track", pub.info.Sid, "codec", mime)
	r.list(pub)
	r.offerToAll(pub)
	r.rewatched[pub] = true // perhaps by nobody
}

// noteCodec writes the codec that really came into the track's list.
func (pub *Publication) noteCodec(mime, sdpCID string) {
	if len(pub.info.Codecs) == 0 {
		pub.info.Codecs = []*livekit.SimulcastCodecInfo{{Cid: pub.cids[0], Layers: pub.info.Layers}}
	}
	c := pub.info.Codecs[0]
	c.MimeType, c.Mid, c.SdpCid = mime, pub.info.Mid, sdpCID
	c.VideoLayerMode = layerMode(c.VideoLayerMode, mime)
}

func extensionID(exts []webrtc.RTPHeaderExtensionParameter, uri string) uint8 {
	for _, e := range exts {
		if e.URI == uri {
			return uint8(e.ID)
		}
	}
	return 0
}

// addLayer takes one more stream of the track.
func (pub *Publication) addLayer(track *webrtc.TrackRemote, rtp *webrtc.RTPReceiver) {
	pub.rtp = rtp
	pub.layers++
	p := pub.owner
	rid := track.RID()
	readRTCP := func(b []byte) (int, error) { n, _, err := rtp.Read(b); return n, err }
	if rid != "" {
		readRTCP = func(b []byte) (int, error) { n, _, err := rtp.ReadSimulcast(b, rid); return n, err }
	}
	pub.receiver.AddLayer(layerOf(rid, pub.info.Layers), uint32(track.SSRC()), func(b []byte) (int, error) {
		n, _, err := track.Read(b)
		if err != nil {
			p.room.loop.post(func() { pub.layerEnded() })
		}
		return n, err
	}, readRTCP)
	for _, s := range pub.subs {
		s.askKeyFrame()
	}
}

// layerOf returns the index of the layer with that rid: its place among the qualities the track has, smallest first
// (livekit-protocol.md, 3.3). Some clients number their rids from the top.
func layerOf(rid string, layers []*livekit.VideoLayer) int {
	quality, ok := map[string]livekit.VideoQuality{
		"q": livekit.VideoQuality_LOW, "h": livekit.VideoQuality_MEDIUM, "f": livekit.VideoQuality_HIGH,
		"2": livekit.VideoQuality_LOW, "1": livekit.VideoQuality_MEDIUM, "0": livekit.VideoQuality_HIGH,
	}[rid]
	if !ok {
		return 0
	}
	if len(layers) == 0 {
		return int(quality)
	}
	below := 0
	for _, l := range layers {
		if l.Quality < quality && l.Quality != livekit.VideoQuality_OFF {
			below++
		}
	}
	return min(below, sfu.MaxLayers-1)
}

// layerEnded counts a stream that has ended; the track is over with its last one.
func (pub *Publication) layerEnded() {
	if pub.layers--; pub.layers == 0 && !pub.closed && !pub.owner.closed {
		pub.owner.room.unpublish(pub)
		pub.owner.room.announce(pub.owner, true)
		pub.owner.addQueued()
	}
}

func (pub *Publication) setMuted(muted bool) {
	pub.info.Muted = muted
	pub.receiver.SetMuted(muted)
	if !muted && pub.info.Type == livekit.TrackType_VIDEO {
		pub.receiver.RequestKeyFrames()
		pub.tellDemand(pub.demand()) // an unmuted track begins with all its layers
	}
}

// unpublish takes the track from everybody. The caller announces it.
func (r *Room) unpublish(pub *Publication) {
	if pub.closed {
		return
	}
	pub.closed = true
	if pub.demanded.lower != nil {
		pub.demanded.lower.Stop()
	}
	p := pub.owner
	delete(p.publications, pub.info.Sid)
	if p.publisher != nil {
		p.publisher.feedback.Remove(pub.receiver)
	}
	for _, s := range slices.Clone(pub.subs) {
		s.subscriber.unsubscribe(s)
	}
	r.unlist(pub)
	r.wg.Go(pub.receiver.Close) // ends when its streams have; the room waits for it
	r.emit(Event{Kind: TrackUnpublished, Participant: p.snapshot(), Track: proto.CloneOf(pub.info)})
}
