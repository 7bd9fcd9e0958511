package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// publishedCodec is one of the codecs in which a track is published: the primary codec, or a backup for subscribers
// that cannot decode the primary (docs/protocol.md, 12.9).
type publishedCodec struct {
	pub       *Publication
	info      *livekit.SimulcastCodecInfo // the codec's entry in the track's description
	section   peer.MediaSection           // section on which its media arrives or is expected; zero for media that the server makes
	receiver  *sfu.Receiver               // nil unless media in this codec arrives or is expected
	fmtp      string
	streams   int             // number of streams (layers) that arrive
	requested demandLevel     // highest quality last requested from the publisher
	successor *publishedCodec // in the room to which the publisher has moved; nil if it has not moved
}

// createReceiver creates the codec's Receiver. It is called when media arrives, or earlier if the negotiation shows
// on which media section the codec will arrive. cid is the track ID in the client's SDP.
func (c *publishedCodec) createReceiver(f sfu.Format, cid string, section peer.MediaSection) {
	f.MimeType = strings.ToLower(f.MimeType)
	c.fmtp = f.Parameters
	c.info.MimeType, c.info.VideoLayerMode = f.MimeType, layerMode(c.info.VideoLayerMode, f.MimeType)
	if c.info.SdpCid = cid; c.info.SdpCid == c.info.Cid {
		c.info.SdpCid = "" // set only where it differs from Cid
	}
	p := c.pub.owner
	c.section = section
	c.receiver = sfu.NewReceiver(sfu.ReceiverOptions{
		Format: f, Sparse: c.pub.info.Source == livekit.TrackSource_SCREEN_SHARE,
		Counters: &p.room.rooms.counters, DemandChanged: c.demandChanged,
	})
	c.receiver.SetMuted(c.pub.info.Muted)
	if section != (peer.MediaSection{}) {
		c.info.Mid = section.MID()
		p.conn.publisher.Feedback.Add(c.receiver)
	}
	c.pub.copyPrimary()
}

// expected reports whether the codec has a Receiver but no media has arrived yet.
func (c *publishedCodec) expected() bool { return c.receiver != nil && c.streams == 0 }

// addStream adds a stream of the codec to its Receiver, as one more layer.
func (c *publishedCodec) addStream(s incomingStream) {
	c.section = s.section // differs from before if the codec was interrupted and has returned
	c.streams++
	owner := c.pub.owner
	c.receiver.AddLayer(layerOf(s.Info().RID, c.layers()), s.TrackSource, func() {
		owner.onLoop(func(*Participant) { c.latest().streamEnded() })
	})
	for _, s := range c.pub.subs {
		if s.currentCodec == c {
			s.requestKeyFrame()
		}
	}
}

// layers returns the layers that the client has described for this codec, or else those of the track.
func (c *publishedCodec) layers() []*livekit.VideoLayer {
	if len(c.info.Layers) > 0 {
		return c.info.Layers
	}
	return c.pub.info.Layers
}

// layerOf returns the index of the layer with this RID. Index 0 is the lowest quality of the track (docs/protocol.md,
// 3.3). Some clients use numbers as RIDs. Their RID 0 is the highest layer.
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

// streamEnded handles the end of one stream. The codec ends with its last stream, and the track with its last codec.
func (c *publishedCodec) streamEnded() {
	pub := c.pub
	if c.streams--; c.streams > 0 || pub.closed || pub.owner.closed {
		return
	}
	if !slices.ContainsFunc(pub.codecs, func(o *publishedCodec) bool { return o.streams > 0 }) {
		pub.owner.room.unpublish(pub)
		pub.owner.room.announce(pub.owner, true)
		pub.owner.publishing.addQueued()
		return
	}
	c.stop()
	c.info.Mid = ""
	pub.owner.room.announce(pub.owner, true)
	pub.owner.room.dirtyDemand[pub] = true
}

// latest returns c, or the codec that has replaced c if the publisher has moved to another room.
func (c *publishedCodec) latest() *publishedCodec {
	for c.successor != nil {
		c = c.successor
	}
	return c
}

// stop closes the codec's Receiver. Subscriptions that use it must choose another codec. If the publisher is
// forwarded from another room, stop only drops the Receiver, because the publisher's own room closes it.
func (c *publishedCodec) stop() {
	if c.receiver == nil {
		return
	}
	p, receiver := c.pub.owner, c.receiver
	c.receiver = nil
	if p.conn.publisher != nil {
		p.conn.publisher.Feedback.Remove(receiver)
	}
	for _, s := range c.pub.subs {
		if s.currentCodec == c {
			s.currentCodec = nil
		}
	}
	if p.forwarding.source != nil {
		return // the Receiver is closed in the source's room
	}
	p.room.wg.Go(receiver.Close) // ends when the Receiver's streams have ended; the room waits for that
}
