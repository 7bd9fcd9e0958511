package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// demandDelay is how long a layer that nobody watches is still asked for: a viewer that resizes a window, or hides it for a
// moment, gets the layer back without waiting for the encoder.
const demandDelay = 5 * time.Second

// watched is the highest quality of a codec that somebody watches, or unwatched.
type watched int8

const unwatched watched = -1

// demand returns how much of the codec is watched.
func (c *publishedCodec) demand() watched {
	top := c.watchedElsewhere()
	layers := sortedLayers(c.layers())
	for _, s := range c.pub.subs {
		if s.codec == c || s.plays == c {
			top = max(top, s.demand(layers))
		}
	}
	return top
}

// demand returns how much of a codec with those layers s watches. Bandwidth does not matter: a picture that is paused
// resumes when its layers are seen to fit. Sound counts even while s has disabled it: it also tells s who speaks.
func (s *Subscription) demand(layers []*livekit.VideoLayer) watched {
	switch {
	case !s.enabled && s.pub.info.Type == livekit.TrackType_VIDEO:
		return unwatched
	case len(layers) == 0:
		return watched(livekit.VideoQuality_HIGH)
	}
	return watched(layers[min(s.wanted, len(layers)-1)].Quality)
}

// updateDemand tells the publisher of a change in what is watched: more at once, less after a while. A muted track
// sends nothing anyway.
func (pub *Publication) updateDemand() {
	if pub.closed {
		return
	}
	pub.chooseCodecs()
	if f := pub.owner.forwarded; f != nil {
		f.tellWatched(pub)
		return
	}
	if pub.info.Muted || !pub.dynamic() {
		return
	}
	more, less := false, false
	for _, c := range pub.codecs {
		now := c.demand()
		more, less = more || now > c.told, less || now < c.told
		c.told = max(c.told, now)
	}
	if more {
		pub.sendDemand()
	}
	switch {
	case !less && pub.lower != nil:
		pub.lower.Stop()
		pub.lower = nil
	case less && pub.lower == nil:
		pub.lower = pub.owner.room.after(demandDelay, func() {
			pub.lower = nil
			if !pub.closed && !pub.info.Muted {
				pub.retellDemand()
			}
		})
	}
}

// dynamic tells whether the publisher is told what of the track is watched: video, and sound in several codecs.
func (pub *Publication) dynamic() bool {
	return pub.info.Type == livekit.TrackType_VIDEO || len(pub.codecs) > 1
}

// retellDemand tells the publisher what is watched now.
func (pub *Publication) retellDemand() {
	for _, c := range pub.codecs {
		c.told = c.demand()
	}
	pub.sendDemand()
}

// sendDemand tells the publisher which codecs and layers of the track are watched (dynacast, livekit-protocol.md, 3.4).
// Clients that know one codec only read the flat list.
func (pub *Publication) sendDemand() {
	if !pub.dynamic() {
		return
	}
	if pub.info.Type == livekit.TrackType_AUDIO {
		pub.sendAudioDemand()
		return
	}
	u := &livekit.SubscribedQualityUpdate{TrackSid: pub.info.Sid}
	for _, c := range pub.codecs {
		codec := &livekit.SubscribedCodec{Codec: shortName(c.info.MimeType)}
		for q := livekit.VideoQuality_LOW; q <= livekit.VideoQuality_HIGH; q++ {
			codec.Qualities = append(codec.Qualities, &livekit.SubscribedQuality{Quality: q, Enabled: watched(q) <= c.told})
		}
		u.SubscribedCodecs = append(u.SubscribedCodecs, codec)
	}
	u.SubscribedQualities = u.SubscribedCodecs[0].Qualities
	pub.owner.send(subscribedQualityMessage(u))
}

func (pub *Publication) sendAudioDemand() {
	u := &livekit.SubscribedAudioCodecUpdate{TrackSid: pub.info.Sid}
	for _, c := range pub.codecs {
		u.SubscribedAudioCodecs = append(u.SubscribedAudioCodecs, &livekit.SubscribedAudioCodec{
			Codec: shortName(c.info.MimeType), Enabled: c.told != unwatched,
		})
	}
	pub.owner.send(subscribedAudioCodecMessage(u))
}

// shortName is a MIME type's codec in lower case, without the kind.
func shortName(mime string) string {
	_, name, _ := strings.Cut(strings.ToLower(mime), "/")
	return name
}

// sortedLayers are layers from the smallest up.
func sortedLayers(list []*livekit.VideoLayer) []*livekit.VideoLayer {
	layers := slices.SortedFunc(slices.Values(list), func(a, b *livekit.VideoLayer) int { return int(a.Quality) - int(b.Quality) })
	return layers[:min(len(layers), sfu.MaxLayers)]
}
