package rtc

import (
	"slices"
	"strings"
	"time"

	"github.com/livekit/protocol/livekit"

	"meet/internal/sfu"
)

// demandDelay is how long a layer nobody watches any more is still asked for: somebody who resizes a window, or looks
// away for a moment, gets it back without waiting for the encoder.
const demandDelay = 5 * time.Second

// demandState is what a publisher was last told of which layers are watched.
type demandState struct {
	told  livekit.VideoQuality // layers up to here are wanted
	lower *time.Timer          // running while less is wanted than was told
}

// demand is the highest quality that somebody watches. The lowest is always wanted: it costs little, and by it the next
// person who comes sees something at once.
func (pub *Publication) demand() livekit.VideoQuality {
	layers := sortedLayers(pub.info)
	top := livekit.VideoQuality_LOW
	for _, s := range pub.subs {
		switch {
		case !s.enabled:
		case len(layers) == 0:
			top = livekit.VideoQuality_HIGH
		default:
			top = max(top, layers[min(s.wanted, len(layers)-1)].Quality)
		}
	}
	return top
}

// updateDemand tells the publisher of a change in what is watched: more at once, less after a while. A muted track
// sends nothing anyway.
func (pub *Publication) updateDemand() {
	if pub.closed || pub.info.Muted || pub.info.Type != livekit.TrackType_VIDEO {
		return
	}
	d := &pub.demanded
	switch now := pub.demand(); {
	case now >= d.told:
		if d.lower != nil {
			d.lower.Stop()
			d.lower = nil
		}
		if now > d.told {
			pub.tellDemand(now)
		}
	case d.lower == nil:
		d.lower = pub.owner.room.after(demandDelay, func() {
			d.lower = nil
			if now := pub.demand(); now < d.told && !pub.closed && !pub.info.Muted {
				pub.tellDemand(now)
			}
		})
	}
}

// tellDemand sends the publisher which layers of the track are watched (dynacast, livekit-protocol.md, 3.4).
func (pub *Publication) tellDemand(top livekit.VideoQuality) {
	pub.demanded.told = top
	var qualities []*livekit.SubscribedQuality
	for q := livekit.VideoQuality_LOW; q <= livekit.VideoQuality_HIGH; q++ {
		qualities = append(qualities, &livekit.SubscribedQuality{Quality: q, Enabled: q <= top})
	}
	_, codec, _ := strings.Cut(pub.info.MimeType, "/")
	pub.owner.send(&livekit.SignalResponse{Message: &livekit.SignalResponse_SubscribedQualityUpdate{
		SubscribedQualityUpdate: &livekit.SubscribedQualityUpdate{
			TrackSid: pub.info.Sid, SubscribedQualities: qualities,
			SubscribedCodecs: []*livekit.SubscribedCodec{{Codec: codec, Qualities: qualities}},
		},
	}})
}

// sortedLayers are the layers of a track, the smallest first.
func sortedLayers(info *livekit.TrackInfo) []*livekit.VideoLayer {
	layers := slices.SortedFunc(slices.Values(info.Layers), func(a, b *livekit.VideoLayer) int { return int(a.Quality) - int(b.Quality) })
	return layers[:min(len(layers), sfu.MaxLayers)]
}
