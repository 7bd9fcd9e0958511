package rtc

import (
	"slices"
	"strings"

	"github.com/livekit/protocol/livekit"

	"meet/internal/peer"
	"meet/internal/sfu"
)

// publishedCodec is a track in one of the codecs it is published in: the primary one, or a backup for subscribers that
// cannot decode the primary (docs/protocol.md, 12.9).
type publishedCodec struct {
	pub       *Publication
	info      *livekit.SimulcastCodecInfo // the entry in the track's list
	section   peer.MediaSection           // on which its media comes or is expected; zero for a source of our own
	receiver  *sfu.Receiver               // nil unless media in this codec comes or is expected
	fmtp      string
	streams   int             // still arriving
	requested demandLevel     // what the owner was last told to send
	successor *publishedCodec // in the room that its owner has moved to
}

// take makes the codec's Receiver, when its media begins or is known to come on a media section, which names the track
// cid.
func (c *publishedCodec) createReceiver(f sfu.Format, cid string, section peer.MediaSection) {
	f.MimeType = strings.ToLower(f.MimeType)
	c.fmtp = f.Parameters
	c.info.MimeType, c.info.VideoLayerMode = f.MimeType, layerMode(c.info.VideoLayerMode, f.MimeType)
	if c.info.SdpCid = cid; c.info.SdpCid == c.info.Cid {
		c.info.SdpCid = "" // given only where it differs
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

// expected reports whether media is to come in the codec and has not.
func (c *publishedCodec) expected() bool { return c.receiver != nil && c.streams == 0 }

// addStream takes one more stream of the codec.
func (c *publishedCodec) addStream(s incomingStream) {
	c.section = s.section // another one than before after an interruption of the codec
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

// layers returns the layers of this codec if the client described them, else those of the track.
func (c *publishedCodec) layers() []*livekit.VideoLayer {
	if len(c.info.Layers) > 0 {
		return c.info.Layers
	}
	return c.pub.info.Layers
}

// layerOf returns the index of the layer with that rid: its place among the qualities the track has, smallest first
// (docs/protocol.md, 3.3). Some clients number their rids from the top.
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

// streamEnded counts a stream that has ended. The codec ends with its last stream, and the track with its last codec.
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

// latest returns c, or its latest successor if its owner has moved.
func (c *publishedCodec) latest() *publishedCodec {
	for c.successor != nil {
		c = c.successor
	}
	return c
}

// stop ends the codec's Receiver. Subscriptions that play it have to choose another codec.
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
		return // it is its publisher's to close
	}
	p.room.wg.Go(receiver.Close) // ends when its streams have; the room waits for it
}
